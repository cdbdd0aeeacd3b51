"""Meetings at a junction: with an ego that turns, with one who comes by an arm, with one who turns, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from impacts import impact_of

import drivesim as ds
from drivesim.scenarios import Scenario
from drivesim.scenarios.checks.messages import ScenarioError
from drivesim.scenarios.expand import expand
from drivesim.traffic.dimensions import EGO_WIDTH_M


def scene_with(ego_turn: str | None, *, traffic: str = "right_hand", **target: object) -> Scenario:
    made = (
        ds.Scenario("meeting", traffic=traffic)
        .video(duration=14)
        .road("urban", lanes=1, junction=ds.junction(40))
        .ego(speed=5.0, reacts=False)
        .ambient("none")
        .actor("target", **target)  # type: ignore[arg-type]
    )
    return made if ego_turn is None else made.event("turns", "ego", ds.turn(ego_turn))


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_impact_points_hold_for_an_ego_that_turns_in_left_hand_traffic(share: float) -> None:
    met = ds.meets("against", impact=share)
    scenario = scene_with("right", traffic="left_hand", category="car", lane="oncoming", speed=9.0, meets=met)
    found = impact_of(expand(scenario))
    # From the nearside, which is the left one there.
    assert found.offset == pytest.approx((0.5 - share) * EGO_WIDTH_M, abs=0.1)
    assert found.ego_mps == pytest.approx(5.0) and found.target_mps == pytest.approx(9.0)


def test_one_who_turns_out_of_an_arm_is_met_in_its_turn() -> None:
    met = ds.meets("from_right", impact=0.5)
    scenario = scene_with(None, category="car", arm="right", speed=4.0, meets=met)
    scenario = scenario.event("comes", "target", ds.turn("left"))
    found = impact_of(expand(scenario))
    assert found.offset == pytest.approx(0.0, abs=0.1)
    assert np.radians(95.0) < found.turned_rad < np.radians(150.0), "it has begun to turn"


@pytest.mark.parametrize(
    ("ego_turn", "target", "words"),
    [
        (None, {"category": "car", "lane": "oncoming", "speed": 9.0, "meets": ds.meets("against")}, "never comes to where"),
        ("left", {"category": "car", "speed": 9.0, "meets": ds.meets("against", time=4)}, "Name its way"),
        (None, {"category": "car", "arm": "right", "speed": 9.0, "meets": ds.meets("from_right", time=4)}, "Leave it out"),
        (None, {"category": "car", "arm": "right", "speed": 0.3, "meets": ds.meets("from_right")}, "in the junction at t = 0"),
        (None, {"category": "car", "arm": "right", "speed": 0.0, "meets": ds.meets("from_right")}, "stands"),
    ],
)  # fmt: skip
def test_what_cannot_meet_at_a_junction_is_refused(ego_turn: str | None, target: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        scene_with(ego_turn, **target).concrete()
