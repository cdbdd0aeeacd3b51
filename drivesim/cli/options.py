"""Options that several commands share, each with its help: alone, or as a group that a command takes as one parameter.

How futures are made and stored is :class:`drivesim.options.Options`, the library's own; see :mod:`drivesim.cli.grouped`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.progress import Voice
from drivesim.cli.values import a_time, judged
from drivesim.errors import InputError
from drivesim.options import MOST_FUTURES, MOST_STEPS, MOST_THREADS, Options, RolloutMode, Threads

if TYPE_CHECKING:
    from drivesim.models.load import KeptModel


def setting_of(text: str) -> tuple[str, float | str]:
    """Name and value of ``--set gap='25 m'``. Raises InputError for what is no such pair."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise InputError(f"--set {text}: expected parameter=value such as gap='25 m'.")
    try:
        return key.strip(), float(value)
    except ValueError:
        return key.strip(), value.strip()


def variation_range(text: str) -> tuple[int, int] | None:
    """First and last of ``--variation 0-7`` or ``3``; None for ``all``. Raises InputError for others."""
    if text == "all":
        return None
    named = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text)
    first, last = (int(named[1]), int(named[2] or named[1])) if named else (1, 0)
    if last < first:
        raise InputError(f"--variation {text[:20]}: expected a number such as 3, a range such as 0-7, or all.")
    return first, last


def threads_of(text: str | None) -> Threads | None:
    """Thread counts of ``--threads``: ``1+1`` for two halves side by side, ``2`` for one after the other."""
    if text is None:
        return None
    first, plus, second = text.partition("+")
    counts = [first, second] if plus else [first, first]
    if not all(count.isdecimal() and len(count) < 9 and 0 < int(count) <= MOST_THREADS for count in counts):
        raise InputError(
            f"--threads {text[:40]}: expected denoising+decoding such as 1+1, or one number such as 2; at most {MOST_THREADS} each."
        )
    return Threads(denoise=int(counts[0]), decode=int(counts[1]), overlap=bool(plus))


ScenarioName = Annotated[str, typer.Argument(help="Scenario file, or the name of a library scenario.")]
OptionalScenarioName = Annotated[
    str | None, typer.Argument(help="Scenario file, or the name of a library scenario. Not with --from.")
]
Minutes = Annotated[
    str | None, typer.Option(callback=a_time("--minutes", 60.0), help="Length of the video in minutes, such as 5.")
]
Seconds = Annotated[
    str | None,
    typer.Option(
        callback=a_time("--seconds"), help="Length in seconds, such as 8 or '90s'; the scenario's own by default."
    ),
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Root of all randomness; the scenario's own (else 0) by default.")
]
Futures = Annotated[
    int,
    typer.Option(min=1, max=MOST_FUTURES, help="How many futures of the same first frame; each is stored for itself."),
]
StartPicture = Annotated[
    Path | None,
    typer.Option("--start", help="A picture (jpg, png) to begin from instead of a synthesised one; cropped to 2:1."),
]
EgoPlanFile = Annotated[
    Path | None,
    typer.Option(
        "--ego-plan", help="A CSV file that drives the ego: time and speed, or x and y (docs/closed-loop.md)."
    ),
]
Only = Annotated[str | None, typer.Option(help="Of a suite, only the scenario with this id.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", callback=judged(setting_of), help="Fix a parameter of 'vary', such as gap='25 m'. Repeatable."
    ),
]
Variations = Annotated[
    str,
    typer.Option(
        callback=judged(variation_range),
        help="Which variations of a scenario with 'vary': 3, 0-7 or all. Each gets its own folder.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder of the run; below runs/ by default. Several runs get folders below it.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue a run that was stopped; its frames equal those of an undisturbed one."),
]
Model = Annotated[str, typer.Option(help="A packaged model ('drivesim models'), a model folder, or a hub id.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or mps; the fastest there is by default.")]
Dtype = Annotated[
    str | None, typer.Option(help="bfloat16, float16 or float32; what the device does natively by default.")
]
Steps = Annotated[
    int | None, typer.Option(min=1, max=MOST_STEPS, help="Sampler steps per chunk; the model's own by default.")
]
Mode = Annotated[
    RolloutMode | None,
    typer.Option(
        help="hierarchical: key frames far apart first, then what lies between. frame-wise: neighbours only. The model's own by "
        "default, and refused where it has one way only."
    ),
]
FramesPerCall = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Frames that one call of the model makes, where its family takes other numbers than trained; the trained number by "
        "default. Longer calls drift and jerk more. With --from: the run's own by default.",
    ),
]
ThreadCounts = Annotated[
    str | None,
    typer.Option(
        "--threads",
        callback=judged(threads_of),
        help="Processor threads, denoising+decoding, such as 1+1; half the cores each by default. "
        "A resumed run keeps its own.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the plan: frames, hours, disk.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the outcome.")]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which scenarios of a file, with which parameters."""

    only: Only = None
    settings: Settings = None
    variation: Variations = "0"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Which model, where and how it computes."""

    model: Model = "default"
    device: Device = None
    dtype: Dtype = None

    def load(
        self, steps: int | None = None, *, frames_per_call: int | None = None, mode: RolloutMode | None = None
    ) -> KeptModel:
        """The model. Raises ModelError when it is not there, damaged or foreign, InputError for what it cannot do."""
        from drivesim.models import load_model

        return load_model(
            self.model,
            device=self.device,
            dtype=self.dtype,
            steps=steps,
            frames_per_call=frames_per_call,
            mode=mode,
        )


@dataclass(frozen=True, kw_only=True)
class Computing:
    """How a rollout computes: sampler steps, by key frames or frame by frame, and threads."""

    steps: Steps = None
    mode: Mode = None
    threads: ThreadCounts = None

    def applied(self, options: Options) -> Options:
        """The options with these threads. Raises InputError when they cannot be read."""
        return replace(options, threads=threads_of(self.threads))


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where runs go, and whether they are made, continued or only planned. Raises InputError where nothing can be written."""

    out: Out = None
    resume: Resume = False
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        from drivesim.storage import require_folder

        if self.out is not None:
            require_folder(self.out)


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What a command says."""

    as_json: AsJson = False
    quiet: Quiet = False

    def voice(self) -> Voice:
        """Who says it."""
        return Voice(quiet=self.quiet, as_json=self.as_json)
