"""``drivesim export``: a finished run as files that other tools open."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import exporting, measuring
from drivesim.cli.options import AsJson, Quiet
from drivesim.options import LEAST_FPS, MOST_FPS, MOST_FUTURES


class Format(StrEnum):
    """Formats that a run is exported to."""

    mcap = "mcap"
    nuscenes = "nuscenes"
    coco = "coco"
    frames = "frames"
    xosc = "xosc"
    video = "video"


To = Annotated[list[Format], typer.Option("--to", help="The format; repeat it for several.")]
Chosen = Annotated[
    list[int] | None,
    typer.Option("--future", min=0, max=MOST_FUTURES, help="Only this future; repeat it for several. All by default."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The folder to write; RUN/exports/FORMAT by default. Of several formats each gets one below it.",
    ),
]
Measure = Annotated[
    bool,
    typer.Option(help="Have the probe look at the video, and export what it measures beside what the model was told."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there already.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Keep what is complete in an export that is there, and add the rest.")
]
Fps = Annotated[
    float | None,
    typer.Option(
        min=LEAST_FPS, max=MOST_FPS, help="Frames a second of the format video; the others keep the model's own frames."
    ),
]


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as rollout and futures write it.")],
    to: To,
    future: Chosen = None,
    out: Out = None,
    measure: Measure = True,
    judges: measuring.Judges = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    fps: Fps = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a run in the format of another tool. Every file says that it is synthetic, and where it comes from.

    \b
    mcap      Foxglove, Lichtblick, the mcap tools: video, calibration, transforms, 3D and 2D boxes, curves, events
    nuscenes  the nuScenes devkit: 13 tables and pictures; its detection evaluation runs on them
    coco      pycocotools, FiftyOne, CVAT and others: pictures and 2D boxes
    frames    anything that reads pictures, JSON and CSV; 'drivesim data pack' reads it back
    xosc      esmini and other OpenSCENARIO tools: the scenario and what each future was conditioned on
    video     players and tools that need another frame rate (--fps): an mp4 a future, frames repeated or left out

    Boxes come twice: 'conditioned' is what the model was told, exact but not always obeyed; 'measured' is what the probe
    sees in the video, with its errors.

    \b
    Examples:
      drivesim export runs/highway-cut-in-7 --to mcap
      drivesim export runs/highway-cut-in-7-futures --to coco --future 3 --future 5 -o coco
      drivesim export runs/highway-cut-in-7 --to nuscenes --to frames --no-measure
      drivesim export runs/highway-cut-in-7 --to video --fps 25
    """
    from drivesim.cli.progress import Voice, shares
    from drivesim.errors import InputError

    if overwrite and resume:
        raise InputError("--overwrite and --resume: one replaces what is there, the other keeps it. Give one of them.")
    if judges is not None and not measure:
        raise InputError("--judges with --no-measure: nothing would look at the video. Leave one of them out.")
    voice = Voice(quiet=quiet, as_json=as_json)
    names = list(dict.fromkeys(one.value for one in to))
    with shares(voice) as progress:
        exported = exporting.export_all(
            run, names, futures=future, out=out, measure=measure, judges=judges, overwrite=names if overwrite else (), resume=resume,
            fps=fps, progress=progress,
        )  # fmt: skip
    exporting.report(exported, voice)
