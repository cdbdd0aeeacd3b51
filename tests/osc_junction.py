"""A crossroads in OpenDRIVE and scenarios on it, as small OpenSCENARIO files; written for these tests."""

from __future__ import annotations

import math
from pathlib import Path

from osc_files import AT_ONCE, HEAD, car, event, parameter, private, scenario, walker

#: Length of the four roads that meet, and half of the square between their ends, metres.
ARM_M, REACH_M = 120.0, 10.0
MIDDLE_M = ARM_M + REACH_M


def _lanes(count: int) -> str:
    def side(sign: int) -> str:
        numbers = [sign * number for number in range(1, count + 1)]
        return "".join(f'<lane id="{one}" type="driving"><width a="3.5"/></lane>' for one in numbers)

    return (
        f'<lanes><laneSection s="0"><left>{side(1)}</left><center><lane id="0" type="none"/></center>'
        f"<right>{side(-1)}</right></laneSection></lanes>"
    )


def _road(
    name: str, x: float, y: float, heading: float, length: float, link: str, junction: str = "-1", count: int = 1
) -> str:
    return (
        f'<road id="{name}" length="{length}" junction="{junction}"><link>{link}</link><planView><geometry s="0" x="{x}" y="{y}" '
        f'hdg="{heading}" length="{length}"><line/></geometry></planView>{_lanes(count)}</road>'
    )


def crossroads(*, arms: tuple[str, ...] = ("north", "south"), skew: float = 0.0, lamps: bool = False) -> str:
    """Roads west (the ego's, eastwards), east, and from north and south towards the middle; ``skew`` turns the north one."""
    into = '<successor elementType="junction" elementId="9"/>'
    out = '<predecessor elementType="junction" elementId="9"/>'
    roads = [
        _road("west", 0.0, 0.0, 0.0, ARM_M, into, count=2),
        _road("east", ARM_M + 2 * REACH_M, 0.0, 0.0, ARM_M, out, count=2),
    ]
    ends = {"north": (MIDDLE_M, MIDDLE_M, -math.pi / 2 + skew), "south": (MIDDLE_M, -MIDDLE_M, math.pi / 2)}
    roads += [_road(name, *ends[name], ARM_M, into) for name in arms]

    def across(name: str, x: float, y: float, heading: float, first: str, second: str, contact: str) -> str:
        link = (
            f'<predecessor elementType="road" elementId="{first}" contactPoint="end"/>'
            f'<successor elementType="road" elementId="{second}" contactPoint="{contact}"/>'
        )
        return _road(name, x, y, heading, 2 * REACH_M, link, junction="9")

    roads.append(across("we", ARM_M, 0.0, 0.0, "west", "east", "start"))
    if set(arms) == {"north", "south"}:
        roads.append(across("ns", MIDDLE_M, REACH_M, -math.pi / 2, "north", "south", "end"))
    elif arms:
        roads.append(across("wa", ARM_M, 0.0, 0.0, "west", arms[0], "end"))
    if lamps:
        roads[0] = roads[0].replace(
            "</road>", '<objects><object id="1" type="streetLamp" s="9" t="4"/></objects></road>'
        )
    return f'<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="7"/>{"".join(roads)}</OpenDRIVE>'


NETWORK = '<RoadNetwork><LogicFile filepath="crossroads.xodr"/></RoadNetwork>'
CATALOGS = '<CatalogLocations><TrajectoryCatalog><Directory path="curves"/></TrajectoryCatalog></CatalogLocations>'

