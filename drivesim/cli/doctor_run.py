"""What ``drivesim doctor RUN`` says of a run folder: the fate of every file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import typer

from drivesim.cli.terminal import say

if TYPE_CHECKING:
    from drivesim.runs.inspection import FileFate

_LABELS = {"good": "ok", "unfinished": "ok", "beside": "ok", "unvouched": "warn", "missing": "FAIL", "damaged": "FAIL"}


def examine_run(run: Path, as_json: bool) -> None:
    """Print the fate of every file of a run; leave with 2 when one is missing, damaged, edited or replaced."""
    from drivesim.runs.inspection import inspect_run

    fates = list(inspect_run(run))
    if not as_json:
        for line in _lines(fates):
            say(line)
    faults = [fate for fate in fates if fate.is_fault]
    if as_json:
        files = [{"file": fate.name, "fate": fate.fate, "text": fate.text} for fate in fates]
        say(json.dumps({"run": str(run), "good": not faults, "files": files}, indent=2))
    else:
        counts = ", ".join(f"{count} {fate}" for fate, count in Counter(fate.fate for fate in fates).items())
        verdict = "is not what it was" if faults else "is what it was"
        say(f"\n{run} {verdict}: {counts}.")
    if faults:
        raise typer.Exit(2)


def _lines(fates: Sequence[FileFate]) -> Iterator[str]:
    """A line for each file; of single frames, of which there may be thousands, the good ones of a folder share one."""
    frames = Counter(PurePosixPath(fate.name).parent for fate in fates if _is_good_frame(fate))
    for fate in fates:
        if not _is_good_frame(fate):
            words = f"{fate.fate}: {fate.text}" if fate.text else fate.fate
            yield f"{_LABELS[fate.fate]:<5} {fate.name:<40} {words}"
    for folder, count in frames.items():
        yield f"{_LABELS['good']:<5} {f'{folder}/ ({count} files)':<40} good"


def _is_good_frame(fate: FileFate) -> bool:
    return fate.fate == "good" and PurePosixPath(fate.name).parent.name == "frames"
