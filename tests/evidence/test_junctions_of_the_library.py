"""The library's scenarios with a junction, judged on the tracks as they are staged: what they expect holds without any model."""

from __future__ import annotations

import pytest

from drivesim.evidence.labels import LabelOutcome, judge_labels
from drivesim.scenarios import load
from drivesim.scenarios.expand import develop
from drivesim.scenarios.library import library

VARIATIONS = (0, 3, 6)


def staged(path: object, variation: int) -> LabelOutcome:
    """Labels, events and expectations of one variation, whose seed is its number, on the tracks of the simulation."""
    (scenario,) = load(path)  # type: ignore[arg-type]
    made = develop(scenario, seed=variation, variation=variation, duration_s=16.0)
    assert made.scene.road is not None
    return judge_labels(
        scenario.concrete(variation), [(made.scene.ego, made.scene.actors)], made.scene.road, made.scene.fps
    )


#: Who turns across the other's path is hit before he has turned.
HIT_WHILE_TURNING = ("ncap-ccftap", "ncap-cmftap")

EVERYDAY = [entry for entry in library() if "junction" in entry.tags]
OF_TESTS = [entry for entry in library("ncap") if "junction" in entry.tags]


def test_there_are_some() -> None:
    assert len(EVERYDAY) >= 2 and len(OF_TESTS) >= 8


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("entry", EVERYDAY, ids=lambda entry: entry.name)
def test_what_the_everyday_ones_expect_holds(entry, variation: int) -> None:  # type: ignore[no-untyped-def]
    outcome = staged(entry.path, variation)
    assert len(outcome.expectations) >= 4
    assert outcome.unmet == (), [one.message() for one in outcome.unmet]


@pytest.mark.parametrize("entry", OF_TESTS, ids=lambda entry: entry.name)
def test_those_of_tests_end_in_the_crash_that_they_are_about(entry) -> None:  # type: ignore[no-untyped-def]
    outcome = staged(entry.path, 0)
    assert [verdict.value for verdict in outcome.labels["crash"]] == [True]
    turned = entry.name not in HIT_WHILE_TURNING
    assert [verdict.value for (verdict,) in outcome.events.values()] == [turned] * len(outcome.events)
