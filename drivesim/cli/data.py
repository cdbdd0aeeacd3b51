"""``drivesim data``: any driving data into one store, and a look at what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli.terminal import say
from drivesim.cli.values import judged, limited
from drivesim.errors import InputError
from drivesim.options import MOST_IN_A_SHARD, SAMPLE_LIMITS

if TYPE_CHECKING:
    from drivesim.datasets.store import StoreInfo

data = typer.Typer(
    name="data",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

StoreUrl = Annotated[str, typer.Argument(metavar="STORE", help="Store that 'drivesim data pack' wrote: a path or URL.")]
SourceName = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="'procedural', a folder with nuScenes' tables, or a video file or folder of videos or pictures.",
    ),
]
Frames = Annotated[int | None, limited(SAMPLE_LIMITS["frames"], "Frames of a sample; procedural: 12 by default.")]
Fps = Annotated[float | None, limited(SAMPLE_LIMITS["fps"], "Frames a second that nuScenes and videos are read at.")]
Height = Annotated[int | None, limited(SAMPLE_LIMITS["height"], "Rows of a stored frame; 256 by default.")]
Width = Annotated[int | None, limited(SAMPLE_LIMITS["width"], "Columns of a stored frame; 512 by default.")]
Split = Annotated[str | None, typer.Option(help="nuScenes: train, val, mini_train, ...; 'all' takes every scene.")]
Version = Annotated[str | None, typer.Option(help="nuScenes: v1.0-trainval, v1.0-mini, ...")]
CategoryMap = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help='nuScenes\' layout with other category names: a JSON file such as {"car": "car", "animal": null}.',
    ),
]
_SHARE = (0, 1)
_LINES_SHOWN = 20


def _require_picture(out: Path) -> None:
    if out.suffix != ".png":
        raise InputError(f"--out {out}: name a .png picture.")


@data.callback()
def _group() -> None:
    """Pack driving data into one store that every training stage reads, look at it, check it.

    \b
    Examples:
      drivesim data pack procedural data/procedural.zarr --samples 200
      drivesim data check my-videos/
      drivesim data pack my-videos/ data/mine.zarr
      drivesim data view data/mine.zarr --out mine.png
    """


@data.command()
def pack(
    source: SourceName,
    out: Annotated[str, typer.Argument(metavar="OUT.zarr", help="Store to write: a path or an fsspec URL.")],
    samples: Annotated[
        int | None, typer.Option(min=1, help="Only this many samples; procedural: 1500 by default.")
    ] = None,
    junction_share: Annotated[
        float | None,
        limited(_SHARE, "procedural: share of urban and rural roads with a junction (default 0)"),
    ] = None,
    crowd_share: Annotated[
        float | None, limited(_SHARE, "procedural: share of urban roads with people close ahead (default 0)")
    ] = None,
    first_seed: Annotated[
        int | None, typer.Option(min=0, help="procedural: the first scene; scenes from 1000000 on are held out.")
    ] = None,
    frames: Frames = None,
    fps: Fps = None,
    height: Height = None,
    width: Width = None,
    split: Split = None,
    version: Version = None,
    category_map: CategoryMap = None,
    licence: Annotated[str | None, typer.Option(help="videos: the terms of the pictures, stored with them.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes that read and pack.")] = 2,
    shard_size: Annotated[int, limited((1, MOST_IN_A_SHARD), "Samples in one file of each array.")] = 16,
) -> None:
    """Pack a source into a store. Stopped or killed, it continues with the same command; finished, it does nothing.

    Samples that cannot be read are left out and named at the end.

    \b
    Examples:
      drivesim data pack procedural data/procedural.zarr --samples 200 --workers 2
      drivesim data pack nuscenes/ data/nuscenes.zarr --version v1.0-mini --split mini_train
      drivesim data pack my-videos/ data/mine.zarr --licence CC-BY-4.0
    """
    from drivesim.cli.data_source import SourceOptions, open_source
    from drivesim.cli.progress import counting
    from drivesim.packing import pack as pack_dataset

    options = SourceOptions(
        samples=samples, first_seed=first_seed, frames=frames, fps=fps, height=height, width=width, split=split,
        version=version, licence=licence, category_map=category_map, junction_share=junction_share, crowd_share=crowd_share,
    )  # fmt: skip
    with counting("reading", "recordings") as progress:
        dataset = open_source(source, options, progress)
    with counting("packing") as progress:
        report = pack_dataset(dataset, out, workers=workers, shard_size=shard_size, on_progress=progress)
    if report.nothing_to_do:
        say(f"{out} is packed already; nothing to do.")
    elif report.found_samples:
        say(f"Continued: {report.found_samples} of {len(dataset)} samples were packed before.")
    layout = report.info.layout
    say(
        f"{out}: {report.info.num_valid} samples of {layout.frames} frames, {layout.height}x{layout.width} at "
        f"{layout.fps:g} frames a second, {_megabytes(out)}"
    )
    _print_left_out(report.info)
    _print_listed("notes on the source", getattr(dataset, "notes", ()))


@data.command()
def info(
    store: StoreUrl,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Say what a store holds: samples, sizes, source, licence, and what was left out.

    Example: drivesim data info data/mine.zarr
    """
    from drivesim.datasets.store import inspect

    found = inspect(store)
    row = _describe(found)
    if as_json:
        say(json.dumps(row))
        return
    layout = found.layout
    shards = f"{found.complete_shards} of {layout.num_shards} shards of {layout.shard_size} samples"
    say(store)
    lines = {
        "samples": f"{found.num_valid} of {layout.samples}",
        "clip": f"{layout.frames} frames of {layout.height}x{layout.width} at {layout.fps:g} a second",
        "given": ", ".join(f"{name} {count}" for name, count in row["given"].items()) or "no controls",
        "latents": "none" if found.encoder is None else f"by encoder {found.encoder[:12]}",
        "source": ", ".join(f"{name} {value}" for name, value in layout.dataset.items() if _is_short(value)),
        "size": f"{row['megabytes']} MB",
        "packed": shards if found.finished else f"{shards}; repeat the pack command to continue",
    }
    for name, text in lines.items():
        say(f"  {name:9} {text}")
    _print_left_out(found)


