"""The product in one file: scenario → scene → controls → start frame → futures on disk.

::

    model = load_model()
    (scenario,) = load("highway-cut-in.yaml")
    picture = start_frame(model, scenario, seed=7)
    video = rollout(model, scenario, seconds=30, seed=7).video
    for future in futures(model, scenario, num_futures=8, seconds=8, seed=7):
        print(future.id, future.video, future.frames(2.0, 4.0).shape)
    later = branch(model, "runs/highway-cut-in-7", at_s=4.0, num_futures=8, seconds=8)
    for piece in generate(model, scenario, seconds=30, seed=7):  # the same frames as the rollout's, nothing stored
        print(piece.first, piece.frames.shape, piece.scene.ego.speed_mps[-1])
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivesim.errors import InputError
from drivesim.folder_lock import FolderInUseError
from drivesim.models import load_model
from drivesim.options import DEFAULT_OPTIONS, MOST_FUTURES, Options
from drivesim.planning import plan_run, require_disk
from drivesim.run_spec import RunSpec, decide, decide_branch, frames_of
from drivesim.runs.cost import Pace
from drivesim.runs.engine import thread_count
from drivesim.runs.future import Future, open_run
from drivesim.runs.manifest import Manifest
from drivesim.runs.plan import Plan
from drivesim.runs.run import Listener, chunks_of, make_futures, open_existing, open_or_create, require_room
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.tracks import write_tracks
from drivesim.scenarios import Scenario, load
from drivesim.scenarios.ego_plan import WrittenPlan
from drivesim.scene import Scene
from drivesim.storage import require_folder
from drivesim.world_model import LoadedModel

__all__ = [
    "Future",
    "Options",
    "Piece",
    "Plan",
    "branch",
    "futures",
    "generate",
    "load",
    "load_model",
    "make",
    "open_run",
    "plan",
    "rollout",
    "start_frame",
]


def start_frame(model: LoadedModel, scenario: Scenario, *, seed: int = 0, variation: int = 0) -> NDArray[np.uint8]:
    """The first frame of a scenario, uint8 RGB (H, W, 3): synthesised, or the scenario's own picture resized and cropped."""
    decided = decide(model, scenario, num_frames=1, seed=seed, options=Options(variation=variation))
    return decided.beginning.frame


def rollout(
    model: LoadedModel,
    scenario: Scenario,
    *,
    seconds: float | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    resume: bool = False,
    options: Options = DEFAULT_OPTIONS,
) -> Future:
    """One future of a scenario, ``seconds`` long (the scenario's duration by default), stored in a run folder.

    ``out`` is ``runs/<scenario>-<seed>`` by default. Raises InputError when it is taken and ``resume`` is not set.
    """
    decided = decide(model, scenario, num_frames=num_frames(model, scenario, seconds), seed=seed, options=options)
    folder = default_folder(decided.manifest) if out is None else Path(out)
    _say_what_is_left(decided.scenario, folder)
    return _made_where_there_is_room(decided, folder, [0], resume=resume)[0]


