"""OpenSCENARIO files read into scenarios: what Euro NCAP's kind of file means, what is listed, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from impacts import impact_of
from osc_files import (
    CROSSING,
    HEAD,
    LANE,
    REAR,
    REVERSING,
    car,
    event,
    private,
    scenario,
    walker,
    write,
)
from tiny_exports import make_run, silent

from drivesim.errors import InputError
from drivesim.exports.gather import chosen_futures, gather
from drivesim.exports.openscenario import write_description
from drivesim.scenarios import loads
from drivesim.scenarios.expand import expand
from drivesim.scenarios.language.yaml_writer import suite_text
from drivesim.scenarios.openscenario import Imported, read_openscenario
from drivesim.traffic.dimensions import EGO_FRONT_M


def read(folder: Path, text: str, **options: object) -> Imported:
    (made,) = read_openscenario(write(folder, text), **options)  # type: ignore[arg-type]
    assert loads(made.scenario.to_yaml())[0] == made.scenario
    return made


def test_rear_stationary(tmp_path: Path) -> None:
    made = read(tmp_path, REAR)
    scene = made.scenario.scene
    assert scene.ego.speed == pytest.approx(50 / 3.6, abs=1e-4)
    (target,) = scene.actors
    gap = 5 * 50 / 3.6 + 1.3 - 2.0 - (1.35 + 2.18)
    assert (target.id, target.category, target.lane, target.speed) == ("Target", "car", "ego", 0.0)
    assert target.gap == pytest.approx(gap, abs=1e-3)
    assert made.scenario.events == () and scene.traffic.density == "none"
    assert made.left_out == ()
    assert [line.split(": ", 1)[1] for line in made.notes if "brakes is false" in line] == [
        "Act 'placing act': does not happen: brakes is false",
        "Act 'braking act': does not happen: brakes is false",
    ]
    assert made.scenario.title == "car to car, rear"


@pytest.mark.parametrize("kph", ["0", "20"])
def test_a_target_keeps_its_place_beside_the_middle_standing_or_moving(tmp_path: Path, kph: str) -> None:
    made = read(tmp_path, REAR, settings={"target_kph": kph, "aside": "-1"})
    (target,) = made.scenario.scene.actors
    assert target.speed == pytest.approx(float(kph) / 3.6, abs=1e-4) and target.reacts is False
    ahead = 5 * 50 / 3.6 + 1.3 + EGO_FRONT_M - (1.35 + 2.18)  # the gap between the bumpers is that of the file
    assert (target.at.x, target.at.y) == (pytest.approx(ahead, abs=1e-3), pytest.approx(-0.4))
    (actor,) = expand(made.scenario, duration_s=3.0).actors
    assert np.ptp(actor.track.positions[:, 1]) < 1e-6
    assert actor.track.positions[-1, 0] == pytest.approx(ahead + 2.9 * float(kph) / 3.6, abs=0.01)
    reached_s = (ahead - 2.0 - EGO_FRONT_M) / ((50 - float(kph)) / 3.6)
    assert made.scenario.video_settings.duration > reached_s + 2.5, "it is filmed until the target has been reached"


def test_rear_braking_drives_as_the_protocol_says(tmp_path: Path) -> None:
    made = read(tmp_path, REAR, settings={"target_kph": "50", "brakes": "true", "headway": "40", "rate": "6"})
    (target,) = made.scenario.scene.actors
    assert target.gap == 40.0
    (braking,) = made.scenario.events
    assert braking.start.time == 3.0 and braking.mode == "condition"
    assert (braking.action.brake.deceleration, braking.action.brake.to) == (6.0, 0.0)
    scene = expand(made.scenario, duration_s=6.0)
    (actor,) = scene.actors
    assert actor.track.speed_mps[25] == pytest.approx(50 / 3.6, abs=1e-3)
    assert actor.track.speed_mps[40] == pytest.approx(50 / 3.6 - 6.0, abs=0.1)
    assert actor.track.speed_mps[58] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("side", "beside", "pace_kph"), [(1, 4.0, 5.0), (-1, 6.0, 8.0)])
def test_crossing_meets_the_ego_from_either_side(tmp_path: Path, side: int, beside: float, pace_kph: float) -> None:
    settings = {"side": str(side), "beside": str(beside), "pace_kph": str(pace_kph)}
    made = read(tmp_path, CROSSING, settings=settings)
    (person,) = made.scenario.scene.actors
    v, pace = 40 / 3.6, pace_kph / 3.6
    assert person.category == "pedestrian" and person.speed == pytest.approx(pace, abs=1e-4)
    time_s = (6 * v - 3.53 - 0.25) / v
    assert person.meets.moves == ("from_right" if side == 1 else "from_left")
    assert person.meets.time == pytest.approx(time_s, abs=0.01) and person.meets.impact == pytest.approx(0.5, abs=0.01)
    assert person.meets.distance == pytest.approx(beside, abs=0.02)
    assert any("stands where it begins in the file" in note for note in made.notes) and made.left_out == ()
    met = impact_of(expand(made.scenario, duration_s=8.0), "VRU")
    assert (met.time_s, met.offset) == (pytest.approx(time_s, abs=0.02), pytest.approx(0.0, abs=0.03))
    assert (met.ego_mps, met.target_mps) == (pytest.approx(v, abs=1e-3), pytest.approx(pace, abs=1e-3))
    assert made.scenario.video_settings.duration > time_s


def test_a_car_that_drives_backwards_meets_who_crosses_behind_it(tmp_path: Path) -> None:
    (made,) = read_openscenario(write(tmp_path, REVERSING), settings={"v_kph": "6"})
    assert (
        made.scenario.scene.ego.speed == pytest.approx(-6 / 3.6, abs=1e-3) and made.scenario.scene.ego.reacts is False
    )
    assert not made.left_out and any("along its lane" in note for note in made.notes)
    scene = expand(made.scenario, seed=2, duration_s=9.0)
    (walker,) = scene.actors
    met = 9.0 / (6 / 3.6)
    offset = np.interp(met * scene.fps, np.arange(len(scene)), walker.track.positions[:, 1])
    behind = np.interp(met * scene.fps, np.arange(len(scene)), scene.ego.positions[:, 0])
    assert behind == pytest.approx(-9.0, abs=0.01)
    assert offset == pytest.approx(0.0, abs=0.1)


def test_a_file_of_values_gives_a_suite(tmp_path: Path) -> None:
    write(tmp_path, REAR, "base.xosc")
    values = "".join(
        f'<DeterministicSingleParameterDistribution parameterName="{name}"><DistributionSet>{elements}</DistributionSet>'
        "</DeterministicSingleParameterDistribution>"
        for name, elements in (
            ("v_kph", '<Element value="30"/><Element value="50"/>'),
            ("target_kph", '<Element value="0"/><Element value="20"/>'),
        )
    )
    text = (
        HEAD.format(title="values")
        + f'<ParameterValueDistribution><ScenarioFile filepath="base.xosc"/><Deterministic>{values}</Deterministic>'
        + "</ParameterValueDistribution></OpenSCENARIO>"
    )
    made = read_openscenario(write(tmp_path, text, "CCR variations.xosc"))
    assert [each.scenario.id for each in made] == ["ccr-variations", *(f"ccr-variations-{k}" for k in (2, 3, 4))]
    speeds = [(each.scenario.scene.ego.speed, each.scenario.scene.actors[0].speed) for each in made]
    assert speeds == [pytest.approx((v / 3.6, t / 3.6), abs=1e-4) for v in (30, 50) for t in (0, 20)]
    suite = loads(suite_text([each.scenario.to_dict() for each in made]))
    assert list(suite) == [each.scenario for each in made]


ROAD = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="6"/>
<road id="7" length="500" junction="-1"><type s="0" type="motorway"><speed max="120" unit="km/h"/></type>
<planView><geometry s="0" x="100" y="20" hdg="0.5" length="500"><arc curvature="0.001"/></geometry></planView>
<lanes><laneSection s="0"><left><lane id="1" type="driving"><width a="3.7"/></lane></left><center><lane id="0" type="none"/></center>
<right><lane id="-1" type="driving"><width a="3.6"/></lane><lane id="-2" type="driving"><width a="3.6"/></lane>
<lane id="-3" type="shoulder"><width a="2"/></lane></right></laneSection></lanes></road></OpenDRIVE>"""
NETWORK = '<RoadNetwork><LogicFile filepath="road.xodr"/></RoadNetwork>'


