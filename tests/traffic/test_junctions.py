"""Junctions: where side roads lie, the ways through, who turns, who waits, and what signals say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from shapely import Polygon

from drivesim.errors import InputError
from drivesim.geometry import footprint, wrap_angle
from drivesim.junctions import Control, Side, Signals
from drivesim.metrics.criticality.off_road import off_road_distance
from drivesim.road import Road
from drivesim.scene import Actor
from drivesim.traffic import right_of_way
from drivesim.traffic.fleet import ON_ROUTE, Fleet
from drivesim.traffic.junction_builder import add_junction
from drivesim.traffic.plans import ActorPlan, AmbientTraffic, EgoPlan, JunctionTurn, Manoeuvre
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.routes import JunctionRoute, destination_of, make_route
from drivesim.traffic.simulation import TrafficResult, TrafficSimulation, simulate
from drivesim.traffic.yielding import driven_into

AT = 70.0


def road_with(
    control: Control = "priority",
    arms: tuple[Side, ...] = ("left", "right"),
    road_type: str = "urban",
    side: Side = "right",
    lanes: int = 1,
) -> Road:
    plain = build_road(
        road_type,  # type: ignore[arg-type]
        lanes=lanes,
        ego_lane=1,
        curvature="straight",
        traffic_side=side,
        parking="none",
    )
    signals = Signals(road_green_s=8.0, arms_green_s=6.0)
    return add_junction(plain, s=AT, arms=arms, control=control, signals=signals)


def turn(to: str, name: str = "turn") -> tuple[Manoeuvre, ...]:
    return (Manoeuvre(id=name, action=JunctionTurn(to=to)),)  # type: ignore[arg-type]


def drive(road: Road, *plans: ActorPlan, ego: EgoPlan, seconds: float = 18.0, seed: int = 0) -> TrafficResult:
    return simulate(road, ego, plans, duration_s=seconds, fps=10.0, rng=np.random.default_rng(seed))


def car(name: str, **placed: object) -> ActorPlan:
    return ActorPlan(id=name, category="car", length=4.5, width=1.85, height=1.5, **placed)  # type: ignore[arg-type]


def comer(road: Road, side: Side, line: float, speed: float, manoeuvres: tuple[Manoeuvre, ...] = ()) -> ActorPlan:
    """A car on an arm, its front ``line`` metres before the place to wait."""
    route = make_route(road, road.junctions[0], side, manoeuvres[0].action.to if manoeuvres else "straight")  # type: ignore[union-attr]
    assert isinstance(route, JunctionRoute)
    x, y, yaw = (float(value) for value in route.at(-line - 2.25))
    return car(f"from_{side}", x=x, y=y, yaw_rad=yaw, speed=speed, desired_speed=10.0, arm=side, manoeuvres=manoeuvres)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("road_type", ["urban", "rural"])
def test_every_way_stays_on_the_asphalt_and_bends_gently(road_type: str, side: Side) -> None:
    road = road_with(road_type=road_type, side=side)
    area = road.drivable(0.0, 150.0).buffer(0.05)
    for origin, to in itertools.product(("behind", "ahead", "left", "right"), ("left", "straight", "right")):
        route = make_route(road, road.junctions[0], origin, to)  # type: ignore[arg-type]
        assert isinstance(route, JunctionRoute)
        assert route.destination == destination_of(origin, to)  # type: ignore[arg-type]
        turned = float(wrap_angle(route.points[-1, 2] - route.points[0, 2]))
        assert turned == pytest.approx({"left": np.pi / 2, "straight": 0.0, "right": -np.pi / 2}[to], abs=1e-3)
        bend = np.abs(np.gradient(route.points[:, 2])) / 0.5
        assert bend.max() < 1.0 / 4.0
        for p in np.arange(-20.0, route.leave_p + 10.0, 1.0):
            x, y, yaw = (float(value) for value in route.at(p))
            assert area.contains(Polygon(footprint(x, y, 4.5, 1.85, yaw))), (origin, to, p)


def test_side_roads_are_no_part_of_a_road_without_them() -> None:
    road = build_road("urban", lanes=1, ego_lane=1, curvature="straight")
    joined = add_junction(road, s=AT, arms=["left"])
    assert not road.drivable(50.0, 90.0).contains(Polygon(footprint(AT, 30.0, 2.0, 2.0, 0.0)))
    assert joined.drivable(50.0, 90.0).contains(Polygon(footprint(AT, 30.0, 2.0, 2.0, 0.0)))
    assert joined.drivable(200.0, 240.0).equals(road.drivable(200.0, 240.0))


@pytest.mark.parametrize(
    ("road_type", "curvature", "arms", "at", "words"),
    [
        ("motorway", "straight", ("left",), AT, "motorway"),
        ("urban", 0.005, ("left",), AT, "straight"),
        ("urban", "straight", (), AT, "arms"),
        ("urban", "straight", ("left", "left"), AT, "twice"),
        ("urban", "straight", ("left",), 5000.0, "does not lie"),
    ],
)
def test_a_junction_that_cannot_be_is_refused(road_type, curvature, arms, at, words) -> None:
    road = build_road(road_type, lanes=2, ego_lane=1, curvature=curvature)
    with pytest.raises(InputError, match=words):
        add_junction(road, s=at, arms=arms)


@pytest.mark.parametrize(("to", "y"), [("right", -40.0), ("left", 40.0), ("straight", 0.0)])
@pytest.mark.parametrize("side", ["right", "left"])
def test_the_ego_turns_and_stays_on_the_road(to: str, y: float, side: Side) -> None:
    road = road_with(side=side)
    made = drive(road, ego=EgoPlan(speed=11.0, manoeuvres=turn(to)))
    assert made.event_times == {"turn": 0.0}
    end = made.ego.positions[-1]
    assert end[1] < y + 5.0 if y < 0 else end[1] > y - 5.0
    assert end[0] > 100.0 if to == "straight" else abs(end[0] - AT) < 4.0
    assert float(off_road_distance(made.ego, road).max()) < 0.05
    step = np.abs(wrap_angle(np.diff(made.ego.yaw_rad)))
    assert float((step * 10.0 * made.ego.speed_mps[1:]).max()) < 3.6, "m/s² sideways"


def test_who_turns_from_an_arm_joins_the_lane_of_the_road() -> None:
    road = road_with()
    plan = comer(road, "right", 12.0, 4.0, turn("right"))
    made = drive(road, plan, ego=EgoPlan(speed=0.0))
    track = made.actors[0].track
    assert track.positions[-1, 0] > AT + 15.0
    assert track.positions[-1, 1] == pytest.approx(0.0, abs=0.3), "the ego's lane"
    assert abs(float(track.yaw_rad[-1])) < 0.02


def test_an_arm_gives_way_to_the_road_and_goes_when_it_is_free() -> None:
    road = road_with()
    plan = comer(road, "left", 14.0, 7.0)
    busy = drive(road, plan, ego=EgoPlan(speed=12.0))
    free = drive(road, plan, ego=EgoPlan(speed=0.0))
    across = [int(np.argmax(made.actors[0].track.positions[:, 1] < -8.0)) for made in (busy, free)]
    ego_gone = int(np.argmax(busy.ego.positions[:, 0] > AT))
    assert 0 < across[1] < 70, "nobody comes: it crosses without a stop"
    assert across[0] > ego_gone, "it lets the ego pass"


def test_a_stop_sign_is_stopped_at_though_nobody_comes() -> None:
    for control, slowest in (("priority", 1.5), ("stop", 0.0)):
        road = road_with(control=control)  # type: ignore[arg-type]
        track = drive(road, comer(road, "left", 30.0, 9.0), ego=EgoPlan(speed=0.0), seconds=20.0).actors[0].track
        assert track.positions[-1, 1] < -8.0, "it has crossed"
        before = track.positions[:, 1] > 0.0
        found = float(track.speed_mps[before].min())
        assert found <= 0.31 if slowest == 0.0 else found > slowest


def test_a_left_turn_lets_those_pass_who_come_towards_it() -> None:
    road = road_with()
    oncoming = car("oncoming", s=AT + 75.0, lane=1, direction=-1, speed=11.0)
    made = drive(road, oncoming, ego=EgoPlan(speed=11.0, manoeuvres=turn("left")), seconds=25.0)
    passed = int(np.argmax(made.actors[0].track.positions[:, 0] < AT - 10.0))
    turned = int(np.argmax(made.ego.positions[:, 1] > 3.0))
    assert 0 < passed and turned > passed - 12


def test_signals_follow_their_cycle_and_are_obeyed() -> None:
    signals = Signals(road_green_s=8.0, arms_green_s=6.0)
    assert signals.cycle_s == 24.0
    seen = [(signals.light(False, t), signals.light(True, t)) for t in (0.0, 9.0, 11.5, 14.0, 20.0, 22.5, 24.0)]
    assert seen == [
        ("green", "red"), ("amber", "red"), ("red", "red"), ("red", "green"), ("red", "amber"), ("red", "red"), ("green", "red"),
    ]  # fmt: skip
    road = road_with("signals")
    plan = comer(road, "left", 20.0, 8.0)
    made = drive(road, plan, car("second", s=-30.0, lane=1, speed=8.0), ego=EgoPlan(speed=5.0), seconds=40.0)
    line = AT - road.junctions[0].reach_m
    for track, front in ((made.ego, 3.6), (made.actors[1].track, 2.25)):
        crossed = np.flatnonzero(np.diff((track.positions[:, 0] + front > line).astype(int)) == 1)
        assert all(signals.light(False, (frame + 1) / 10.0) != "red" for frame in crossed)
        assert track.positions[-1, 0] > AT
    route = make_route(road, road.junctions[0], "left", "straight")
    assert isinstance(route, JunctionRoute)
    edge = float(route.at(0.0)[1])
    crossed = int(np.argmax(made.actors[0].track.positions[:, 1] - 2.25 < edge))
    assert signals.light(True, crossed / 10.0) != "red"


def test_seeds_are_developments_of_one_start_and_nobody_collides() -> None:
    road = road_with(lanes=2)
    ambient = AmbientTraffic(seed=4, density_per_km=15.0, oncoming_per_km=15.0, pedestrians_per_km=20.0, speed_mps=12.0)
    ends = []
    for seed in (1, 2):
        simulation = TrafficSimulation(
            road, EgoPlan(speed=6.0), [], fps=5.0, rng=np.random.default_rng(seed), ambient=ambient
        )
        for _ in range(150):
            simulation.step()
        made = simulation.result()
        assert simulation._settled == set()
        assert any(actor.id.startswith("ambient_arm") for actor in made.actors)
        ends.append({actor.id: actor.track.positions for actor in made.actors})
    first, second = ends
    common = [name for name in first if name in second]
    at_start = [name for name in common if np.array_equal(first[name][0], second[name][0])]
    assert len(at_start) > 10
    assert sum(not np.allclose(first[name][-1], second[name][-1]) for name in at_start) > 5


def test_on_an_arm_boxes_at_all_angles_are_no_crash() -> None:
    """Two who stand beside each other, askew to the road, whose extents along it overlap."""
    road = road_with()
    plans = [
        car("askew", x=40.0, y=9.0, yaw_rad=0.9, parked=True),
        car("moving", x=42.2, y=7.2, yaw_rad=0.9, speed=0.5),
    ]
    made = drive(road, *plans, ego=EgoPlan(speed=0.0), seconds=1.0)
    mover: Actor = made.actors[1]
    assert float(mover.track.speed_mps[-1]) > 0.3, "it was not brought to a stand"


@pytest.mark.parametrize("before", [True, False])
def test_far_along_an_arm_nobody_drives_into_who_stands_there(before: bool) -> None:
    """Beyond the samples of a way through the junction it goes straight on, and those ahead are seen all the same."""
    road = road_with()
    plan = comer(road, "right", 260.0 if before else 5.0, 9.0)
    away = road.junctions[0].arms[1].stop_s + (200.0 if before else 130.0)
    lane_x = AT + 1.75
    stands = car("stands", x=lane_x, y=(-away if before else away), yaw_rad=np.pi / 2, parked=True)
    made = drive(road, plan, stands, ego=EgoPlan(speed=0.0), seconds=14.0 if before else 30.0)
    behind = abs(float(made.actors[0].track.positions[-1, 1])) - away
    gap = (behind if before else -behind) - 4.5
    assert 0.3 < gap < 6.0, "it stopped behind"
    assert float(made.actors[0].track.speed_mps[-1]) < 0.3


def test_who_appears_on_an_arm_can_stop_behind_who_stands_there() -> None:
    """On a rural road he would come at 25 m/s, and a queue may reach to within 20 m of where he does."""
    road = road_with(road_type="rural")
    arm = road.junctions[0].arms[1]
    stands = car("stands", x=AT + 1.75, y=-(arm.stop_s + 92.0), yaw_rad=np.pi / 2, parked=True)
    ambient = AmbientTraffic(seed=4, density_per_km=28.0, oncoming_per_km=0.0)
    simulation = TrafficSimulation(
        road, EgoPlan(speed=0.0), [stands], fps=5.0, rng=np.random.default_rng(1), ambient=ambient
    )
    for _ in range(150):
        simulation.step()
    made = simulation.result()
    behind = [
        a for a in made.actors if a.id.startswith("ambient_arm") and a.track.positions[-1, 1] < -arm.stop_s - 92.0
    ]
    assert behind, "somebody has come"
    assert simulation.crashes == []


def test_nobody_changes_lanes_in_a_junction_that_others_turn_in() -> None:
    road = road_with(lanes=2)
    kerb, middle = road.lane(1), road.lane(2)
    assert kerb is not None and middle is not None
    left = middle.offset - kerb.offset
    slow = car("slow", x=AT - 25.0, y=left, speed=4.0, desired_speed=4.0, free=False)
    behind = car("behind", x=AT - 45.0, y=left, speed=8.0, desired_speed=13.0)
    made = drive(road, slow, behind, ego=EgoPlan(speed=0.0), seconds=22.0)
    x, y = made.actors[1].track.positions[:, :2].T
    assert np.abs(y[x < AT + road.junctions[0].reach_m] - left).max() < 0.5
    assert abs(y[-1]) < 0.5, "it passes him behind the junction"


def test_who_had_to_stop_in_a_junction_looks_again_before_he_goes_on() -> None:
    """He set off when it was free, somebody held him up, and now somebody comes who would not have been in his gap."""
    road = road_with()
    simulation = TrafficSimulation(
        road, EgoPlan(speed=0.0), [comer(road, "right", 0.0, 0.0), car("comes", x=AT - 34.0, y=0.0, speed=10.0)], fps=10.0,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    fleet = simulation._fleet
    fleet.inside[1] = 1.0
    for _ in range(80):
        simulation.step()
    assert simulation.crashes == []
    made = simulation.result()
    mine, comes = (actor.track.positions for actor in made.actors)
    passes = int(np.argmax(comes[:, 0] > AT + 5.0))
    assert abs(float(mine[passes, 1] - mine[0, 1])) < 1.0, "he lets him pass"
    assert float(mine[-1, 1]) > float(mine[0, 1]) + 4.0, "and then goes"


def about_to_turn_left() -> tuple[Road, Fleet, JunctionRoute]:
    """A country road, an ego 8 m before the junction where it turns left, and its way."""
    road = road_with(road_type="rural")
    made = TrafficSimulation(
        road, EgoPlan(speed=9.0, desired_speed=9.0, manoeuvres=turn("left")), [], fps=10.0, rng=np.random.default_rng(0)
    )
    fleet = made._fleet
    while fleet.motion[0] != ON_ROUTE or fleet.route_p[0] < -8.0:
        made.step()
    return road, fleet, fleet.route_of(0)


def test_who_turns_across_sees_the_fast_at_every_distance() -> None:
    """Somebody at 25 m/s comes 15 m between two of the moments at which others are foreseen."""
    road, fleet, route = about_to_turn_left()
    coming = car("comes", lane=1, direction=-1, s=AT, speed=25.0, desired_speed=25.0)
    slot = fleet.add(coming, np.random.default_rng(0), 0.0)
    for away in np.arange(30.0, 75.0, 1.0):
        fleet.s[slot] = AT + away
        fleet.x[slot], fleet.y[slot] = road.to_world(AT + away, float(fleet.d[slot]))[:2]
        assert not right_of_way._gap_is_free(fleet, route, 0, 0.0), f"{away:g} m away at 25 m/s"


def test_who_turns_across_sees_who_changes_lanes_on_the_way() -> None:
    """Where somebody heads just now is not where he drives: he follows the road, in one lane or the other."""
    road, fleet, route = about_to_turn_left()
    coming = car("comes", lane=1, direction=-1, s=AT, speed=18.0, desired_speed=18.0)
    slot = fleet.add(coming, np.random.default_rng(0), 0.0)
    d = float(fleet.d[slot])
    for away in np.arange(30.0, 60.0, 2.5):
        fleet.s[slot] = AT + away
        fleet.x[slot], fleet.y[slot], line = road.to_world(AT + away, d)
        fleet.yaw[slot] = line + np.pi
        assert not right_of_way._gap_is_free(fleet, route, 0, 0.0), f"{away:g} m away"
        # On his way back from the lane beside, heading across the road.
        fleet.d[slot] = d + 3.0
        fleet.x[slot], fleet.y[slot], line = road.to_world(AT + away, d + 3.0)
        fleet.change_s[slot], fleet.change_to[slot], fleet.yaw[slot] = 3.0, d, line + np.pi + 0.2
        assert not right_of_way._gap_is_free(fleet, route, 0, 0.0), f"{away:g} m away, changing lanes"
        fleet.d[slot], fleet.change_s[slot] = d, 0.0


def test_who_has_way_foresees_somebody_held_up_in_a_gap() -> None:
    road = road_with()
    crosser = comer(road, "right", line=6.0, speed=2.0)
    near, far = car("near", lane=1, direction=-1, s=AT + 25.0, speed=10.0), car("far", lane=1, s=-40.0, speed=10.0)
    plans = [crosser, near, far]
    made = TrafficSimulation(road, EgoPlan(speed=0.0), plans, fps=10.0, rng=np.random.default_rng(0))
    fleet = made._fleet
    slots = {plan.id: slot for slot, plan in enumerate(fleet.plans)}
    rows, columns = np.array([slots["near"], slots["far"]]), np.array([slots["from_right"], slots["near"]])
    gap = np.array([[20.0, 5.0], [60.0, 5.0]])
    assert driven_into(fleet, rows, columns, gap) is None, "nobody is in the junction"
    fleet.inside[slots["from_right"]] = 1.0
    found = driven_into(fleet, rows, columns, gap)
    assert found[0, 0] == pytest.approx(2.0 * 20.0 / 10.0), (
        "2 m/s to the left of the road, for as long as it takes to get there"
    )
    assert np.isnan(found[1, 0]) and np.isnan(found[:, 1]).all()
