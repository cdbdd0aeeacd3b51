from __future__ import annotations

import json
from importlib import resources

import pytest

from drivesim.evidence.rendered_ranges import FILE, fingerprint, measured, rendered_drift, shipped_ranges
from drivesim.evidence.sections.drift import COLOURS, JUDGED_CURVES
from drivesim.metrics.drift import usable_until


def kept() -> dict[str, object]:
    return json.loads(resources.files("drivesim.evidence").joinpath(FILE).read_text(encoding="utf-8"))


def test_the_shipped_ranges_are_of_what_the_renderer_draws() -> None:
    """The first of the videos still looks as it did; if not, run benchmarks/rendered_ranges.py."""
    drift = rendered_drift(0)
    assert fingerprint(drift) == pytest.approx(kept()["first"], rel=1e-2)
    ranges = shipped_ranges()
    assert ranges.keys() == {*JUDGED_CURVES, COLOURS}
    assert all(low < high for low, high in ranges.values())
    assert usable_until(drift, ranges).broken_by is None
    assert usable_until(drift, {**ranges, "luma": (0.0, ranges["luma"][0] - 1.0)}).broken_by == "luma"


@pytest.mark.slow
def test_the_shipped_ranges_are_those_measured_anew() -> None:
    again = measured()
    for name, pair in shipped_ranges().items():
        assert again["ranges"][name] == pytest.approx(pair, rel=1e-2)
