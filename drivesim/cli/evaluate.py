"""``drivesim evaluate``: everything this package can say about a model, in one report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli import measuring as given
from drivesim.cli.options import AsJson, Device, Dtype, Quiet, Steps
from drivesim.cli.values import limited
from drivesim.options import MEASURED_LIMITS

if TYPE_CHECKING:
    from drivesim.cli.progress import Voice
    from drivesim.evidence.of_model import Protocol
    from drivesim.report import Report


def _number(name: str, about: str) -> Any:
    return limited(MEASURED_LIMITS[name], about)


Clips = Annotated[int | None, _number("clips", "Held-out scenes; 24 by default.")]
Seconds = Annotated[float | None, _number("seconds", "Length of each in seconds; 2.5 by default.")]
Starts = Annotated[int | None, _number("starts", "First frames that futures are sampled from; 4 by default.")]
Futures = Annotated[int | None, _number("futures", "Futures of each, and as many of the world; 6 by default.")]
FutureSeconds = Annotated[float | None, _number("future_seconds", "Length of each future; 3 s by default.")]
Minutes = Annotated[
    float | None, _number("minutes", "Length of the two long rollouts, 0 leaves them out; 1 by default.")
]
Junctions = Annotated[
    int | None, _number("junctions", "Held-out scenes at junctions, 0 leaves them out; 4 by default.")
]


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A packaged model ('drivesim models'), a model folder, or a hub id.")
    ] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder of report and rollouts; reports/MODEL by default.")] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A look while training: few and short scenes; what you name yourself counts."),
    ] = False,
    clips: Clips = None,
    seconds: Seconds = None,
    starts: Starts = None,
    futures: Futures = None,
    future_seconds: FutureSeconds = None,
    minutes: Minutes = None,
    junctions: Junctions = None,
    scenario: Annotated[str, typer.Option(help="Scenario of the long rollouts.")] = "highway-cut-in",
    i3d: given.I3DFile = None,
    min_recall: given.MinRecall = None,
    require: given.Require = None,
    junit: given.JUnit = None,
    judges: given.Judges = None,
    seed: Annotated[int, typer.Option(min=0, help="Which held-out scenes, and all noise.")] = 0,
    device: Device = None,
    dtype: Dtype = None,
    steps: Steps = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a model on held-out scenes: obedience, likeness, steadiness, futures, drift over minutes, and the judge.

    Every figure stands between what is reachable: rendered video, the codec's round trip, a frozen frame, a shifted one.
    Stopped, it goes on with its long rollouts where it was.

    \b
    Examples:
      drivesim evaluate
      drivesim evaluate checkpoints/mine/model --quick
      drivesim evaluate my-model --minutes 5 --min-recall 0.8 --junit verdicts.xml
      drivesim compare reports/default reports/my-model
    """
    from drivesim.cli.progress import Voice
    from drivesim.evidence.of_model import QUICK, Protocol

    voice = Voice(quiet=quiet, as_json=as_json)
    thresholds = given.thresholds_of(min_recall, require)
    asked = {
        "clips": clips, "seconds": seconds, "starts": starts, "futures": futures, "future_seconds": future_seconds,
        "minutes": minutes, "junctions": junctions,
    }  # fmt: skip
    numbers = (QUICK if quick else {}) | {name: value for name, value in asked.items() if value is not None}
    protocol = Protocol(scenario=scenario, seed=seed, **numbers)
    folder = given.writable(out or Path("reports") / Path(model).name, junit)
    report = _measured(model, {"device": device, "dtype": dtype, "steps": steps}, protocol, folder, i3d, judges, voice)
    given.finish(report, thresholds, folder, junit, voice)


def _measured(
    model: str,
    how: dict[str, Any],
    protocol: Protocol,
    folder: Path,
    i3d: Path | None,
    judges: Path | None,
    voice: Voice,
) -> Report:
    """Load everything, the small first, and measure."""
    from drivesim.cli.progress import shares
    from drivesim.evidence.of_model import evaluate_model
    from drivesim.judges.load import SHIPPED, load_judges
    from drivesim.metrics.fvd import load_i3d
    from drivesim.models import load_model
    from drivesim.scenarios.library import find

    find(protocol.scenario)
    network = None if i3d is None else load_i3d(i3d)
    loaded_judges = load_judges(judges or SHIPPED)
    loaded = load_model(model, **how)
    with shares(voice) as progress:
        return evaluate_model(loaded, loaded_judges, folder, protocol, progress, i3d=network, called=model)
