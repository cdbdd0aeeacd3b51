"""A sweep in a few numbers: how many futures were made, how often each event and label was seen; as JSON, JUnit and a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivesim.evidence.sections.outcome import outcome_section, seen_words, told_section
from drivesim.metrics.estimate import Estimate, exact, share_of
from drivesim.report import Figure, Report, Section, Table
from drivesim.report.files import HTML_NAME, write_report
from drivesim.report.junit import junit_xml
from drivesim.report.verdict import Demand, conclude
from drivesim.runs.rows import ROWS_NAME, FutureRow
from drivesim.scenarios.suite import Suite
from drivesim.storage import write_atomic
from drivesim.sweeps.coverage_page import coverage_by_scenario, coverage_section
from drivesim.wording import number_of

SUMMARY_NAME, JUNIT_NAME = "summary.json", "junit.xml"

#: Rows that the page shows; all of them are in futures.jsonl.
_MOST_ROWS = 200


def seen_shares(rows: Sequence[FutureRow]) -> dict[str, Estimate]:
    """Share of the futures that show each event and label, among those of which it can be said, with its Wilson interval."""
    finished = [row for row in rows if row.status == "finished"]
    names = list(dict.fromkeys(name for row in finished for name in row.verdicts))
    known = {name: [v for row in finished if (v := row.verdicts.get(name)) is not None] for name in names}
    return {name: share_of(sum(values), len(values)) for name, values in known.items()}


def summary_of(rows: Sequence[FutureRow], suite: str) -> dict[str, Any]:
    """The sweep as JSON holds it."""
    return {
        "suite": suite,
        "synthetic": True,
        **_counts(rows),
        "scenarios": {
            name: {
                **_counts(own := [row for row in rows if row.scenario == name]),
                "variations": len({row.variation for row in own}),
                "seen": {key: share.to_dict() for key, share in seen_shares(own).items()},
            }
            for name in _scenarios(rows)
        },
        "failures": {row.id: row.error for row in rows if row.status == "failed"},
    }


def sweep_report(
    rows: Sequence[FutureRow], folder: Path, suite: Suite, settings: dict[str, str], commands: dict[str, str]
) -> Report:
    """The page of a sweep: what was made and seen how often, modes and worst futures, told against measured, coverage, every future."""
    counts = _counts(rows)
    failed = [row for row in rows if row.status == "failed"]
    tables = [_scenario_table(rows), *([_failure_table(failed)] if failed else [])]
    made = Figure(
        key="sweep.made",
        label="futures that were made",
        value=exact(counts["finished"] / counts["futures"], counts["futures"]),
        better="higher",
    )
    return Report(
        title=f"Sweep of {suite.name}",
        subject=f"{counts['finished']} of {number_of(counts['futures'], 'future')} of {number_of(len(_scenarios(rows)), 'scenario')}",
        sections=(
            Section(
                title="Sweep",
                about="Every future of every variation. Shares are of the futures in which the probe can say whether it happened, with "
                "95 % Wilson intervals.",
                figures=(made,),
                tables=tuple(tables),
            ),
            outcome_section(rows, folder, {one.id: one.expectations for one in suite.scenarios}),
            told_section(rows),
            coverage_section([one for _, _, one in coverage_by_scenario(suite.scenarios, rows)], with_modes=False),
            Section(
                title="All futures",
                about="Every future, with the command that makes it alone, to be run in the sweep's folder.",
                tables=(_future_table(rows),),
            ),
        ),
        settings=settings,
        commands=commands,
        highlights=("sweep.made",),
        warnings=tuple(sorted({row.unmeasured for row in rows if row.unmeasured})),
    )


def write_summary(
    rows: Sequence[FutureRow], folder: Path, suite: Suite, settings: dict[str, str], commands: dict[str, str]
) -> Path:
    """Write summary.json, report.html, report.json and junit.xml into the sweep's folder; returns the page."""
    report = sweep_report(rows, folder, suite, settings, commands)
    write_atomic(folder / SUMMARY_NAME, json.dumps(summary_of(rows, suite.name), indent=2, ensure_ascii=False) + "\n")
    made = [
        Demand(
            group="made",
            name=row.id,
            outcome="passed" if row.status == "finished" else "failed",
            message=f"{row.id}: {row.error or 'made'}",
        )
        for row in rows
    ]
    write_report(report, folder, conclude(_made_of(rows, name) for name in _scenarios(rows)))
    write_atomic(folder / JUNIT_NAME, junit_xml(report, conclude(made)))
    return folder / HTML_NAME


def _made_of(rows: Sequence[FutureRow], scenario: str) -> Demand:
    """One demand for all futures of a scenario, as the page of a large sweep has no room for each: JUnit has those."""
    counts = _counts([row for row in rows if row.scenario == scenario])
    message = f"{scenario}: {counts['finished']} of {number_of(counts['futures'], 'future')} made"
    return Demand(group="made", name=scenario, outcome="failed" if counts["failed"] else "passed", message=message)


def _counts(rows: Sequence[FutureRow]) -> dict[str, int]:
    found = Counter(row.status for row in rows)
    return {
        "futures": len(rows),
        "finished": found["finished"],
        "failed": found["failed"],
        "kept": sum(row.made.found and row.status == "finished" for row in rows),
    }


def _scenarios(rows: Sequence[FutureRow]) -> list[str]:
    return list(dict.fromkeys(row.scenario for row in rows))


def _scenario_table(rows: Sequence[FutureRow]) -> Table:
    lines: list[tuple[str | float | Estimate | None, ...]] = []
    for name in _scenarios(rows):
        own = [row for row in rows if row.scenario == name]
        counts = _counts(own)
        lines.append((name, len({row.variation for row in own}), counts["finished"], counts["failed"], None, None))
        lines += [("", None, None, None, key, share) for key, share in seen_shares(own).items()]
    columns = ("scenario", "variations", "made", "failed", "event or label", "seen in")
    return Table(title="Scenarios", columns=columns, rows=tuple(lines))


def _failure_table(failed: Sequence[FutureRow]) -> Table:
    lines = tuple((row.id, float(row.made.attempts), row.error) for row in failed[:_MOST_ROWS])
    return Table(title="Not made", columns=("future", "attempts", "why"), rows=lines, note=_left_out(len(failed)))


def _future_table(rows: Sequence[FutureRow]) -> Table:
    lines = []
    for row in rows[:_MOST_ROWS]:
        values = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.parameters.items())
        lines.append((row.id, row.status, values, seen_words(row), row.replay))
    columns = ("future", "", "parameters", "events and labels", "makes it alone")
    return Table(title="Futures", columns=columns, rows=tuple(lines), note=_left_out(len(rows)))


def _left_out(count: int) -> str:
    return f"The first {_MOST_ROWS} of {count}; {ROWS_NAME} has all." if count > _MOST_ROWS else ""