def lane(number: int, s: float) -> str:
    return f'<LanePosition roadId="7" laneId="{number}" s="{s}"/>'


def test_the_road_file_tells_lanes_bend_kind_and_limit(tmp_path: Path) -> None:
    (tmp_path / "road.xodr").write_text(ROAD)
    change = (
        '<LateralAction><LaneChangeAction><LaneChangeActionDynamics dynamicsShape="sinusoidal" dynamicsDimension="time" value="4"/>'
        '<LaneChangeTarget><RelativeTargetLane entityRef="Other" value="-1"/></LaneChangeTarget></LaneChangeAction></LateralAction>'
    )
    near = (
        '<ByEntityCondition><TriggeringEntities triggeringEntitiesRule="any"><EntityRef entityRef="Ego"/></TriggeringEntities>'
        '<EntityCondition><RelativeDistanceCondition entityRef="Other" relativeDistanceType="euclidianDistance" value="25" '
        'freespace="false" rule="lessThan"/></EntityCondition></ByEntityCondition>'
    )
    text = scenario(
        car("Ego") + car("Other") + car("Oncoming", kind="truck"),
        private("Ego", lane(-2, 20), "30")
        + private("Other", lane(-1, 60), "25")
        + private("Oncoming", lane(1, 150), "28"),
        event("cut in", "Other", change, near),
        more=NETWORK,
    )
    made = read(tmp_path, text)
    road = made.scenario.scene.road
    assert (road.type, road.lanes, road.ego_lane, road.oncoming_lanes) == ("motorway", 2, 1, 1)
    assert road.lane_width == 3.6 and road.speed_limit == pytest.approx(120 / 3.6, abs=1e-3)
    assert road.curvature == pytest.approx(0.001)
    other, oncoming = made.scenario.scene.actors
    assert other.lane == 2 and other.gap == pytest.approx(36.0, abs=1e-6)
    assert oncoming.at is not None and abs(oncoming.yaw) == pytest.approx(math.pi, abs=0.14)
    (cut_in,) = made.scenario.events
    assert cut_in.id == "cut_in" and cut_in.action.lane_change.to == 1
    assert cut_in.start.distance_to_ego.below == 25.0
    at_world = '<WorldPosition x="119.2" y="25.1" z="0" h="0.52"/>'
    again = read(tmp_path, text.replace(lane(-2, 20), at_world))
    assert again.scenario.scene.road == road


