"""One run folder measured: obedience, drift, danger, labels and the spread of its futures, as one report."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.evidence.labels import LabelOutcome
from drivesim.evidence.measure import NUM_SHOWN, SHOWN_HEIGHT, Progress
from drivesim.evidence.of_future import measures_of, row_of_future
from drivesim.evidence.probe_bar import highlights_of, probe_warnings
from drivesim.evidence.recorded import Recorded, record
from drivesim.evidence.rendered_ranges import shipped_ranges
from drivesim.evidence.sections.danger import danger_section
from drivesim.evidence.sections.drift import SHORTEST_DRIFT_S, drift_section, obedience_plot
from drivesim.evidence.sections.figures import compared, moments_strip, shown
from drivesim.evidence.sections.labels import label_section
from drivesim.evidence.sections.obedience import LEADING, by_group, key_of
from drivesim.evidence.sections.outcome import outcome_section, told_section
from drivesim.evidence.sections.spread import spread_section
from drivesim.evidence.sections.steadiness import steadiness_section
from drivesim.evidence.track_error import SHIPPED
from drivesim.evidence.traffic import danger_in, error_on, judged_labels, traffic_of
from drivesim.judges.load import Judges
from drivesim.judges.probe.reading import Readings
from drivesim.metrics.drift import Range
from drivesim.metrics.estimate import Estimate
from drivesim.metrics.obedience import FIGURES, ObedienceSummary, obedience_of, pool
from drivesim.report import Figure, Picture, Report, Section
from drivesim.runs.future import open_run
from drivesim.runs.rows import FutureRow

MOST_DRIFT_CURVES, MOST_PICTURED = 8, 5


@dataclass(frozen=True, eq=False)
class Score:
    """The report of a run, what became of the scenario's labels, events and expectations, and a row for each future."""

    report: Report
    labels: LabelOutcome
    rows: tuple[FutureRow, ...]


def score_run(
    run: Path,
    judges: Judges,
    progress: Progress,
    rng: np.random.Generator,
    *,
    ranges: Mapping[str, Range] | None = None,
) -> Score:
    """Measure every finished future of a run. ``ranges`` of appearance are those of held-out rendered video where not given.

    Raises InputError for a folder without a finished future, or of a size that the judges do not see.
    """
    futures = open_run(run)
    if not futures:
        raise InputError(f"{run} has no finished future yet. Continue it with --resume, then score it.")
    recorded, manifest = record(futures, judges, progress), futures[0].manifest
    traffic = [traffic_of(each) for each in recorded]
    readings = _rendered_readings(recorded[0])
    error = SHIPPED if readings is None else error_on(recorded[0].commanded.scene, readings)
    labels = judged_labels(recorded, traffic, error)
    rendered = None if readings is None else obedience_of(recorded[0].commanded.labels, readings).summary(rng)
    dangers = [danger_in(each, seen, error) for each, seen in zip(recorded, traffic, strict=True)]
    danger, order = danger_section(recorded, dangers, error)
    rows = tuple(
        row_of_future(each, measures_of(each, seen, found, labels, number, ranges), judges.sha256)
        for number, (each, seen, found) in enumerate(zip(recorded, traffic, dangers, strict=True))
    )
    expected = {manifest.scenario_id: recorded[0].commanded.scenario.expectations}
    sections = [outcome_section(rows, run, expected), told_section(rows), _obedience_section(recorded, rendered, rng)]
    if manifest.told_boxes and recorded[0].future.num_frames > 1:
        sections.append(steadiness_section(recorded, rng))
    sections.append(_drift(recorded, ranges))
    sections.append(dataclasses.replace(danger, pictures=(_picture([recorded[index] for index in order]),)))
    if labels.labels or labels.events:
        sections.append(label_section(recorded, labels, error))
    sections.append(spread_section(recorded, rng))
    warnings = () if rendered is None else probe_warnings(rendered.figures)
    return Score(report=_report(run, recorded, judges, tuple(sections), warnings), labels=labels, rows=rows)


def _report(
    run: Path, recorded: Sequence[Recorded], judges: Judges, sections: tuple[Section, ...], warnings: tuple[str, ...]
) -> Report:
    manifest = recorded[0].future.manifest
    commands = {"repeat": shlex.join(["drivesim", "score", str(run)])}
    if manifest.command:
        commands["make the run again"] = shlex.join(manifest.command)
    return Report(
        title=f"Score of {manifest.scenario_id}",
        subject=(
            f"{len(recorded)} {'future' if len(recorded) == 1 else 'futures'} of {run} by model {manifest.model} "
            f"({manifest.weights_sha256[:12]})"
        ),
        sections=sections,
        settings={
            "scenario": f"{manifest.scenario_id}, variation {manifest.variation} ({manifest.scenario_sha256[:12]})",
            "seed": str(manifest.seed),
            "model": f"{manifest.model} {manifest.weights_sha256}",
            "judges": judges.sha256,
            "futures": str(len(recorded)),
            "frames": f"{manifest.timeline.num_frames} at {manifest.fps:g} a second",
            "begins with": manifest.start_source,
            "actors": manifest.actors,
            "ego": manifest.ego,
        },
        commands=commands,
        highlights=highlights_of(sections),
        warnings=warnings,
    )


