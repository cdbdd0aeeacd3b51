"""Controls as network inputs: tensors with a flag that tells "absent" from "empty"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from drivesim.controls import (
    ATTRIBUTE_CHANNELS,
    FIGURE_CHANNELS,
    LAYOUT_SIZE,
    MOTION_CHANNELS,
    RASTER_CHANNELS,
    Control,
    Controls,
)

#: Typical sizes of the motion channels (m, m, rad, m/s, 1/m, s), so that the network sees values of about 1.
MOTION_SCALE = torch.tensor([1.0, 0.1, 0.02, 10.0, 0.01, 0.1])

#: Shape of each control of one frame.
SHAPES: dict[Control, tuple[int, ...]] = {
    **{kind: (len(planes), *LAYOUT_SIZE) for kind, planes in RASTER_CHANNELS.items()},
    Control.MOTION: (len(MOTION_CHANNELS),),
    Control.ATTRIBUTES: (len(ATTRIBUTE_CHANNELS),),
}


@dataclass(frozen=True, eq=False)
class ControlTensors:
    """Controls of N frames: the rasters ``map`` (N, 4, 128, 256), ``scenery`` (N, 21, ...) and ``actors`` (N, 29, ...) in
    [0, 1], ``motion`` (N, 6) scaled, ``attributes`` (N, 13).

    The ``*_given`` flags (N,) are 1 where the control is told and 0 where it is withheld; withheld values are zero.
    """

    map: Tensor
    map_given: Tensor
    scenery: Tensor
    scenery_given: Tensor
    actors: Tensor
    actors_given: Tensor
    motion: Tensor
    motion_given: Tensor
    attributes: Tensor
    attributes_given: Tensor

    @classmethod
    def from_controls(cls, controls: Controls) -> ControlTensors:
        """The tensors of a :class:`~drivesim.controls.Controls`, float32 on the CPU."""
        told = {kind.value: getattr(controls, kind.value) for kind in controls.given()}
        return cls.assemble(controls.num_frames, told, {})

    @classmethod
    def assemble(
        cls, count: int, arrays: Mapping[str, np.ndarray | Tensor], given: Mapping[str, Tensor]
    ) -> ControlTensors:
        """From arrays of ``count`` frames by the name of their control (rasters uint8) and flags (N,), 1 where none is named.

        A control without an array is withheld; rows whose flag is 0 are set to zero.
        """
        made: dict[str, Tensor] = {}
        for kind, shape in SHAPES.items():
            name = kind.value
            if name not in arrays:
                # One number for all: an absent raster costs no memory.
                made[name] = torch.zeros(()).expand(count, *shape)
                made[f"{name}_given"] = torch.zeros(count)
                continue
            array = arrays[name]
            values = torch.from_numpy(np.ascontiguousarray(array)) if isinstance(array, np.ndarray) else array
            flag = given.get(name, torch.ones(count))
            made[name] = _scaled(kind, values.float()) * flag.reshape(count, *[1] * len(shape))
            made[f"{name}_given"] = flag
        return cls(**made)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> ControlTensors:
        """The same on another device and in another dtype."""
        return ControlTensors(**{name: value.to(device, dtype) for name, value in vars(self).items()})

    def followed_by(self, later: ControlTensors) -> ControlTensors:
        """These frames, then those of ``later``."""
        return ControlTensors(**{name: torch.cat([value, getattr(later, name)]) for name, value in vars(self).items()})

    def since(self, first: int) -> ControlTensors:
        """Those of the frames from ``first`` on."""
        return ControlTensors(**{name: value[first:] for name, value in vars(self).items()})

    def at(self, places: Tensor) -> ControlTensors:
        """Those of the frames at ``places`` (N,) long, which may repeat."""
        return ControlTensors(**{name: value[places.to(value.device)] for name, value in vars(self).items()})

    def attribute_features(self) -> Tensor:
        """Attributes with their flag (N, 14)."""
        return torch.cat([self.attributes, self.attributes_given[:, None]], dim=1)

    def motion_features(self) -> Tensor:
        """Motion with its flag (N, 7)."""
        return torch.cat([self.motion, self.motion_given[:, None]], dim=1)

    def coarse_actors(self) -> Tensor:
        """The actors' raster without the figures: what no limb can be seen in need not know of limbs."""
        return self.actors[:, : -len(FIGURE_CHANNELS)]

    def coarse_planes(self) -> Tensor:
        """:meth:`layout_planes` without the figures: (N, 53, 128, 256)."""
        return self._with_flags(self.map, self.scenery, self.coarse_actors())

    def layout_planes(self) -> Tensor:
        """All rasters and, as planes of their own, their flags: (N, 57, 128, 256)."""
        return self._with_flags(self.map, self.scenery, self.actors)

    def _with_flags(self, *rasters: Tensor) -> Tensor:
        flags = torch.stack([self.map_given, self.scenery_given, self.actors_given], dim=1)
        return torch.cat([*rasters, flags[:, :, None, None].expand(-1, -1, *rasters[0].shape[-2:])], dim=1)


#: Planes of :meth:`ControlTensors.layout_planes`, and of its coarse ones.
NUM_LAYOUT_PLANES = sum(len(planes) + 1 for planes in RASTER_CHANNELS.values())
NUM_COARSE_PLANES = NUM_LAYOUT_PLANES - len(FIGURE_CHANNELS)


def planes_named(kind: Control, names: Iterable[str]) -> tuple[int, ...]:
    """Where planes of one raster stand among those of :meth:`ControlTensors.layout_planes`."""
    kinds = list(RASTER_CHANNELS)
    first = sum(len(RASTER_CHANNELS[before]) for before in kinds[: kinds.index(kind)])
    return tuple(first + RASTER_CHANNELS[kind].index(name) for name in names)


def _scaled(kind: Control, values: Tensor) -> Tensor:
    if kind in RASTER_CHANNELS:
        return values / 255.0
    if kind is Control.MOTION:
        return (values / MOTION_SCALE).clamp(-4.0, 4.0)
    return values