def test_what_was_exported_comes_back(tmp_path: Path) -> None:
    """Entities, gaps, speeds and events of a scenario, through the exporter's files."""

    from drivesim.exports.opendrive import make_opendrive  # noqa: F401 - the files below are its

    contents = gather(chosen_futures(make_run(tmp_path / "run", 1))[0], None, silent)
    scripted = tuple(actor for actor in contents.scene.actors if not actor.id.startswith("ambient"))
    write_description(
        tmp_path, dataclasses.replace(contents, scene=dataclasses.replace(contents.scene, actors=scripted))
    )
    made = read_openscenario(tmp_path / "scenario.xosc")[0]
    assert made.left_out == ()
    own = loads(contents.scenario_yaml)[0].with_parameters(contents.future.manifest.parameters)
    assert [(a.id, a.category, a.look) for a in made.scenario.scene.actors] == [
        (a.id, a.category, a.look) for a in own.scene.actors
    ]
    for back, actor in zip(made.scenario.scene.actors, own.scene.actors, strict=True):
        assert back.gap == pytest.approx(actor.gap, abs=0.3) and back.speed == pytest.approx(actor.speed, abs=0.05)
    assert made.scenario.scene.road.lanes == 3 and made.scenario.scene.road.type == "motorway"
    assert made.scenario.events[0].action == own.events[0].action.model_copy(
        update={"lane_change": own.events[0].action.lane_change.model_copy(update={"to": 2})}
    )