def _rendered_readings(recorded: Recorded) -> Readings | None:
    """What the probe reads from the renderer's video of the same scene; None where the model was told nothing."""
    labels = recorded.commanded.labels
    told = [value for label in labels for value in (label.boxes, label.motion, label.attributes) if value is not None]
    return recorded.commanded.rendered_readings(recorded.judges) if told else None


def _obedience_section(
    recorded: Sequence[Recorded], rendered: ObedienceSummary | None, rng: np.random.Generator
) -> Section:
    found = [each.obedience for each in recorded]
    summary = found[0].summary(rng) if len(found) == 1 else pool(found, rng)
    boxes = summary.figures["recall"].count > 0
    figures = []
    for name in LEADING:
        estimates: dict[str, Estimate] = {"run": summary.figures[name]}
        judge = ""
        if rendered is not None:
            estimates["rendered"] = rendered.figures[name]
            judge = f"the probe on the renderer's video of this scene: {shown(rendered.figures[name])}"
        figures.append(
            compared(
                key_of(name), FIGURES[name].label, "run", estimates, unit=FIGURES[name].unit,
                better=FIGURES[name].better, judge=judge,
                note="" if summary.figures[name].count or boxes else "the model was told nothing that this measures",
            )
        )  # fmt: skip
    told = recorded[0].future.manifest.told_boxes
    return Section(
        title="Obedience",
        about=f"What the model was told against what the probe reads from the video. {_told(recorded[0])} "
        f"Intervals are over {summary.unit}.",
        figures=tuple(figures),
        tables=(by_group(summary, rendered),) if boxes and rendered is not None else (),
        plots=(obedience_plot("Obedience by second", found[0]),) if boxes and told else (),
    )


def _told(recorded: Recorded) -> str:
    """In words, what the model was told and what therefore is judged."""
    manifest = recorded.future.manifest
    start = recorded.commanded.made_start
    said = ["Weather and light were told in every frame."]
    if manifest.actors == "scripted":
        said.append("Actors are scripted: boxes and road were told in every frame.")
    elif manifest.actors == "simulated":
        said.append(
            "Actors are simulated: each future was told the boxes of its own development, and the road, in every frame."
        )
    elif start:
        said.append("Actors are free: boxes and road were told in the first frame alone, and are judged there alone.")
    else:
        said.append(
            "Actors are free and the first frame is not of the model's making: no box was told, none is judged."
        )
    said.append(
        {
            "planned": "The ego's motion was told.",
            "simulated": "The ego is simulated: each future was told the motion of its own development.",
            "free": "The ego's motion was left to the model.",
        }[manifest.ego]
    )
    if not start:
        said.append("The first frame is given and not judged.")
    return " ".join(said)


def _drift(recorded: Sequence[Recorded], ranges: Mapping[str, Range] | None) -> Section:
    chosen = recorded[:MOST_DRIFT_CURVES]
    names = [f"f{each.future.index:02d}" for each in chosen]
    future = recorded[0].future
    if future.num_frames < round(SHORTEST_DRIFT_S * future.fps):
        why = f"the video has {future.duration_s:g} s; drift takes {SHORTEST_DRIFT_S:g} s or more"
        return Section(
            title="Drift",
            about="What time does to the video.",
            figures=tuple(
                Figure(key=f"drift.{name}.usable_s", label=f"{name}: usable until", value=None, unit="s", note=why)
                for name in names
            ),
        )
    more = f"The first {len(chosen)} of {len(recorded)} futures. " if len(recorded) > len(chosen) else ""
    return drift_section(
        {name: each.drift for name, each in zip(names, chosen, strict=True)},
        shipped_ranges() if ranges is None else ranges,
        {name: each.commanded.moving for name, each in zip(names, chosen, strict=True)},
        about=more,
    )


def _picture(recorded: Sequence[Recorded]) -> Picture:
    """Moments of the futures, the most dangerous first."""
    which = "Every future" if len(recorded) <= MOST_PICTURED else f"The {MOST_PICTURED} futures of least TTC"
    shown = [each.future for each in recorded[:MOST_PICTURED]]
    caption = f"{which}, from the first frame to the last"
    return moments_strip(shown, caption, moments=NUM_SHOWN, height=SHOWN_HEIGHT)