def plan(
    model: LoadedModel,
    scenario: Scenario,
    *,
    num_futures: int = 1,
    seconds: float | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Plan:
    """What :func:`rollout`, or with more futures :func:`futures`, would take: ``seconds``, ``disk_bytes``, ``memory_bytes``.

    From what runs of the same settings took on this machine; the first time a few chunks are made to measure it. Nothing is
    written but that figure, in the user's cache. ``plan(…).text()`` says it in a line, ``require_disk()`` raises InputError
    where the disk of ``out`` cannot hold it, as rollout, futures and branch do of themselves.
    """
    several = len(_indices(num_futures)) > 1
    length = num_frames(model, scenario, seconds)
    decided = decide(model, scenario, num_frames=length, seed=seed, options=options, several=several)
    folder = default_folder(decided.manifest, "-futures" if several else "") if out is None else Path(out)
    return plan_run(decided, num_futures, folder)


def futures(
    model: LoadedModel,
    scenario: Scenario,
    *,
    num_futures: int = 16,
    seconds: float = 8.0,
    seed: int = 0,
    start: NDArray[np.uint8] | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    options: Options = DEFAULT_OPTIONS,
) -> tuple[Future, ...]:
    """Several futures of one start frame: future k is the same alone or among many.

    By default each shows a development of its own: from the same t = 0, other drivers' decisions (``options.actors``), under the
    same noise. Free and scripted ones differ by their noise (``options.noise``).
    ``start`` uint8 RGB (H, W, 3) replaces the start frame. ``out`` is ``runs/<scenario>-<seed>-futures`` by default.
    """
    indices = _indices(num_futures)
    length = num_frames(model, scenario, seconds)
    decided = decide(model, scenario, num_frames=length, seed=seed, options=options, start=start, several=True)
    folder = default_folder(decided.manifest, "-futures") if out is None else Path(out)
    _say_what_is_left(decided.scenario, folder)
    return _made_where_there_is_room(decided, folder, indices, resume=resume)


def branch(
    model: LoadedModel,
    run: Path | str,
    *,
    at_s: float,
    num_futures: int = 16,
    seconds: float = 8.0,
    future: int = 0,
    seed: int | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    options: Options = DEFAULT_OPTIONS,
    ego_plan: WrittenPlan | None = None,
) -> tuple[Future, ...]:
    """New futures that share the past of a stored one up to ``at_s`` seconds and nothing after it.

    They start at the last stored moment at or before ``at_s``; ``manifest.branch.time_s`` says exactly when, and frame 0
    is the frame shown then. ``seed`` is the root of the new noise, the run's own by default. From then on the ego follows
    ``ego_plan`` (a CSV file, columns or a function, on the scene's clock) where one is given, and the traffic reacts to it.
    """
    indices = _indices(num_futures)
    decided = decide_branch(
        model, Path(run), at_s=at_s, seconds=seconds, future=future, seed=seed, options=options, ego_plan=ego_plan
    )
    folder = branch_folder(decided.manifest, replanned=ego_plan is not None) if out is None else Path(out)
    _say_what_is_left(decided.scenario, folder)
    return _made_where_there_is_room(decided, folder, indices, resume=resume)


def _made_where_there_is_room(
    decided: RunSpec, folder: Path, indices: Sequence[int], *, resume: bool
) -> tuple[Future, ...]:
    if not resume:
        require_folder(folder)
        if folder.is_dir():
            require_room(RunFolder(folder), resume=False)
        require_disk(decided, len(indices), folder)
    return make(decided, folder, indices=indices, resume=resume)


def _indices(num_futures: int) -> range:
    if not 1 <= num_futures <= MOST_FUTURES:
        raise InputError(f"num_futures is {num_futures}: expected 1 to {MOST_FUTURES}.")
    return range(num_futures)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """Frames of a future, uint8 RGB (T, H, W, 3), from frame ``first`` on, and the ``scene`` of T frames that they show."""

    first: int
    frames: NDArray[np.uint8]
    scene: Scene


def generate(
    model: LoadedModel,
    scenario: Scenario,
    *,
    seconds: float | None = None,
    seed: int = 0,
    future: int | None = None,
    start: NDArray[np.uint8] | None = None,
    options: Options = DEFAULT_OPTIONS,
) -> Iterator[Piece]:
    """Frames while they are made, in memory: the first alone, then chunk by chunk; nothing is stored.

    They are those that :func:`rollout` would store, or with ``future`` those of that one of :func:`futures`, before video
    compression. Whoever has seen enough stops asking; what is already under way is then finished and dropped.
    """
    decided = decide(
        model,
        scenario,
        num_frames=num_frames(model, scenario, seconds),
        seed=seed,
        options=options,
        start=start,
        several=future is not None,
    )
    return _pieces(decided, future or 0)


def _pieces(decided: RunSpec, future: int) -> Iterator[Piece]:
    manifest, scene = decided.manifest, decided.scene_of(future)
    with thread_count(manifest.threads.denoise):
        ingredients = decided.ingredients(decided.beginning)
        moment = ingredients.first_moment()
    first = 0
    chunks = chunks_of(ingredients, manifest, future, moment)
    with contextlib.closing(chunks):
        for frames in itertools.chain([moment.frame[None]], (chunk.frames for chunk in chunks)):
            begins = manifest.scene_frame + first
            yield Piece(first=first, frames=frames, scene=scene.window(begins, begins + len(frames)))
            first += len(frames)


def make(
    decided: RunSpec,
    folder: Path,
    *,
    indices: Sequence[int],
    resume: bool = False,
    listener: Listener = lambda future, count, found: None,
) -> tuple[Future, ...]:
    """Make futures of what was decided, in a new run folder or, with ``resume``, continuing the one that is there.

    What this shows of the machine's speed is remembered for the next plan.
    """
    run = RunFolder(folder)
    shared_tracks, own_tracks = _track_writers(decided, run)
    with run.locked():
        beginning = open_or_create(
            run, decided.manifest, decided.scenario.to_yaml(), lambda: decided.beginning, shared_tracks, resume=resume
        )
        ingredients = dataclasses.replace(decided.ingredients(beginning), write_tracks=own_tracks)
        pace = Pace(listener)
        made = make_futures(run, ingredients, indices, pace.hear)
        pace.remember(decided.manifest)
        return made


def make_beside_others(
    decided: RunSpec,
    folder: Path,
    index: int,
    *,
    wait_s: float = 600.0,
    listener: Listener = lambda future, count, found: None,
) -> Future:
    """Make one future of a run, of which other processes may be making others at the same time, or go on with it.

    Whoever comes first makes the run folder and its start frame; the others wait for that up to ``wait_s`` seconds. Raises
    FolderInUseError when somebody else keeps the whole run, or this future.
    """
    run = RunFolder(folder)
    shared_tracks, own_tracks = _track_writers(decided, run)
    deadline = time.monotonic() + wait_s
    while True:
        with run.locked(shared=True, wait_s=deadline - time.monotonic()):
            if run.manifest_path.is_file():
                beginning = open_existing(run, decided.manifest, shared_tracks)
                ingredients = dataclasses.replace(decided.ingredients(beginning), write_tracks=own_tracks)
                with run.future(index).locked():
                    return make_futures(run, ingredients, [index], listener)[0]
        with contextlib.suppress(FolderInUseError), run.locked():
            if not run.manifest_path.is_file():
                text = decided.scenario.to_yaml()
                open_or_create(run, decided.manifest, text, lambda: decided.beginning, shared_tracks, resume=True)


def _track_writers(decided: RunSpec, run: RunFolder) -> tuple[Callable[[], None], Callable[[int], None]]:
    """What writes the tracks of the run, and what those of a future: one of them has nothing to do."""
    manifest = decided.manifest

    def tracks(path: Path, scene: Scene) -> None:
        write_tracks(
            path,
            scene,
            start=manifest.scene_frame,
            stop=manifest.scene_frame + manifest.timeline.num_frames,
            actors=manifest.actors,
            ego=manifest.ego,
            told_start=manifest.branch is None and decided.told_at_start,
        )

    def shared_tracks() -> None:
        if not manifest.develops_apart:
            tracks(run.shared_tracks_path, decided.scene)

    def own_tracks(future: int) -> None:
        if manifest.develops_apart:
            tracks(run.tracks_path(future), decided.scene_of(future))

    return shared_tracks, own_tracks


def num_frames(model: LoadedModel, scenario: Scenario, seconds: float | None) -> int:
    """Frames of a video of ``seconds``, by default the scenario's duration. Raises InputError below one frame."""
    length = float(scenario.video_settings.duration) if seconds is None else seconds
    return frames_of(length, model.world_model.spec.fps)


def default_folder(manifest: Manifest, suffix: str = "") -> Path:
    """``runs/<scenario>-<seed>``, with the variation where it is not the first."""
    variation = f"-v{manifest.variation:03d}" if manifest.variation else ""
    return Path("runs") / f"{manifest.scenario_id}{variation}-{manifest.seed}{suffix}"


def _say_what_is_left(scenario: Scenario, folder: Path) -> None:
    """Warn of outputs that need the finished run: these functions make it, others export it."""
    for name in scenario.outputs:
        if name not in ("mp4", "frames"):
            call = f"drivesim.export_run({str(folder)!r}, {name!r})"
            warnings.warn(f"outputs: {name} is not written here; afterwards {call} does.", UserWarning, stacklevel=3)


def branch_folder(manifest: Manifest, *, replanned: bool = False) -> Path:
    """Beside the parent run: ``<run>-f00-at-4.0s``, with the seed of the noise where it is another, ``-plan`` with a new plan."""
    origin = manifest.branch
    assert origin is not None
    seed = "" if manifest.stream_root == manifest.seed else f"-seed{manifest.stream_root}"
    parent = Path(origin.run)
    plan = "-plan" if replanned else ""
    return parent.with_name(f"{parent.name}-f{origin.future:02d}-at-{origin.time_s:.1f}s{seed}{plan}")
