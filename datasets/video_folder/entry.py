"""One recording with all that is known of it, and what is wrong with it in words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from drivesim.datasets.video_folder.boxes import Boxes, read_boxes
from drivesim.datasets.video_folder.camera_file import CameraFile, read_camera_file
from drivesim.datasets.video_folder.framing import Framing, camera_of_recording, frame_picture
from drivesim.datasets.video_folder.index import RecordingIndex, index_of
from drivesim.datasets.video_folder.poses import Poses, read_poses
from drivesim.datasets.video_folder.recordings import Recording
from drivesim.datasets.video_folder.windows import find_windows
from drivesim.errors import InputError
from drivesim.scene import Camera

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the windows and pictures of a folder; lengths in frames, pixels and seconds."""

    num_frames: int
    fps: float
    height: int
    width: int
    stride_s: float
    frame_folder_fps: float | None
    index_folder: Path | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A usable recording: its index, its windows (W, T) as frame numbers, and what its side files told.

    ``camera`` is at the recording's size; ``digest`` names the content of index and side files.
    """

    recording: Recording
    index: RecordingIndex
    windows: np.ndarray
    framing: Framing
    camera_file: CameraFile
    camera: Camera | None
    boxes: Boxes | None
    poses: Poses | None
    digest: str


@dataclass
class FolderReport:
    """What was found in one recording: ``entry`` if it is usable, faults in ``problems``, the rest in ``notes``."""

    entry: Entry | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(recording: Recording, settings: Settings) -> FolderReport:
    """Read a recording and its side files. Never raises for damaged files: the report says what is wrong."""
    report = FolderReport()
    path = recording.path
    camera_file = _try(lambda: _camera_file(recording), "camera, attributes and rate are taken as not known", report)
    camera_file = camera_file or CameraFile()
    try:
        rate = camera_file.fps or settings.frame_folder_fps
        index = index_of(recording, fps=rate, index_folder=settings.index_folder)
    except (InputError, OSError) as error:
        report.problems.append(f"{path}: left out: {error}")
        return report
    if index.damage:
        whole = int(np.count_nonzero(~index.damaged))
        report.problems.append(
            f"{path}: damaged ({index.damage}); the {whole} whole frames are used. Copy it again to have the rest"
        )
    if index.doubt:
        report.problems.append(
            f"{path}: {index.doubt}. Convert it with ffmpeg, or look at what is stored (drivesim data view)"
        )
    found = find_windows(index, settings.num_frames, settings.fps, settings.stride_s)
    report.notes.append(_note(recording, index, len(found.windows), found.gaps))
    if not len(found.windows):
        report.problems.append(f"{path}: left out: {_why_no_windows(index, settings)}")
    camera = None
    if camera_file.camera is not None:
        given = camera_file.camera
        camera = _try(
            lambda: camera_of_recording(given, index.width, index.height),
            "the camera is taken as not known",
            report,
            before=f"{recording.camera_file()}: for {recording.name}, ",
        )
    boxes = _try(lambda: _boxes(recording, index, camera), "its boxes are left out, the pictures are used", report)
    poses = _try(lambda: _poses(recording, index), "its poses are left out, the pictures are used", report)
    if not len(found.windows):
        return report
    horizon = camera_file.horizon_row
    if horizon is not None and camera_file.camera is not None:
        horizon *= index.height / camera_file.camera.height
    framing = frame_picture((index.width, index.height), (settings.width, settings.height), horizon)
    if framing.enlarges:
        report.problems.append(
            f"{path}: its crop of {framing.crop_width} x {framing.crop_height} is enlarged to {settings.width} x "
            f"{settings.height}, which teaches blur; ask for a smaller size or remove it"
        )
    report.entry = Entry(
        recording=recording,
        index=index,
        windows=found.windows,
        framing=framing,
        camera_file=camera_file,
        camera=camera,
        boxes=boxes,
        poses=poses,
        digest=_digest(recording, index),
    )
    return report


def _try(read: Callable[[], Read], effect: str, report: FolderReport, before: str = "") -> Read | None:
    try:
        return read()
    except InputError as error:
        report.problems += [f"{before}{line}" for line in str(error).splitlines()]
        report.problems[-1] += f" ({effect})"
        return None


def _camera_file(recording: Recording) -> CameraFile | None:
    path = recording.camera_file()
    return None if path is None else read_camera_file(path)


def _boxes(recording: Recording, index: RecordingIndex, camera: Camera | None) -> Boxes | None:
    path = recording.side_file("boxes.csv", "boxes.json")
    if path is None:
        return None
    boxes = read_boxes(path, index.times_s, index.clock_start_s)
    if camera is None:
        raise InputError(f"{path}: boxes need a camera to be seen through; write {recording.base.name}.camera.json")
    return boxes


def _poses(recording: Recording, index: RecordingIndex) -> Poses | None:
    path = recording.side_file("poses.csv")
    return None if path is None else read_poses(path, index.times_s, index.clock_start_s)


def _note(recording: Recording, index: RecordingIndex, num_windows: int, gaps: int) -> str:
    """One line on what was found, what was done to it, and what was left out."""
    seconds = np.diff(index.times_s, append=index.times_s[-1])
    lost = {
        name: float(seconds[mask].sum())
        for name, mask in (("frozen", index.frozen), ("black", index.black), ("damaged", index.damaged))
        if mask.any()
    }
    parts = [f"{value:.1f} s {name}" for name, value in lost.items()]
    parts += [_counted(len(index.cuts), "shot cut")] if len(index.cuts) else []
    parts += [f"{_counted(gaps, 'place')} where time has a gap"] if gaps else []
    untimed = int(np.count_nonzero(index.untimed))
    parts += [f"{_counted(untimed, 'frame')} without a time of its own"] if untimed else []
    remarks = [index.remark] if index.remark else []
    if len(index.restarts):
        first = ", ".join(str(number) for number in index.restarts[:3])
        more = f" and {len(index.restarts) - 3} more" if len(index.restarts) > 3 else ""
        remarks.append(
            f"its clock begins again {_counted(len(index.restarts), 'time')}, at frame {first}{more}: each part is read by itself, and "
            "boxes and poses count up to the first"
        )
    return (
        f"{recording.name}: {index.width} x {index.height}, {len(index.times_s)} frames, {index.times_s[-1]:.1f} s, "
        f"{num_windows} windows"
        + (f"; found and left out: {', '.join(parts)}" if parts else "")
        + "".join(f"; {remark}" for remark in remarks)
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _why_no_windows(index: RecordingIndex, settings: Settings) -> str:
    needed = (settings.num_frames - 1) / settings.fps
    if index.times_s[-1] + 0.5 / settings.fps < needed:
        return f"{index.times_s[-1]:.2f} s long, a window needs {needed:.2f} s; ask for fewer frames"
    step = float(np.median(np.diff(index.times_s)))
    if step > 1.05 / settings.fps:
        rate = 1.0 / step
        return (
            f"{rate:.3g} frames a second are fewer than the {settings.fps:g} asked for; ask for fps={rate:.3g} or less"
        )
    usable = 1.0 - float(np.mean(index.frozen | index.black | index.damaged))
    return (
        f"no window of {needed:.2f} s without cut, frozen, black or damaged frames or gap ({usable:.0%} of the frames are "
        "usable); ask for fewer frames, or remove it"
    )


def _digest(recording: Recording, index: RecordingIndex) -> str:
    made: Any = hashlib.sha256(index.to_json().encode())
    files = recording.side_files("camera.json", "boxes.csv", "boxes.json", "poses.csv")
    shared = recording.camera_file()
    if not recording.side_files("camera.json") and shared is not None:
        files.append(shared)
    for path in files:
        # A file that may not be read has its line among the problems, and decides nothing.
        made.update(path.read_bytes() if os.access(path, os.R_OK) else b"-")
    return str(made.hexdigest()[:16])
