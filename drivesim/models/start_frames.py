"""Start frames of a family without an image model: those of another model."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from drivesim.controls import Controls
from drivesim.models.load import load_model
from drivesim.noise import NoiseStream
from drivesim.world_model import StartFrameModel


class BorrowedStartFrames:
    """The start frames of the model ``name``, which is loaded when the first is asked for: a run from a picture needs none."""

    def __init__(self, name: str, device: str, dtype: str) -> None:
        self.name = name
        self.device = device
        self.dtype = dtype

    @cached_property
    def lender(self) -> StartFrameModel:
        """The model that makes them. Raises ModelError when it is not there."""
        return load_model(self.name, device=self.device, dtype=self.dtype).start_frame_model

    def sample(self, controls: Controls, noise: NoiseStream) -> Tensor:
        """One frame (1, 3, H, W) for the controls of one frame."""
        return self.lender.sample(controls, noise)
