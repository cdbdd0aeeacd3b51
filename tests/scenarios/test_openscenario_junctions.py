"""OpenSCENARIO files at a crossroads: routes, clothoids, meetings there, and what is listed or refused of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from impacts import impact_of
from osc_files import AT_ONCE, CROSSING, HEAD, car, event, parameter, private, scenario
from osc_files import write as write_with_ways
from osc_junction import (
    MIDDLE_M,
    NETWORK,
    SPEEDS,
    crossing,
    crossroads,
    curve,
    follow,
    lane_position,
    route_position,
    speed_only,
    straight,
    synchronized,
    turning,
    write,
)

from drivesim.errors import InputError
from drivesim.scenarios.checks.scenario import check_scenario
from drivesim.scenarios.expand import expand
from drivesim.scenarios.openscenario import Imported, read_openscenario


def read(folder: Path, text: str, network: str | None = None, **settings: str) -> Imported:
    (made,) = read_openscenario(write(folder, text, network), settings=settings)
    report = check_scenario(made.scenario)
    assert report.ok, report.errors
    return made


@pytest.mark.parametrize("way", [("north", "south"), ("south", "north")])
def test_who_comes_on_a_route_across_is_met_at_the_crossroads(tmp_path: Path, way: tuple[str, str]) -> None:
    made = read(tmp_path, crossing(way=way), v_kph="30", pace_kph="15")
    road = made.scenario.scene.road
    assert (road.type, road.lanes, road.ego_lane, road.oncoming_lanes) == ("urban", 2, 2, 2)
    assert road.junction.at == pytest.approx(MIDDLE_M - 60.0) and road.junction.arms == ("left", "right")
    other, parked = made.scenario.scene.actors
    assert other.meets.moves == ("from_left" if way[0] == "north" else "from_right")
    assert made.left_out == () and made.scenario.scene.ego.reacts is False
    # It stands on the right of who goes south behind the junction, one metre off the middle of that lane.
    assert (parked.at.x, parked.at.y) == (pytest.approx(MIDDLE_M - 60.0 - 1.75 + 1.0), pytest.approx(1.75 - 25.0 - 1.4))
    assert parked.yaw == pytest.approx(-math.pi / 2, abs=1e-4)
    met = impact_of(expand(made.scenario, fps=20.0), "Other")
    assert (met.ego_mps, met.target_mps) == (pytest.approx(30 / 3.6, abs=1e-3), pytest.approx(15 / 3.6, abs=1e-3))
    assert met.offset == pytest.approx(0.0, abs=0.05)
    side = 1 if way[0] == "north" else -1
    drives = MIDDLE_M - 60.0 - side * 1.75 - 0.25 - 3.53
    assert met.time_s == pytest.approx(drives / (30 / 3.6), abs=0.05)


def test_an_ego_on_clothoids_turns_and_meets_who_comes_towards_it(tmp_path: Path) -> None:
    made = read(tmp_path, turning())
    (turns,) = made.scenario.events
    assert (turns.actor, turns.action.turn.to) == ("ego", "left") and made.left_out == ()
    (other,) = made.scenario.scene.actors
    assert (other.lane, other.meets.moves, other.meets.time) == ("oncoming", "against", None)
    met = impact_of(expand(made.scenario, fps=20.0), "Other")
    assert 90.0 < abs(math.degrees(met.turned_rad)) < 180.0
    assert met.time_s == pytest.approx(66.5 / (20 / 3.6), abs=1.0)  # the curve of this road is another one


@pytest.mark.parametrize("bend", [0.1, -0.1])
def test_who_crosses_the_arm_is_met_behind_the_turn(tmp_path: Path, bend: float) -> None:
    made = read(tmp_path, turning(bend, walks=True), pace_kph="5")
    road, (turns,) = made.scenario.scene.road, made.scenario.events
    assert turns.action.turn.to == ("left" if bend > 0 else "right")
    # One turns to the near side from the lane at the kerb, to the far side from the innermost: the others are left out.
    assert (road.lanes, road.ego_lane) == ((2, 2) if bend > 0 else (1, 1))
    (other,) = made.scenario.scene.actors
    assert other.meets.moves == "from_left" and other.meets.distance > 5.0
    scene = expand(made.scenario, fps=20.0)
    met = impact_of(scene, "Other")
    assert met.time_s == pytest.approx(other.meets.time, abs=0.05)
    last = round(met.time_s * 20) + 10
    assert abs(math.degrees(scene.ego.yaw_rad[last])) > 45.0


def test_a_junction_is_taken_over_as_far_as_it_can_be_written(tmp_path: Path) -> None:
    alone = scenario(car("Ego"), private("Ego", lane_position("west", -1, "30"), "12"), more=NETWORK)
    one = read(tmp_path, alone, crossroads(arms=("south",)))
    assert one.scenario.scene.road.junction.arms == ("right",) and one.scenario.scene.road.junction.at == pytest.approx(
        100.0
    )
    skewed = read(tmp_path, alone, crossroads(skew=0.6))
    assert skewed.scenario.scene.road.junction.arms == ("right",)
    assert any("arms stand at right angles" in note for note in skewed.notes)
    near = read(tmp_path, alone.replace('s="30"', 's="115"'))
    assert near.scenario.scene.road.junction is None and any("is left out" in note for note in near.notes)
    away = read(tmp_path, alone.replace('laneId="-1"', 'laneId="1"'))
    assert away.scenario.scene.road.junction is None, "who drives away from it comes to none"
    lit = read(tmp_path, alone, crossroads(lamps=True))
    assert lit.scenario.scene.environment.street_lights is True


def test_places_of_other_roads_lie_where_they_are_in_the_world(tmp_path: Path) -> None:
    stands = {
        "North": lane_position("north", -1, "100", '<Orientation type="absolute" h="1"/>'),
        "East": lane_position("east", -1, "20"),
        "South": '<RoadPosition roadId="south" s="110" t="2"/>',
        "Way": f'<TrajectoryPosition s="30" t="3"><TrajectoryRef>{straight(lane_position("west", -1, "60"), lane_position("east", -1, "90"))}'
        "</TrajectoryRef></TrajectoryPosition>",
    }
    text = scenario(
        car("Ego", ahead=1.0) + "".join(car(name, ahead=0.0) for name in stands),
        private("Ego", lane_position("west", -1, "60"), "10")
        + "".join(private(name, place, "0") for name, place in stands.items()),
        more=NETWORK,
    )
    found = {actor.id: actor for actor in read(tmp_path, text).scenario.scene.actors}
    own_y = -1.75
    assert (found["North"].at.x, found["North"].at.y) == (
        pytest.approx(MIDDLE_M - 60 - 1.75),
        pytest.approx(30.0 - own_y),
    )
    assert found["North"].yaw == pytest.approx(1.0, abs=1e-4)
    assert found["East"].lane == "ego" and found["East"].gap == pytest.approx(100.0 - 2.0 - 3.0, abs=0.01)
    assert (found["South"].at.x, found["South"].at.y) == (
        pytest.approx(MIDDLE_M - 60 - 2),
        pytest.approx(-20.0 - own_y),
    )
    assert (found["Way"].at.x, found["Way"].at.y) == (pytest.approx(30.0), pytest.approx(3.0))


def test_who_is_never_touched_is_in_its_place_at_the_moment(tmp_path: Path) -> None:
    way = straight(lane_position("east", 1, "110"), lane_position("west", 1, "0"))
    there = f'<TrajectoryPosition s="90"><TrajectoryRef>{way}</TrajectoryRef></TrajectoryPosition>'
    faster = '<RelativeSpeedToMaster value="2" speedTargetValueType="delta"/>'
    text = scenario(
        car("Ego") + car("Other", ahead=0.0),
        private("Ego", lane_position("west", -1, "20"), "10")
        + f'<Private entityRef="Other"><PrivateAction>{follow(way, 30.0)}</PrivateAction></Private>',
        event("meeting", "Other", synchronized(lane_position("west", -1, "80"), there, faster)),
        more=NETWORK,
    )
    made = read(tmp_path, text)
    (other,) = made.scenario.scene.actors
    assert other.meets is None and other.speed == 12.0
    scene = expand(made.scenario, duration_s=7.0)
    # After 6 s it has come 90 m from 110 m on the road east, which begins 20 m behind the junction.
    assert scene.actors[0].track.positions[60, 0] == pytest.approx(140.0 + 110.0 - 90.0 - 20.0, abs=0.05)


def test_an_oncoming_car_on_a_curve_changes_into_the_lane_of_the_ego(tmp_path: Path) -> None:
    segments = "".join(
        f'<ClothoidSplineSegment curvatureStart="{bend}" curvatureEnd="{bend}" length="{length}"/>'
        for bend, length in ((0.006, 24), (-0.006, 24), (0, 60))
    )
    swerve = (
        f'<Trajectory name="s" closed="false"><Shape><ClothoidSpline>{segments}</ClothoidSpline></Shape></Trajectory>'
    )
    keeps = (
        '<LongitudinalAction><LongitudinalDistanceAction entityRef="Other" continuous="true" freespace="true" distance="12" '
        'displacement="leadingReferencedEntity"/></LongitudinalAction>'
    )
    text = scenario(
        car("Ego") + car("Other") + car("Before"),
        private("Ego", lane_position("west", -1, "5"), "12")
        + private("Other", lane_position("east", 1, "110"), "12")
        + f"""<Private entityRef="Before"><PrivateAction><TeleportAction><Position><RelativeObjectPosition entityRef="Other" dx="9" dy="0"/>
        </Position></TeleportAction></PrivateAction><PrivateAction>{keeps}</PrivateAction></Private>""",
        event(
            "swerves", "Other", follow(swerve), '<ByValueCondition><SimulationTimeCondition value="2" rule="greaterThan"/></ByValueCondition>'
        ),
        more=NETWORK,
    )  # fmt: skip
    made = read(tmp_path, text)
    other, before = made.scenario.scene.actors
    assert made.left_out == () and before.speed == 12.0
    assert other.at.x - before.at.x == pytest.approx(4.0 + 12.0, abs=0.01)
    (swerves,) = made.scenario.events
    assert swerves.action.lane_change.over == pytest.approx(4.0, abs=0.1) and swerves.start.time == 2.0
    track = expand(made.scenario, duration_s=8.0).actors[0].track
    assert track.positions[15, 1] == pytest.approx(3.5, abs=0.05) and track.positions[75, 1] == pytest.approx(
        0.0, abs=0.1
    )


def test_a_way_that_nobody_can_write_is_listed(tmp_path: Path) -> None:
    bends = straight(
        lane_position("north", -1, "20"), lane_position("north", -1, "100"), lane_position("east", -1, "60")
    )
    text = scenario(
        car("Ego") + car("Other"),
        private("Ego", lane_position("west", -1, "30"), "10") + speed_only("Other", "8", follow(bends)),
        event(
            "meeting", "Other", synchronized(lane_position("west", -1, "90"), lane_position("north", -1, "100")), "", ""
        ),
        SPEEDS,
        more=NETWORK,
    )
    made = read(tmp_path, text)
    assert any("synchronised on a way that bends" in line for line in made.left_out)
    assert any("the way of 'Other' in <Init> bends" in line for line in made.left_out)
    stray = scenario(car("Ego"), speed_only("Ego", "10", follow(curve())), more=NETWORK.replace("crossroads", "gone"))
    stray = stray.replace(
        "<Entities>",
        '<CatalogLocations><TrajectoryCatalog><Directory path="curves"/></TrajectoryCatalog></CatalogLocations><Entities>',
    )
    assert any("beside its lane and turns by 90 deg" in line for line in read(tmp_path, stray).left_out)


def test_conditions_by_several_groups_and_who_is_taken_away(tmp_path: Path) -> None:
    groups = "".join(
        f'<ConditionGroup><Condition name="c" delay="0" conditionEdge="none"><ByValueCondition><ParameterCondition parameterRef="{name}" '
        'rule="greaterThan" value="60"/></ByValueCondition></Condition></ConditionGroup>'
        for name in ("v_kph", "pace_kph")
    )
    away = (
        '<Story name="s"><Act name="a"><ManeuverGroup name="g" maximumExecutionCount="1"><Actors selectTriggeringEntities="false"/>'
        '<Maneuver name="m"><Event name="fast" priority="override"><Action name="x"><GlobalAction><EntityAction entityRef="Parked">'
        f"<DeleteEntityAction/></EntityAction></GlobalAction></Action><StartTrigger>{groups}</StartTrigger></Event></Maneuver></ManeuverGroup></Act></Story>"
    )
    text = crossing().replace("<StopTrigger/>", away + "<StopTrigger/>")
    slow = read(tmp_path, text)
    assert [actor.id for actor in slow.scenario.scene.actors] == ["Other", "Parked"]
    assert any("does not happen" in note for note in slow.notes) and slow.left_out == ()
    fast = read(tmp_path, text, pace_kph="70")
    assert [actor.id for actor in fast.scenario.scene.actors] == ["Other"]
    assert any("'Parked' is taken away at the start" in note for note in fast.notes)


def test_records_are_noted_lights_listed_and_free_space_is_a_gap(tmp_path: Path) -> None:
    record = (
        '<Story name="r"><Act name="a"><ManeuverGroup name="g" maximumExecutionCount="1"><Actors selectTriggeringEntities="false"/>'
        '<Maneuver name="m"><Event name="hit" priority="parallel"><Action name="x"><GlobalAction><VariableAction variableRef="hit"><SetAction value="true"/>'
        '</VariableAction></GlobalAction></Action><StartTrigger><ConditionGroup><Condition name="c" delay="0" conditionEdge="none"><ByEntityCondition>'
        '<TriggeringEntities triggeringEntitiesRule="any"><EntityRef entityRef="Ego"/></TriggeringEntities><EntityCondition><CollisionCondition>'
        '<EntityRef entityRef="Other"/></CollisionCondition></EntityCondition></ByEntityCondition></Condition></ConditionGroup></StartTrigger></Event></Maneuver>'
        "</ManeuverGroup></Act></Story>"
    )
    lights = '<AppearanceAction><LightStateAction><LightType><VehicleLight vehicleLightType="lowBeam"/></LightType><LightState mode="on"/></LightStateAction></AppearanceAction>'
    near = (
        '<ByEntityCondition><TriggeringEntities triggeringEntitiesRule="any"><EntityRef entityRef="Ego"/></TriggeringEntities><EntityCondition>'
        '<RelativeDistanceCondition entityRef="Other" relativeDistanceType="longitudinal" freespace="true" value="25" rule="lessOrEqual"/>'
        "</EntityCondition></ByEntityCondition>"
    )
    go = f'<LongitudinalAction><SpeedAction>{AT_ONCE}<SpeedActionTarget><AbsoluteTargetSpeed value="4"/></SpeedActionTarget></SpeedAction></LongitudinalAction>'
    text = scenario(
        car("Ego") + car("Other", 1.9, 0.5, 0.6, kind="bicycle"),
        private("Ego", lane_position("west", -1, "5"), "10")
        + private("Other", lane_position("west", -1, "75", offset="0.4"), "0"),
        record + event("lit", "Ego", lights) + event("goes", "Other", go, near),
        more=NETWORK,
    )
    made = read(tmp_path, text)
    assert [line.split(": ", 1)[1] for line in made.left_out] == [
        "<AppearanceAction>: <AppearanceAction> of 'Ego' is not read"
    ]
    assert any("event 'hit' sets variables" in note for note in made.notes)
    (goes,) = made.scenario.events
    assert goes.start.gap_to_ego.below == 25.0
    scene = expand(made.scenario)
    met = impact_of(scene, "Other")
    assert met.offset == pytest.approx(0.4, abs=0.01) and met.target_mps == pytest.approx(4.0, abs=1e-3)
    assert made.scenario.video_settings.duration > met.time_s, "it is filmed until who sets off late has been met"


def test_a_file_of_ranges_and_of_values_that_belong_together(tmp_path: Path) -> None:
    base = write_with_ways(tmp_path, CROSSING, "base.xosc")
    together = "".join(
        f'<ParameterValueSet><ParameterAssignment parameterRef="beside" value="{beside}"/><ParameterAssignment parameterRef="side" value="{side}"/>'
        "</ParameterValueSet>"
        for beside, side in (("${2+2}", 1), ("6", -1))
    )
    values = (
        '<DeterministicSingleParameterDistribution parameterName="v_kph"><DistributionRange stepWidth="10">'
        '<Range lowerLimit="30" upperLimit="50"/></DistributionRange></DeterministicSingleParameterDistribution>'
        f"<DeterministicMultiParameterDistribution><ValueSetDistribution>{together}</ValueSetDistribution></DeterministicMultiParameterDistribution>"
    )
    text = HEAD.format(title="values") + (
        f'<ParameterValueDistribution><ScenarioFile filepath="{base.name}"/><Deterministic>{values}</Deterministic></ParameterValueDistribution></OpenSCENARIO>'
    )
    made = read_openscenario(write_with_ways(tmp_path, text, "values.xosc"))
    found = [(round(one.scenario.scene.ego.speed * 3.6), one.scenario.scene.actors[0].meets.moves) for one in made]
    assert found == [(v, moves) for v in (30, 40, 50) for moves in ("from_right", "from_left")]
    for broken, message in (
        (text.replace('stepWidth="10"', 'stepWidth="0"'), "expected a step above 0"),
        (text.replace("DistributionRange", "UserDefinedDistribution"), "neither a <DistributionSet> nor"),
        (text.replace("DeterministicMulti", "Odd"), "nothing is read"),
    ):
        with pytest.raises(InputError, match=message):
            read_openscenario(write_with_ways(tmp_path, broken, "values.xosc"))


def test_given_values_reach_a_manoeuvre_of_a_catalog(tmp_path: Path) -> None:
    (tmp_path / "moves").mkdir()
    (tmp_path / "moves" / "Moves.xosc").write_text(
        HEAD.format(title="moves")
        + '<Catalog name="Moves"><Maneuver name="slower"><ParameterDeclarations>'
        + parameter("to", "1")
        + f'</ParameterDeclarations><Event name="slows" priority="override"><Action name="a"><PrivateAction><LongitudinalAction><SpeedAction>{AT_ONCE}'
        '<SpeedActionTarget><AbsoluteTargetSpeed value="$to"/></SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction></Action></Event>'
        "</Maneuver></Catalog></OpenSCENARIO>"
    )
    group = (
        '<Story name="s"><Act name="a"><ManeuverGroup name="g" maximumExecutionCount="1"><Actors selectTriggeringEntities="false"><EntityRef entityRef="Other"/>'
        '</Actors><CatalogReference catalogName="Moves" entryName="slower"><ParameterAssignments><ParameterAssignment parameterRef="to" value="6"/>'
        "</ParameterAssignments></CatalogReference></ManeuverGroup></Act></Story>"
    )
    places = private("Ego", lane_position("west", -1, "5"), "10") + private(
        "Other", lane_position("west", -1, "60"), "9"
    )
    folder = '<CatalogLocations><ManeuverCatalog><Directory path="moves"/></ManeuverCatalog></CatalogLocations>'
    (slows,) = read(tmp_path, scenario(car("Ego") + car("Other"), places, group, more=folder + NETWORK)).scenario.events
    assert slows.action.speed.to == 6.0


EGO = private("Ego", lane_position("west", -1, "30"), "10")
OTHER = car("Ego") + car("Other")

#: What is wrong, the file, and what the message has to say.
BROKEN = {
    "an ego without a place": (scenario(car("Ego"), speed_only("Ego", "10"), more=NETWORK), "the ego 'Ego' has no place"),
    "a road that is not there": (scenario(OTHER, EGO + private("Other", lane_position("up", -1, "3"), "0"), more=NETWORK), "there is no road 'up'"),
    "roads that do not meet": (scenario(OTHER, EGO + private("Other", route_position(("east", "north"), "9", lane=-1), "0"), more=NETWORK), "do not meet"),
    "a route without its roads": (scenario(OTHER, EGO + private("Other", route_position(("north", "south"), "9", lane=-1), "0")), "needs the road file"),
    "a clothoid from nowhere": (scenario(OTHER, EGO + speed_only("Other", "8", follow('<Trajectory name="c" closed="false"><Shape><ClothoidSpline><ClothoidSplineSegment curvatureStart="0" curvatureEnd="0" length="5"/></ClothoidSpline></Shape></Trajectory>')), more=NETWORK), "where the first segment begins"),
    "a way to where one is": (scenario(OTHER, EGO + speed_only("Other", "8", follow(straight(lane_position("north", -1, "9"), lane_position("north", -1, "9")))), more=NETWORK), "leads nowhere"),
    "a route of one place": (scenario(OTHER, EGO + private("Other", route_position(("north", "south"), "9", lane=-1), "0").replace('<Waypoint routeStrategy="shortest"><Position><LanePosition roadId="south" laneId="-1" s="0"/></Position></Waypoint>', ""), more=NETWORK), "two places or more"),
    "nobody to arrive": (crossing().replace('<AbsoluteSpeed value="$_pace"/>', '<AbsoluteSpeed value="0"/>'), "expected more than 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BROKEN))
def test_what_is_broken_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, message = BROKEN[name]
    with pytest.raises(InputError, match=message):
        read_openscenario(write(tmp_path, text))


def test_a_bend_makes_no_plane_of_two_roads(tmp_path: Path) -> None:
    bent = crossroads().replace("<line/>", '<arc curvature="0.01"/>', 1)
    text = scenario(OTHER, EGO + private("Other", lane_position("north", -1, "9"), "0"), more=NETWORK)
    with pytest.raises(InputError, match="the ego's bends"):
        read_openscenario(write(tmp_path, text, bent))
    assert np.isclose(MIDDLE_M, 130.0)
