"""Controls: the part of the future that a model is told, per frame; every part may be absent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from drivesim.scenery import SCENERY_CLASSES

#: Height and width of the rasters that make up the layout, whatever the size of the video.
LAYOUT_SIZE = (128, 256)


class Control(StrEnum):
    """The kinds of control a model may obey. The first three are rasters and make up the layout: the map (road, paint,
    sky), what stands beside the road, and the actors; then ego motion and attributes.
    """

    MAP = "map"
    SCENERY = "scenery"
    ACTORS = "actors"
    MOTION = "motion"
    ATTRIBUTES = "attributes"


#: Planes of the map raster, stored as uint8 0-255 in this order: shares of a pixel. They run on beneath the boxes.
MAP_CHANNELS: tuple[str, ...] = ("road", "lane_paint", "pavement", "sky")

#: The depth in metres up to which "inverse_depth" is at its largest; it is this over the depth.
INVERSE_DEPTH_M = 4.0

#: Which point of its box a pixel shows.
POINT_CHANNELS: tuple[str, ...] = ("along", "across", "up")

#: Where the ray of the pixel leaves its box again. Both points together are the ray within the box: a body that does not fill
#: its box is met somewhere between them, or not at all.
EXIT_CHANNELS: tuple[str, ...] = ("exit_along", "exit_across", "exit_up")

#: How much of a pixel shows what of walkers and riders: skin, what has the actor's colour (clothes, a motorcycle's bodywork), legs,
#: and what is dark (hair, helmets, shoes, tyres, a bicycle's frame).
FIGURE_CHANNELS: tuple[str, ...] = ("figure_skin", "figure_coloured", "figure_legs", "figure_dark")

#: The binary digits of the number of an actor's body among those of its class.
KIND_CHANNELS: tuple[str, ...] = ("kind_1", "kind_2", "kind_4")

#: Planes of the actors' raster, stored as uint8 0-255 in this order. "shade" is the face that is seen (front 255,
#: rear 170, side 85, top 40), "sin_yaw"/"cos_yaw" are 128 + 127 * value of the heading relative to the camera,
#: "inverse_depth" is 255 * min(1, 4 m / depth), "instance" a hash that tells neighbours apart, "braking" 255 while the
#: brake lights are on. "kind_1", "kind_2" and "kind_4" are the binary digits, 0 or 255, of which member of its class it is
#: (``drivesim.kinds``: a saloon or an estate, a lorry or a bus), 0 where nobody knows. "along", "across" and "up" say which
#: point of its box a pixel shows, as 255 * its share of the box's length (0 at the rear), width (0 at the right) and height (0
#: at the foot): where on a car its windows, lamps and wheels are. They are normalised object coordinates (Wang et al. 2019), of
#: the box instead of the body. The next three say in the same way where the pixel's ray leaves the box, the last four where the
#: limbs of walkers and riders are (``drivesim.figures``).
ACTOR_CHANNELS: tuple[str, ...] = (
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
    "braking",
    *KIND_CHANNELS,
    *POINT_CHANNELS,
    *EXIT_CHANNELS,
    *FIGURE_CHANNELS,
)

#: Planes of the scenery raster, stored as uint8 0-255 in this order; the values as in ACTOR_CHANNELS. The first are
#: the classes of ``drivesim.scenery``. "kind" tells the members of a class apart, "bay" and "storey" are the point's share
#: of a building's window bay and storey, 0 on all else: house fronts repeat, so a share of the whole would not tell them.
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
    "kind",
    *POINT_CHANNELS,
    *EXIT_CHANNELS,
    "bay",
    "storey",
)

#: The planes of each raster of the layout.
RASTER_CHANNELS: dict[Control, tuple[str, ...]] = {
    Control.MAP: MAP_CHANNELS,
    Control.SCENERY: SCENERY_CHANNELS,
    Control.ACTORS: ACTOR_CHANNELS,
}

#: The planes of each raster that say how much of a pixel boxes of a class cover; they come first in it.
BOX_CLASSES: dict[Control, tuple[str, ...]] = {
    Control.SCENERY: SCENERY_CLASSES,
    Control.ACTORS: ACTOR_CHANNELS[: ACTOR_CHANNELS.index("box_edge")],
}

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

    ``map`` uint8 (T, 4, 128, 256), ``scenery`` uint8 (T, 21, 128, 256), ``actors`` uint8 (T, 29, 128, 256), ``motion``
    float32 (T, 6) in SI units, ``attributes`` float32 (T, 13). None means "not told", which models are trained for.

    ``flow`` float32 (T, 3, 128, 256) follows from the told boxes and poses: for every pixel of the rasters where its point
    was in the frame before (columns and rows to add, in pixels of the rasters), and 1 where it was seen there.
    """

    num_frames: int
    map: np.ndarray | None = None
    scenery: np.ndarray | None = None
    actors: np.ndarray | None = None
    motion: np.ndarray | None = None
    attributes: np.ndarray | None = None
    flow: np.ndarray | None = None

    def __post_init__(self) -> None:
        expected = {
            **{kind.value: (self.num_frames, len(planes), *LAYOUT_SIZE) for kind, planes in RASTER_CHANNELS.items()},
            "motion": (self.num_frames, len(MOTION_CHANNELS)),
            "attributes": (self.num_frames, len(ATTRIBUTE_CHANNELS)),
            "flow": (self.num_frames, 3, *LAYOUT_SIZE),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"controls: {name} has shape {array.shape}, expected {shape}")

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive)."""
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(f"window [{start}, {stop}) is not inside the {self.num_frames} frames of these controls")
        arrays = {name: getattr(self, name) for name in (*(kind.value for kind in Control), "flow")}
        cut = {name: None if array is None else array[start:stop] for name, array in arrays.items()}
        return Controls(num_frames=stop - start, **cut)

    def without(self, *kinds: Control) -> Controls:
        """The same controls with some kinds withheld, and the flow with them where it followed from one of those."""
        kept = {kind.value: None if kind in kinds else getattr(self, kind.value) for kind in Control}
        told = self.given() & set(kinds) <= {Control.ATTRIBUTES}
        return Controls(num_frames=self.num_frames, flow=self.flow if told else None, **kept)

    def given(self) -> frozenset[Control]:
        """The kinds of control that are present."""
        return frozenset(kind for kind in Control if getattr(self, kind.value) is not None)


class ControlSource(Protocol):
    """Anything that gives the controls of a stretch of frames; :class:`Controls` in memory, or drawn when asked for."""

    @property
    def num_frames(self) -> int:
        """Frames covered."""
        ...

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive). Raises ValueError outside the covered frames."""
        ...
