"""What an author writes happens: stop, follow and reverse, and the gap that starts an event."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scene import Track
from drivesim.traffic.plans import ActorPlan, Brake, EgoPlan, Follow, Manoeuvre, Reverse, SpeedChange, Trigger, WalkTo
from drivesim.traffic.simulation import TrafficResult
from tests.driving import CAR, PERSON, actor, run, straight


def one(action: object, **trigger: object) -> tuple[Manoeuvre, ...]:
    return (Manoeuvre(id="does", action=action, trigger=Trigger(**trigger)),)


def gaps(ahead: Track, behind: Track, reach: float) -> np.ndarray:
    return ahead.positions[:, 0] - behind.positions[:, 0] - reach


@pytest.mark.parametrize("headway_s", [1.0, 2.0])
def test_following_keeps_the_gap_that_is_asked_for(headway_s: float) -> None:
    lead = ActorPlan(
        id="lead", s=60.0, lane=2, speed=20.0, manoeuvres=one(SpeedChange(to_mps=12.0, over_s=5.0), at_s=15.0), **CAR
    )
    tail = ActorPlan(
        id="tail",
        s=10.0,
        lane=2,
        speed=20.0,
        manoeuvres=one(Follow(actor_id="lead", headway_s=headway_s), at_s=1.0),
        **CAR,
    )
    tail = ActorPlan(
        **{
            **vars(tail),
            "manoeuvres": (Manoeuvre(id="follows", action=tail.manoeuvres[0].action, trigger=Trigger(at_s=1.0)),),
        }
    )
    result = run(straight(), EgoPlan(speed=20.0, lane=1), [lead, tail], seconds=45.0)
    gap = gaps(actor(result, "lead").track, actor(result, "tail").track, 4.5)
    assert gap[140] == pytest.approx(2.0 + 20.0 * headway_s, rel=0.15)
    assert gap[-1] == pytest.approx(2.0 + 12.0 * headway_s, rel=0.15)
    assert gap.min() > 2.0
    assert result.event_times["follows"] == 1.0


def test_following_the_ego_to_a_stand_and_being_told_something_else() -> None:
    ego = EgoPlan(
        speed=15.0,
        lane=2,
        manoeuvres=(Manoeuvre(id="halt", action=Brake(deceleration_mps2=4.0), trigger=Trigger(at_s=6.0)),),
    )
    leaves = Manoeuvre(id="leaves", action=SpeedChange(to_mps=0.0, over_s=1.0), trigger=Trigger(at_s=30.0))
    follows = Manoeuvre(id="follows", action=Follow(actor_id="ego", headway_s=1.2))
    behind = ActorPlan(id="behind", s=-30.0, lane=2, speed=15.0, manoeuvres=(follows, leaves), **CAR)
    result = run(straight(), ego, [behind], seconds=40.0)
    gap = result.ego.positions[-1, 0] - 1.0 - actor(result, "behind").track.positions[-1, 0] - 2.25
    assert 1.0 < gap < 3.5
    assert actor(result, "behind").track.speed_mps[-1] == 0.0


def reversed_by(result: TrafficResult, name: str) -> float:
    places = actor(result, name).track.positions[:, 0]
    return float(places.max() - places[-1])


@pytest.mark.parametrize("direction", [1, -1])
def test_reversing_goes_as_far_as_written_and_looks_ahead(direction: int) -> None:
    lane = {"lane": 2} if direction == 1 else {"d": 9.0}
    car = ActorPlan(
        id="car",
        s=80.0,
        speed=0.0,
        direction=direction,
        manoeuvres=one(Reverse(distance_m=12.0, speed_mps=2.0), at_s=2.0),
        **lane,
        **CAR,
    )
    result = run(straight(), EgoPlan(speed=0.0, lane=1), [car], seconds=20.0)
    track = actor(result, "car").track
    assert direction * (track.positions[0, 0] - track.positions[-1, 0]) == pytest.approx(12.0, abs=0.1)
    assert track.speed_mps.min() == pytest.approx(-2.0, abs=0.05)
    assert abs(np.sin(track.yaw_rad)).max() < 0.1
    assert (np.cos(track.yaw_rad) * direction > 0).all()


def test_reversing_stops_short_of_who_is_behind() -> None:
    car = ActorPlan(id="car", s=30.0, lane=2, speed=0.0, manoeuvres=one(Reverse(distance_m=40.0), at_s=1.0), **CAR)
    result = run(straight(), EgoPlan(speed=0.0, lane=2), [car], seconds=40.0)
    gap = actor(result, "car").track.positions[-1, 0] - 2.25 - 3.6
    assert 0.9 < gap < 1.3
    assert reversed_by(result, "car") > 20.0


def test_the_ego_reverses_too() -> None:
    ego = EgoPlan(speed=3.0, lane=1, manoeuvres=one(Reverse(distance_m=6.0), at_s=1.0))
    track = run(straight(), ego, [], seconds=20.0).ego
    assert track.positions[:, 0].max() - track.positions[-1, 0] == pytest.approx(6.0, abs=0.1)


def test_a_gap_starts_an_event() -> None:
    lead = ActorPlan(
        id="lead", s=60.0, lane=2, speed=10.0, manoeuvres=one(Brake(deceleration_mps2=3.0), gap_below_m=25.0), **CAR
    )
    result = run(straight(), EgoPlan(speed=16.0, lane=1), [lead], seconds=15.0)
    started = result.event_times["does"]
    assert started is not None
    frame = round(started * 10)
    gap = gaps(actor(result, "lead").track, result.ego, 3.6 + 2.25)
    assert gap[frame] < 25.0 <= gap[frame - 1] + 0.1


def test_who_is_slower_than_the_end_of_a_braking_keeps_his_speed() -> None:
    slow = ActorPlan(
        id="slow", s=60.0, lane=1, speed=8.0, manoeuvres=one(Brake(deceleration_mps2=3.0, to_mps=12.0), at_s=1.0), **CAR
    )
    track = actor(run(straight(), EgoPlan(speed=10.0, lane=2), [slow]), "slow").track
    assert track.speed_mps.max() < 9.0


def test_a_walker_who_was_stopped_walks_again_at_his_own_pace_and_a_pace_of_0_is_0() -> None:
    halts = Manoeuvre(id="halts", action=Brake(deceleration_mps2=2.0), trigger=Trigger(at_s=2.0))
    goes = Manoeuvre(id="goes", action=WalkTo(y=30.0), trigger=Trigger(at_s=6.0))
    walks = Manoeuvre(id="walks", action=WalkTo(y=-20.0))
    person = ActorPlan(
        id="person", x=40.0, y=-30.0, yaw_rad=np.pi / 2, speed=1.5, manoeuvres=(walks, halts, goes), **PERSON
    )
    never = ActorPlan(
        id="never",
        x=60.0,
        y=-30.0,
        yaw_rad=0.0,
        speed=0.0,
        manoeuvres=(Manoeuvre(id="no", action=WalkTo(y=0.0)),),
        **PERSON,
    )
    result = run(straight(), EgoPlan(speed=0.0, lane=1), [person, never], seconds=12.0)
    speed = actor(result, "person").track.speed_mps
    assert speed[50] == 0.0
    assert speed[90] == pytest.approx(1.5, rel=0.1)
    assert np.ptp(actor(result, "never").track.positions, axis=0).max() < 0.01


def test_nobody_follows_who_is_not_there() -> None:
    tail = ActorPlan(id="tail", s=10.0, lane=2, speed=20.0, manoeuvres=one(Follow(actor_id="nobody")), **CAR)
    with pytest.raises(InputError, match="cannot follow 'nobody'"):
        run(straight(), EgoPlan(speed=20.0, lane=1), [tail])
