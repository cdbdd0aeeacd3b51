"""What became of each file of a run folder: held against the hashes that the run wrote, all of them, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivesim.errors import InputError
from drivesim.json_text import JsonFault, parse_object
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import finished_record, video_suffixes, vouched_files
from drivesim.runs.records import read_segment_record
from drivesim.runs.run_folder import FutureFolder, RunFolder, frame_sha256, future_name, read_png
from drivesim.storage import PARTIAL_SUFFIX, SEAL, files_below, sha256_of, unsealed_values

Fate = Literal["good", "unfinished", "beside", "unvouched", "missing", "damaged"]

_AGAIN = "the same command with --resume makes it again"
_GONE = "branches start at other moments"
_CHANGED = "it is not what the run wrote: damaged, edited or replaced"


@dataclass(frozen=True, kw_only=True)
class FileFate:
    """What became of one file, ``name`` below the run's folder, and ``text``, what that means or what to do.

    ``good``: it is what the run wrote. ``unfinished``: part of a future that is under way. ``beside``: nothing that the
    video depends on. ``unvouched``: no hash was kept of it, as by earlier versions. ``missing`` and ``damaged`` are faults.
    """

    name: str
    fate: Fate
    text: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether the run is not what it was."""
        return self.fate in ("missing", "damaged")


def inspect_run(path: Path) -> Iterator[FileFate]:
    """The fate of every file in a run folder, each once; nothing is changed. Raises InputError when ``path`` is no run."""
    run = RunFolder(path)
    if not run.manifest_path.is_file():
        run.manifest()  # says why this is no run
    seen: set[str] = set()
    for found in _known(run):
        if found.name not in seen:
            seen.add(found.name)
            yield found
    for file in files_below(path):
        name = file.relative_to(path).as_posix()
        if not file.is_dir() and name not in seen and file.name != run.lock_path.name:
            left_over = file.name.endswith(PARTIAL_SUFFIX)
            yield FileFate(
                name=name, fate="beside", text="left by a killed writer" if left_over else "not part of the video"
            )


def _known(run: RunFolder) -> Iterator[FileFate]:
    """Files that the run itself wrote, the manifest first: it vouches for the others."""
    name = run.manifest_path.name
    try:
        manifest = run.manifest()
    except InputError as error:
        yield FileFate(name=name, fate="damaged", text=f"{error} Without it nothing vouches for the rest.")
        for file in files_below(run.path):
            if file.is_file() and file not in (run.manifest_path, run.lock_path):
                yield FileFate(
                    name=file.relative_to(run.path).as_posix(), fate="unvouched", text="the manifest is damaged"
                )
        return
    yield FileFate(name=name, fate="good") if _is_sealed(run) else _unvouched(name)
    yield _held(run, run.scenario_path, manifest.scenario_sha256, "without it the run cannot be continued or judged")
    yield from _beginning(run, manifest)
    for index in run.future_indices():
        yield from _future(run, manifest, index)
    if run.selection_path.is_file():
        yield _selection(run.selection_path)


def _beginning(run: RunFolder, manifest: Manifest) -> Iterator[FileFate]:
    """What was written before the manifest."""
    for name, digest in manifest.files.items():
        text = _AGAIN if run.path / name == run.shared_tracks_path else "without it the run cannot be continued"
        yield _held(run, run.path / name, digest, text)
    if run.start_frame_path.name not in manifest.files:
        yield _pixels(run, manifest)
    for path in (run.shared_tracks_path, run.start_state_path):
        if path.name not in manifest.files and path.is_file():
            yield _unvouched(path.name)


def _pixels(run: RunFolder, manifest: Manifest) -> FileFate:
    """The start frame of an earlier version, of which only the pixels were hashed."""
    name = run.start_frame_path.name
    try:
        same = frame_sha256(read_png(run.start_frame_path)) == manifest.start_frame_sha256
    except InputError as error:
        return FileFate(name=name, fate="damaged" if run.start_frame_path.exists() else "missing", text=str(error))
    return FileFate(name=name, fate="good") if same else FileFate(name=name, fate="damaged", text=_CHANGED)


