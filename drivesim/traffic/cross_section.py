"""The cross-section of a road: which lanes, strips and painted lines lie at which offset.

Written for right-hand traffic, own lanes at negative ``d``; the ``d`` = 0 line is the left edge of the own lanes.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from drivesim.road import Lane, LaneLine, RoadType, Strip

CentreKind = Literal["dashed", "solid", "double"]
Paint = Literal["white", "yellow"]

RAMP_END_M = 300.0
RAMP_TAPER_M = 60.0
PARKING_WIDTH_M = 2.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoadParts:
    """Everything that lies beside the reference line of a road; offsets in metres."""

    strips: list[Strip]
    lines: list[LaneLine]
    lanes: list[Lane]
    kerbs: tuple[float, ...]


def mirrored(parts: RoadParts) -> RoadParts:
    """The same cross-section for left-hand traffic."""
    return RoadParts(
        strips=[_mirror_strip(strip) for strip in parts.strips],
        lines=[_mirror_line(line) for line in parts.lines],
        lanes=[dataclasses.replace(lane, offset=-lane.offset) for lane in parts.lanes],
        kerbs=tuple(-kerb for kerb in parts.kerbs),
    )


def _mirror_strip(strip: Strip) -> Strip:
    right_end = None if strip.left_end is None else -strip.left_end
    left_end = None if strip.right_end is None else -strip.right_end
    return dataclasses.replace(strip, right=-strip.left, left=-strip.right, right_end=right_end, left_end=left_end)


def _mirror_line(line: LaneLine) -> LaneLine:
    offset_end = None if line.offset_end is None else -line.offset_end
    return dataclasses.replace(line, offset=-line.offset, offset_end=offset_end)


@dataclasses.dataclass(frozen=True)
class CrossSection:
    """The cross-section for right-hand traffic: own lanes below d = 0, the others above."""

    lanes: int
    oncoming: int
    width: float
    ramp: Literal["kerb", "inner"] | None
    inner_margin: float = 0.6
    median_width: float = 3.0
    shoulder: float = 2.6

    def parts(
        self,
        road_type: RoadType,
        *,
        centre: CentreKind,
        colour: Paint,
        parking: Literal["none", "kerb", "both"],
    ) -> RoadParts:
        """Strips, lines, lanes and kerbs of a road of that type."""
        kerbs: tuple[float, ...] = ()
        if road_type == "motorway":
            strips, lines = self.motorway()
        elif road_type == "rural":
            strips, lines = self.rural(centre, colour)
        else:
            strips, lines, kerbs = self.urban(centre, colour, parking)
        return RoadParts(strips=strips, lines=lines, lanes=self.lanes_of(road_type), kerbs=kerbs)

    @property
    def own_edge(self) -> float:
        return -self.lanes * self.width

    @property
    def inner_ramp(self) -> float:
        return self.width if self.ramp == "inner" else 0.0

    def oncoming_start(self, road_type: str) -> float:
        """Offset of the line between the carriageways' oncoming side and its innermost lane."""
        gap = 2.0 * self.inner_margin + self.median_width if road_type == "motorway" else 0.0
        return gap + self.inner_ramp

    def lanes_of(self, road_type: str) -> list[Lane]:
        start = self.oncoming_start(road_type)
        result = [
            Lane(offset=-(self.lanes - number + 0.5) * self.width, width=self.width, direction=1, number=number)
            for number in range(1, self.lanes + 1)
        ]
        result += [
            Lane(
                offset=start + (self.oncoming - number + 0.5) * self.width,
                width=self.width,
                direction=-1,
                number=number,
            )
            for number in range(1, self.oncoming + 1)
        ]
        if self.ramp:
            offset = self.own_edge - 0.5 * self.width if self.ramp == "kerb" else 0.5 * self.width
            number = 0 if self.ramp == "kerb" else self.lanes + 1
            result.append(
                Lane(offset=offset, width=self.width, direction=1, number=number, kind="ramp", s_end=RAMP_END_M)
            )
        return result

    def motorway(self) -> tuple[list[Strip], list[LaneLine]]:
        start, outer = self.oncoming_start("motorway"), self.own_edge - self.shoulder
        far_edge = start + self.oncoming * self.width
        inner_end = start - self.inner_margin - self.median_width
        strips = [
            Strip(kind="asphalt", right=outer, left=self.inner_margin),
            Strip(kind="median", right=inner_end, left=inner_end + self.median_width),
            Strip(kind="asphalt", right=start - self.inner_margin, left=far_edge + self.shoulder),
        ]
        lines = self._separators(self.own_edge, self.lanes)
        lines += [LaneLine(offset=start, kind="solid", width=0.2), LaneLine(offset=far_edge, kind="solid", width=0.2)]
        lines += self._separators(start, self.oncoming)
        if self.oncoming == 0:
            strips, lines = strips[:2], [x for x in lines if x.offset < start]
        lines += self._edges(0.2, inner=True)
        return strips + self._ramp_strips(outer), lines

    def rural(self, centre: CentreKind, colour: Paint) -> tuple[list[Strip], list[LaneLine]]:
        start = self.oncoming_start("rural")
        far_edge, shoulder = start + self.oncoming * self.width, 0.7
        strips = [Strip(kind="asphalt", right=self.own_edge - shoulder, left=far_edge + shoulder)]
        lines = self._separators(self.own_edge, self.lanes) + self._separators(start, self.oncoming)
        lines += self._centre(centre, colour)
        lines += [LaneLine(offset=far_edge, kind="solid"), *self._edges(0.15, inner=self.inner_ramp > 0)]
        return strips + self._ramp_strips(self.own_edge - shoulder), lines

    def urban(
        self, centre: CentreKind, colour: Paint, parking: str
    ) -> tuple[list[Strip], list[LaneLine], tuple[float, ...]]:
        start, walk = self.oncoming_start("urban"), 3.2
        far_edge = start + self.oncoming * self.width
        near_park = PARKING_WIDTH_M if parking in ("kerb", "both") and self.ramp != "kerb" else 0.0
        near_park = self.width if self.ramp == "kerb" else near_park
        far_park = PARKING_WIDTH_M if parking == "both" else 0.0
        kerbs = (self.own_edge - near_park, far_edge + far_park)
        strips = [
            Strip(kind="asphalt", right=self.own_edge, left=far_edge),
            Strip(kind="pavement", right=kerbs[0] - walk, left=kerbs[0]),
            Strip(kind="pavement", right=kerbs[1], left=kerbs[1] + walk),
        ]
        if near_park and self.ramp != "kerb":
            strips.append(Strip(kind="parking", right=kerbs[0], left=self.own_edge))
        if far_park:
            strips.append(Strip(kind="parking", right=far_edge, left=kerbs[1]))
        lines = self._separators(self.own_edge, self.lanes) + self._separators(start, self.oncoming)
        lines += self._centre(centre, colour)
        if self.ramp:
            lines += self._edges(0.12, inner=False)
        return strips + self._ramp_strips(kerbs[0]), lines, kerbs

    def _centre(self, kind: CentreKind, colour: Paint) -> list[LaneLine]:
        if self.oncoming == 0:
            return []
        position = self.inner_ramp
        return [LaneLine(offset=position, kind=kind, colour=colour, width=0.15)]

    def _separators(self, right: float, count: int) -> list[LaneLine]:
        return [LaneLine(offset=right + index * self.width, kind="dashed") for index in range(1, count)]

    def _edges(self, width: float, *, inner: bool) -> list[LaneLine]:
        """Edge lines of the own carriageway, dashed beside a ramp and solid elsewhere."""
        lines: list[LaneLine] = []
        for side, offset in (("kerb", self.own_edge), ("inner", 0.0)):
            if self.ramp == side:
                outer = offset + (-self.width if side == "kerb" else self.width)
                end, taper = RAMP_END_M, RAMP_END_M + RAMP_TAPER_M
                lines += [
                    LaneLine(offset=offset, kind="dashed", width=width + 0.1, s_end=end),
                    LaneLine(offset=offset, kind="solid", width=width, s_start=taper),
                    LaneLine(offset=outer, kind="solid", width=width, s_end=end),
                    LaneLine(offset=outer, kind="solid", width=width, s_start=end, s_end=taper, offset_end=offset),
                ]
            elif side == "kerb" or inner:
                lines.append(LaneLine(offset=offset, kind="solid", width=width))
        return lines

    def _ramp_strips(self, outer: float) -> list[Strip]:
        """Asphalt of the acceleration lane and of its taper back to the carriageway."""
        if self.ramp is None:
            return []
        end, taper = RAMP_END_M, RAMP_END_M + RAMP_TAPER_M
        if self.ramp == "inner":
            left = self.width + self.inner_margin
            return [
                Strip(kind="asphalt", right=0.0, left=left, s_end=end),
                Strip(kind="asphalt", right=0.0, left=left, s_start=end, s_end=taper, right_end=0.0, left_end=0.1),
            ]
        edge, margin = self.own_edge, 1.0
        right = min(edge - self.width - margin, outer)
        return [
            Strip(kind="asphalt", right=right, left=edge, s_end=end),
            Strip(kind="asphalt", right=right, left=edge, s_start=end, s_end=taper, right_end=outer, left_end=edge),
        ]
