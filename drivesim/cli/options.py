"""Options that several commands share, each with its help; a command names them in its signature."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Actors(StrEnum):
    """Who decides what the other road users do after the first frame."""

    simulated = "simulated"
    scripted = "scripted"
    free = "free"


class EgoModes(StrEnum):
    """Who decides the ego's own motion."""

    free = "free"
    planned = "planned"
    simulated = "simulated"


class Told(StrEnum):
    """Whether the model is told the road, or what stands beside it."""

    told = "told"
    withheld = "withheld"


class Noise(StrEnum):
    """Whether every future draws noise of its own, or all draw the same."""

    own = "own"
    common = "common"


ScenarioName = Annotated[str, typer.Argument(help="Scenario file, or the name of a library scenario.")]
OptionalScenarioName = Annotated[
    str | None, typer.Argument(help="Scenario file, or the name of a library scenario. Not with --from.")
]
Minutes = Annotated[str | None, typer.Option(help="Length of the video in minutes, such as 5.")]
Seconds = Annotated[
    str | None, typer.Option(help="Length in seconds, such as 8 or '90s'; the scenario's own by default.")
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Root of all randomness; the scenario's own (else 0) by default.")
]
Futures = Annotated[
    int, typer.Option(min=1, help="How many futures of the same first frame; each is stored for itself.")
]
ActorChoice = Annotated[
    Actors | None,
    typer.Option(
        help="scripted: they follow the scenario frame by frame. simulated: so they do, but every future develops the "
        "traffic its own way. free: the first frame alone fixes them, on a road that is told (--map). Default: scripted; for futures simulated; free "
        "behind a picture of your own."
    ),
]
EgoChoice = Annotated[
    EgoModes | None,
    typer.Option(
        help="planned (default): the model is told the ego's motion, which follows its plan. simulated: so it is, but in "
        "every future the ego's driver chooses pace, distance and lane anew. free: it is not told."
    ),
]
MapChoice = Annotated[
    Told | None,
    typer.Option(
        help="told (default): the model sees road, lane paint and pavement on every frame, whoever drives on it. "
        "withheld: it goes on as it likes; default behind a picture of your own with free actors."
    ),
]
SceneryChoice = Annotated[
    Told | None,
    typer.Option(
        help="told (default, where the model takes it): the model sees houses, trees and poles of the scene as boxes. "
        "withheld: it invents them; default behind a picture of your own."
    ),
]
NoiseChoice = Annotated[
    Noise | None,
    typer.Option(
        help="common: all futures draw the same noise, so they differ by what drivers do and by nothing else. own: each draws its own. "
        "Default: common where actors are simulated, else own."
    ),
]
StartPicture = Annotated[
    Path | None,
    typer.Option("--start", help="A picture (jpg, png) to begin from instead of a synthesised one; cropped to 2:1."),
]
Only = Annotated[str | None, typer.Option(help="Of a suite, only the scenario with this id.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Fix a parameter of 'vary', such as gap='25 m'. Repeatable.")
]
Variations = Annotated[
    str, typer.Option(help="Which variations of a scenario with 'vary': 3, 0-7 or all. Each gets its own folder.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the run; below runs/ by default. Several runs get folders below it.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue a run that was stopped; its frames equal those of an undisturbed one."),
]
Lossless = Annotated[bool, typer.Option("--lossless", help="Store lossless video (.mkv) beside the mp4.")]
PngFrames = Annotated[bool, typer.Option("--png-frames", help="Store every frame as PNG beside the mp4.")]
Model = Annotated[str, typer.Option(help="A packaged model ('drivesim models'), a model folder, or a hub id.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps; the fastest there is by default.")]
Dtype = Annotated[
    str | None, typer.Option(help="bfloat16, float16 or float32; what the device does natively by default.")
]
Steps = Annotated[int | None, typer.Option(min=1, help="Sampler steps per chunk; the model's own by default.")]
ThreadCounts = Annotated[
    str | None,
    typer.Option(
        "--threads",
        help="Processor threads, denoising+decoding, such as 1+1; half the cores each by default. "
        "A resumed run keeps its own.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the plan: frames, hours, disk.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the outcome.")]
