"""Labels, events and expectations judged on tracks whose truth is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import drivesim as ds
from drivesim.evidence.labels import LabelOutcome, judge_labels
from drivesim.evidence.track_error import NO_ERROR, TrackError
from drivesim.evidence.verdict import Verdict
from drivesim.metrics.wilson import wilson_interval
from drivesim.road import Road
from drivesim.scenarios import Scenario, lane_change, load
from drivesim.scenarios.concrete import ConcreteScenario, concrete_of
from drivesim.scenarios.expand import Development, develop
from drivesim.scene import Actor, Track
from drivesim.traffic.road_builder import build_road

FPS = 10.0
LIBRARY = Path(__file__).parents[2] / "scenarios/library"


def moving(
    x: float, y: float, speed: float | np.ndarray, *, frames: int = 81, sideways: np.ndarray | None = None
) -> Track:
    """Along x at a speed (one or per frame), at ``y`` plus what ``sideways`` adds."""
    speeds = np.broadcast_to(np.asarray(speed, dtype=float), frames)
    way = np.concatenate([[0.0], np.cumsum(speeds[1:])]) / FPS
    left = np.full(frames, y) if sideways is None else y + sideways
    return Track(
        positions=np.stack([x + way, left, np.zeros(frames)], axis=1),
        yaw_rad=np.zeros(frames),
        speed_mps=speeds.copy(),
        present=np.ones(frames, dtype=bool),
    )


def car(track: Track, name: str = "other", category: str = "car") -> Actor:
    return Actor(id=name, category=category, length=4.0, width=2.0, height=1.5, track=track)


@pytest.fixture(scope="module")
def road() -> Road:
    return build_road(
        "motorway", lanes=2, ego_lane=1, length_m=600.0, rng=np.random.default_rng(0), curvature=0.0, ramp=None
    )


def base() -> Scenario:
    return (
        Scenario("judged")
        .road("motorway", lanes=2, ego_lane=1)
        .ego(speed=20)
        .actor("other", "car", lane="left", gap=30, speed=15)
    )


def future(*actors: Actor, speed: float = 20.0) -> tuple[Track, tuple[Actor, ...]]:
    return moving(0.0, 0.0, speed), actors


def judge(scenario: Scenario, futures: list[tuple[Track, tuple[Actor, ...]]], road: Road) -> LabelOutcome:
    return judge_labels(concrete_of(scenario), futures, road, FPS)


def test_every_kind_of_label(road: Road) -> None:
    scenario = (
        base()
        .label("close", ds.ttc("other").min() < 1.5)
        .label("near", ds.thw("other").min() < 1.0)
        .label("braking", ds.drac("other").max() > 3.0)
        .label("tight", ds.gap("other").min() < 2.0)
        .label("behind", ds.pet("other") < 1.0)
        .label("crash", ds.collision("other"))
    )
    hit, calm = future(car(moving(45.6, 0.0, 12.0))), future(car(moving(80.6, 0.0, 20.0)))
    passing = future(car(moving(-10.0, 3.5, 24.0)))
    found = judge(scenario, [hit, calm, passing], road).labels
    assert {name: [one.value for one in verdicts] for name, verdicts in found.items()} == {
        "close": [True, False, False],
        "near": [True, False, False],
        "braking": [True, False, False],
        "tight": [True, False, True],
        "behind": [True, False, False],
        "crash": [True, False, False],
    }
    assert found["crash"][0].time_s == pytest.approx(5.05, abs=0.06)
    assert found["crash"][0].measured is not None and found["crash"][0].measured < 0.0, (
        "as deep as they overlap, in metres"
    )
    assert found["close"][0].time_s == pytest.approx(3.55, abs=0.06), "40 m at 8 m/s less 1.5 s"
    assert found["tight"][2].measured == pytest.approx(3.5 - 1.0 - 0.925)
    assert found["behind"][1].measured == pytest.approx(75.0 / 20.0, abs=0.05)
    assert found["near"][1].seen_share == 1.0 and found["near"][1].time_s is None


def test_an_actor_that_is_not_seen_is_neither_yes_nor_no(road: Road) -> None:
    scenario = base().label("crash", ds.collision("other")).event("slows", "other", ds.speed(to=5))
    track = moving(45.6, 0.0, 12.0)
    glimpse = dataclasses.replace(track, present=np.arange(81) < 3)
    outcome = judge(scenario, [future(), future(car(glimpse)), future(car(track))], road)
    assert [one.value for one in outcome.labels["crash"]] == [None, None, True]
    assert [one.value for one in outcome.events["slows"]] == [None, None, False]
    reasons = [one.reason for one in outcome.labels["crash"]]
    assert "not found" in reasons[0] and "less than 0.5 s" in reasons[1] and reasons[2] == ""
    assert outcome.labels["crash"][1].seen_share == pytest.approx(3 / 81)
    assert outcome.shares["crash"].value == 1.0 and outcome.shares["crash"].count == 1


def test_expectations_count_only_what_was_shown(road: Road) -> None:
    crash, clear = future(car(moving(45.6, 0.0, 12.0))), future(car(moving(80.0, 3.5, 20.0)))
    scenario = (
        base()
        .label("crash", ds.collision("other"))
        .expect("crash", at_least=2)
        .expect("crash", at_most=2)
        .expect("crash", at_least=3)
        .expect("crash", at_most=1)
    )
    outcome = judge(scenario, [crash, crash, clear, clear, clear], road)
    assert [one.outcome for one in outcome.expectations] == ["passed", "passed", "failed", "failed"]
    assert len(outcome.unmet) == 2 and outcome.unmet[0].at_least == 3
    share = outcome.expectations[0].share
    assert (share.value, (share.low, share.high)) == (0.4, wilson_interval(2, 5))
    assert "at least 3: 2 of 5 futures show it (12-77 %)" in outcome.unmet[0].message()
    unseen = judge(scenario, [crash, crash, future()], road)
    assert [one.outcome for one in unseen.expectations] == ["passed", "undecided", "undecided", "failed"]
    assert "of 1 it cannot be said" in unseen.unmet[0].message()
    assert json.loads(json.dumps(outcome.to_dict(), allow_nan=False))["expectations"][2]["outcome"] == "failed"


def ramp(start: int, over: int, frames: int = 81) -> np.ndarray:
    return np.clip((np.arange(frames) - start) / over, 0.0, 1.0)


def test_lane_changes(road: Road) -> None:
    scenario = base().event("cut_in", "other", lane_change(to="ego", over=3), start=ds.after(2), within=6)

    def changing(start: int, share: float = 1.0) -> tuple[Track, tuple[Actor, ...]]:
        return future(car(moving(40.0, 3.5, 20.0, sideways=-3.5 * share * ramp(start, 30))))

    futures = [changing(20), changing(20, 0.3), changing(8), changing(60), future(car(moving(40.0, 0.0, 20.0)))]
    found = judge(scenario, futures, road).events["cut_in"]
    assert [one.value for one in found] == [True, False, True, False, False]
    assert found[0].time_s == pytest.approx(3.6) and found[0].done_s == pytest.approx(4.8, abs=0.11)
    assert found[1].reason == "it did not come into that lane"
    assert "later than 6 s" in found[3].reason and found[3].time_s == pytest.approx(7.6)
    assert "already" in found[4].reason


def test_speed_changes_brakings_and_what_follows_them(road: Road) -> None:
    scenario = (
        base()
        .event("slows", "other", ds.speed(to=10, over=3), start=ds.after(1))
        .event("brakes", "other", ds.brake(deceleration=6), start=ds.after(1))
        .event("recovers", "other", ds.speed(to=18), start=ds.after("slows"))
    )
    gentle = moving(40.0, 3.5, 20.0 - 10.0 * ramp(10, 60))
    hard = moving(40.0, 3.5, 20.0 - 20.0 * ramp(10, 33))
    bounces = moving(40.0, 3.5, 20.0 - 10.0 * ramp(10, 20) + 9.0 * ramp(40, 20))  # 5 m/s² of the 6 asked for
    even = moving(40.0, 3.5, 20.0)
    outcome = judge(scenario, [future(car(track)) for track in (gentle, hard, bounces, even)], road)
    events = {name: [one.value for one in verdicts] for name, verdicts in outcome.events.items()}
    assert events["slows"] == [True, True, True, False]
    assert events["brakes"] == [False, True, True, False]
    assert events["recovers"] == [False, False, True, False]
    assert outcome.events["slows"][0].time_s == pytest.approx(4.0)
    assert outcome.events["recovers"][3].reason == "its trigger never held"


def test_walks_start_by_distance_and_by_time_to_the_ego(road: Road) -> None:
    walker = base().actor("walker", "pedestrian", at=(60, -5), speed=1.5)
    across = np.concatenate([np.zeros(20), 0.15 * np.arange(61)])
    steps = car(moving(60.0, -5.0, 0.0, sideways=across), "walker", "pedestrian")
    stands = car(moving(60.0, -5.0, 0.0), "walker", "pedestrian")
    for trigger in (ds.distance_to_ego() < 30, ds.ttc_to_ego() < 2):
        scenario = walker.event("crosses", "walker", ds.walk_to(y=6), start=trigger)
        found = judge(scenario, [future(steps), future(stands)], road).events["crosses"]
        assert [one.value for one in found] == [True, False]
        assert found[0].time_s == pytest.approx(2.6, abs=0.45)
        (slow,) = judge(scenario, [future(steps, speed=1.0)], road).events["crosses"]
        assert slow.value is False and slow.reason == "its trigger never held"


def developed(name: str, seed: int) -> tuple[ConcreteScenario, Development]:
    (scenario,) = load(LIBRARY / f"{name}.yaml")
    development = develop(scenario, seed=seed, duration_s=14.0)
    return scenario.concrete(), development


@pytest.mark.parametrize("name", ["highway-cut-in", "night-pedestrian", "hard-brake"])
def test_planned_tracks_show_the_events_that_the_simulation_started(name: str) -> None:
    for seed in (0, 1):
        scenario, development = developed(name, seed)
        scene = development.scene
        assert scene.road is not None
        outcome = judge_labels(scenario, [(scene.ego, scene.actors)], scene.road, scene.fps)
        for event in scenario.events:
            started, (verdict,) = development.event_times[event.id], outcome.events[event.id]
            assert started is not None and verdict.value is True, (event.id, verdict.reason)
            assert verdict.time_s is not None and -0.1 <= verdict.time_s - started < 8.0
        assert all(one.value is not None for verdicts in outcome.labels.values() for one in verdicts)


def test_a_scenario_that_still_varies_is_refused(road: Road) -> None:
    scenario = base().label("close", ds.ttc("other").min() < ds.uniform(1, 2))
    with pytest.raises(ValueError, match="has no value yet"):
        judge(scenario, [future(car(moving(45.6, 0.0, 12.0)))], road)


ERRS = dataclasses.replace(NO_ERROR, frames=100)


def test_an_event_is_undecided_where_the_error_of_the_tracks_covers_what_counts(road: Road) -> None:
    scenario = (
        base()
        .event("cut_in", "other", lane_change(to="ego", over=3), start=ds.after(2), within=6)
        .event("slows", "other", ds.speed(to=10), start=ds.after(2))
    )

    def judged(share: float, speed: float, error: TrackError) -> tuple[Verdict, Verdict]:
        speeds = np.where(np.arange(81) < 30, 20.0, speed)
        track = moving(40.0, 3.5, speeds, sideways=-3.5 * share * ramp(20, 30))
        events = judge_labels(concrete_of(scenario), [future(car(track))], road, FPS, error=error).events
        return events["cut_in"][0], events["slows"][0]

    sideways, changing = (
        dataclasses.replace(ERRS, sideways_m=0.3), dataclasses.replace(ERRS, speed_change_mps=1.0),
    )  # fmt: skip
    assert [one.value for one in judged(0.6, 14.0, ERRS)] == [True, True]
    narrow, wide = judged(0.6, 14.0, sideways)[0], judged(1.0, 14.0, sideways)[0]
    assert narrow.value is None and narrow.reason.startswith("undecided: the tracks' error reaches from 0.")
    assert narrow.low is not None and narrow.high is not None and narrow.low < 1.0 < narrow.high
    assert narrow.high - narrow.measured == pytest.approx(2.0 * 1.96 * 0.3 / 3.5, rel=0.05), "of half a lane"
    assert wide.value is True and wide.time_s is not None
    assert judged(0.4, 14.0, sideways)[0].value is None and judged(0.1, 14.0, sideways)[0].value is False
    slower, hardly = judged(1.0, 14.0, changing)[1], judged(1.0, 10.0, changing)[1]
    assert slower.value is None and (slower.low, slower.high) == (pytest.approx(0.808), pytest.approx(1.592))
    assert hardly.value is True and judged(1.0, 18.5, changing)[1].value is False


def test_an_undecided_event_leaves_what_follows_it_and_an_expectation_open(road: Road) -> None:
    scenario = (
        base()
        .event("cut_in", "other", lane_change(to="ego", over=3), start=ds.after(2))
        .event("slows", "other", ds.speed(to=10), start=ds.after("cut_in"))
        .expect("cut_in", at_least=1)
    )
    track = moving(40.0, 3.5, 20.0, sideways=-3.5 * 0.6 * ramp(20, 30))
    error = dataclasses.replace(ERRS, sideways_m=0.3)
    found = judge_labels(concrete_of(scenario), [future(car(track))], road, FPS, error=error)
    assert found.events["slows"][0].value is None and "it starts after 'cut_in'" in found.events["slows"][0].reason
    assert [one.outcome for one in found.expectations] == ["undecided"]


def test_a_trigger_within_the_error_leaves_an_event_open(road: Road) -> None:
    """The braking itself is plain; whether it came below 30 m is not."""
    scenario = base().event("slows", "other", ds.speed(to=5), start=ds.gap_to_ego() < 30)
    beside = moving(35.0, 3.5, 20.0)
    track = dataclasses.replace(beside, speed_mps=np.where(np.arange(81) < 20, 20.0, 8.0))
    for share, value in ((0.0, True), (0.05, None)):
        error = dataclasses.replace(ERRS, distance_share=share)
        found = judge_labels(concrete_of(scenario), [future(car(track))], road, FPS, error=error).events["slows"][0]
        assert found.value is value


def test_whom_a_trigger_waits_for_errs_too_and_without_him_nothing_can_be_said(road: Road) -> None:
    """The ego brakes as soon as another is 1 s away; were he farther off, it would have braked before its trigger held."""
    scenario = base().event("brakes", "ego", ds.speed(to=10), start=ds.ttc_to("other") < 1)
    ego, other = moving(0.0, 0.0, np.where(np.arange(81) < 13, 20.0, 12.0)), moving(45.0, 0.0, 0.0)
    for share, actors, value in ((0.0, (car(other),), True), (0.3, (car(other),), None), (0.0, (), None)):
        error = dataclasses.replace(ERRS, distance_share=share)
        found = judge_labels(concrete_of(scenario), [(ego, actors)], road, FPS, error=error).events["brakes"][0]
        assert found.value is value
    assert found.reason == "actor 'other' was not found in the video"


def test_whom_an_actor_is_to_follow_was_not_found_then_nothing_can_be_said(road: Road) -> None:
    scenario = base().actor("lead", "car", lane="left", gap=60, speed=15).event("keeps", "other", ds.follow("lead"))
    other, lead = car(moving(35.0, 3.5, 15.0)), car(moving(63.5, 3.5, 15.0), "lead")
    there = judge(scenario, [future(other, lead)], road).events["keeps"][0]
    gone = judge(scenario, [future(other)], road).events["keeps"][0]
    assert there.value is True
    assert (gone.value, gone.reason) == (None, "actor 'lead' was not found in the video")


def test_what_follows_an_event_waits_as_long_as_it_is_told_to(road: Road) -> None:
    """The first is done at 2 s; the other stops by 4.5 s, which is too early for one that waits three seconds."""
    scenario = concrete_of(
        base()
        .event("slows", "other", ds.speed(to=10), start=ds.after(1))
        .event("stops", "other", ds.speed(to=0), start=ds.after("slows"))
    )
    track = moving(40.0, 3.5, 15.0 - 5.0 * ramp(10, 10) - 10.0 * ramp(30, 15))
    for delay_s, value in ((0.0, True), (3.0, False)):
        slows, stops = scenario.events
        late = dataclasses.replace(stops, trigger=dataclasses.replace(stops.trigger, delay_s=delay_s))
        waits = dataclasses.replace(scenario, events=(slows, late))
        found = judge_labels(waits, [future(car(track))], road, FPS).events
        assert found["slows"][0].value is True and found["stops"][0].value is value


def test_an_ego_that_was_told_where_to_go_has_no_error(road: Road) -> None:
    scenario = base().event("slows", "ego", ds.speed(to=10))
    error = dataclasses.replace(ERRS, speed_mps=3.0, speed_change_mps=3.0, ego_speed_mps=2.0)
    ego = moving(0.0, 0.0, np.where(np.arange(81) < 30, 20.0, 14.0))
    for measured, value in ((False, True), (True, None)):
        found = judge_labels(concrete_of(scenario), [(ego, ())], road, FPS, error=error, ego_measured=measured)
        assert found.events["slows"][0].value is value


def test_the_times_of_a_scenario_are_on_the_scenes_clock_where_a_video_begins_later(road: Road) -> None:
    """A branch at 4 s: what is written for 5 s comes a second into its video, and may come until 2.5 s of it."""
    scenario = base().event("slows", "other", ds.speed(to=5), start=ds.after(5), within=6.5)

    def judged(frame: int, begins_s: float) -> Verdict:
        track = moving(40.0, 3.5, np.where(np.arange(41) < frame, 15.0, 5.0), frames=41)
        ego = moving(0.0, 0.0, 20.0, frames=41)
        tracks = [(ego, (car(track),))]
        return judge_labels(concrete_of(scenario), tracks, road, FPS, begins_s=begins_s).events["slows"][0]

    assert judged(15, 0.0).reason == "its trigger never held", "a video of 4 s ends before"
    shown, late = judged(15, 4.0), judged(30, 4.0)
    assert shown.value is True and shown.time_s == pytest.approx(1.5)
    assert late.value is False and late.reason == "it came at 7.0 s, later than 6.5 s"
