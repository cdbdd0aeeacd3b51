"""One run folder measured: obedience, drift, danger, labels and the spread of its futures, as one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.evaluation.diversity import diversity_curve, mean_diversity
from drivesim.evaluation.drift import Range
from drivesim.evaluation.estimate import Estimate, exact
from drivesim.evaluation.measured_tracks import assign_tracks, measured_as_planned
from drivesim.evaluation.obedience import FIGURES, ObedienceSummary, obedience_of, pool
from drivesim.evaluation.report import Figure, Plot, Report, Section, Series, Table
from drivesim.evidence.danger import TTC_THRESHOLD_S, danger_of, measured_traffic
from drivesim.evidence.drift_section import drift_section, obedience_plot, ranges_of_rendered
from drivesim.evidence.figures import compared, shown
from drivesim.evidence.futures import FRAMES_TO_RECOGNISE, seen_from_start
from drivesim.evidence.judges import Judges
from drivesim.evidence.labels import LabelOutcome, judge_labels
from drivesim.evidence.obedience_section import LEADING, by_group, key_of
from drivesim.evidence.recorded import Progress, Recorded, require_judgeable
from drivesim.rollout.future import open_run
from drivesim.scene import Actor, Track

PER_SECOND = ("recall", "precision", "road_iou", "lane_paint_near")


@dataclass(frozen=True, eq=False)
class Score:
    """The report of a run, and what became of the scenario's labels (None where it has no road to judge them on)."""

    report: Report
    labels: LabelOutcome | None


def score_run(
    run: Path,
    judges: Judges,
    progress: Progress,
    rng: np.random.Generator,
    *,
    ranges: Mapping[str, Range] | None = None,
) -> Score:
    """Measure every finished future of a run. ``ranges`` of appearance are measured on rendered video where not given.

    Raises InputError for a folder without a finished future, or of a size that the judges do not see.
    """
    futures = open_run(run)
    if not futures:
        raise InputError(f"{run} has no finished future yet. Continue it with --resume, then score it.")
    require_judgeable(futures[0])
    recorded = [Recorded(future, judges, progress) for future in futures]
    traffic = [measured_traffic(each.readings, each.scene.camera) for each in recorded]
    labels = _labels(recorded, traffic)
    rendered = None
    if any(label.boxes is not None or label.motion is not None for label in recorded[0].labels):
        rendered = pool([obedience_of(recorded[0].labels, recorded[0].rendered_readings())], rng)
    sections = [_obedience_section(recorded, rendered, rng)]
    if len(recorded[0].drift) >= round(2.0 * futures[0].fps):
        sections.append(_drift(recorded, ranges if ranges is not None else ranges_of_rendered(progress)))
    sections.append(_danger_section(recorded, traffic))
    if labels is not None and (labels.labels or labels.events):
        sections.append(_label_section(recorded, labels))
    if len(recorded) > 1:
        sections.append(_spread_section(recorded, rng))
    return Score(report=_report(run, recorded, judges, tuple(sections)), labels=labels)


def _report(run: Path, recorded: Sequence[Recorded], judges: Judges, sections: tuple[Section, ...]) -> Report:
    manifest = recorded[0].future.manifest
    return Report(
        title=f"Score of {manifest.scenario_id}",
        subject=f"{len(recorded)} futures of {run} by model {manifest.model} ({manifest.weights_sha256[:12]})",
        sections=sections,
        settings={
            "scenario": f"{manifest.scenario_id}, variation {manifest.variation} ({manifest.scenario_sha256[:12]})",
            "seed": str(manifest.seed),
            "model": f"{manifest.model} {manifest.weights_sha256}",
            "judges": judges.sha256,
            "futures": str(len(recorded)),
            "frames": f"{manifest.timeline.num_frames} at {manifest.fps:g} a second",
            "actors": manifest.actors,
            "ego": manifest.ego,
        },
        commands={"repeat": f"drivesim score {run}", "make the run again": " ".join(manifest.command)},
    )


def _obedience_section(
    recorded: Sequence[Recorded], rendered: ObedienceSummary | None, rng: np.random.Generator
) -> Section:
    found = [each.obedience for each in recorded]
    summary = found[0].summary(rng) if len(found) == 1 else pool(found, rng)
    nothing = summary.figures["recall"].count == 0
    told = recorded[0].future.manifest.actors
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
                note="" if summary.figures[name].count else "the model was not told anything that this measures",
            )
        )  # fmt: skip
    seconds = found[0].per_second()
    return Section(
        title="Obedience",
        about=(
            f"What the model was told against what the probe reads from the video; actors are {told}. "
            + ("Of free actors the model is told the first frame alone. " if told == "free" else "")
            + f"Intervals are over {summary.unit}."
        ),
        figures=tuple(figures),
        tables=() if nothing or rendered is None else (by_group(summary, rendered),),
        plots=()
        if nothing or told == "free"
        else (obedience_plot("Obedience by second", {name: seconds[name] for name in PER_SECOND}),),
    )


def _drift(recorded: Sequence[Recorded], ranges: Mapping[str, Range]) -> Section:
    videos = {f"f{each.future.index:02d}": each.drift for each in recorded[:8]}
    moving = {f"f{each.future.index:02d}": each.scene.ego.speed_mps > 1.0 for each in recorded[:8]}
    more = f"The first 8 of {len(recorded)} futures. " if len(recorded) > 8 else ""
    return drift_section(videos, ranges, moving, about=more)


