"""Reports on disk: ``report.json`` and ``report.html`` side by side in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drivesim.errors import InputError
from drivesim.report.document import Report
from drivesim.report.page import render_html
from drivesim.report.thresholds import ThresholdVerdict
from drivesim.runs.storage import write_atomic

JSON_NAME, HTML_NAME = "report.json", "report.html"


def write_report(report: Report, folder: Path, verdicts: Sequence[ThresholdVerdict] = ()) -> None:
    """Write ``report.json`` and ``report.html``, each atomically; the folder is made if need be.

    Raises InputError when the disk is full or not writable, ValueError when two figures share a key.
    """
    page = render_html(report, verdicts)
    write_atomic(folder / JSON_NAME, report.to_json())
    write_atomic(folder / HTML_NAME, page)


def read_report(path: Path) -> Report:
    """Read a report from its JSON file, or from a folder that holds ``report.json``. Raises InputError otherwise."""
    file = path / JSON_NAME if path.is_dir() else path
    if not file.is_file():
        wanted = f"{path} has no {JSON_NAME}" if path.is_dir() else f"there is no file {path}"
        raise InputError(f"{wanted}. Name a report's JSON file, or the folder that holds {JSON_NAME}.")
    return Report.from_json(file.read_bytes(), str(file))
