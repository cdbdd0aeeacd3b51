"""The part of a report about traffic that nobody steers, on a road that is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drivesim.evidence.clips import Clips
from drivesim.evidence.sections.figures import compared
from drivesim.evidence.sections.obedience import bounded_figure
from drivesim.metrics import tally
from drivesim.metrics.estimate import Estimate
from drivesim.metrics.kept import kept_vehicles
from drivesim.metrics.obedience import ObedienceSummary
from drivesim.report import Section

#: After which time vehicles are looked for again, or at the end of shorter clips.
KEPT_AFTER_S = 1.0


def free_section(clips: Clips, summaries: Mapping[str, ObedienceSummary], rng: np.random.Generator) -> Section:
    """Whether vehicles last and the road stays where actors are withheld after the first frame."""
    seconds = min(KEPT_AFTER_S, (clips.num_frames - 1) / clips.fps)
    kept = _kept(clips, seconds, rng)
    figures = [
        compared(
            "free.kept", f"vehicles of the first frame still there after {seconds:g} s", "free", kept, better="higher",
            note="whatever way they went; what leaves the picture is lost in rendered video as well" if kept["free"].count else "",
        )
    ]  # fmt: skip
    figures += [bounded_figure(f"free.{name}", name, "free", summaries) for name in ("lane_paint_near", "road_iou")]
    return Section(
        title="Traffic left free",
        about=(
            f"The same {len(clips.seeds)} scenes and first frames, but where others go is told of the first frame alone; road, "
            "roadside and the ego's motion are told. Vehicles of 24 px and taller that the probe finds in the first frame count, and are tracked."
        ),
        figures=tuple(figures),
    )


def _kept(clips: Clips, seconds: float, rng: np.random.Generator) -> dict[str, Estimate]:
    """The share of kept vehicles by kind of video, with intervals over scenes."""
    sums: dict[str, np.ndarray] = {}
    for kind, videos in clips.videos.items():
        pairs = zip(clips.labels, videos, strict=True)
        sums[kind] = np.array(
            [
                (0.0, 0.0) if labels[0].boxes is None else kept_vehicles(labels[0].boxes, video.readings, seconds)
                for labels, video in pairs
            ]
        )
    return tally.ratios(sums, rng)