def test_what_has_no_counterpart_is_listed_with_its_line(tmp_path: Path) -> None:
    controller = "<ControllerAction><AssignControllerAction/></ControllerAction>"
    text = scenario(
        car("Ego") + car("Target") + '<ScenarioObject name="Tree"><MiscObject name="t" miscObjectCategory="tree" mass="1"/></ScenarioObject>',
        private("Ego", LANE, "10")
        + f'<Private entityRef="Target"><PrivateAction><TeleportAction><Position><RelativeLanePosition entityRef="Ego" dLane="0" ds="30"/></Position></TeleportAction></PrivateAction><PrivateAction>{controller}</PrivateAction></Private>'
        + '<GlobalAction><InfrastructureAction/></GlobalAction>',
        event("odd", "Target", "<VisibilityAction graphics=\"false\" traffic=\"true\" sensors=\"true\"/>")
        + event("late", "Target", "<TeleportAction/>", "<ByValueCondition><TrafficSignalCondition name=\"x\" state=\"y\"/></ByValueCondition>"),
        more="<MonitorDeclarations><MonitorDeclaration name=\"m\" value=\"true\"/></MonitorDeclarations>",
    )  # fmt: skip
    made = read(tmp_path, text)
    listed = "\n".join(made.left_out)
    for word in (
        "'Tree'",
        "ControllerAction",
        "InfrastructureAction",
        "VisibilityAction",
        "TrafficSignalCondition",
        "MonitorDeclarations",
    ):
        assert word in listed, f"{word} is missing in\n{listed}"
    assert all(line.split(":")[0] == "test.xosc" for line in made.left_out)


def edited(old: str, new: str, base: str = REAR) -> str:
    assert old in base, old
    return base.replace(old, new)


SIMPLE = scenario(
    car("Ego") + car("Target"), private("Ego", LANE, "10") + private("Target", LANE.replace("50", "90"), "5")
)

