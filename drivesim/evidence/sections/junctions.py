"""The part of a report about scenes with a junction ahead, beside the same figures of scenes without one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drivesim.evidence.clips import AT_JUNCTIONS, Clips
from drivesim.evidence.sections.figures import compared, shown
from drivesim.evidence.sections.obedience import bounded_figure, scene_picture, summaries_of
from drivesim.metrics.estimate import Estimate, mean_of
from drivesim.metrics.obedience import FIGURES, ObedienceSummary
from drivesim.report import Section, Table

#: Figures of obedience at junctions; roads and turns are what is other than elsewhere.
LEADING = (
    "recall_24px",
    "precision",
    "road_iou",
    "lane_paint_near",
    "lane_paint_iou",
    "speed_error_mps",
    "yaw_rate_error_dps",
)
MOST_PICTURES = 4


def junctions_section(
    at_junctions: Clips, elsewhere: Clips, summaries: Mapping[str, ObedienceSummary], rng: np.random.Generator
) -> Section:
    """Whether the model shows junctions as it is told; ``elsewhere`` and its ``summaries`` are the scenes without one."""
    here = summaries_of(at_junctions, rng)
    figures = [
        bounded_figure(
            f"junctions.{'recall' if name == 'recall_24px' else name}", name, "scripted", here,
            judge=f"the probe on rendered video: {shown(here['rendered'].figures[name])}",
            note=f"scenes without a junction: {shown(summaries['scripted'].figures[name])}",
        )
        for name in LEADING
    ]  # fmt: skip
    flicker = {kind: mean_of(values, rng) for kind, values in at_junctions.flicker.items()}
    usual = mean_of(elsewhere.flicker["scripted"], rng)
    figures.append(
        compared(
            "junctions.flicker", "warped difference under the exact flow", "scripted", flicker, unit="levels", better="near",
            note=f"scenes without a junction: {shown(usual)}",
        )
    )  # fmt: skip
    rows: list[tuple[str | float | Estimate | None, ...]] = [
        (FIGURES[name].label, *(here[kind].figures[name] for kind in AT_JUNCTIONS)) for name in LEADING
    ]
    rows.append(("warped difference under the exact flow", *(flicker[kind] for kind in AT_JUNCTIONS)))
    return Section(
        title="Junctions",
        about=(
            f"{len(at_junctions.seeds)} held-out scenes of {at_junctions.num_frames} frames, which begin as the ego is 25 m or less from a "
            "junction: side roads at right angles, with priority, stop lines or signals; in every second scene the ego turns off where its "
            "lane leads to one. Told as in the section Obedience, and measured alike; what has no junction stands beside it. Scenes are few: read "
            "the intervals."
        ),
        figures=tuple(figures),
        tables=(Table(title="Every kind of video at junctions", columns=("figure", *AT_JUNCTIONS), rows=tuple(rows)),),
        pictures=tuple(
            scene_picture(at_junctions, index, ("rendered", "scripted"))
            for index in range(min(MOST_PICTURES, len(at_junctions.seeds)))
        ),
    )
