"""Finding recordings in a folder: video files, and folders of pictures with their times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivesim.errors import InputError

#: File name endings that are taken for video, in lower case.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mkv", ".mov", ".avi", ".hevc", ".h265", ".h264", ".ts", ".webm")

#: File name endings of the pictures of a frame folder, in lower case.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One video file, or one folder of pictures.

    ``name`` is the path below the root with forward slashes, ``path`` the video or the folder that holds the pictures,
    ``base`` the path that side files are named after, ``root`` where the search for a shared ``camera.json`` ends.
    """

    name: str
    path: Path
    kind: Literal["video", "pictures"]
    base: Path
    root: Path

    def side_file(self, *endings: str) -> Path | None:
        """The side file beside the recording (``NAME.boxes.csv``) or inside its folder (``boxes.csv``); None if absent.

        ``endings`` are such as ``boxes.csv``. Raises InputError when there are several, since one would be ignored.
        """
        found = self.side_files(*endings)
        if len(found) > 1:
            raise InputError(f"{self.name} has {' and '.join(path.name for path in found)}; keep one of them")
        return found[0] if found else None

    def side_files(self, *endings: str) -> list[Path]:
        """All the side files that there are of these endings."""
        places = [self.base.with_name(f"{self.base.name}.{ending}") for ending in endings]
        if self.kind == "pictures":
            places += [self.base / ending for ending in endings]
        return [place for place in places if place.is_file()]

    def camera_file(self) -> Path | None:
        """The recording's own camera file, else the nearest ``camera.json`` in the folders above it, up to the root."""
        own = self.side_file("camera.json")
        if own is not None:
            return own
        for folder in (self.base.parent, *self.base.parent.parents):
            if (folder / "camera.json").is_file():
                return folder / "camera.json"
            if folder == self.root:
                return None
        return None


def find_recordings(root: Path) -> tuple[list[Recording], list[str]]:
    """The recordings at or below ``root`` in the order of their names, and a line for each folder that cannot be read.

    Raises InputError when ``root`` does not exist or is a file of another kind.
    """
    if not root.exists():
        raise InputError(f"{root}: there is no such file or folder; give a video file or a folder of videos")
    if root.is_file():
        if root.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(
                f"{root}: not a video by its name; expected a folder or one of {', '.join(VIDEO_SUFFIXES)}"
            )
        return [_video(root, root.parent)], []
    problems: list[str] = []

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: this folder cannot be opened ({error.strerror}); left out. Mend its rights")

    found: list[Recording] = []
    for folder, below, files in os.walk(root, onerror=unreadable):
        below[:] = sorted(name for name in below if not name.startswith(".") and not name.endswith(".zarr"))
        found += _recordings_of(Path(folder), files, root)
    return sorted(found, key=lambda recording: recording.name), problems


def pictures_of(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, in the order of their names."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith("."))


def _recordings_of(folder: Path, files: list[str], root: Path) -> Iterator[Recording]:
    names = [name for name in files if not name.startswith(".")]
    videos = [name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES]
    yield from (_video(folder / name, root) for name in videos)
    # Pictures beside videos are thumbnails and the like, unless times make a recording of them.
    timed = "timestamps.csv" in names
    if any(Path(name).suffix.lower() in PICTURE_SUFFIXES for name in names) and (timed or not videos):
        # KITTI raw keeps the pictures in "data" and their times beside it: the recording is the folder around both.
        kitti = folder.name == "data" and folder != root and (folder.parent / "timestamps.txt").is_file()
        base = folder.parent if kitti else folder
        top = root if base != root else root.parent
        name = base.relative_to(root).as_posix() if base != root else base.name
        yield Recording(name=name, path=folder, kind="pictures", base=base, root=top)


def _video(path: Path, root: Path) -> Recording:
    name = path.relative_to(root).as_posix()
    return Recording(name=name, path=path, kind="video", base=path.with_suffix(""), root=root)
