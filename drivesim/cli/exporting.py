"""What ``drivesim export`` and the ``outputs:`` of a scenario share: formats one after the other, and the last lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.cli.progress import Voice
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.exports.run import Exported


def export_all(
    run: Path,
    names: Sequence[str],
    *,
    progress: Callable[[str, float], None],
    futures: Sequence[int] | None = None,
    out: Path | None = None,
    measure: bool = True,
    judges: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> list[Exported]:
    """Export a run in several formats; what all of them need is checked before the first is written."""
    from drivesim.exports.extras import require_packages
    from drivesim.exports.gather import chosen_futures, why_not_measured
    from drivesim.exports.run import export_run
    from drivesim.judges.load import SHIPPED, load_judges

    for name in names:
        require_packages(name)
    chosen = chosen_futures(run, futures)
    if judges is not None and (why := why_not_measured(chosen[0].manifest)):
        raise InputError(f"--judges: {why}")
    looking = load_judges(judges or SHIPPED) if measure else None
    return [
        export_run(
            run,
            name,
            futures=futures,
            out=out if out is None or len(names) == 1 else out / name,
            judges=looking,
            overwrite=overwrite,
            resume=resume,
            progress=progress,
        )
        for name in names
    ]


def report(exported: Sequence[Exported], voice: Voice) -> None:
    """Say what was written and where."""
    for note in dict.fromkeys(note for each in exported for note in each.notes):
        voice.say(note)
    lines = []
    for each in exported:
        count = len(each.futures)
        kept = f", {len(each.kept)} of them kept" if each.kept else ""
        lines.append(f"{each.folder} ({each.format}, {count} future{'s' * (count != 1)}{kept})")
    data = [
        {
            "format": each.format,
            "folder": str(each.folder),
            "futures": list(each.futures),
            "kept": list(each.kept),
            "synthetic": True,
            "notes": list(each.notes),
        }
        for each in exported
    ]
    voice.result("\n".join(lines), {"exports": data})
