"""What ``drivesim export`` and the ``outputs:`` of a scenario share: formats one after the other, and the last lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.cli.progress import Voice
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.exports.run import Exported
    from drivesim.scenarios import Scenario


def export_all(
    run: Path,
    names: Sequence[str],
    *,
    progress: Callable[[str, float], None],
    futures: Sequence[int] | None = None,
    out: Path | None = None,
    measure: bool = True,
    judges: Path | None = None,
    overwrite: Collection[str] = (),
    resume: bool = False,
    fps: float | None = None,
) -> list[Exported]:
    """Export a run in several formats, of which ``overwrite`` replaces what is there; what all of them need is checked before the first is written."""
    from drivesim.exports.formats import WITHOUT_BOXES
    from drivesim.exports.gather import chosen_futures, why_not_measured
    from drivesim.exports.run import default_folder, export_formats
    from drivesim.extras import require_packages
    from drivesim.judges.load import SHIPPED, load_judges

    for name in names:
        require_packages(name)
    chosen = chosen_futures(run, futures)
    looks = measure and any(name not in WITHOUT_BOXES for name in names)
    if judges is not None and not looks:
        raise InputError(f"--judges with --to {' '.join(names)}: nothing would look at the video. Leave it out.")
    if judges is not None and (why := why_not_measured(chosen[0].manifest)):
        raise InputError(f"--judges: {why}")
    several = len(names) > 1
    folders = {name: default_folder(run, name) if out is None else out / name if several else out for name in names}
    return export_formats(
        run,
        folders,
        futures=futures,
        judges=load_judges(judges or SHIPPED) if looks else None,
        overwrite=overwrite,
        resume=resume,
        fps=fps,
        progress=progress,
    )


def outputs_of(scenario: Scenario) -> list[str]:
    """The formats that a scenario's ``outputs`` ask for beside what a run folder holds anyway."""
    from drivesim.exports.formats import FORMATS

    return [name for name in FORMATS if name in scenario.outputs and name != "frames"]


def require_outputs(scenarios: Iterable[Scenario]) -> None:
    """Raise MissingPackageError, before anything is made, where a format that ``outputs`` names cannot be written here."""
    from drivesim.extras import require_packages

    for name in sorted({name for scenario in scenarios for name in outputs_of(scenario)}):
        require_packages(name)


def write_outputs(run: Path, scenario: Scenario, voice: Voice) -> list[Exported]:
    """Write what the scenario's ``outputs`` ask for below RUN/exports, of all finished futures; what is there is brought up to date."""
    names = outputs_of(scenario)
    if not names:
        return []
    from drivesim.cli.progress import shares
    from drivesim.exports.run import BY_FUTURE

    wholes = [name for name in names if name not in BY_FUTURE]
    with shares(voice) as progress:
        return export_all(run, names, overwrite=wholes, resume=True, progress=progress)


def report(exported: Sequence[Exported], voice: Voice) -> None:
    """Say what was written and where."""
    from drivesim.wording import number_of

    for note in dict.fromkeys(note for each in exported for note in each.notes):
        voice.say(note)
    lines = []
    for each in exported:
        kept = f", {len(each.kept)} of them kept" if each.kept else ""
        lines.append(f"{each.folder} ({each.format}, {number_of(len(each.futures), 'future')}{kept})")
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
