"""A run: futures of one scene from one frame, made one after the other and kept so that any crash can be continued."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from drivesim.clip import frames_to_tensor
from drivesim.controls import Controls, ControlSource
from drivesim.errors import InputError
from drivesim.runs.engine import LAST_FRAME, DecodedChunk, generate, thread_count, unpacked_frame
from drivesim.runs.future import Future
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import Recorder, finish_future, is_finished, require_intact, video_suffixes
from drivesim.runs.run_folder import RunFolder, frame_sha256, future_name, read_png, read_state, state_bytes, write_png
from drivesim.storage import remove_partial_files, sha256_of, write_atomic
from drivesim.world_model import WorldModel

#: Called with (future, frames added, whether they were found on disk rather than made).
Listener = Callable[[int, int, bool], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beginning:
    """What a run starts from: the frame all futures share, and the packed state after it when it is a branch.

    ``frame`` uint8 RGB (H, W, 3); ``state`` is None for a run that begins with a start frame.
    """

    frame: NDArray[np.uint8]
    state: dict[str, torch.Tensor] | None = None


def require_room(run: RunFolder, *, resume: bool) -> None:
    """Raise InputError when the folder holds something else than a run of ours, or, without ``resume``, any run."""
    if run.manifest_path.is_file() and not resume:
        raise InputError(
            f"{run.path} already holds a run. Continue it with --resume, or choose another folder with --out."
        )
    run.refuse_foreign()


def open_or_create(
    run: RunFolder,
    wanted: Manifest,
    scenario_yaml: str,
    begin: Callable[[], Beginning],
    write_tracks: Callable[[], None],
    *,
    resume: bool,
) -> Beginning:
    """Make the run folder, or check that the one there is this run; returns what the run starts from.

    ``begin`` and ``write_tracks`` are called only for a new run, whose manifest is written last and makes it a run.
    Raises InputError when the folder holds something else, or, without ``resume``, anything. Call it while holding
    ``run.locked()``.
    """
    require_room(run, resume=resume)
    if run.manifest_path.is_file():
        return open_existing(run, wanted, write_tracks)
    remove_partial_files(run.path)
    beginning = begin()
    write_atomic(run.scenario_path, scenario_yaml)
    write_tracks()
    write_png(run.start_frame_path, beginning.frame)
    if beginning.state is not None:
        write_atomic(run.start_state_path, state_bytes(beginning.state))
    written = (run.shared_tracks_path, run.start_frame_path, run.start_state_path)
    manifest = dataclasses.replace(
        wanted,
        start_frame_sha256=frame_sha256(beginning.frame),
        files={path.name: sha256_of(path) for path in written if path.is_file()},
    )
    write_atomic(run.manifest_path, manifest.to_json())
    return beginning


def open_existing(run: RunFolder, wanted: Manifest, write_tracks: Callable[[], None]) -> Beginning:
    """What a stored run started from. Raises InputError when it is another than ``wanted``, or not what it was."""
    run.manifest().require_same(wanted, str(run.path))
    run.scenario_text()
    run.require_files()
    if run.shared_tracks_path.name in run.manifest().files and not run.shared_tracks_path.is_file():
        write_tracks()
    return stored_beginning(run)


def stored_beginning(run: RunFolder) -> Beginning:
    """What a stored run started from. Raises InputError when the files are damaged or were changed."""
    manifest = run.manifest()
    frame = read_png(run.start_frame_path)
    if frame_sha256(frame) != manifest.start_frame_sha256:
        raise InputError(f"{run.start_frame_path} was changed since the run began; it cannot be resumed.")
    return Beginning(frame=frame, state=None if manifest.branch is None else read_state(run.start_state_path))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ingredients:
    """What every future of a run is made from.

    ``start_controls`` are those of the shared frame alone; ``controls_of(future)`` what the model is told after it, on
    the scene's grid. ``write_tracks(future)`` stores the tracks of a future that has its own.
    """

    model: WorldModel[Any, Any]
    beginning: Beginning
    start_controls: Controls
    controls_of: Callable[[int], ControlSource]
    write_tracks: Callable[[int], None] = lambda future: None

    def first_moment(self) -> Moment:
        """The model's state after the shared frame, and that frame."""
        if self.beginning.state is not None:
            return restored(self.model, self.beginning.state)
        with torch.inference_mode():
            state = self.model.begin(frames_to_tensor(self.beginning.frame[None]), self.start_controls)
        return Moment(state=state, frame=self.beginning.frame)


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """Where a rollout goes on: the model's ``state``, and the ``frame`` shown last, uint8 RGB (H, W, 3)."""

    state: Any
    frame: NDArray[np.uint8]


