"""Controls: the part of the future that a model is told, per frame; every part may be absent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch

from drivesim.scenery import SCENERY_CLASSES

#: Height and width of the stored layout raster, whatever the size of the video.
LAYOUT_SIZE = (64, 128)


class Control(StrEnum):
    """The kinds of control a model may obey: road and actors, what stands beside the road, ego motion, attributes."""

    LAYOUT = "layout"
    SCENERY = "scenery"
    MOTION = "motion"
    ATTRIBUTES = "attributes"


#: Planes of the layout raster, stored as uint8 0-255 in this order. "shade" is the face that is seen (front 255,
#: rear 170, side 85, top 40), "sin_yaw"/"cos_yaw" are 128 + 127 * value of the heading relative to the camera,
#: "inverse_depth" is 255 * min(1, 4 m / depth), "instance" a hash that tells neighbours apart.
LAYOUT_CHANNELS: tuple[str, ...] = (
    "road",
    "lane_paint",
    "pavement",
    "sky",
    "car",
    "large_vehicle",
    "pedestrian",
    "two_wheeler",
    "static_object",
    "box_edge",
    "shade",
    "sin_yaw",
    "cos_yaw",
    "inverse_depth",
    "red",
    "green",
    "blue",
    "colour_given",
    "instance",
)

#: Planes of the scenery raster, stored as uint8 0-255 in this order; the values as in LAYOUT_CHANNELS. The first are
#: the classes of ``drivesim.scenery``.
SCENERY_CHANNELS: tuple[str, ...] = (
    *SCENERY_CLASSES,
    "scenery_edge",
    "shade",
    "sin_yaw",
    "cos_yaw",
    "inverse_depth",
    "red",
    "green",
    "blue",
)

#: Ego motion since the previous frame, in the previous ego frame: dx, dy (m), dyaw (rad), then speed (m/s),
#: curvature (1/m), and the time step (s).
MOTION_CHANNELS: tuple[str, ...] = ("dx", "dy", "dyaw", "speed", "curvature", "dt")

#: Scene attributes, each scaled to about [0, 1].
ATTRIBUTE_CHANNELS: tuple[str, ...] = (
    "darkness",
    "hour_sin",
    "hour_cos",
    "overcast",
    "rain",
    "snow",
    "wetness",
    "fog",
    "street_lights",
    "motorway",
    "rural",
    "urban",
    "left_hand",
)


@dataclass(frozen=True, eq=False)
class Controls:
    """What a model is told of T frames.

    ``layout`` uint8 (T, 19, 64, 128), ``scenery`` uint8 (T, 12, 64, 128), ``motion`` float32 (T, 6) in SI units,
    ``attributes`` float32 (T, 13). None means "not told", which models are trained for.
    """

    num_frames: int
    layout: np.ndarray | None = None
    motion: np.ndarray | None = None
    attributes: np.ndarray | None = None
    scenery: np.ndarray | None = None

    def __post_init__(self) -> None:
        expected = {
            "layout": (self.num_frames, len(LAYOUT_CHANNELS), *LAYOUT_SIZE),
            "scenery": (self.num_frames, len(SCENERY_CHANNELS), *LAYOUT_SIZE),
            "motion": (self.num_frames, len(MOTION_CHANNELS)),
            "attributes": (self.num_frames, len(ATTRIBUTE_CHANNELS)),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"controls: {name} has shape {array.shape}, expected {shape}")

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive)."""
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(f"window [{start}, {stop}) is not inside the {self.num_frames} frames of these controls")
        arrays = {kind.value: getattr(self, kind.value) for kind in Control}
        cut = {name: None if array is None else array[start:stop] for name, array in arrays.items()}
        return Controls(num_frames=stop - start, **cut)

    def without(self, *kinds: Control) -> Controls:
        """The same controls with some kinds withheld."""
        kept = {kind.value: None if kind in kinds else getattr(self, kind.value) for kind in Control}
        return Controls(num_frames=self.num_frames, **kept)

    def given(self) -> frozenset[Control]:
        """The kinds of control that are present."""
        return frozenset(kind for kind in Control if getattr(self, kind.value) is not None)

    def layout_tensor(self) -> torch.Tensor | None:
        """The layout as float32 (T, 19, 64, 128) in [0, 1]."""
        if self.layout is None:
            return None
        return torch.from_numpy(np.ascontiguousarray(self.layout)).to(torch.float32) / 255.0


class ControlSource(Protocol):
    """Anything that gives the controls of a stretch of frames; :class:`Controls` in memory, or drawn when asked for."""

    @property
    def num_frames(self) -> int:
        """Frames covered."""
        ...

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive). Raises ValueError outside the covered frames."""
        ...
