"""The contract between a world model and everything that drives one.

A world model is stateless: state in, state out. A state is opaque and immutable, so any state may be continued twice
with other noise (many futures), stored (resume) or branched. Latents pass from chunk to chunk inside the state and are
never decoded and encoded again. Making and decoding a chunk are two calls, so that an engine can overlap the decoding of
chunk k with the making of chunk k + 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from drivesim.controls import Control, Controls
from drivesim.noise import NoiseStream
from drivesim.options import RolloutMode

State = TypeVar("State")
Chunk = TypeVar("Chunk")


@dataclass(frozen=True, kw_only=True)
class WorldModelSpec:
    """What a model makes: frame size in pixels, rate, frames of context it reads, frames per chunk, controls it obeys.

    ``weights_sha256`` identifies the weights, ``name`` the model. ``mode`` is the way that it goes on where that is not its own; its
    files, and so the hash, say which is.
    """

    name: str
    height: int
    width: int
    fps: float
    context_frames: int
    chunk_frames: int
    controls: frozenset[Control]
    weights_sha256: str
    mode: RolloutMode | None = None


class WorldModel(Protocol[State, Chunk]):
    """Continues a video of one future chunk by chunk.

    Frames are float (T, 3, H, W) in [-1, 1] at the spec's size. One call works on one future: the row of a batch then
    never depends on its neighbours, and future k is the same alone or among many.
    """

    @property
    def spec(self) -> WorldModelSpec: ...

    def begin(self, past: torch.Tensor, controls: Controls) -> State:
        """State after the frames ``past`` (T, 3, H, W), T >= 1, seen under ``controls`` of the same T frames."""
        ...

    def step(self, state: State, controls: Controls, noise: NoiseStream) -> tuple[Chunk, State]:
        """The next ``chunk_frames`` frames as an opaque chunk, and the state after them.

        ``controls`` covers just the new frames. Raises ValueError when they hold another number of frames.
        """
        ...

    def draw(self, chunk: Chunk) -> Chunk:
        """The chunk with all of its decoding done that does not need the frame before; one without such work as it is.

        Any thread may call it, also while another chunk is made or decoded. Decoding a chunk that was not drawn gives the same frames.
        """
        ...

    def decode(self, chunk: Chunk, previous: torch.Tensor) -> torch.Tensor:
        """Frames (T, 3, H, W) of a chunk, float32 in [-1, 1] on the CPU.

        ``previous`` (3, H, W) is the frame before the chunk as it was shown; a model may carry on what is seen there.
        """
        ...

    def pack_state(self, state: State) -> dict[str, torch.Tensor]:
        """The state as named tensors, enough for :meth:`unpack_state` to continue bit-equal."""
        ...

    def unpack_state(self, tensors: Mapping[str, torch.Tensor]) -> State:
        """The state that :meth:`pack_state` wrote. Raises ValueError when tensors are missing or of another shape."""
        ...


@runtime_checkable
class StartFrameModel(Protocol):
    """Makes the first frame from the controls at t = 0."""

    def sample(self, controls: Controls, noise: NoiseStream) -> torch.Tensor:
        """One frame (1, 3, H, W), float32 in [-1, 1], for the controls of one frame."""
        ...


class LoadedModel(Protocol):
    """A model ready for use: both halves, and what decides their pixels beside the weights."""

    @property
    def world_model(self) -> WorldModel[Any, Any]: ...
    @property
    def start_frame_model(self) -> StartFrameModel: ...
    @property
    def device(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def steps(self) -> int: ...


def next_frames(
    model: WorldModel[State, Chunk], state: State, controls: Controls, noise: NoiseStream, previous: torch.Tensor
) -> tuple[torch.Tensor, State]:
    """Step and decode in one call: frames (T, 3, H, W) of the next chunk, behind ``previous``, and the state after it."""
    chunk, after = model.step(state, controls, noise)
    return model.decode(chunk, previous), after
