"""The index of a recording: one pass over all its frames, after which windows are a pure function of the numbers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drivesim.datasets.video_folder.clock import Clock, presentation_clock
from drivesim.datasets.video_folder.container import is_raw
from drivesim.datasets.video_folder.cuts import THUMBNAIL, ChangeMeter, Changes, find_cuts, find_frozen
from drivesim.datasets.video_folder.decode import VideoFile
from drivesim.datasets.video_folder.frame_times import read_kitti_timestamps, read_named_timestamps, read_timestamps
from drivesim.datasets.video_folder.recordings import Recording, pictures_of
from drivesim.errors import InputError
from drivesim.json_text import parse_object
from drivesim.picture_file import read_picture

INDEX_VERSION = 2

_HEADER_SLACK_S = 0.5

#: Frames that may be coded after the one that follows them.
_REORDERED = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordingIndex:
    """What one pass found in a recording of N frames in the order of showing, which is the decoder's.

    ``width`` and ``height`` in pixels as shown; ``times_s`` (N,) seconds since the first frame; ``clock_start_s`` the
    first frame's time on the clock of ``timestamps.csv`` (0 for a video's own times); ``pts`` (N,) the container's time
    stamps and ``marks`` (N,) checksums of the frames; ``keys`` (K,) numbers of key frames; ``cuts`` (C,) numbers of frames
    that begin another shot, ``restarts`` (R,) of those at which the clock begins again; ``frozen``, ``black``, ``damaged``
    and ``untimed`` (N,) bool. ``damage`` says what could not be decoded, ``remark`` what was done to show the frames as a
    player does, ``doubt`` in what they may look otherwise, each in words or empty.
    """

    width: int
    height: int
    clock_start_s: float
    damage: str
    remark: str
    doubt: str
    times_s: np.ndarray
    pts: np.ndarray
    marks: np.ndarray
    keys: np.ndarray
    cuts: np.ndarray
    restarts: np.ndarray
    frozen: np.ndarray
    black: np.ndarray
    damaged: np.ndarray
    untimed: np.ndarray

    def to_json(self) -> str:
        """As JSON text."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps(
            {k: v.astype(_TYPES.get(k, bool)).tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}
        )

    @classmethod
    def from_json(cls, text: str) -> RecordingIndex:
        """From the text that :meth:`to_json` made. Raises ValueError, KeyError or TypeError for any other."""
        values = parse_object(text)
        arrays = {k: np.array(v, dtype=_TYPES.get(k, bool)) for k, v in values.items() if isinstance(v, list)}
        found = cls(**{**values, **arrays})
        per_frame = {len(getattr(found, name)) for name in _PER_FRAME}
        if len(per_frame) != 1 or 0 in per_frame or not np.isfinite(found.times_s).all():
            raise ValueError(f"arrays of {sorted(per_frame)} frames")
        return found


_TYPES = {"times_s": np.float64, **dict.fromkeys(("pts", "marks", "keys", "cuts", "restarts"), np.int64)}

_PER_FRAME = ("times_s", "pts", "marks", "frozen", "black", "damaged", "untimed")

#: The time stamp of a frame that has none: nothing is sought by it.
_NO_STAMP = -(2**62)


def index_of(recording: Recording, *, fps: float | None, index_folder: Path | None) -> RecordingIndex:
    """The index of a recording, from ``index_folder`` when it holds one of the same unchanged file.

    ``fps`` is the rate of frames that bring no times of their own. Raises InputError saying what is wrong with the file.
    """
    if index_folder is None:
        return scan(recording, fps)
    kept = index_folder / f"{_fingerprint(recording, fps)}.json"
    if kept.is_file():
        with contextlib.suppress(ValueError, KeyError, TypeError, OSError):  # a broken one is made anew
            return RecordingIndex.from_json(kept.read_text(encoding="utf-8"))
    made = scan(recording, fps)
    index_folder.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}.unfinished")
    unfinished.write_text(made.to_json(), encoding="utf-8")
    os.replace(unfinished, kept)
    return made


def scan(recording: Recording, fps: float | None) -> RecordingIndex:
    """Decode every frame of a recording once. Raises InputError when it holds nothing usable."""
    return _scan_pictures(recording, fps) if recording.kind == "pictures" else _scan_video(recording, fps)