CURVES = (
    HEAD.format(title="curves")
    + """<Catalog name="Curves"><Trajectory name="into the arm" closed="false">
  <ParameterDeclarations><ParameterDeclaration name="straight" parameterType="double" value="1"/>
    <ParameterDeclaration name="bend" parameterType="double" value="0.1"/></ParameterDeclarations>
  <Shape><ClothoidSpline>
    <ClothoidSplineSegment curvatureStart="0" curvatureEnd="0" length="$straight">
      <PositionStart><LanePosition roadId="west" laneId="-1" s="60"/></PositionStart></ClothoidSplineSegment>
    <ClothoidSplineSegment curvatureStart="0" curvatureEnd="$bend" length="6"/>
    <ClothoidSplineSegment curvatureStart="$bend" curvatureEnd="$bend" length="${abs((pi/2-6*abs($bend))/$bend)}"/>
    <ClothoidSplineSegment curvatureStart="$bend" curvatureEnd="0" length="6"/>
    <ClothoidSplineSegment curvatureStart="0" curvatureEnd="0" length="40"/>
  </ClothoidSpline></Shape></Trajectory></Catalog></OpenSCENARIO>
"""
)


def speed_only(entity: str, speed: str, *more: str) -> str:
    """A participant of <Init> with a speed and other actions, but no place of its own."""
    acts = "".join(f"<PrivateAction>{one}</PrivateAction>" for one in more)
    return f"""<Private entityRef="{entity}"><PrivateAction><LongitudinalAction><SpeedAction>{AT_ONCE}
      <SpeedActionTarget><AbsoluteTargetSpeed value="{speed}"/></SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction>{acts}</Private>"""


def follow(reference: str, offset: float | None = None) -> str:
    """A <FollowTrajectoryAction> along what a reference names."""
    begins = "" if offset is None else f' initialDistanceOffset="{offset}"'
    return (
        f"<RoutingAction><FollowTrajectoryAction{begins}><TimeReference><None/></TimeReference>"
        f'<TrajectoryFollowingMode followingMode="follow"/><TrajectoryRef>{reference}</TrajectoryRef></FollowTrajectoryAction></RoutingAction>'
    )


def straight(*positions: str) -> str:
    """A trajectory of straight lines."""
    vertices = "".join(f"<Vertex><Position>{one}</Position></Vertex>" for one in positions)
    return f'<Trajectory name="t" closed="false"><Shape><Polyline>{vertices}</Polyline></Shape></Trajectory>'


def curve(straight_m: float = 40.0, bend: float = 0.1) -> str:
    """The catalog's curve into an arm."""
    return (
        '<CatalogReference catalogName="Curves" entryName="into the arm"><ParameterAssignments>'
        f'<ParameterAssignment parameterRef="straight" value="{straight_m}"/><ParameterAssignment parameterRef="bend" value="{bend}"/>'
        "</ParameterAssignments></CatalogReference>"
    )


def lane_position(road: str, lane: int, s: str, inner: str = "", offset: str = "0") -> str:
    """A place on a lane."""
    return f'<LanePosition roadId="{road}" laneId="{lane}" s="{s}" offset="{offset}">{inner}</LanePosition>'


def route_position(way: tuple[str, str], s: str, lane: int | None = None, inner: str = "", offset: str = "0") -> str:
    """A place along a route over two roads, in a lane of who goes that way or on the line."""
    waypoints = "".join(
        f'<Waypoint routeStrategy="shortest"><Position><LanePosition roadId="{road}" laneId="-1" s="{at}"/></Position></Waypoint>'
        for road, at in zip(way, (0, 0 if way[1] in ("north", "south") else 90), strict=True)
    )
    inside = (
        f'<FromRoadCoordinates pathS="{s}" t="{offset}"/>'
        if lane is None
        else f'<FromLaneCoordinates pathS="{s}" laneId="{lane}" laneOffset="{offset}"/>'
    )
    return (
        f'<RoutePosition><RouteRef><Route name="r" closed="false">{waypoints}</Route></RouteRef><InRoutePosition>{inside}</InRoutePosition>{inner}'
        "</RoutePosition>"
    )


