"""Videos that a model makes of a scene, in memory: what a run stores on disk, without the disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning import SceneControls
from drivesim.controls import Control, Controls, ControlSource
from drivesim.errors import ModelError
from drivesim.noise import NoiseStream
from drivesim.options import Threads
from drivesim.runs.engine import generate
from drivesim.runs.timeline import Timeline
from drivesim.scene import Scene
from drivesim.world_model import LoadedModel

#: What a model is told after the first frame: everything, all but where the actors go, or the weather alone.
SCRIPTED = frozenset(Control)
FREE = SCRIPTED - {Control.ACTORS}
UNTOLD = frozenset({Control.ATTRIBUTES})


def frames_needed(model: LoadedModel, num_frames: int) -> int:
    """Frames that a scene must have for a video of ``num_frames``: a model works in whole chunks."""
    return _timeline(model, num_frames).control_frames


def start_frame(model: LoadedModel, scene: Scene, noise: NoiseStream) -> np.ndarray:
    """The first frame of a scene, uint8 RGB (H, W, 3), as the model synthesises it."""
    with torch.inference_mode():
        picture = model.start_frame_model.sample(SceneControls(scene.window(0, 2)).window(0, 1), noise)
    return tensor_to_frames(picture)[0]


def generate_video(
    model: LoadedModel, scene: Scene, first: np.ndarray, told: frozenset[Control], num_frames: int, noise: NoiseStream
) -> np.ndarray:
    """``num_frames`` uint8 RGB frames (T, H, W, 3) that go on from ``first``, which is frame 0 of them and of ``scene``.

    ``told`` is what the model is told of the later frames; of the first it is told all it obeys. Chunk c draws from
    ``noise.child(c)``, as in a run.
    """
    spec = model.world_model.spec
    controls = SceneControls(scene, spec.controls & told, with_flow=True)
    state = begin(model, scene, first)
    return np.stack(list(continued(model, state, controls, first, num_frames, noise)))


def continued(
    model: LoadedModel, state: Any, controls: ControlSource, first: np.ndarray, num_frames: int, noise: NoiseStream
) -> Iterator[np.ndarray]:
    """``num_frames`` uint8 RGB frames (H, W, 3), one by one: ``first``, and what the model makes of ``state`` behind it.

    ``controls`` are those of :func:`frames_needed` frames, the first frame's among them. Chunk c draws from ``noise.child(c)``.
    """
    yield first
    chunks = generate(
        model.world_model,
        state,
        controls,
        noise,
        _timeline(model, num_frames),
        previous=first,
        threads=Threads.for_this_machine(),
    )
    with contextlib.closing(chunks):
        for chunk in chunks:
            yield from chunk.frames


def begin(model: LoadedModel, scene: Scene, first: np.ndarray) -> Any:
    """The model's state after the first frame of a scene."""
    controls = SceneControls(scene.window(0, 2), model.world_model.spec.controls).window(0, 1)
    with torch.inference_mode():
        return model.world_model.begin(frames_to_tensor(first[None]), controls)


def round_trip(
    model: LoadedModel, frames: np.ndarray, batch_size: int = 4, *, told: ControlSource | None = None
) -> Iterator[np.ndarray]:
    """Frames uint8 (T, H, W, 3) through the model's codec and back, one by one: the best the model could do.

    The decoder is told nothing, or what ``told`` says of these frames. Raises ModelError for a model that shows no codec.
    """
    codec = getattr(model.world_model, "codec", None)
    if codec is None:
        raise ModelError(
            f"model {model.world_model.spec.name!r} shows no codec, so there is no round trip to compare with"
        )
    batch_size = getattr(codec, "clip_frames", batch_size)  # what is coded as a whole is measured as a whole
    for first in range(0, len(frames), batch_size):
        with torch.inference_mode():
            batch = frames_to_tensor(frames[first : first + batch_size])
            said = Controls(num_frames=len(batch)) if told is None else told.window(first, first + len(batch))
            decoded = codec.decode(codec.encode(batch), said)
        yield from tensor_to_frames(decoded)


def _timeline(model: LoadedModel, num_frames: int) -> Timeline:
    spec = model.world_model.spec
    return Timeline.plan(num_frames=num_frames, chunk_frames=spec.chunk_frames, fps=spec.fps)
