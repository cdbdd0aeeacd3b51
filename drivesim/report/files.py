"""Reports on disk: ``report.json``, ``report.html`` and, where something was demanded, ``verdict.json`` side by side."""

from __future__ import annotations

import json
from pathlib import Path

from drivesim.errors import InputError
from drivesim.report.document import Report
from drivesim.report.page import render_html
from drivesim.report.verdict import Conclusion
from drivesim.storage import write_atomic

JSON_NAME, HTML_NAME, VERDICT_NAME = "report.json", "report.html", "verdict.json"
_NOTHING_DEMANDED = Conclusion()


def write_report(report: Report, folder: Path, conclusion: Conclusion = _NOTHING_DEMANDED) -> None:
    """Write ``report.json``, ``report.html`` and ``verdict.json``, each atomically; the folder is made if need be.

    Raises InputError when the disk is full or not writable, ValueError when two figures share a key.
    """
    page = render_html(report, conclusion)
    write_atomic(folder / JSON_NAME, report.to_json())
    write_atomic(folder / HTML_NAME, page)
    if conclusion.demands:
        write_atomic(folder / VERDICT_NAME, json.dumps(conclusion.to_dict(), indent=1, ensure_ascii=False) + "\n")
    else:
        (folder / VERDICT_NAME).unlink(missing_ok=True)


def read_report(path: Path) -> Report:
    """Read a report from its JSON file, or from a folder that holds ``report.json``. Raises InputError otherwise."""
    file = path / JSON_NAME if path.is_dir() else path
    if not file.is_file():
        wanted = f"{path} has no {JSON_NAME}" if path.is_dir() else f"there is no file {path}"
        raise InputError(f"{wanted}. Name a report's JSON file, or the folder that holds {JSON_NAME}.")
    return Report.from_json(file.read_bytes(), str(file))
