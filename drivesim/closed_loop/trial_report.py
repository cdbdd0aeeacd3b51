"""Trials as one report: verdicts first, then how quick the planner was, then each scenario."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from drivesim.closed_loop.trial import Trial, TrialRules
from drivesim.evidence.sections.danger import danger_section
from drivesim.evidence.sections.figures import Row, moments_strip
from drivesim.evidence.sections.labels import label_section
from drivesim.evidence.track_error import SHIPPED
from drivesim.evidence.traffic import danger_in
from drivesim.metrics.estimate import exact, share_of
from drivesim.report import Figure, Report, Section, Table
from drivesim.report.verdict import Demand
from drivesim.wording import number_of

_SHOWN_HEIGHT, _MOMENTS, _MOST_ROWS = 120, 5, 4


def trial_report(trials: Sequence[Trial], rules: TrialRules, planner: str | None, command: Sequence[str]) -> Report:
    """Every trial in one report. Raises ValueError for none."""
    first = trials[0].recorded[0].future.manifest
    return Report(
        title="Closed-loop test" if planner else "Test",
        subject=f"{number_of(len(trials), 'scenario')}, {planner or 'the ego as written'}, model {first.model} ({first.weights_sha256[:12]})",
        sections=(_verdicts(trials), *([_latency(trials, rules)] if planner else []), *map(_scenario, trials)),
        settings={
            "planner": planner or "none: the ego drives as its scenario says",
            "model": f"{first.model} {first.weights_sha256}",
            "seconds": "each scenario's own" if rules.seconds is None else f"{rules.seconds:g}",
            "futures": str(rules.futures),
            "shown of the others": rules.observed if planner else "nothing",
            "device": first.device,
        },
        commands={
            "repeat": shlex.join(["drivesim", *command]),
            "measure one in full": shlex.join(["drivesim", "score", str(trials[0].folders[0])]),
        },
        highlights=("test.passed", *(("test.latency_median_s", "test.latency_max_s") if _times(trials) else ())),
        warnings=("What is judged is video that a model made: no measurement of the world.",),
    )


def demands(trials: Sequence[Trial]) -> list[Demand]:
    """A demand for each trial, with what became of it."""
    return [
        Demand(
            group="expect",
            name=one.name,
            outcome=one.standing,
            message=f"{one.name}: {one.standing}: {'; '.join(one.reasons)}",
        )
        for one in trials
    ]


def as_json(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """For programs: verdict, reasons, folders and drives of every trial."""
    return [
        {
            "scenario": one.name,
            "verdict": one.standing,
            "reasons": list(one.reasons),
            "runs": [str(folder) for folder in one.folders],
            "drives": [
                {
                    "ending": log.ending,
                    "ended_s": log.ended_s,
                    "latency_median_s": float(np.median(log.planner_s)) if log.planner_s else None,
                    "latency_max_s": max(log.planner_s, default=None),
                }
                for log in one.logs
            ],
        }
        for one in trials
    ]


def _verdicts(trials: Sequence[Trial]) -> Section:
    rows: tuple[Row, ...] = tuple(
        (one.name, one.standing, "; ".join(one.reasons), ", ".join(str(folder) for folder in one.folders))
        for one in trials
    )
    decided = [one for one in trials if one.standing != "undecided"]
    passed = sum(one.standing == "passed" for one in decided)
    return Section(
        title="Verdicts",
        about=(
            "A scenario fails when the planner gives no usable answer, when the ego's box touches another or leaves the road (by the "
            "tracks that the model was told), or when what the scenario expects is not found in the video. It is undecided when the "
            "futures or seconds that were made cannot show that."
        ),
        figures=(
            Figure(
                key="test.passed", label="scenarios that passed, of those decided", value=share_of(passed, len(decided)) if decided else None,
                better="higher", note="" if decided else "none was decided",
            ),
        ),
        tables=(Table(title="Scenarios", columns=("scenario", "verdict", "why", "run"), rows=rows),),
    )  # fmt: skip


def _times(trials: Sequence[Trial]) -> list[float]:
    return [value for one in trials for log in one.logs for value in log.planner_s]


def _latency(trials: Sequence[Trial], rules: TrialRules) -> Section:
    times = _times(trials)
    manifest = trials[0].recorded[0].future.manifest
    chunk_s = manifest.timeline.chunk_frames / manifest.fps
    note = "" if times else "the planner never answered"
    rows: list[Row] = []
    for one in trials:
        for log in one.logs:
            milli = [1000.0 * float(value) for value in (_middle(log.planner_s), max(log.planner_s, default=np.nan))]
            parts = [1000.0 * _middle(values) for values in (log.perception_s, log.model_s)]
            largest = max((abs(value) for value in log.offsets_m), default=np.nan)
            cells = (None if np.isnan(value) else round(value, 2) for value in (*milli, *parts, largest))
            rows.append((one.name, len(log.planner_s), *cells, f"{log.ending} at {log.ended_s:.1f} s"))
    return Section(
        title="Latency and drives",
        about=(
            f"From the observation sent to the planner's process to its answer; it may take {rules.limit_s:g} s. An answer holds for "
            f"a chunk of {chunk_s:g} s, so a planner that is to run in real time takes less than that. Detector, traffic and video "
            "are timed beside it; the simulation waits for all of them."
        ),
        figures=(
            Figure(key="test.latency_median_s", label="planner, median", unit="s", better="lower", note=note,
                   value=exact(float(np.median(times)), len(times)) if times else None),
            Figure(key="test.latency_max_s", label="planner, slowest", unit="s", better="lower", note=note,
                   value=exact(max(times), len(times)) if times else None),
        ),
        tables=(
            Table(
                title="Per drive, medians in ms",
                columns=("scenario", "answers", "planner", "slowest", "detector", "traffic and video", "largest offset (m)", "ended"),
                rows=tuple(rows),
            ),
        ),
    )  # fmt: skip


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _scenario(trial: Trial) -> Section:
    """One scenario: moments of its futures, danger, labels and events."""
    dangers = [danger_in(each, seen, SHIPPED) for each, seen in zip(trial.recorded, trial.traffic, strict=True)]
    danger, order = danger_section(trial.recorded, dangers, SHIPPED)
    tables = danger.tables
    if trial.labels.labels or trial.labels.events:
        tables += label_section(trial.recorded, trial.labels, SHIPPED).tables
    shown = [trial.recorded[index].future for index in order[:_MOST_ROWS]]
    caption = "From the first frame to the last; the most dangerous first"
    return dataclasses.replace(
        danger,
        title=f"{trial.name}: {trial.standing}",
        figures=(),
        tables=tables,
        pictures=(moments_strip(shown, caption, moments=_MOMENTS, height=_SHOWN_HEIGHT),),
    )
