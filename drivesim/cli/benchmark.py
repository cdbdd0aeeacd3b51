"""``drivesim benchmark``: several models on the same clips, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli import measuring as given
from drivesim.cli.options import AsJson, Device, Dtype, Quiet
from drivesim.cli.terminal import say
from drivesim.cli.values import judged, limited
from drivesim.errors import InputError
from drivesim.options import TABLE_CLIPS

if TYPE_CHECKING:
    from drivesim.cli.progress import Voice
    from drivesim.evidence.of_models import TableProtocol
    from drivesim.report import Report

DEFAULT = "default"
TABLE_NAME = "table.md"


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers between commas. Raises InputError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) < 9 for part in parts):
        raise InputError(f"--lengths {text[:40]}: expected numbers of frames with commas, such as 16,128")
    return tuple(map(int, parts))


def benchmark(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Packaged models ('drivesim models'), model folders or hub ids."),
    ],
    data: Annotated[
        str, typer.Option(help="A packed store of clips that no model was trained on; as models go on from them.")
    ],
    clips: Annotated[
        int, limited(TABLE_CLIPS, "Clips that are continued; as many others are what they are held against.")
    ] = 24,
    lengths: Annotated[
        str, typer.Option(callback=judged(_numbers), help="Lengths of the videos in frames, rising.")
    ] = "16,128",
    no_default: Annotated[
        bool, typer.Option("--no-default", help="Only the models named, without the default beside them.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the report; reports/MODEL-MODEL by default.")] = None,
    i3d: given.I3DFile = None,
    judges: given.Judges = None,
    seed: Annotated[int, typer.Option(min=0, help="All noise.")] = 0,
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Set models side by side on one store: codec, likeness to recorded video, seconds and memory by length.

    All go on from the first frames of the same clips. The report has a page, JSON and the table as Markdown (table.md).

    \b
    Examples:
      drivesim data pack procedural data/held-out.zarr --first-seed 1000000 --samples 48 --frames 145
      drivesim benchmark checkpoints/pvdm-small/model checkpoints/lvdm-small/model --data data/held-out.zarr
    """
    from drivesim.cli.progress import Voice
    from drivesim.evidence.of_models import TableProtocol, output_folder
    from drivesim.report.markdown import tables_markdown
    from drivesim.storage import write_atomic

    voice = Voice(quiet=quiet, as_json=as_json)
    named = models if no_default or DEFAULT in models else [DEFAULT, *models]
    protocol = TableProtocol(
        data=data, clips=clips, lengths=_numbers(lengths), seed=seed, device=device, dtype=dtype
    )  # fmt: skip
    folder = given.writable(out or output_folder(named), None)
    report = _measured(named, protocol, i3d, judges, voice)
    given.finish(report, [], folder, None, voice)
    write_atomic(folder / TABLE_NAME, tables_markdown(report))
    if not as_json:
        say("\n" + tables_markdown(report))


def _measured(
    models: list[str], protocol: TableProtocol, i3d: Path | None, judges: Path | None, voice: Voice
) -> Report:
    from drivesim.cli.progress import shares
    from drivesim.evidence.of_models import tabulate_models
    from drivesim.judges.load import SHIPPED, load_judges
    from drivesim.metrics.fvd import load_i3d

    network = None if i3d is None else load_i3d(i3d)
    loaded_judges = load_judges(judges or SHIPPED)
    with shares(voice) as progress:
        return tabulate_models(models, loaded_judges, protocol, progress, i3d=network)
