"""One finished future measured for a sweep: the verdicts on its events and labels, and the worst of every danger."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from drivesim.evidence.danger import danger_of
from drivesim.evidence.measure import Progress
from drivesim.evidence.of_run import judged_labels, traffic_of
from drivesim.evidence.recorded import record
from drivesim.judges.load import Judges
from drivesim.runs.future import Future


@dataclass(frozen=True, kw_only=True)
class FutureMeasures:
    """Verdicts by name as plain values, and measures of danger (``Danger``), inf where nothing came near, NaN where unknown."""

    events: dict[str, dict[str, Any]]
    labels: dict[str, dict[str, Any]]
    metrics: dict[str, float | str]


def measure_future(future: Future, judges: Judges, progress: Progress = lambda what, share: None) -> FutureMeasures:
    """What the probe sees in one future, judged as ``score`` judges it. Raises InputError for a size that it cannot look at."""
    (recorded,) = record((future,), judges, progress)
    ego, actors = traffic_of(recorded)
    outcome = judged_labels([recorded], [(ego, actors)])
    leaves = recorded.future.manifest.ego == "free" and future.num_frames > 1
    danger = danger_of(ego, actors, future.fps, recorded.commanded.scene.road, leaves_road=leaves)
    return FutureMeasures(
        events={name: verdicts[0].to_dict() for name, verdicts in outcome.events.items()},
        labels={name: verdicts[0].to_dict() for name, verdicts in outcome.labels.items()},
        metrics=dataclasses.asdict(danger),
    )