def synchronized(own: str, other: str, final: str = '<AbsoluteSpeed value="$_pace"/>') -> str:
    """A <SynchronizeAction> with the ego."""
    return (
        f'<SynchronizeAction masterEntityRef="Ego"><TargetPositionMaster>{own}</TargetPositionMaster><TargetPosition>{other}</TargetPosition>'
        f"<FinalSpeed>{final}</FinalSpeed></SynchronizeAction>"
    )


SPEEDS = (
    parameter("v_kph", "20")
    + parameter("pace_kph", "20")
    + parameter("_v", "${$v_kph/3.6}")
    + parameter("_pace", "${$pace_kph/3.6}")
)

#: The ego goes straight over the crossroads; somebody comes from the north or the south and is hit by the middle of its front.
_SOUTHWARDS = ("north", "south")


def crossing(kind: str = "bicycle", way: tuple[str, str] = _SOUTHWARDS) -> str:
    """Somebody on a route across that of the ego, with a car that stands beside that route beyond the junction."""
    side = 1 if way == _SOUTHWARDS else -1
    meets_m = MIDDLE_M - side * 1.75  # where the two lanes cross, along the ego's way
    aside_m = MIDDLE_M + side * 1.75  # and along the other's
    return scenario(
        car("Ego", 4.36, 1.8, 1.35) + car("Other", 1.9, 0.5, 0.6, kind=kind) + car("Parked", 4.4, 1.8, 1.4),
        private("Ego", route_position(("west", "east"), "60", lane=-1), "$_v")
        + f"""<Private entityRef="Other"><PrivateAction><TeleportAction><Position>{route_position(way, str(aside_m - 30.0), lane=-1)}
        </Position></TeleportAction></PrivateAction></Private>"""
        + private("Parked", route_position(_SOUTHWARDS, str(MIDDLE_M + 25.0), lane=-1, offset="1"), "0"),
        event(
            "meeting", "Other",
            synchronized(route_position(("west", "east"), str(meets_m - 0.25 - 3.53)), route_position(way, str(aside_m - 0.6))),
        ),
        SPEEDS, NETWORK,
    )  # fmt: skip


def turning(bend: float = 0.1, more: str = "", walks: bool = False) -> str:
    """The ego turns into the middle of its lane of an arm; a car comes towards it, or somebody crosses the arm."""
    left = bend > 0
    way = curve(58.7 if left else 55.2, bend)
    if walks:
        arm = "north" if left else "south"
        cross = straight(
            f'<RoadPosition roadId="{arm}" s="110" t="-6"/>', f'<RoadPosition roadId="{arm}" s="110" t="6"/>'
        )
        who, own_m, there_m, begins_m = walker("Other"), 85.4 if left else 78.4, 7.75, 0.0
    else:
        cross = straight(lane_position("east", 1, "100"), lane_position("west", 1, "0"))
        who, own_m, there_m, begins_m = car("Other"), 66.5, 107.0, 40.0
    own = f'<TrajectoryPosition s="{own_m}"><TrajectoryRef>{way}</TrajectoryRef></TrajectoryPosition>'
    there = f'<TrajectoryPosition s="{there_m}"><TrajectoryRef>{cross}</TrajectoryRef></TrajectoryPosition>'
    begins = f'<Private entityRef="Other"><PrivateAction>{follow(cross, begins_m)}</PrivateAction></Private>'
    return scenario(
        car("Ego", 4.36, 1.8, 1.35) + who,
        speed_only("Ego", "$_v", follow(way)) + begins,
        event("meeting", "Other", synchronized(own, there)) + more,
        SPEEDS, CATALOGS + NETWORK,
    )  # fmt: skip


def write(folder: Path, text: str, network: str | None = None) -> Path:
    """The file in a folder, with the crossroads and the catalog of curves beside it."""
    (folder / "curves").mkdir(exist_ok=True)
    (folder / "curves" / "Curves.xosc").write_text(CURVES)
    (folder / "crossroads.xodr").write_text(crossroads() if network is None else network)
    path = folder / "test.xosc"
    path.write_text(text)
    return path
