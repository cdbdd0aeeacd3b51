"""The index of a recording: one pass over all its frames, after which windows are a pure function of the numbers."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from drivesim.datasets.video_folder.cuts import THUMBNAIL, ChangeMeter, Changes, find_cuts, find_frozen
from drivesim.datasets.video_folder.decode import VideoFile, is_raw
from drivesim.datasets.video_folder.pictures import read_kitti_timestamps, read_picture, read_timestamps
from drivesim.datasets.video_folder.recordings import Recording, pictures_of
from drivesim.errors import InputError

INDEX_VERSION = 1

_HEADER_SLACK_S = 0.5

#: Frames that may be coded after the one that follows them.
_REORDERED = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordingIndex:
    """What one pass found in a recording of N frames in presentation order.

    ``width`` and ``height`` in pixels as shown; ``times_s`` (N,) seconds since the first frame; ``clock_start_s`` the
    first frame's time on the clock of ``timestamps.csv`` (0 for a video's own times); ``pts`` (N,) the container's time
    stamps; ``keys`` (K,) numbers of key frames; ``cuts`` (C,) numbers of frames that begin another shot; ``frozen``,
    ``black`` and ``damaged`` (N,) bool. ``damage`` says what could not be decoded, in words, or is empty.
    """

    width: int
    height: int
    clock_start_s: float
    damage: str
    times_s: np.ndarray
    pts: np.ndarray
    keys: np.ndarray
    cuts: np.ndarray
    frozen: np.ndarray
    black: np.ndarray
    damaged: np.ndarray

    def to_json(self) -> str:
        """As JSON text."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return json.dumps(
            {k: v.astype(_TYPES.get(k, bool)).tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}
        )

    @classmethod
    def from_json(cls, text: str) -> RecordingIndex:
        """From the text that :meth:`to_json` made. Raises ValueError, KeyError or TypeError for any other."""
        values = json.loads(text)
        arrays = {k: np.array(v, dtype=_TYPES.get(k, bool)) for k, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **arrays})


_TYPES = {"times_s": np.float64, "pts": np.int64, "keys": np.int64, "cuts": np.int64}


