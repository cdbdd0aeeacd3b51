"""How far the futures of a run are apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.evidence.recorded import Recorded
from drivesim.metrics.diversity import diversity_curve, mean_diversity
from drivesim.report import Figure, Plot, Section, Series


def spread_section(recorded: Sequence[Recorded], rng: np.random.Generator) -> Section:
    """How far the futures of the run are apart."""
    about = "How far the futures of this run are apart, in features per dimension: 0 for equal futures."
    label = "mean distance between futures"
    if len(recorded) < 2 or recorded[0].future.num_frames < 2:
        why = "the run has one future" if len(recorded) < 2 else "the videos have one frame"
        figure = Figure(key="futures.diversity", label=label, value=None, note=why)
        return Section(title="Spread", about=about, figures=(figure,))
    features = np.stack([each.features for each in recorded])
    curve = diversity_curve(features, rng)
    times = tuple((np.arange(len(curve.mean)) + 1) / recorded[0].future.fps)
    return Section(
        title="Spread",
        about=about,
        figures=(Figure(key="futures.diversity", label=label, value=mean_diversity(features, rng)),),
        plots=(
            Plot(
                title="How far the futures are apart", x_label="seconds", y_label="mean distance",
                series=(Series(name="futures", x=times, y=tuple(curve.mean), low=tuple(curve.low), high=tuple(curve.high)),),
            ),
        ),
    )  # fmt: skip
