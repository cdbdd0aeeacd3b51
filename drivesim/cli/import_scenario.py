"""``drivesim import``: an OpenSCENARIO file as a scenario file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import AsJson, Quiet
from drivesim.cli.values import judged
from drivesim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivesim.scenarios.openscenario import Imported


File = Annotated[Path, typer.Argument(metavar="FILE", help="An .xosc file; catalogs and road file lie where it says.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="The scenario file to write; FILE with .yaml by default.")
]
EgoName = Annotated[str | None, typer.Option("--ego", help="The entity to drive from; the one called Ego by default.")]


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise InputError(f"--set {text}: expected parameter=value such as Ego_speed_kph=50.")
    return key.strip().lstrip("$"), value.strip()


def _once(lines: object) -> list[str]:
    return list(dict.fromkeys(lines))  # type: ignore[call-overload]


Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        callback=judged(_setting),
        help="Give a declared parameter a value, such as Ego_speed_kph=50. Repeatable.",
    ),
]
Name = Annotated[str | None, typer.Option("--id", help="Id of the scenario; made of the file's name by default.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with an error where anything had to be left out.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a scenario file that is there already.")]


def import_scenario(
    file: File,
    out: Out = None,
    ego: EgoName = None,
    settings: Settings = None,
    name: Name = None,
    strict: Strict = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Turn an OpenSCENARIO 1.x file into a scenario file.

    A stated subset is read (docs/exports.md): what is taken for something simpler is said, and what has no counterpart is
    listed with its line, on the screen and in the file that is written. A file of parameter values gives a suite.

    \b
    Examples:
      drivesim import ccrs.xosc -o ccrs.yaml
      drivesim import cpna.xosc --set Ego_speed_kph=40 --set Overlap=75 -o cpna.yaml
      drivesim check ccrs.yaml
    """
    from drivesim.cli.progress import Voice
    from drivesim.scenarios.openscenario import read_openscenario
    from drivesim.storage import require_file, write_atomic

    voice = Voice(quiet=quiet, as_json=as_json)
    if not file.name or file.is_dir():
        raise InputError(f"{file} is a folder. Name the .xosc file in it.")
    target = file.with_suffix(".yaml") if out is None else out
    if target.is_dir():
        raise InputError(f"--out {target} is a folder; name the file to write, such as {target / file.stem}.yaml.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already. Replace it with --overwrite, or name another with --out.")
    require_file(target)
    imported = read_openscenario(file, ego=ego, settings=dict(_setting(text) for text in settings or []), name=name)
    notes = _once(note for each in imported for note in each.notes)
    left_out = _once(line for each in imported for line in each.left_out)
    for title, lines in (("taken for something simpler", notes), ("left out", left_out)):
        if lines:
            voice.say(f"{title}:")
        for line in lines:
            voice.say(f"  {line}")
    if strict and left_out:
        raise InputError(
            f"{file}: {len(left_out)} things were left out, and --strict asks for none. Nothing was written."
        )
    write_atomic(target, _text(file, imported, notes, left_out))
    count = len(imported)
    voice.result(
        f"{target} ({count} scenario{'s' * (count != 1)}, {len(left_out)} things left out)",
        {
            "file": str(target),
            "scenarios": [each.scenario.id for each in imported],
            "notes": notes,
            "left_out": left_out,
        },
    )


def _text(file: Path, imported: Sequence[Imported], notes: Sequence[str], left_out: Sequence[str]) -> str:
    """The scenario file, or a suite, with what was lost as comments on top."""
    from drivesim.errors import one_line
    from drivesim.scenarios.language.yaml_writer import scenario_text, suite_text

    lines = [f"From {file.name} (OpenSCENARIO) by drivesim import."]
    lines += [f"Simpler: {note}" for note in notes] + [f"Left out: {line}" for line in left_out]
    head = "".join(f"# {one_line(line)}\n" for line in lines)
    scenarios = [each.scenario.to_dict() for each in imported]
    return head + (scenario_text(scenarios[0]) if len(scenarios) == 1 else suite_text(scenarios))