#: What is wrong, the file, and what the message has to say.
BROKEN: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", "is empty"),
    "no XML": (lambda: "drivesim: 1", "not valid XML"),
    "cut short": (lambda: REAR[: len(REAR) // 2], "not valid XML"),
    "an entity bomb": (lambda: '<!DOCTYPE a [<!ENTITY b "c">]><OpenSCENARIO/>', "document type"),
    "another root": (lambda: "<OpenDRIVE/>", "expected <OpenSCENARIO>"),
    "no header": (lambda: "<OpenSCENARIO/>", "no <FileHeader>"),
    "version 2": (lambda: edited('revMajor="1"', 'revMajor="2"'), "OpenSCENARIO 2.3; versions 1.0 to 1.3"),
    "a catalog": (lambda: HEAD.format(title="x") + '<Catalog name="c"/></OpenSCENARIO>', "is a catalog"),
    "no entities": (lambda: HEAD.format(title="x") + "<Storyboard/></OpenSCENARIO>", "no <Entities>"),
    "no storyboard": (lambda: HEAD.format(title="x") + f"<Entities>{car('Ego')}</Entities></OpenSCENARIO>", "no <Storyboard>"),
    "two of one name": (lambda: edited('<ScenarioObject name="Target">', '<ScenarioObject name="Ego">'), "two entities are called 'Ego'"),
    "no ego": (lambda: edited('ScenarioObject name="Ego"', 'ScenarioObject name="Alice"', SIMPLE), "Name it with --ego"),
    "an ego nowhere": (lambda: edited('<Private entityRef="Ego">', '<Private entityRef="Else">', SIMPLE), "no place in <Init>"),
    "unknown parameter": (lambda: edited("${$v_kph/3.6}", "${$v_khp/3.6}"), "Did you mean '$v_kph'"),
    "a sum that cannot be": (lambda: edited("${$v_kph/3.6}", "${$v_kph/0}"), "cannot be computed"),
    "code in a sum": (lambda: edited("${$v_kph/3.6}", "${__import__('os').system('true')}"), "cannot be computed"),
    "an open brace": (lambda: edited("${$v_kph/3.6}", "${$v_kph/3.6"), "no closing brace"),
    "words for a number": (lambda: edited('s="50"', 's="far"'), "is not a finite number"),
    "infinite": (lambda: edited('s="50"', 's="INF"'), "is not a finite number"),
    "a missing attribute": (lambda: edited(' s="50"', ""), "has no attribute 's'"),
    "lane 0": (lambda: edited('laneId="-1"', 'laneId="0"'), "lane 0 is the reference line"),
    "two roads": (lambda: edited('roadId="0" laneId="-1" s="90"', 'roadId="3" laneId="-1" s="90"', SIMPLE), "on road '3', the ego on '0'"),
    "an unread position": (lambda: edited(LANE, '<GeoPosition latitude="1" longitude="2"/>', SIMPLE), "<GeoPosition> is not read"),
    "nobody to stand by": (lambda: edited('RelativeLanePosition entityRef="Ego"', 'RelativeLanePosition entityRef="Eve"'), "'Eve' has no place yet"),
    "backwards": (lambda: edited('value="5"', 'value="-5"', SIMPLE), "driving backwards is read of the ego from the start only"),
    "a rate of nothing": (lambda: edited('name="rate" parameterType="double" value="2"', 'name="rate" parameterType="double" value="0"', REAR.replace('value="false"', 'value="true"')), "never reaches the speed"),
    "a stranger in Init": (lambda: edited('<Private entityRef="Target">', '<Private entityRef="Tarqet">', SIMPLE), "'Tarqet' is no entity"),
    "a stranger who acts": (lambda: REAR.replace('value="false"', 'value="true"').replace('<EntityRef entityRef="Target"/>', '<EntityRef entityRef="Eve"/>'), "'Eve' is no entity"),
    "no speed": (lambda: edited(private("Ego", LANE, "10"), f'<Private entityRef="Ego"><PrivateAction><TeleportAction><Position>{LANE}</Position></TeleportAction></PrivateAction></Private>', SIMPLE), "at what speed the ego"),
    "a box of nothing": (lambda: edited('length="4.0"', 'length="0"'), "expected more than 0"),
    "a speed beyond all": (lambda: edited(private("Ego", LANE, "10"), private("Ego", LANE, "900"), SIMPLE), "what was read is no valid scenario"),
    "values of a file that is not there": (lambda: HEAD.format(title="x") + '<ParameterValueDistribution><ScenarioFile filepath="gone.xosc"/><Deterministic/></ParameterValueDistribution></OpenSCENARIO>', "is not there"),
    "a way of curves": (lambda: scenario(car("Ego") + walker("P"), private("Ego", LANE, "9") + '<Private entityRef="P"><PrivateAction><RoutingAction><FollowTrajectoryAction><Trajectory name="t" closed="false"><Shape><Nurbs order="2"/></Shape></Trajectory></FollowTrajectoryAction></RoutingAction></PrivateAction></Private>'), "<Nurbs> is not read"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BROKEN))
def test_what_is_broken_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    make, message = BROKEN[name]
    path = write(tmp_path, make())
    with pytest.raises(InputError) as error:
        read_openscenario(path)
    assert message in str(error.value), str(error.value)
    assert "test.xosc" in str(error.value) or "--ego" in str(error.value)


def test_more_than_enough_is_broken() -> None:
    assert len(BROKEN) >= 25


def test_options_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, REAR)
    with pytest.raises(InputError, match="parameter 'speed' is not declared"):
        read_openscenario(path, settings={"speed": "3"})
    with pytest.raises(InputError, match="--ego Bob: there is no such entity"):
        read_openscenario(path, ego="Bob")
    with pytest.raises(InputError, match="cannot be read"):
        read_openscenario(tmp_path / "nothing.xosc")
    assert (
        read_openscenario(write(tmp_path, SIMPLE.replace('"Ego"', '"Alice"')), ego="Alice")[0].scenario.scene.ego.speed
        == 10.0
    )


def test_a_road_file_that_is_broken_is_refused(tmp_path: Path) -> None:
    text = scenario(car("Ego"), private("Ego", lane(-2, 20), "30"), more=NETWORK)
    for road, message in (
        (ROAD.replace('id="7"', 'id="8"'), "no road '7'"),
        (ROAD.replace("driving", "none"), "no driving lane"),
        (ROAD[:300], "not valid XML"),
        ("<OpenSCENARIO/>", "expected <OpenDRIVE>"),
    ):
        (tmp_path / "road.xodr").write_text(road)
        with pytest.raises(InputError, match=message):
            read_openscenario(write(tmp_path, text))
