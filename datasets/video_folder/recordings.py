"""Finding recordings in a folder: video files, and folders of pictures with their times."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivesim.errors import InputError

#: File name endings that are taken for video, in lower case.
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mkv", ".mov", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".3gp", ".3g2", ".mpg", ".mpeg", ".m2v"),
    *(".vob", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".mxf", ".dv", ".mjpeg", ".y4m", ".ivf", ".obu"),
    *(".hevc", ".h265", ".265", ".h264", ".264"),
)

#: File name endings of the pictures of a frame folder, in lower case.
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

_SIDE_FILES = ("camera.json", "boxes.csv", "boxes.json", "poses.csv", "timestamps.csv", "timestamps.txt")


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


@dataclass(frozen=True, kw_only=True)
class Search:
    """What lies at or below a root: recordings in the order of their names, a line for each thing that cannot be read or
    followed in ``problems``, and in ``notes`` what was passed over because it is something else."""

    recordings: list[Recording]
    problems: list[str]
    notes: list[str]


def find_recordings(root: Path) -> Search:
    """Search a folder, or take one video file. Raises InputError when ``root`` does not exist or is of another kind."""
    if not root.exists():
        raise InputError(f"{root}: there is no such file or folder; give a video file or a folder of videos")
    if root.is_file():
        if root.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(
                f"{root}: not a video by its name; expected a folder or one of {', '.join(VIDEO_SUFFIXES)}"
            )
        return Search(recordings=[_video(root, root.parent)], problems=[], notes=[])
    if not root.is_dir():
        raise InputError(f"{root}: a pipe, a socket or a device; give a video file or a folder of videos")
    problems: list[str] = []

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: this folder cannot be opened ({error.strerror}); left out. Mend its rights")

    found: list[Recording] = []
    passed_over: Counter[str] = Counter()
    for name, below, files in os.walk(root, onerror=unreadable):
        folder = Path(name)
        below[:] = sorted(name for name in below if not name.startswith(".") and not name.endswith(".zarr"))
        linked = [folder / name for name in below if (folder / name).is_symlink()]
        problems += [f"{path}: a link to a folder is not followed; give the folder itself" for path in linked]
        seen = sorted(name for name in files if not name.startswith("."))
        pipes = [name for name in seen if _is_no_file(folder / name)]
        problems += [f"{folder / name}: a pipe, a socket or a device; left out. Remove it" for name in pipes]
        seen = [name for name in seen if name not in pipes]
        here = list(_recordings_of(folder, seen, root))
        found += here
        passed_over.update(_not_read(seen, any(recording.kind == "pictures" for recording in here)))
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
    return Search(
        recordings=sorted(found, key=lambda recording: recording.name),
        problems=problems,
        notes=[f"passed over: {listed}"] if listed else [],
    )


def pictures_of(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, in the order of their names."""
    named = (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(path for path in named if not path.name.startswith(".") and not _is_no_file(path))


def _is_no_file(path: Path) -> bool:
    """Whether a path is there and neither a file nor a folder: reading it may wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # a broken link is named where it is opened
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _not_read(names: list[str], with_pictures: bool) -> Iterator[str]:
    """For each file that is neither a recording nor beside one its ending, and for pictures beside videos so much."""
    for name in names:
        suffix = Path(name).suffix.lower()
        if suffix in PICTURE_SUFFIXES:
            if not with_pictures:
                yield "pictures beside videos"
        elif suffix not in VIDEO_SUFFIXES and not name.endswith(_SIDE_FILES):
            yield suffix or "without an ending"


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
