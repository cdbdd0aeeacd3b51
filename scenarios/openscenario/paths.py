"""Ways of OpenSCENARIO: trajectories as lines of spots on the ego's road, by the metres along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters

if TYPE_CHECKING:
    from drivesim.scenarios.openscenario.catalogs import Catalogs

#: Clothoids are followed in steps of that many metres.
_STEP_M = 0.1
#: A way that turns by less is straight, radians.
_STRAIGHT_RAD = math.radians(10.0)
#: Nobody asks for a longer way, metres.
_LONGEST_M = 20_000.0


@dataclass(frozen=True)
class Spot:
    """A place on the road: ``s`` along the reference line, ``t`` to its left (m), ``heading`` from the road's own (rad)."""

    s: float
    t: float
    heading: float = 0.0

    def moved(self, ahead: float, aside: float = 0.0) -> Spot:
        """The spot so many metres ahead along its heading, and to its left."""
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        return Spot(self.s + ahead * cosine - aside * sine, self.t + ahead * sine + aside * cosine, self.heading)

    def ahead_of(self, other: Spot) -> float:
        """Metres from another spot to this one along that one's heading."""
        return (self.s - other.s) * math.cos(other.heading) + (self.t - other.t) * math.sin(other.heading)


class PlaceReader(Protocol):
    """What reads the positions that a way is made of."""

    @property
    def catalogs(self) -> Catalogs:
        """The catalogs in which ways are looked up."""

    def of(self, position: Element, parameters: Parameters) -> Spot:
        """The place of a <Position>."""


@dataclass(frozen=True)
class Path:
    """A line of ``points`` (N, 2) s and t on the ego's road, N at least 2; straight on beyond its ends."""

    points: FloatArray

    @classmethod
    def through(cls, spots: Sequence[Spot]) -> Path | None:
        """The way through spots; None where they are all one place."""
        points = np.array([(spot.s, spot.t) for spot in spots]).reshape(-1, 2)
        apart = np.hypot(*np.diff(points, axis=0).T) > 1e-6 if len(points) > 1 else np.zeros(0, dtype=bool)
        kept = points[np.concatenate([[True], apart])] if len(points) else points
        return cls(kept) if len(kept) > 1 else None

    @property
    def lengths(self) -> FloatArray:
        """Metres along the way at each of its points."""
        return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.points, axis=0).T))])

    def at(self, length: float) -> Spot:
        """The place at a length, heading along the way."""
        lengths = self.lengths
        index = int(np.clip(np.searchsorted(lengths, length, side="right") - 1, 0, len(self.points) - 2))
        first, second = self.points[index], self.points[index + 1]
        heading = math.atan2(second[1] - first[1], second[0] - first[0])
        return Spot(float(first[0]), float(first[1]), heading).moved(length - float(lengths[index]))

    def nearest(self, spot: Spot) -> float:
        """The length at which the way passes nearest to a spot."""
        lengths = np.arange(0.0, float(self.lengths[-1]) + _STEP_M, _STEP_M)
        away = [math.hypot(spot.s - one.s, spot.t - one.t) for one in map(self.at, lengths)]
        return float(lengths[int(np.argmin(away))])

    def turned(self, start: float = 0.0) -> float:
        """By how much the heading changes from a length on to the end, radians, left positive."""
        steps = np.diff(self.points[max(int(np.searchsorted(self.lengths, start, side="right")) - 1, 0) :], axis=0)
        headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        return float(headings[-1] - headings[0])

    def is_straight(self, start: float = 0.0) -> bool:
        """Whether it keeps its heading from a length on."""
        steps = np.diff(self.points[max(int(np.searchsorted(self.lengths, start, side="right")) - 1, 0) :], axis=0)
        headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        return float(np.ptp(headings)) < _STRAIGHT_RAD

    def bends_until(self) -> float:
        """The length at which the last bend ends: behind it the way is straight."""
        steps = np.diff(self.points, axis=0)
        headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        bent = np.flatnonzero(np.abs(headings - headings[-1]) > 1e-3)
        return float(self.lengths[bent[-1] + 1]) if len(bent) else 0.0


def read_trajectory(holder: Element, places: PlaceReader, parameters: Parameters, begin: Spot | None = None) -> Path:
    """The trajectory that an element holds or names, directly or in a <TrajectoryRef>.

    ``begin`` is where it starts that says no start of its own. Raises InputError for a shape that is not read.
    """
    reference = holder.child("TrajectoryRef")
    holder = holder if reference is None else reference
    trajectory, inside = places.catalogs.held(holder, "Trajectory", parameters)
    shape = trajectory.need("Shape").only()
    if shape.tag == "Polyline":
        path = Path.through([places.of(vertex.need("Position"), inside) for vertex in shape.all("Vertex")])
    elif shape.tag == "ClothoidSpline":
        path = _spline(shape, places, inside, begin)
    else:
        raise InputError(
            f"{shape.where}: <{shape.tag}> is not read; a trajectory of straight lines (<Polyline>) or of clothoids "
            "(<ClothoidSpline>) is."
        )
    if path is None:
        raise InputError(f"{shape.where}: the trajectory leads nowhere; it needs two different places.")
    return path


def _spline(shape: Element, places: PlaceReader, parameters: Parameters, begin: Spot | None) -> Path | None:
    spots: list[Spot] = []
    for segment in shape.all("ClothoidSplineSegment"):
        start = segment.child("PositionStart")
        here = spots[-1] if spots else begin
        if start is not None:
            here = places.of(start, parameters)
        if here is None:
            raise InputError(f"{segment.where}: where the first segment begins is not said (<PositionStart>).")
        length = parameters.number(segment, "length")
        first, last = parameters.number(segment, "curvatureStart"), parameters.number(segment, "curvatureEnd")
        if not 0.0 <= length <= _LONGEST_M:
            raise InputError(f"{segment.where}: a segment of {length:g} m; expected 0 to {_LONGEST_M:g} m.")
        spots += _segment(here, length, first, last)[(1 if spots and start is None else 0) :]
    return Path.through(spots)


def _segment(here: Spot, length: float, first: float, last: float) -> list[Spot]:
    """Spots along a piece of even change of curvature (1/m); a straight one needs its ends only."""
    if abs(first) + abs(last) < 1e-9:
        return [here, here.moved(length)]
    steps = np.linspace(0.0, length, max(math.ceil(length / _STEP_M), 1) + 1)
    headings = here.heading + first * steps + (last - first) * steps**2 / (2.0 * max(length, 1e-9))
    middle = 0.5 * (headings[1:] + headings[:-1])
    s = here.s + np.concatenate([[0.0], np.cumsum(np.diff(steps) * np.cos(middle))])
    t = here.t + np.concatenate([[0.0], np.cumsum(np.diff(steps) * np.sin(middle))])
    return [Spot(float(one), float(two), float(yaw)) for one, two, yaw in zip(s, t, headings, strict=True)]
