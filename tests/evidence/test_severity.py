"""Which futures are looked at first: collisions, then what was not expected, then by the bounds that the author named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drivesim.evidence.severity import worst_first
from drivesim.runs.rows import FutureRow
from drivesim.scenarios.language.events import Expectation


def row(
    future: int, *, variation: int = 0, labels: dict[str, dict[str, Any]] | None = None, **metrics: Any
) -> FutureRow:
    return FutureRow(
        id=f"one/v{variation:03d}/f{future:02d}", scenario="one", variation=variation, future=future, status="finished",
        run=f"runs/one/v{variation:03d}", labels=labels or {}, metrics=metrics,
    )  # fmt: skip


def close(measured: float | None, *, value: bool | None, bound: float = 2.0, measure: str = "pet") -> dict[str, Any]:
    return {"value": value, "measured": measured, "bound": bound, "measure": measure, "unit": "s", "time_s": None}


def event(measured: float, *, value: bool | None) -> dict[str, Any]:
    return {
        "value": value,
        "measured": measured,
        "unit": "of what counts",
        "measure": "",
        "time_s": 2.5 if value else None,
    }


def futures(found: list[Any]) -> list[int]:
    return [one.row.future for one in found]


def test_without_bounds_of_the_author_collisions_come_first_then_ttc_and_pet_then_distance() -> None:
    rows = [
        row(0, ttc_s=2.0, pet_s="inf"),
        row(1, ttc_s="inf", pet_s=None),
        row(2, ttc_s=3.0, pet_s=0.4),
        row(3, ttc_s=1.0, ttc_at_s=0.7),
        row(4, ttc_s=1.5, collision="car at 1.0 s (rear)"),
        row(5, ttc_s="inf", pet_s="inf", gap_m=3.0),
        row(6, ttc_s="inf", pet_s="inf", gap_m=1.2),
    ]
    found = worst_first(rows, {})
    assert futures(found) == [4, 2, 3, 0, 6, 5], "of future 1 nothing is known"
    assert [one.reason for one in found] == [
        "collision: car at 1.0 s (rear)", "PET 0.40 s", "TTC 1.00 s", "TTC 2.00 s", "1.2 m apart", "3.0 m apart",
    ]  # fmt: skip
    assert found[2].at_s == 0.7


def test_the_bounds_that_the_author_named_decide_what_is_near() -> None:
    """A PET of 1 s is half of the 2 s that were asked for; the headway is nearer to its own bound than any TTC is to 1.5 s."""
    rows = [
        row(0, ttc_s=1.2, labels={"near_miss": close(1.0, value=True)}),
        row(1, ttc_s=1.1, labels={"near_miss": close(3.0, value=False)}),
        row(2, ttc_s=1.3, labels={"hard": close(9.0, value=True, bound=5.0, measure="drac")}),
    ]
    found = worst_first(rows, {})
    assert futures(found) == [2, 0, 1]
    assert [one.reason for one in found] == ["hard 9.00 s, bound 5", "near_miss 1.00 s, bound 2", "TTC 1.10 s"]


@pytest.mark.parametrize("bound", [{"at_most": 1}, {"at_most": 0}])
def test_what_counts_against_an_unmet_expectation_comes_before_what_is_merely_near(bound: dict[str, int]) -> None:
    expected = {"one": (Expectation(label="near_miss", **bound),)}
    rows = [
        row(0, ttc_s=0.1, labels={"near_miss": close(5.0, value=False)}),
        row(1, ttc_s=3.0, labels={"near_miss": close(1.6, value=True)}),
        row(2, ttc_s=4.0, labels={"near_miss": close(2.2, value=None)}),
        row(3, ttc_s=2.0, labels={"near_miss": close(0.5, value=True)}),
        row(4, ttc_s=2.0, labels={"near_miss": close(None, value=None)}),
    ]
    found = worst_first(rows, expected)
    assert futures(found) == [3, 1, 2, 4, 0]
    assert found[0].reason == f"near_miss seen (0.50 s), expected in at most {bound['at_most']}"
    assert found[3].reason.startswith("near_miss open, expected")


def test_an_expectation_that_is_met_or_of_another_variation_asks_for_nothing() -> None:
    expected = {"one": (Expectation(label="crosses", at_least=1),)}

    def told(future: int, variation: int, shown: dict[str, Any], ttc: float) -> FutureRow:
        return dataclasses.replace(row(future, variation=variation, ttc_s=ttc), events={"crosses": shown})

    met = [told(0, 0, event(1.4, value=True), 3.0), told(1, 0, event(0.1, value=False), 2.0)]
    unmet = [told(2, 1, event(0.3, value=False), 4.0), told(3, 1, event(0.0, value=False), 5.0)]
    found = worst_first([*met, *unmet], expected)
    assert futures(found) == [3, 2, 1, 0]
    assert found[0].reason == "crosses not seen (0.00 of what counts), expected in at least 1"
    assert found[2].reason == "TTC 2.00 s"
