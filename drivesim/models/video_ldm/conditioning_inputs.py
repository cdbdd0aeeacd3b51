"""Controls as network inputs: tensors with a flag that tells "absent" from "empty"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from drivesim.controls import (
    ATTRIBUTE_CHANNELS,
    LAYOUT_CHANNELS,
    LAYOUT_SIZE,
    MOTION_CHANNELS,
    SCENERY_CHANNELS,
    Controls,
)

#: Typical sizes of the motion channels (m, m, rad, m/s, 1/m, s), so that the network sees values of about 1.
MOTION_SCALE = torch.tensor([1.0, 0.1, 0.02, 10.0, 0.01, 0.1])


@dataclass(frozen=True, eq=False)
class ControlTensors:
    """Controls of N frames: ``layout`` (N, 19, 64, 128) and ``scenery`` (N, 12, 64, 128) in [0, 1], ``motion`` (N, 6)
    scaled, ``attributes`` (N, 13).

    The ``*_given`` flags (N,) are 1 where the control is told and 0 where it is withheld; withheld values are zero.
    """

    layout: Tensor
    layout_given: Tensor
    motion: Tensor
    motion_given: Tensor
    attributes: Tensor
    attributes_given: Tensor
    scenery: Tensor
    scenery_given: Tensor

    @classmethod
    def from_controls(cls, controls: Controls) -> ControlTensors:
        """The tensors of a :class:`~drivesim.controls.Controls`, float32 on the CPU."""
        count = controls.num_frames
        return cls.assemble(
            controls.layout if controls.layout is not None else np.zeros((count, len(LAYOUT_CHANNELS), *LAYOUT_SIZE)),
            controls.motion if controls.motion is not None else np.zeros((count, len(MOTION_CHANNELS))),
            controls.attributes if controls.attributes is not None else np.zeros((count, len(ATTRIBUTE_CHANNELS))),
            layout_given=torch.full((count,), float(controls.layout is not None)),
            motion_given=torch.full((count,), float(controls.motion is not None)),
            attributes_given=torch.full((count,), float(controls.attributes is not None)),
            scenery=controls.scenery,
            scenery_given=torch.full((count,), float(controls.scenery is not None)),
        )

    @classmethod
    def assemble(
        cls,
        layout: np.ndarray,
        motion: np.ndarray,
        attributes: np.ndarray,
        *,
        layout_given: Tensor,
        motion_given: Tensor,
        attributes_given: Tensor,
        scenery: np.ndarray | None = None,
        scenery_given: Tensor | None = None,
    ) -> ControlTensors:
        """From stored arrays (layout and scenery uint8) and flags (N,); withheld rows are set to zero.

        Without ``scenery`` and its flag it is withheld.
        """
        count = len(layout)
        if scenery is None:
            scenery = np.zeros((count, len(SCENERY_CHANNELS), *LAYOUT_SIZE), np.uint8)
        if scenery_given is None:
            scenery_given = torch.zeros(count)
        scenery_tensor = torch.from_numpy(np.ascontiguousarray(scenery)).float() / 255.0
        layout_tensor = torch.from_numpy(np.ascontiguousarray(layout)).float() / 255.0
        motion_tensor = torch.from_numpy(np.ascontiguousarray(motion)).float() / MOTION_SCALE
        attribute_tensor = torch.from_numpy(np.ascontiguousarray(attributes)).float()
        return cls(
            layout=layout_tensor * layout_given[:, None, None, None],
            layout_given=layout_given,
            motion=motion_tensor.clamp(-4.0, 4.0) * motion_given[:, None],
            motion_given=motion_given,
            attributes=attribute_tensor * attributes_given[:, None],
            attributes_given=attributes_given,
            scenery=scenery_tensor * scenery_given[:, None, None, None],
            scenery_given=scenery_given,
        )

    def to(self, device: torch.device | str, dtype: torch.dtype) -> ControlTensors:
        """The same on another device and in another dtype."""
        return ControlTensors(**{name: value.to(device, dtype) for name, value in vars(self).items()})

    def followed_by(self, later: ControlTensors) -> ControlTensors:
        """These frames, then those of ``later``."""
        return ControlTensors(**{name: torch.cat([value, getattr(later, name)]) for name, value in vars(self).items()})

    def attribute_features(self) -> Tensor:
        """Attributes with their flag (N, 14)."""
        return torch.cat([self.attributes, self.attributes_given[:, None]], dim=1)

    def motion_features(self) -> Tensor:
        """Motion with its flag (N, 7)."""
        return torch.cat([self.motion, self.motion_given[:, None]], dim=1)