def _danger_section(recorded: Sequence[Recorded], traffic: Sequence[tuple[Track, tuple[Actor, ...]]]) -> Section:
    dangers = [
        danger_of(ego, actors, each.future.fps, None) for each, (ego, actors) in zip(recorded, traffic, strict=True)
    ]
    order = np.argsort([np.nan_to_num(danger.ttc_s, nan=np.inf) for danger in dangers], kind="stable")
    rows: list[tuple[str | float | Estimate | None, ...]] = []
    for index in order:
        danger = dangers[index]
        rows.append(
            (
                recorded[index].future.id, _number(danger.ttc_s), danger.ttc_actor, _number(danger.ttc_at_s),
                _number(danger.thw_s), _number(danger.pet_s), _number(danger.drac), danger.tet_s, danger.tit_s2,
                danger.collision or "none",
            )
        )  # fmt: skip
    low = sum(danger.ttc_s < TTC_THRESHOLD_S for danger in dangers)
    return Section(
        title="Danger",
        about=(
            "Measured tracks: what the probe sees, joined over time and put on the ground by camera and distance. They carry the "
            "probe's errors: read them beside its error of distance. Worst futures first. TET and TIT below a TTC of "
            f"{TTC_THRESHOLD_S:g} s."
        ),
        figures=(
            Figure(key="danger.low_ttc", label=f"futures with TTC below {TTC_THRESHOLD_S:g} s", value=exact(low, len(dangers))),
            Figure(
                key="danger.collisions", label="futures with overlapping boxes",
                value=exact(sum(bool(danger.collision) for danger in dangers), len(dangers)),
            ),
        ),
        tables=(
            Table(
                title="Futures",
                columns=("future", "TTC (s)", "of", "at (s)", "THW (s)", "PET (s)", "DRAC (m/s²)", "TET (s)", "TIT (s²)", "collision"),
                rows=tuple(rows),
            ),
        ),
    )  # fmt: skip


def _labels(recorded: Sequence[Recorded], traffic: Sequence[tuple[Track, tuple[Actor, ...]]]) -> LabelOutcome | None:
    """Labels and events on measured tracks, put into the world of the scene, measured actors under their planned names."""
    first = recorded[0]
    road = first.scene.road
    if road is None:
        return None
    tracks = []
    for each, (_, actors) in zip(recorded, traffic, strict=True):
        placed = [seen_from_start(actor, each.scene.ego) for actor in actors]
        planned = each.scene.actors
        recognise = None if each.future.manifest.actors == "scripted" else FRAMES_TO_RECOGNISE
        found = assign_tracks(planned, placed, num_frames=recognise)
        tracks.append((each.scene.ego, measured_as_planned(planned, placed, found)))
    return judge_labels(first.scenario, tracks, road, first.future.fps)


def _label_section(recorded: Sequence[Recorded], outcome: LabelOutcome) -> Section:
    figures = [
        Figure(
            key=f"labels.{name}", label=f"futures that show '{name}'", value=share if share.count else None,
            note="" if share.count else "of no future can it be said",
        )
        for name, share in outcome.shares.items()
    ]  # fmt: skip
    rows: list[tuple[str | float | Estimate | None, ...]] = []
    for name, verdicts in {**outcome.events, **outcome.labels}.items():
        for each, verdict in zip(recorded, verdicts, strict=True):
            said = {True: "yes", False: "no", None: "cannot be said"}[verdict.value]
            value = _number(verdict.measured) if verdict.measured is not None else None
            rows.append((name, each.future.id, said, verdict.time_s, value, verdict.reason or verdict.unit))
    expectations = tuple((o.message(), "met" if o.met else "not met") for o in outcome.expectations)
    tables = [
        Table(
            title="Labels and events", columns=("name", "future", "shown", "at (s)", "measured", ""), rows=tuple(rows)
        )
    ]
    if expectations:
        tables.insert(0, Table(title="Expectations", columns=("expectation", "outcome"), rows=expectations))
    return Section(
        title="Labels",
        about="The scenario's labels and events, judged on measured tracks. An actor that is not found leaves its label open.",
        figures=tuple(figures),
        tables=tuple(tables),
    )


def _spread_section(recorded: Sequence[Recorded], rng: np.random.Generator) -> Section:
    features = np.stack([each.features for each in recorded])
    curve = diversity_curve(features, rng)
    times = tuple((np.arange(len(curve.mean)) + 1) / recorded[0].future.fps)
    return Section(
        title="Spread",
        about="How far the futures of this run are apart, in features per dimension: 0 for equal futures.",
        figures=(Figure(key="futures.diversity", label="mean distance between futures", value=mean_diversity(features, rng)),),
        plots=(
            Plot(
                title="How far the futures are apart", x_label="seconds", y_label="mean distance",
                series=(Series(name="futures", x=times, y=tuple(curve.mean), low=tuple(curve.low), high=tuple(curve.high)),),
            ),
        ),
    )  # fmt: skip


def _number(value: float | None) -> str | float | None:
    """Numbers as they are; what is infinite never came near."""
    if value is None or np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else "none"
