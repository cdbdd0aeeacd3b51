"""What ``evaluate`` and ``score`` share: progress, thresholds, verdicts, files and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.progress import Voice
from drivesim.cli.terminal import say
from drivesim.cli.values import judged

if TYPE_CHECKING:
    from drivesim.report import Report
    from drivesim.report.thresholds import Threshold
    from drivesim.report.verdict import Demand


def _threshold(text: str) -> Threshold:
    from drivesim.report.thresholds import Threshold

    return Threshold.parse(text)


MinRecall = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Fail unless this share of commanded boxes 24 px and taller is found: obedience.recall >= it.",
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        callback=judged(_threshold),
        help="Fail unless a figure keeps a bound, such as 'obedience.speed_error_mps<=2'. Repeatable.",
    ),
]
JUnit = Annotated[Path | None, typer.Option("--junit", help="Write the verdicts as JUnit XML for a build server.")]
I3DFile = Annotated[
    Path | None, typer.Option("--i3d", help="A TorchScript I3D for real FVD (docs/fvd.md); without it, no FVD.")
]
Judges = Annotated[
    Path | None, typer.Option(help="Folder of other judges (probe/, features/, hashes.json) than the shipped ones.")
]


def thresholds_of(min_recall: float | None, require: Sequence[str] | None) -> list[Threshold]:
    """The bounds of the options. Raises InputError for one that is none."""
    texts = [] if min_recall is None else [f"obedience.recall>={min_recall}"]
    return [_threshold(text) for text in (*texts, *(require or []))]


def writable(folder: Path, junit: Path | None) -> Path:
    """The folder of the report. Raises InputError, before anything is measured, where it or the JUnit file could not be written."""
    from drivesim.storage import require_file, require_folder

    require_folder(folder)
    if junit is not None:
        require_file(junit)
    return folder


def finish(
    report: Report,
    thresholds: Sequence[Threshold],
    folder: Path,
    junit: Path | None,
    voice: Voice,
    expected: Sequence[Demand] = (),
) -> None:
    """Write the report, say the outcome, and leave with 1 unless every bound and everything ``expected`` is passed.

    Raises InputError for a bound of an unknown figure, once the report is written: a slip must not cost what was measured.
    """
    from drivesim.report.files import HTML_NAME, JSON_NAME, write_report
    from drivesim.report.junit import junit_xml
    from drivesim.report.thresholds import judge
    from drivesim.report.verdict import conclude
    from drivesim.storage import write_atomic

    conclusion = conclude(expected)
    write_report(report, folder, conclusion)
    if thresholds:
        conclusion = conclude((one.demand(report.commands) for one in judge(report, thresholds)), expected)
        write_report(report, folder, conclusion)
    if junit is not None:
        write_atomic(junit, junit_xml(report, conclusion))
    for warning in report.warnings:
        voice.say(f"warning: {warning}")
    for demand in conclusion.demands:
        (voice.say if demand.outcome == "passed" else voice.insist)(f"{demand.outcome}: {demand.message}")
    figures = {
        key: None if figure.value is None else figure.value.to_dict() for key, figure in report.figures().items()
    }
    data = {
        "report": str(folder / JSON_NAME),
        "page": str(folder / HTML_NAME),
        **conclusion.to_dict(),
        "warnings": list(report.warnings),
        "figures": figures,
    }
    verdict = [f"verdict: {conclusion.outcome}"] if conclusion.demands else []
    text = "\n".join([*_lines(report), *verdict, f"wrote {folder / HTML_NAME}"])
    say(json.dumps(data) if voice.as_json else text)
    if not conclusion.passed:
        raise typer.Exit(conclusion.exit_code)


def _lines(report: Report) -> Iterator[str]:
    """Every figure in one line."""
    from drivesim.evidence.sections.figures import shown

    for key, figure in report.figures().items():
        unit = f" {figure.unit}" if figure.unit else ""
        value = f"not computed: {figure.note}" if figure.value is None else shown(figure.value) + unit
        yield f"{key:34} {value}"