def restored(model: WorldModel[Any, Any], tensors: dict[str, torch.Tensor]) -> Moment:
    """A stored moment, ready to be continued. Raises InputError when it is another model's."""
    own = {name: tensor for name, tensor in tensors.items() if name != LAST_FRAME}
    try:
        if LAST_FRAME not in tensors:
            raise ValueError(f"it holds no {LAST_FRAME!r}")
        with torch.inference_mode():
            return Moment(state=model.unpack_state(own), frame=unpacked_frame(tensors[LAST_FRAME]))
    except ValueError as error:
        raise InputError(f"the stored state does not fit this model: {error}") from error


def make_futures(
    run: RunFolder,
    ingredients: Ingredients,
    indices: Sequence[int],
    listener: Listener = lambda future, count, found: None,
) -> tuple[Future, ...]:
    """Make the futures ``indices`` of a run, continuing whatever of them is already stored.

    Call it while holding ``run.locked()``, or its shared lock and those of these futures.
    """
    manifest = run.manifest()
    with thread_count(manifest.threads.denoise):
        moment = ingredients.first_moment()
    for index in indices:
        remove_partial_files(run.future(index).path)
        remove_partial_files(run.path, future_name(index))
        require_intact(run, index)
    for index in indices:
        if is_finished(run, index):
            run.future(index).drop_segment_videos()
            if manifest.develops_apart and not run.tracks_path(index).is_file():
                ingredients.write_tracks(index)
            listener(index, manifest.timeline.num_frames, True)
            continue
        _make_future(run, manifest, index, ingredients, moment, listener)
        finish_future(run, manifest, index)
    return tuple(Future(index=index, folder=run.path, manifest=manifest) for index in indices)


def _make_future(
    run: RunFolder, manifest: Manifest, index: int, ingredients: Ingredients, moment: Moment, listener: Listener
) -> None:
    folder, timeline = run.future(index), manifest.timeline
    complete = folder.complete_segments(video_suffixes(manifest), manifest.png_frames)
    if complete:
        listener(index, timeline.frames_of(complete - 1).stop, True)
    if complete == timeline.num_segments:
        return
    recorder = Recorder(folder, manifest, ingredients.beginning.frame, lambda count: listener(index, count, False))
    ingredients.write_tracks(index)
    if timeline.num_chunks == 0:
        recorder.record_start_only()
        return
    first_chunk = timeline.chunks_of(complete).start
    if complete:
        moment = restored(ingredients.model, folder.load_state(first_chunk))
    chunks = chunks_of(ingredients, manifest, index, moment, first_chunk)
    with contextlib.closing(chunks):
        for chunk in chunks:
            recorder.record(chunk)


def chunks_of(
    ingredients: Ingredients, manifest: Manifest, index: int, moment: Moment, first_chunk: int = 0
) -> Generator[DecodedChunk, None, None]:
    """The chunks of future ``index`` from ``first_chunk`` on, before which ``moment`` is."""
    return generate(
        ingredients.model,
        moment.state,
        ingredients.controls_of(index),
        manifest.stream_of(index),
        manifest.timeline,
        previous=moment.frame,
        threads=manifest.threads,
        first_chunk=first_chunk,
        scene_frame=manifest.scene_frame,
    )
