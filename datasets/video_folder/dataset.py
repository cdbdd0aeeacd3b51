"""Samples from a folder of videos or pictures, with or without side files."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.clip import Clip
from drivesim.datasets.sample import Sample, require_form
from drivesim.datasets.video_folder.decode import FrameReader
from drivesim.datasets.video_folder.entry import Entry, Settings, examine
from drivesim.datasets.video_folder.pictures import PictureReader
from drivesim.datasets.video_folder.recordings import find_recordings, pictures_of
from drivesim.datasets.video_folder.window_scene import coverage, known_controls, window_scene
from drivesim.errors import InputError

#: What is written as the licence of recordings whose camera.json gives none.
UNKNOWN_LICENCE = "unknown: see the folder"

_OPEN_FILES = 4


class VideoFolderDataset:
    """Windows of T frames at ``fps`` from every recording at or below ``root``; a :class:`SampleDataset`.

    ``root`` is a folder, one video file, or a folder of pictures. Pictures are cropped to the shape of ``width`` x
    ``height`` and resized; windows begin every ``stride_s`` seconds (side by side by default). ``large`` is given where
    the recording has the pixels for twice the size. ``frame_folder_fps`` is the rate of recordings without times,
    ``index_folder`` a place where the pass over all frames is kept for the next time; ``on_progress`` is told name,
    number and count before each recording's pass.

    ``problems`` says of each damaged or unused file what is wrong, what happens and what to do; ``notes`` says of each
    recording what was found. Raises InputError when nothing is usable, listing all problems.
    """

    def __init__(
        self,
        root: Path | str,
        num_frames: int = 8,
        fps: float = 10.0,
        height: int = 256,
        width: int = 512,
        stride_s: float | None = None,
        licence: str = UNKNOWN_LICENCE,
        *,
        frame_folder_fps: float | None = None,
        index_folder: Path | str | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.root = Path(root).resolve()
        self.licence = licence
        self.settings = _settings(num_frames, fps, height, width, stride_s, frame_folder_fps, index_folder)
        found = _survey(self.root, self.settings, on_progress)
        self.problems, self.notes, self._entries = found.problems, found.notes, found.entries
        if not self._entries:
            listed = "".join(f"\n  {line}" for line in self.problems)
            raise InputError(f"{self.root}: nothing in it is usable:{listed}")
        self._ends = list(accumulate(len(entry.windows) for entry in self._entries))
        self._readers: OrderedDict[int, FrameReader | PictureReader] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        """The sample of window ``index``. Raises IndexError outside, BrokenSample when its file has been damaged since."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        entry = self._entries[number]
        frames = entry.windows[index - (self._ends[number - 1] if number else 0)]
        recorded = self._reader(number).read([int(frame) for frame in frames])
        times = entry.index.times_s[frames]
        times_us = np.round(times * 1e6).astype(np.int64)
        name = f"{entry.recording.name}@{times_us[0] / 1e6:.3f}s"
        fps, framing = self.settings.fps, entry.framing
        known = known_controls(entry, times, fps)
        return Sample(
            id=name,
            clip=Clip(np.stack([framing.picture(picture) for picture in recorded]), fps),
            scene=window_scene(entry, times, fps, name, known),
            times_us=times_us,
            known=known,
            source=entry.camera_file.source or f"{self.root.name}: {entry.recording.name}",
            licence=entry.camera_file.licence or self.licence,
            large=framing.picture(recorded[0], scale=2) if framing.allows_large else None,
        )

    def describe(self) -> dict[str, Any]:
        """What decides the samples, as JSON: settings, and name, windows and content digest of each recording."""
        settings = self.settings
        return {
            "kind": "video_folder",
            "folder": self.root.name,
            "num_frames": settings.num_frames,
            "fps": settings.fps,
            "height": settings.height,
            "width": settings.width,
            "stride_s": settings.stride_s,
            "length": len(self),
            "licence": self.licence,
            "recordings": [
                {"name": entry.recording.name, "windows": len(entry.windows), "digest": entry.digest}
                for entry in self._entries
            ],
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": OrderedDict()}

    def _reader(self, number: int) -> FrameReader | PictureReader:
        """The open reader of a recording; the few used last stay open."""
        if number not in self._readers:
            entry = self._entries[number]
            if entry.recording.kind == "video":
                index = entry.index
                made: FrameReader | PictureReader = FrameReader(
                    entry.recording.path, index.pts, index.keys, index.marks
                )
            else:
                made = PictureReader(pictures_of(entry.recording.path), (entry.index.width, entry.index.height))
            self._readers[number] = made
            if len(self._readers) > _OPEN_FILES:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(number)
        return self._readers[number]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a folder of video holds: usable recordings, everything wrong with it, and what is worth knowing, a line each."""

    entries: list[Entry]
    problems: list[str]
    notes: list[str]


def survey_video_folder(
    root: Path | str,
    num_frames: int = 8,
    fps: float = 10.0,
    height: int = 256,
    width: int = 512,
    *,
    frame_folder_fps: float | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Survey:
    """What :class:`VideoFolderDataset` would find with these settings, also where nothing is usable.

    Decodes every frame once. Raises InputError when ``root`` does not exist or is a file of another kind.
    """
    settings = _settings(num_frames, fps, height, width, None, frame_folder_fps, None)
    return _survey(Path(root).resolve(), settings, on_progress)


def check_video_folder(
    root: Path | str,
    num_frames: int = 8,
    fps: float = 10.0,
    height: int = 256,
    width: int = 512,
    *,
    frame_folder_fps: float | None = None,
) -> list[str]:
    """The problems of :func:`survey_video_folder`, one line each; empty when all is well."""
    return survey_video_folder(root, num_frames, fps, height, width, frame_folder_fps=frame_folder_fps).problems


def _survey(root: Path, settings: Settings, on_progress: Callable[[str, int, int], None] | None) -> Survey:
    search = find_recordings(root)
    problems, notes, entries = list(search.problems), list(search.notes), []
    for number, recording in enumerate(search.recordings):
        if on_progress is not None:
            on_progress(recording.name, number, len(search.recordings))
        report = examine(recording, settings)
        lines, told = report.problems, report.notes
        if report.entry is not None:
            entries.append(report.entry)
            untold, partly = coverage(report.entry, settings.fps)
            lines, told = lines + untold, told + partly
        problems += [line for line in lines if line not in problems]
        notes += told
    if not search.recordings:
        problems.append(f"{root}: no videos and no folders of pictures in it")
    return Survey(entries=entries, problems=problems, notes=notes)


def _settings(
    num_frames: int,
    fps: float,
    height: int,
    width: int,
    stride_s: float | None,
    frame_folder_fps: float | None,
    index_folder: Path | str | None,
) -> Settings:
    require_form("video folder", num_frames=num_frames, fps=fps, height=height, width=width)
    stride = num_frames / fps if stride_s is None else stride_s
    if not 0.0 < stride < np.inf:
        raise InputError(f"video folder: stride_s is {stride}, expected more than 0.")
    folder = None if index_folder is None else Path(index_folder)
    return Settings(
        num_frames=num_frames,
        fps=fps,
        height=height,
        width=width,
        stride_s=stride,
        frame_folder_fps=frame_folder_fps,
        index_folder=folder,
    )
