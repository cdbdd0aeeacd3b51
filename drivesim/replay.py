"""Replaying: one future of a stored run made again, alone, from what its manifest says, and held against what was stored."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.run_spec import RunSpec, developed, stored_scenario
from drivesim.runs.future import Future
from drivesim.runs.manifest import Manifest, require_maker, software_versions
from drivesim.runs.recorder import finished_record, require_vouched
from drivesim.runs.run import Listener, stored_beginning
from drivesim.runs.run_folder import RunFolder, future_name
from drivesim.simulate import make
from drivesim.world_model import LoadedModel


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A future that was made again, and the names of its files whose bytes are not those of the first time.

    ``changes`` says what is another way than it was then: versions, device or dtype. Nothing of that ought to matter on one
    machine; between machines, arithmetic may differ in the last bit, and video with it.
    """

    future: Future
    different: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every video of the future, and its tracks, are equal byte for byte."""
        return not self.different


def decide_replay(model: LoadedModel, run: Path, future: int = 0) -> RunSpec:
    """The spec of a stored run as its manifest has it, to make ``future`` again: scene, controls, noise and first frame.

    Raises InputError when the run has no such finished future, another model made it, or a file that it needs was changed.
    """
    folder = RunFolder(run)
    manifest = folder.manifest()
    folder.require_files()
    scenario = stored_scenario(folder)
    require_maker(run, manifest, model.world_model.spec, "Only the model that made a future can make it again")
    made_at_once, makes = manifest.timeline.chunk_frames, model.world_model.spec.chunk_frames
    if made_at_once != makes:
        raise InputError(
            f"{run} was made with {made_at_once} frames per call, the model as it was loaded makes {makes}; load it with "
            f"frames_per_call={made_at_once}."
        )
    if finished_record(folder, future) is None:
        made = [index for index in folder.future_indices() if finished_record(folder, index) is not None]
        there = ", ".join(str(index) for index in made) or "none yet"
        raise InputError(
            f"{run} has no finished future {future} to hold a replay against (finished: {there}). Finish it with --resume."
        )
    require_vouched(folder, future)
    again = dataclasses.replace(
        manifest, device=model.device, dtype=model.dtype, steps=model.steps, versions=software_versions(),
        command=tuple(sys.argv), files={},
    )  # fmt: skip
    return RunSpec(
        model=model,
        scenario=scenario,
        scene=developed(scenario, manifest, 0),
        manifest=again,
        given_start=stored_beginning(folder),
    )


def replay(
    model: LoadedModel,
    run: Path | str,
    future: int = 0,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    listener: Listener = lambda future, count, found: None,
) -> Replayed:
    """Make one future of a stored run again, alone, and compare it with what was stored.

    ``out`` is ``<run>-replay-f07`` by default. Raises InputError as :func:`decide_replay`, and for a folder that is taken.
    """
    decided = decide_replay(model, Path(run), future)
    target = replay_folder(Path(run), future) if out is None else Path(out)
    (made,) = make(decided, target, indices=[future], resume=resume, listener=listener)
    return compared(Path(run), made)


def replay_folder(run: Path, future: int) -> Path:
    """Beside the run: ``<run>-replay-f07``."""
    return run.with_name(f"{run.name}-replay-{future_name(future)}")


def compared(run: Path, made: Future) -> Replayed:
    """What of a replayed future differs from the stored one: videos, and tracks where it has its own."""
    stored, again = (finished_record(RunFolder(folder), made.index) for folder in (run, made.folder))
    assert stored is not None and again is not None
    tracks = RunFolder(run).tracks_path(made.index).name
    first = {name: video.sha256 for name, video in stored.videos.items()}
    second = {name: video.sha256 for name, video in again.videos.items()}
    if tracks in stored.files:
        first[tracks], second[tracks] = stored.files[tracks], again.files.get(tracks, "")
    different = tuple(name for name, digest in first.items() if second.get(name) != digest)
    return Replayed(future=made, different=different, changes=tuple(_changes(RunFolder(run).manifest(), made.manifest)))


def _changes(stored: Manifest, again: Manifest) -> list[str]:
    pairs = {"device": (stored.device, again.device), "dtype": (stored.dtype, again.dtype)}
    pairs |= {"steps": (str(stored.steps), str(again.steps))}
    names = [*stored.versions, *(name for name in again.versions if name not in stored.versions)]
    pairs |= {name: (stored.versions.get(name, "unknown"), again.versions.get(name, "unknown")) for name in names}
    return [f"{name} {before} then, {now} now" for name, (before, now) in pairs.items() if before != now]