@dataclass(frozen=True, eq=False)
class _Pass:
    """What decoding every frame of a video gave, and what went wrong; of N frames in the order of showing.

    ``stamps`` are their time stamps, ``keys``, ``damaged`` (N,) bool, ``packets``, ``parts`` and ``marks`` (N,) as in DecodedFrame.
    """

    stamps: list[int | None]
    keys: np.ndarray
    damaged: np.ndarray
    packets: np.ndarray
    parts: np.ndarray
    marks: np.ndarray
    size: tuple[int, int]
    changes: Changes
    seconds_per_tick: float
    rate: float | None
    promised_s: float
    damage: str
    remarks: list[str]
    doubts: list[str]


def _decode_all(path: Path, *, threaded: bool) -> _Pass:
    file = VideoFile(path, threaded=threaded)
    meter = ChangeMeter()
    rows: list[Any] = []
    coded, shown = (0, 0), (0, 0)
    for decoded in file.frames():
        meter.add(cv2.resize(file.picture(decoded.frame, THUMBNAIL), THUMBNAIL, interpolation=cv2.INTER_AREA))
        size = (decoded.frame.width, decoded.frame.height)
        if not rows:
            coded, shown = size, file.shown_size(decoded.frame)
            shown = shown[::-1] if file.orientation(decoded.frame).swaps else shown
        rows.append(
            (decoded.key, decoded.damaged or size != coded, decoded.packet, decoded.part, decoded.mark(), decoded.pts)
        )
    table = np.array([row[:5] for row in rows], dtype=np.int64).reshape(-1, 5)
    damaged, packets = table[:, 1] > 0, table[:, 2]
    lost, damage = file.lost_packets(packets), file.damage or ""
    if len(lost):
        damage = damage or f"{len(lost)} pictures in it do not decode"
        damaged |= _after_lost(packets, table[:, 0] > 0, lost)
    remarks = file.remarks
    if shown not in (coded, coded[::-1]):
        remarks.append(f"its pixels are not square: {coded[0]} x {coded[1]} are shown as {shown[0]} x {shown[1]}")
    made = _Pass(
        stamps=[row[5] for row in rows],
        keys=table[:, 0] > 0,
        damaged=damaged,
        packets=packets,
        parts=table[:, 3],
        marks=table[:, 4],
        size=shown,
        changes=meter.changes(),
        seconds_per_tick=file.seconds_per_tick,
        rate=file.rate,
        promised_s=file.promised_s or 0.0,
        damage=damage,
        remarks=remarks,
        doubts=file.doubts,
    )
    file.close()
    return made