def index_of(recording: Recording, *, fps: float | None, index_folder: Path | None) -> RecordingIndex:
    """The index of a recording, from ``index_folder`` when it holds one of the same unchanged file.

    ``fps`` is the rate of frames that bring no times of their own. Raises InputError saying what is wrong with the file.
    """
    if index_folder is None:
        return scan(recording, fps)
    kept = index_folder / f"{_fingerprint(recording, fps)}.json"
    if kept.is_file():
        try:
            return RecordingIndex.from_json(kept.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{kept}: this index is damaged ({error}); delete it, it is made again") from error
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
    """What decoding every frame of a video gave: (time stamp, is key, is damaged) of each, and what went wrong."""

    rows: list[tuple[int, bool, bool]]
    size: tuple[int, int]
    changes: Changes
    seconds_per_tick: float
    damage: str


def _decode_all(path: Path, *, threaded: bool) -> _Pass:
    file = VideoFile(path, threaded=threaded)
    meter, rows = ChangeMeter(), []
    coded, turned = (0, 0), 0
    for decoded in file.frames():
        turned = round(decoded.frame.rotation / 90) % 2
        meter.add(cv2.resize(file.picture(decoded.frame, THUMBNAIL), THUMBNAIL, interpolation=cv2.INTER_AREA))
        size = (decoded.frame.width, decoded.frame.height)
        coded = coded if rows else size
        rows.append((decoded.pts, decoded.key, decoded.damaged or size != coded))
    promised_s, tick = file.promised_s or 0.0, file.seconds_per_tick
    damage = file.damage or ""
    lost = file.lost_pts(np.array([row[0] for row in rows], dtype=np.int64))
    if len(lost):
        damage = damage or f"{len(lost)} pictures in it do not decode"
        rows = _mark_lost(rows, lost)
    file.close()
    end_s = (rows[-1][0] - rows[0][0]) * tick if rows else 0.0
    # The last frame is shown for a while too, and headers round.
    if not damage and promised_s - end_s > max(_HEADER_SLACK_S, 2.0 * end_s / max(len(rows), 1)):
        damage = f"it ends {promised_s - end_s:.1f} s before the length in its header"
    return _Pass(rows, coded[::-1] if turned else coded, meter.changes(), tick, damage)


def _mark_lost(rows: list[tuple[int, bool, bool]], lost: np.ndarray) -> list[tuple[int, bool, bool]]:
    """The rows with all marked damaged that may have been predicted from pictures with the ``lost`` time stamps.

    That is what follows to the next key frame, and a few before, which are coded after what they lie between.
    """
    pts = np.array([row[0] for row in rows])
    keys = np.flatnonzero([row[1] for row in rows])
    marked = np.array([row[2] for row in rows])
    for value in lost:
        at = int(np.searchsorted(pts, value))
        following = keys[keys >= at]
        marked[max(0, at - _REORDERED) : following[0] if len(following) else len(rows)] = True
    return [(row[0], row[1], bool(mark)) for row, mark in zip(rows, marked, strict=True)]


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
    if not found.rows:
        raise InputError(f"no frame of it can be decoded ({found.damage or 'it is empty'}). Copy it again")
    pts = np.array([row[0] for row in found.rows], dtype=np.int64)
    times, start = (pts - pts[0]) * found.seconds_per_tick, 0.0
    if times_file is not None:
        clock = read_timestamps(times_file, None, len(pts))
        times, start = clock - clock[0], float(clock[0])
    elif raw and fps is not None:
        times = np.arange(len(pts)) / fps
    return _assemble(
        size=found.size,
        start=start,
        damage=found.damage,
        times=times,
        pts=pts,
        keys=np.flatnonzero([row[1] for row in found.rows]),
        damaged=np.array([row[2] for row in found.rows], dtype=bool),
        changes=found.changes,
    )


def _scan_pictures(recording: Recording, fps: float | None) -> RecordingIndex:
    pictures = pictures_of(recording.path)
    times, start = _picture_times(recording, pictures, fps)
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
        times=times,
        pts=np.arange(len(pictures)),
        keys=np.arange(len(pictures)),
        damaged=np.array(damaged, dtype=bool),
        changes=meter.changes(),
    )


def _picture_times(recording: Recording, pictures: list[Path], fps: float | None) -> tuple[np.ndarray, float]:
    """Times (N,) since the first picture, and the first one's time on the clock that the times are written in."""
    written = recording.side_file("timestamps.csv")
    if written is not None:
        clock = read_timestamps(written, [path.name for path in pictures], len(pictures))
        return clock - clock[0], float(clock[0])
    if (recording.base / "timestamps.txt").is_file():
        clock = read_kitti_timestamps(recording.base / "timestamps.txt", len(pictures))
        return clock - clock[0], 0.0
    if fps is not None:
        return np.arange(len(pictures)) / fps, 0.0
    raise InputError(
        f"{len(pictures)} pictures without times. Put timestamps.csv (columns frame, time_s) beside them, or fps into "
        "camera.json"
    )


def _assemble(
    *,
    size: tuple[int, int],
    start: float,
    damage: str,
    times: np.ndarray,
    pts: np.ndarray,
    keys: np.ndarray,
    damaged: np.ndarray,
    changes: Changes,
) -> RecordingIndex:
    return RecordingIndex(
        width=size[0],
        height=size[1],
        clock_start_s=start,
        damage=damage,
        times_s=times,
        pts=pts,
        keys=keys,
        cuts=find_cuts(changes),
        frozen=find_frozen(changes, times, keys),
        black=changes.black & ~damaged,
        damaged=damaged,
    )


def _fingerprint(recording: Recording, fps: float | None) -> str:
    """Changes with the files' names, sizes and times of change, with ``fps`` and with the index's version."""
    files = [recording.path] if recording.kind == "video" else pictures_of(recording.path)
    files += [path for path in (recording.side_file("timestamps.csv"), recording.base / "timestamps.txt") if path]
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file()]
    return hashlib.sha256(json.dumps([INDEX_VERSION, fps, states]).encode()).hexdigest()[:24]