@data.command()
def check(
    what: Annotated[str, typer.Argument(metavar="STORE|SOURCE", help="A store, or a source before it is packed.")],
    frames: Frames = None,
    fps: Fps = None,
    height: Height = None,
    width: Width = None,
    split: Split = None,
    version: Version = None,
    category_map: CategoryMap = None,
) -> None:
    """Check every byte of a store, or list everything that packing a source would leave out, all at once.

    A source is read by the same readers and with the same options as by 'drivesim data pack'. Exit code 0: good; 2:
    something is wrong.

    \b
    Examples:
      drivesim data check data/mine.zarr
      drivesim data check nuscenes/
      drivesim data check my-videos/ --frames 16
    """
    from drivesim.cli.data_source import SourceOptions, check_source
    from drivesim.cli.progress import counting

    options = SourceOptions(
        frames=frames, fps=fps, height=height, width=width, split=split, version=version, category_map=category_map
    )
    notes: list[str] = []
    if _is_store(what):
        from drivesim.datasets.store import check_store

        if options != SourceOptions():
            raise InputError(f"{what} is a store: its samples are made, and no option of a source applies to it.")
        with counting("checking", "shards") as progress:
            problems = check_store(what, progress)
    else:
        with counting("reading", "files") as progress:
            found = check_source(what, options, progress)
        problems, notes = found.problems, found.notes
    for problem in problems:
        say(problem)
    _print_listed("notes", notes)
    if problems:
        say(f"{what}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)
        raise typer.Exit(2)
    say(f"{what} is good.")


@data.command()
def view(
    store: StoreUrl,
    samples: Annotated[int, typer.Option(min=1, max=64, help="How many samples, spread over the store.")] = 6,
    out: Annotated[Path, typer.Option(callback=judged(_require_picture), help="The .png picture to write.")] = Path(
        "store.png"
    ),
) -> None:
    """Draw a page of samples: frames with their boxes, and the layout that a model is told.

    Example: drivesim data view data/mine.zarr --samples 8 --out mine.png
    """
    from drivesim.datasets.store import ClipStore
    from drivesim.pictures.store_sheet import spread, store_sheet
    from drivesim.runs.run_folder import write_png
    from drivesim.storage import require_file

    require_file(out)
    opened = ClipStore(store)
    write_png(out, store_sheet(opened, spread(samples, len(opened))))
    say(str(out))


@data.command()
def encode(
    store: StoreUrl,
    model: Annotated[str, typer.Option(help="Model whose encoder is used: a name, folder or hub id.")] = "default",
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; the best one there by default.")] = None,
) -> None:
    """Encode every frame once and keep the latents in the store, so that training reads them instead of frames.

    Latents of another encoder are replaced. Stopped, it continues with the same command.

    Example: drivesim data encode data/mine.zarr --model default
    """
    from drivesim.cli.progress import counting
    from drivesim.datasets.store import ClipStore
    from drivesim.errors import ModelError

    ClipStore(store)  # a wrong name should be said before a model is loaded
    from drivesim.models.load import load_model
    from drivesim.training.encode import encode_store

    codec = getattr(getattr(load_model(model, device=device), "networks", None), "codec", None)
    if codec is None:
        raise ModelError(f"model {model!r} has no frame encoder; name one of the video_ldm family")
    with counting("encoding") as progress:
        encoded = encode_store(codec, store, progress)
    say(f"{store}: latents written." if encoded else f"{store}: has these latents already; nothing to do.")


def _is_store(what: str) -> bool:
    """Whether to read ``what`` as a store: it looks like one, or its name says that it should be one."""
    path = Path(what)
    return "://" in what or path.suffix == ".zarr" or (path / "zarr.json").exists()


def _describe(found: StoreInfo) -> dict[str, Any]:
    from dataclasses import asdict

    from drivesim.datasets.store import StoreFiles, count_given

    row = asdict(found)
    row["given"] = count_given(found)
    row["megabytes"] = round(StoreFiles(found.url).size() / 1e6, 1)
    return row


def _megabytes(url: str) -> str:
    from drivesim.datasets.store import StoreFiles

    return f"{StoreFiles(url).size() / 1e6:.1f} MB"


def _is_short(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, str) and len(value) <= 60)


def _print_left_out(found: StoreInfo) -> None:
    """What is not in the store, and why; `drivesim data info --json` has all of it."""
    _print_listed("left out", [f"sample {entry.sample}: {entry.reason}" for entry in found.skipped])
    _print_listed("problems of the source", found.problems)


def _print_listed(title: str, texts: Sequence[str]) -> None:
    if texts:
        say(f"{title} ({len(texts)}):")
        for text in texts[:_LINES_SHOWN]:
            say(f"  {text}")
        if len(texts) > _LINES_SHOWN:
            say(f"  and {len(texts) - _LINES_SHOWN} more")