def _after_lost(packets: np.ndarray, keys: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Which frames (N,) may have been predicted from one of the ``lost`` packets.

    That is what follows to the next key frame, and a few before, which are coded after what they lie between.
    """
    marked, key_numbers = np.zeros(len(packets), dtype=bool), np.flatnonzero(keys)
    order = np.maximum.accumulate(packets)
    for value in lost:
        at = int(np.searchsorted(order, value))
        following = key_numbers[key_numbers >= at]
        marked[max(0, at - _REORDERED) : following[0] if len(following) else len(packets)] = True
    return marked


def _scan_video(recording: Recording, fps: float | None) -> RecordingIndex:
    times_file = recording.side_file("timestamps.csv")
    raw = is_raw(recording.path)
    if raw and times_file is None and fps is None:
        raise InputError(
            f"a bare {recording.path.suffix} stream has no times. Write its rate as fps into camera.json, or the times "
            f"into {recording.base.name}.timestamps.csv"
        )
    found = _decode_all(recording.path, threaded=True)
    if found.damage:  # threads report an error some frames off
        found = _decode_all(recording.path, threaded=False)
    if not found.stamps:
        raise InputError(f"no frame of it can be decoded ({found.damage or 'it is empty'}). Copy it again")
    stamps = np.array([_NO_STAMP if stamp is None else stamp for stamp in found.stamps], dtype=np.int64)
    if times_file is not None:
        times = read_timestamps(times_file, len(stamps))
        clock = Clock(times - times[0], np.zeros(0, np.int64), np.zeros(len(stamps), dtype=bool), "")
    elif raw and fps is not None:
        times = np.arange(len(stamps)) / fps
        clock = Clock(times, np.zeros(0, np.int64), np.zeros(len(stamps), dtype=bool), "")
    else:
        clock = presentation_clock(found.stamps, found.packets, found.parts, found.seconds_per_tick, found.rate)
    remarks = [*found.remarks, clock.remark]
    return _assemble(
        size=found.size,
        start=0.0 if times_file is None else float(times[0]),
        damage=found.damage or ("" if raw or times_file is not None else _missing_end(found, clock)),
        remark="; ".join(remark for remark in remarks if remark),
        doubt="; ".join(found.doubts),
        clock=clock,
        pts=stamps,
        marks=found.marks,
        keys=np.flatnonzero(found.keys),
        damaged=found.damaged,
        changes=found.changes,
    )


def _missing_end(found: _Pass, clock: Clock) -> str:
    """What the header promises and the frames do not hold, in words; empty where that is nothing."""
    end_s = float(clock.times_s[-1])
    # The last frame is shown for a while too, and headers round; a joined file's header speaks of one part.
    if len(clock.restarts) or found.promised_s - end_s <= max(_HEADER_SLACK_S, 2.0 * end_s / len(clock.times_s)):
        return ""
    return f"it ends {found.promised_s - end_s:.1f} s before the length in its header"


def _scan_pictures(recording: Recording, fps: float | None) -> RecordingIndex:
    pictures = pictures_of(recording.path)
    times, start, remark = _picture_times(recording, pictures, fps)
    meter, damaged, faults = ChangeMeter(), [], []
    size: tuple[int, int] | None = None
    for path in pictures:
        try:
            picture = read_picture(path)
            size = size or (picture.shape[1], picture.shape[0])
            if picture.shape[1::-1] != size:
                raise InputError(f"{path.name}: {picture.shape[1]} x {picture.shape[0]} among {size[0]} x {size[1]}")
        except InputError as error:
            faults.append(str(error))
            damaged.append(True)
            meter.add(np.zeros((*THUMBNAIL[::-1], 3), dtype=np.uint8))
            continue
        damaged.append(False)
        meter.add(cv2.resize(picture, THUMBNAIL, interpolation=cv2.INTER_AREA))
    if size is None:
        raise InputError(f"none of its {len(pictures)} pictures can be read; first: {faults[0]}")
    return _assemble(
        size=size,
        start=start,
        damage="" if not faults else f"{len(faults)} of {len(pictures)} pictures; first: {faults[0]}",
        remark=remark,
        doubt="",
        clock=Clock(times, np.zeros(0, np.int64), np.zeros(len(pictures), dtype=bool), ""),
        pts=np.arange(len(pictures)),
        marks=np.zeros(len(pictures), dtype=np.int64),
        keys=np.arange(len(pictures)),
        damaged=np.array(damaged, dtype=bool),
        changes=meter.changes(),
    )


def _picture_times(recording: Recording, pictures: list[Path], fps: float | None) -> tuple[np.ndarray, float, str]:
    """Times (N,) since the first picture, its time on the clock that they are written in, and a remark on them."""
    written, kitti = recording.side_file("timestamps.csv"), recording.base / "timestamps.txt"
    names = [path.name for path in pictures]
    if written is not None:
        clock, remark = read_named_timestamps(written, names)
        return clock - clock[0], float(clock[0]), remark
    if kitti.is_file():
        clock, remark = read_kitti_timestamps(kitti, names)
        return clock - clock[0], 0.0, remark
    if fps is not None:
        return np.arange(len(pictures)) / fps, 0.0, ""
    raise InputError(
        f"{len(pictures)} pictures without times. Put timestamps.csv (columns frame, time_s) beside them, or fps into "
        "camera.json"
    )


def _assemble(
    *,
    size: tuple[int, int],
    start: float,
    damage: str,
    remark: str,
    doubt: str,
    clock: Clock,
    pts: np.ndarray,
    marks: np.ndarray,
    keys: np.ndarray,
    damaged: np.ndarray,
    changes: Changes,
) -> RecordingIndex:
    return RecordingIndex(
        width=size[0],
        height=size[1],
        clock_start_s=start,
        damage=damage,
        remark=remark,
        doubt=doubt,
        times_s=clock.times_s,
        pts=pts,
        marks=marks,
        keys=keys,
        cuts=find_cuts(changes),
        restarts=clock.restarts,
        frozen=find_frozen(changes, clock.times_s, keys),
        black=changes.black & ~damaged,
        damaged=damaged,
        untimed=clock.untimed,
    )


def _fingerprint(recording: Recording, fps: float | None) -> str:
    """Changes with the files' names, sizes and times of change, with ``fps`` and with the index's version."""
    files = [recording.path] if recording.kind == "video" else pictures_of(recording.path)
    files += [path for path in (recording.side_file("timestamps.csv"), recording.base / "timestamps.txt") if path]
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file()]
    return hashlib.sha256(json.dumps([INDEX_VERSION, fps, states]).encode()).hexdigest()[:24]
