"""The folder of a run on disk: what lies where, who may write, and what of it is complete.

::

    manifest.json  scenario.yaml  start.png  [tracks.csv]  [start_state.state]  [selection.json]  lock
    f00.mp4  [f00.mkv]                           finished videos
    futures/f00/segments/000000.mp4 .json        video in segments; the .json is written last and lists their hashes
    futures/f00/states/000004.state     state after so many chunks, for resuming and branching
    futures/f00/frames/000000.png                with --png-frames
    futures/f00/tracks.csv                       with simulated actors: each future has its own
    futures/f00/future.json                      written when the future is finished
    futures/f00/lock                             with sweeps: held by whoever makes it
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from drivesim.errors import InputError
from drivesim.folder_lock import locked_file
from drivesim.runs.manifest import Manifest
from drivesim.runs.records import SegmentRecord, read_segment_record
from drivesim.runs.timeline import Timeline
from drivesim.storage import no_folder, sha256_of, write_atomic

if TYPE_CHECKING:
    import torch

#: What to do with a file that is not what the run wrote.
WAY_OUT = "Put it back as it was, or move it away; 'drivesim doctor RUN' says what becomes of each file."


#: As :func:`future_name` writes it.
_FUTURE_NAME = re.compile(r"f[0-9]{2,7}")


class RunFolder:
    """Paths and contents of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_path = path / "manifest.json"
        self.scenario_path = path / "scenario.yaml"
        self.start_frame_path = path / "start.png"
        self.start_state_path = path / "start_state.state"
        self.shared_tracks_path = path / "tracks.csv"
        self.selection_path = path / "selection.json"
        self.lock_path = path / "lock"

    def manifest(self) -> Manifest:
        """The run's manifest. Raises InputError when ``path`` is no run folder."""
        if not self.manifest_path.is_file():
            why = "it has no manifest.json" if self.path.is_dir() else no_folder(self.path)
            raise InputError(
                f"{self.path} is not a drivesim run: {why}. Name a folder that 'drivesim rollout' or 'drivesim futures' wrote."
            )
        return Manifest.from_json(self.manifest_path.read_bytes(), str(self.manifest_path))

    def scenario_text(self) -> bytes:
        """The scenario as the run was made from it. Raises InputError when the file was changed since."""
        if not self.scenario_path.is_file():
            raise InputError(f"{self.scenario_path} is missing; without it the run cannot be continued or judged.")
        text = self.scenario_path.read_bytes()
        if sha256_of(text) != self.manifest().scenario_sha256:
            raise InputError(
                f"{self.scenario_path} was changed since the run began. Put it back as it was; for another scenario start another run."
            )
        return text

    def require_files(self) -> None:
        """Raise InputError for a file that was written before the manifest and is not what it was; tracks may be gone."""
        for name, digest in self.manifest().files.items():
            path = self.path / name
            if path.is_file():
                require_digest(path, digest)
            elif path != self.shared_tracks_path:
                raise InputError(f"{path} is missing; without it the run cannot be continued.")

    def future(self, index: int) -> FutureFolder:
        """Where future ``index`` is kept."""
        return FutureFolder(self.path / "futures" / future_name(index), self.manifest().timeline)

    def future_indices(self) -> list[int]:
        """Futures that have been started, in order."""
        folder = self.path / "futures"
        names = (
            [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        )  # a glob passes over one without rights
        return sorted(int(name[1:]) for name in names if _FUTURE_NAME.fullmatch(name))  # not of "f00 (copy)"

    def video(self, index: int, lossless: bool = False) -> Path:
        """Where the finished video of future ``index`` is."""
        return self.path / f"{future_name(index)}{'.mkv' if lossless else '.mp4'}"

    def tracks_path(self, index: int) -> Path:
        """Where the tracks behind future ``index`` are: its own where each develops apart, else those of the whole run."""
        if self.manifest().develops_apart:
            return self.future(index).path / "tracks.csv"
        return self.shared_tracks_path

    def refuse_foreign(self) -> None:
        """Raise InputError where the folder holds things but no run of ours, which must not be mixed with one."""
        if self._is_foreign():
            raise InputError(f"{self.path} is not empty and no drivesim run. Choose another folder with --out.")

    def _is_foreign(self) -> bool:
        if not self.path.is_dir():
            return self.path.exists()
        ours = {"scenario.yaml", "start.png", "start_state.state", "tracks.csv", "lock", "manifest.json"}
        names = {entry.name for entry in self.path.iterdir() if not entry.name.endswith(".part")}
        return not self.manifest_path.is_file() and bool(names - ours)

    @contextlib.contextmanager
    def locked(self, *, shared: bool = False, wait_s: float = 0.0) -> Iterator[None]:
        """Keep other writers out while the block runs; the system frees the lock even after ``kill -9``.

        ``shared`` lets in those who share it too: each writes other futures, under a lock of that future. Raises FolderInUseError when
        another process is still writing after ``wait_s``, InputError when the folder cannot be made or is somebody else's.
        """
        if self.path.is_dir():
            self.refuse_foreign()
        with locked_file(self.lock_path, shared=shared, wait_s=wait_s):
            yield


class FutureFolder:
    """Segments and states of one future."""

    def __init__(self, path: Path, timeline: Timeline) -> None:
        self.path = path
        self.timeline = timeline

    @contextlib.contextmanager
    def locked(self, *, wait_s: float = 0.0) -> Iterator[None]:
        """Keep others who share the run's lock from writing this future. Raises FolderInUseError."""
        with locked_file(self.path / "lock", wait_s=wait_s):
            yield

    @property
    def record_path(self) -> Path:
        """The file whose presence says that the future is finished."""
        return self.path / "future.json"

    def segment_path(self, segment: int, suffix: str) -> Path:
        """A segment's video (``.mp4``, ``.mkv``) or its record (``.json``)."""
        return self.path / "segments" / f"{segment:06d}{suffix}"

    def state_path(self, chunks_done: int) -> Path:
        """The state after ``chunks_done`` chunks."""
        return self.path / "states" / f"{chunks_done:06d}.state"

    def frame_path(self, frame: int) -> Path:
        """A frame as PNG."""
        return self.path / "frames" / f"{frame:06d}.png"

    def write_segment(
        self, segment: int, videos: Mapping[str, bytes], states: Mapping[int, bytes], frames_sha256: Mapping[int, str]
    ) -> None:
        """Store a complete segment: videos by suffix, states by chunks done, and last the record that makes it count.

        ``frames_sha256`` holds the hashes of PNGs that were stored already, by frame.
        """
        hashes = {
            self.frame_path(frame).relative_to(self.path).as_posix(): digest for frame, digest in frames_sha256.items()
        }
        contents = {self.segment_path(segment, suffix): data for suffix, data in videos.items()}
        contents |= {self.state_path(chunks_done): data for chunks_done, data in states.items()}
        for path, data in contents.items():
            write_atomic(path, data)
            hashes[path.relative_to(self.path).as_posix()] = sha256_of(data)
        frames = self.timeline.frames_of(segment)
        record = SegmentRecord(frames=(frames.start, frames.stop), sha256=hashes)
        write_atomic(self.segment_path(segment, ".json"), record.to_json())

    def complete_segments(self, suffixes: tuple[str, ...], png_frames: bool = False) -> int:
        """How many segments from the first on are whole: every listed file present with the hash it was written with."""
        for segment in range(self.timeline.num_segments):
            if not self._is_whole(segment, suffixes, png_frames):
                return segment
        return self.timeline.num_segments

    def segment_records(self) -> dict[Path, SegmentRecord]:
        """The records of stored segments by their path, in order. Raises InputError for a damaged one."""
        paths = sorted((self.path / "segments").glob("*.json"))
        return {path: record for path in paths if (record := read_segment_record(path)) is not None}

    def kept_states(self) -> list[int]:
        """After how many chunks a state is stored, in order. Raises InputError for one that is not what was written."""
        kept = []
        for record in self.segment_records().values():
            for name, digest in record.sha256.items():
                path = self.path / name
                if path.suffix == ".state" and path.is_file():
                    require_digest(path, digest)
                    kept.append(int(path.stem))
        return sorted(kept)

    def load_state(self, chunks_done: int) -> dict[str, torch.Tensor]:
        """The packed state after ``chunks_done`` chunks. Raises InputError when missing or damaged."""
        return read_state(self.state_path(chunks_done))

    def drop_segment_videos(self) -> None:
        """Remove the segments' videos once the joined video exists; their records and the states stay."""
        for suffix in (".mp4", ".mkv"):
            for path in (self.path / "segments").glob(f"*{suffix}"):
                path.unlink()

    def _is_whole(self, segment: int, suffixes: tuple[str, ...], png_frames: bool) -> bool:
        try:
            record = read_segment_record(self.segment_path(segment, ".json"))
        except InputError:
            return False  # half written on a file system that cannot rename: the segment is made again
        expected = {f"segments/{segment:06d}{suffix}" for suffix in suffixes}
        expected |= {
            f"states/{chunk + 1:06d}.state"
            for chunk in self.timeline.chunks_of(segment)
            if self.timeline.keeps_state(chunk + 1)
        }
        if png_frames:
            expected |= {f"frames/{frame:06d}.png" for frame in self.timeline.frames_of(segment)}
        if record is None or set(record.sha256) != expected:
            return False
        return all((self.path / n).is_file() and sha256_of(self.path / n) == h for n, h in record.sha256.items())


def future_name(index: int) -> str:
    """``f07`` for future 7."""
    return f"f{index:02d}"


def require_digest(path: Path, digest: str) -> None:
    """Raise InputError for a file of a run that is not the one with this SHA-256."""
    if sha256_of(path) != digest:
        raise InputError(f"{path} is not what this run wrote: it was damaged, edited or replaced. {WAY_OUT}")


def write_png(path: Path, frame: NDArray[np.uint8]) -> str:
    """Store a uint8 RGB frame (H, W, 3) as PNG, atomically; returns the SHA-256 of the file."""
    encoded, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    if not encoded:
        raise ValueError(f"could not encode a frame of shape {frame.shape} as PNG")
    content = data.tobytes()
    write_atomic(path, content)
    return sha256_of(content)


def read_png(path: Path) -> NDArray[np.uint8]:
    """A picture as uint8 RGB (H, W, 3). Raises InputError when it is missing or no picture."""
    if not path.is_file():
        raise InputError(f"there is no picture {path}.")
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path} is not a picture that can be read (PNG or JPEG expected).")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def frame_sha256(frame: NDArray[np.uint8]) -> str:
    """Digest of a picture's pixels (H, W, 3), whatever file it was kept in."""
    return sha256_of(np.ascontiguousarray(frame).tobytes())


def state_bytes(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Named tensors as compressed safetensors, copied so that none shares memory with another."""
    from safetensors.torch import save  # with torch, which only states need: a run's other files are read without it

    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    return zlib.compress(save(copies), level=1)  # rasters are mostly empty


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Named tensors that :func:`state_bytes` wrote. Raises InputError when it is missing or damaged."""
    if not path.is_file():
        raise InputError(f"there is no state {path}.")
    from safetensors.torch import load

    try:
        return load(zlib.decompress(path.read_bytes()))
    except (SafetensorError, zlib.error) as error:
        raise InputError(f"the state {path} is truncated or damaged.") from error
