"""What held-out rendered video spans, curve by curve: measured once and shipped, as it takes longer than a report."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from drivesim.datasets.procedural.dataset import FPS
from drivesim.evidence.held_out import REPORT_SEED, held_out_clip
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.metrics.drift import Drift, Range, drift_of, rendered_ranges

#: Held-out rendered videos whose curves span the ranges, and their length.
NUM_RENDERED, RENDERED_S = 40, 2.0

FILE = "rendered_ranges.json"


def shipped_ranges() -> dict[str, Range]:
    """The 1 to 99 % range of each curve over the held-out rendered videos."""
    kept = json.loads(resources.files("drivesim.evidence").joinpath(FILE).read_text(encoding="utf-8"))
    return {name: (low, high) for name, (low, high) in kept["ranges"].items()}


def rendered_drift(index: int) -> Drift:
    """The curves of one of the held-out videos."""
    frames = held_out_clip(REPORT_SEED + 20_000 + index, round(RENDERED_S * FPS)).frames(JUDGED_WIDTH, JUDGED_HEIGHT)
    return drift_of(frames, FPS)


def fingerprint(drift: Drift) -> dict[str, float]:
    """Mean of each curve: it tells whether a video still is what it was when the ranges were measured."""
    windows = drift.windows(RENDERED_S)
    return {name: round(float(windows[name][len(windows[name]) // 2]), 4) for name in sorted(windows)}


def measured() -> dict[str, Any]:
    """All of what the shipped file holds, measured anew (a minute); ``benchmarks/rendered_ranges.py`` writes it."""
    videos = [rendered_drift(index) for index in range(NUM_RENDERED)]
    ranges = rendered_ranges(videos, window_s=RENDERED_S)
    return {
        "about": "What held-out rendered video of the procedural world spans; written by benchmarks/rendered_ranges.py.",
        "videos": NUM_RENDERED,
        "seconds": RENDERED_S,
        "first": fingerprint(videos[0]),
        "ranges": {name: [round(low, 4), round(high, 4)] for name, (low, high) in ranges.items()},
    }
