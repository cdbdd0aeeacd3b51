"""What changes from frame to frame although nothing that was told moves it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.evidence.recorded import Recorded
from drivesim.evidence.sections.figures import compared
from drivesim.metrics.estimate import mean_of
from drivesim.report import Section


def steadiness_section(recorded: Sequence[Recorded], rng: np.random.Generator) -> Section:
    """What changes from frame to frame although nothing that was told moves it."""
    estimates = {
        "run": mean_of([each.flicker for each in recorded], rng),
        "rendered": mean_of([recorded[0].commanded.rendered_flicker], rng),
        "frozen": mean_of([recorded[0].frozen_flicker], rng),
    }
    label = "warped difference under the told flow"
    return Section(
        title="Steadiness",
        about=(
            "Every frame is compared with the one before it, moved as ground and boxes were told to move, where both show the same "
            "surface. Houses and trees stand on no told surface, so rendered video has a rest too: it and a frozen first frame "
            "stand beside. 8-bit units at 256x512."
        ),
        figures=(compared("steadiness.flicker", label, "run", estimates, unit="levels", better="near"),),
    )
