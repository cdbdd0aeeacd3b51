"""What ``evaluate`` and ``score`` share: progress, thresholds, verdicts, files and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.progress import Voice
from drivesim.cli.terminal import say

if TYPE_CHECKING:
    from drivesim.report import Report
    from drivesim.report.thresholds import Threshold

#: A threshold or an ``expect`` of the scenario was not met.
NOT_MET = 1

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
    typer.Option(help="Fail unless a figure keeps a bound, such as 'obedience.speed_error_mps<=2'. Repeatable."),
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
    from drivesim.report.thresholds import Threshold

    texts = [] if min_recall is None else [f"obedience.recall>={min_recall}"]
    return [Threshold.parse(text) for text in (*texts, *(require or []))]


def finish(
    report: Report,
    thresholds: Sequence[Threshold],
    folder: Path,
    junit: Path | None,
    voice: Voice,
    expectations: Sequence[tuple[str, bool]] = (),
) -> None:
    """Write the report, say the outcome, and leave with 1 when a bound or one of ``expectations`` was not met.

    Raises InputError for a bound of an unknown figure, once the report is written: a slip must not cost what was measured.
    """
    from drivesim.report.files import HTML_NAME, JSON_NAME, write_report
    from drivesim.report.junit import junit_xml
    from drivesim.report.thresholds import judge
    from drivesim.runs.storage import write_atomic

    unmet = [sentence for sentence, met in expectations if not met]
    write_report(report, folder)
    verdicts = judge(report, thresholds)
    if verdicts:
        write_report(report, folder, verdicts)
    if junit is not None:
        write_atomic(junit, junit_xml(report, verdicts, expectations))
    for warning in report.warnings:
        voice.say(f"warning: {warning}")
    for line in unmet:
        voice.insist(f"not met: {line}")
    for verdict in verdicts:
        (voice.say if verdict.status == "passed" else voice.insist)(str(verdict))
    failed = bool(unmet) or any(verdict.status != "passed" for verdict in verdicts)
    figures = {
        key: None if figure.value is None else figure.value.to_dict() for key, figure in report.figures().items()
    }
    data = {
        "report": str(folder / JSON_NAME),
        "page": str(folder / HTML_NAME),
        "failed": failed,
        "unmet": unmet,
        "warnings": list(report.warnings),
        "verdicts": [{"threshold": str(v.threshold), "status": v.status} for v in verdicts],
        "figures": figures,
    }
    text = "\n".join([*_lines(report), f"wrote {folder / HTML_NAME}"])
    say(json.dumps(data) if voice.as_json else text)
    if failed:
        raise typer.Exit(NOT_MET)


def _lines(report: Report) -> Iterator[str]:
    """Every figure in one line."""
    from drivesim.evidence.sections.figures import shown

    for key, figure in report.figures().items():
        unit = f" {figure.unit}" if figure.unit else ""
        value = f"not computed: {figure.note}" if figure.value is None else shown(figure.value) + unit
        yield f"{key:34} {value}"