def _selection(path: Path) -> FileFate:
    """The tries of ``mode: select``, which vouch for themselves."""
    try:
        values = parse_object(path.read_bytes())
        unsealed_values(values)
    except JsonFault as error:
        return FileFate(name=path.name, fate="damaged", text=f"{error}; without it the futures are measured again")
    return FileFate(name=path.name, fate="good") if SEAL in values else _unvouched(path.name)


def _future(run: RunFolder, manifest: Manifest, index: int) -> Iterator[FileFate]:
    """The files of one future, under way or finished."""
    folder = run.future(index)
    record_name = folder.record_path.relative_to(run.path).as_posix()
    try:
        record = finished_record(run, index)
    except InputError as error:
        yield FileFate(name=record_name, fate="damaged", text=str(error))
        videos = [run.video(index, lossless=suffix == ".mkv") for suffix in video_suffixes(manifest)]
        for path in (*videos, *files_below(folder.path)):
            if path.is_file():
                text = f"{record_name} is damaged"
                yield FileFate(name=path.relative_to(run.path).as_posix(), fate="unvouched", text=text)
        return
    if record is None:
        yield from _segments(run, folder)
        tracks = folder.path / "tracks.csv"
        if tracks.is_file():
            yield FileFate(
                name=tracks.relative_to(run.path).as_posix(), fate="unfinished", text="written again by --resume"
            )
        return
    yield FileFate(name=record_name, fate="good") if record.files else _unvouched(record_name)
    whole = set()
    for path, digest in vouched_files(run, index, record).items():
        text = f"nothing vouches for the states of {future_name(index)}" if path.suffix == ".json" else _AGAIN
        found = _held(run, path, digest, text)
        whole |= {path} if found.fate == "good" else set()
        yield found
    yield from _segments(run, folder, whole if record.files else None)


def _segments(run: RunFolder, folder: FutureFolder, whole: set[Path] | None = None) -> Iterator[FileFate]:
    """Records of segments and the files that they list.

    ``whole`` holds the records that a finished future vouches for; the others say nothing of their files. The videos of a
    finished future's segments are gone, as they should be.
    """
    finished = folder.record_path.is_file()
    for path in sorted((folder.path / "segments").glob("*.json")):
        name = path.relative_to(run.path).as_posix()
        if finished and whole is not None and path not in whole:
            continue
        try:
            record = read_segment_record(path)
        except InputError as error:
            yield FileFate(name=name, fate="damaged", text=str(error) if finished else _AGAIN)
            continue
        yield _unvouched(name) if finished else FileFate(name=name, fate="unfinished")
        for listed, digest in (record.sha256 if record is not None else {}).items():
            file = folder.path / listed
            if file.suffix in (".mp4", ".mkv") and finished:
                continue
            yield _held(run, file, digest, _GONE if finished and file.suffix == ".state" else _AGAIN)
    for file in sorted([*folder.path.glob("states/*"), *folder.path.glob("frames/*")]):
        text = "the record of its segment is damaged or gone"
        yield FileFate(name=file.relative_to(run.path).as_posix(), fate="unvouched", text=text)


def _held(run: RunFolder, path: Path, digest: str, if_missing: str) -> FileFate:
    """A file against its hash."""
    name = path.relative_to(run.path).as_posix()
    if not path.is_file():
        return FileFate(name=name, fate="missing", text=if_missing)
    if sha256_of(path) == digest:
        return FileFate(name=name, fate="good")
    return FileFate(name=name, fate="damaged", text=_CHANGED)


def _unvouched(name: str) -> FileFate:
    return FileFate(name=name, fate="unvouched", text="written by an earlier version, which kept no hash of it")


def _is_sealed(run: RunFolder) -> bool:
    return SEAL in parse_object(run.manifest_path.read_bytes())
