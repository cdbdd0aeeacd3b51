"""A whole model measured: one report of everything, from held-out scenes to minutes of video."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.errors import InputError
from drivesim.evidence.clips import Clips, gather_clips, gather_junctions
from drivesim.evidence.futures import sample_futures
from drivesim.evidence.generated import frames_needed
from drivesim.evidence.held_out import REPORT_SEED
from drivesim.evidence.measure import Progress
from drivesim.evidence.probe_bar import highlights_of
from drivesim.evidence.recorded import Recorded, record
from drivesim.evidence.rendered_ranges import shipped_ranges
from drivesim.evidence.sections.drift import drift_section, obedience_plot
from drivesim.evidence.sections.figures import jpeg
from drivesim.evidence.sections.free import free_section
from drivesim.evidence.sections.futures import futures_section
from drivesim.evidence.sections.junctions import junctions_section
from drivesim.evidence.sections.likeness import likeness_section, steadiness_section
from drivesim.evidence.sections.obedience import obedience_section, probe_section, start_section, summaries_of
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.load import Judges
from drivesim.metrics.drift import Range
from drivesim.metrics.fvd import I3D, NUM_FRAMES
from drivesim.options import MEASURED_LIMITS, Options
from drivesim.report import Picture, Report, Section
from drivesim.scenarios import Scenario, load
from drivesim.scenarios.library import find
from drivesim.simulate import rollout
from drivesim.world_model import LoadedModel

#: Shorter long rollouts say nothing about drift.
SHORTEST_MINUTES = 0.05


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How much is measured; every number stands in the report, and reports of other numbers cannot be compared.

    ``clips`` held-out scenes of ``seconds``, and ``junctions`` more at junctions, none at 0; ``starts`` with ``futures`` each of ``future_seconds``; two rollouts of
    ``scenario`` (a file or the name of a library scenario) of ``minutes``, one scripted and one free, none at 0. Raises InputError
    for what is too little to be measured, or more than anybody waits for.
    """

    clips: int = 24
    seconds: float = 2.5
    starts: int = 4
    futures: int = 6
    future_seconds: float = 3.0
    minutes: float = 1.0
    junctions: int = 4
    scenario: str = "highway-cut-in"
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = [
            f"--{name.replace('_', '-')} {getattr(self, name):g}: expected {least:g} to {most:g}"
            for name, (least, most) in MEASURED_LIMITS.items()
            if not least <= getattr(self, name) <= most
        ]
        if self.seed < 0:
            wrong.append(f"--seed {self.seed}: expected 0 or more")
        if 0.0 < self.minutes < SHORTEST_MINUTES:
            wrong.append(f"--minutes {self.minutes:g}: expected 0, or {SHORTEST_MINUTES:g} or more")
        if wrong:
            raise InputError("; ".join(wrong))

    def arguments(self) -> list[str]:
        """The options of ``drivesim evaluate`` that give this protocol."""
        return [word for name, value in vars(self).items() for word in (f"--{name.replace('_', '-')}", str(value))]


#: The numbers of a protocol for a look while training: figures with wide intervals, in minutes.
QUICK: dict[str, Any] = {
    "clips": 4,
    "seconds": 0.7,
    "starts": 1,
    "futures": 3,
    "future_seconds": 0.7,
    "minutes": 0.0,
    "junctions": 0,
}


def evaluate_model(
    model: LoadedModel,
    judges: Judges,
    out: Path,
    protocol: Protocol,
    progress: Progress,
    *,
    i3d: I3D | None = None,
    ranges: Mapping[str, Range] | None = None,
    called: str = "MODEL",
) -> Report:
    """Measure a model and write its long rollouts under ``out``/runs; stopped, these go on where they were.

    Everything is decided by the model, the judges and ``protocol``. ``ranges`` of appearance are those of held-out
    rendered video where not given; ``called`` is how the user names the model. Raises InputError when the judges cannot look at the model's
    frames, and for clips too short for ``i3d``.
    """
    scenario = load(find(protocol.scenario))[0]
    _require_measurable(model, protocol, i3d)
    # First of all, as a folder or a scenario that does not fit should be known at once.
    long = [_long(model, judges, scenario, out, protocol, progress, ranges)] if protocol.minutes else []
    rng = np.random.default_rng([protocol.seed, 4])
    seeds = [REPORT_SEED + 5_000 * protocol.seed + index for index in range(protocol.clips)]
    kept = ("rendered", "scripted") if i3d is not None else ()
    clips = gather_clips(model, judges, seeds, protocol.seconds, progress, keep_frames=kept)
    junctions = _at_junctions(model, judges, protocol, progress)
    starts = [REPORT_SEED + 3_000 + 5_000 * protocol.seed + index for index in range(protocol.starts)]
    futures = sample_futures(model, judges, starts, protocol.futures, protocol.future_seconds, progress)
    summaries = summaries_of(clips, rng)
    probe, warnings = probe_section(summaries)
    sections = (
        obedience_section(clips, summaries, rng),
        start_section(clips, rng),
        likeness_section(clips, rng, i3d),
        steadiness_section(clips, rng),
        free_section(clips, summaries, rng),
        *(junctions_section(each, clips, summaries, np.random.default_rng([protocol.seed, 5])) for each in junctions),
        *(futures_section(each, rng, kind) for kind, each in futures.items()),
        *long,
        probe,
    )
    report = _report(model, judges, scenario, clips, protocol, called, i3d)
    return replace(report, sections=sections, highlights=highlights_of(sections), warnings=warnings)


def _require_measurable(model: LoadedModel, protocol: Protocol, i3d: I3D | None) -> None:
    spec = model.world_model.spec
    if spec.height % JUDGED_HEIGHT or spec.width * JUDGED_HEIGHT != spec.height * JUDGED_WIDTH:
        raise InputError(
            f"model {spec.name!r} makes frames of {spec.height}x{spec.width}; the judges see 256x512 or a whole multiple of it."
        )
    frames = frames_needed(model, max(2, round(protocol.seconds * spec.fps)))
    if i3d is not None and frames < NUM_FRAMES:
        raise InputError(
            f"--i3d needs clips of {NUM_FRAMES} frames, --seconds {protocol.seconds:g} gives {frames}. "
            f"Use --seconds {NUM_FRAMES / spec.fps:g} or more."
        )


def _at_junctions(model: LoadedModel, judges: Judges, protocol: Protocol, progress: Progress) -> list[Clips]:
    """The clips at junctions; none where the protocol asks for none."""
    if not protocol.junctions:
        return []
    first = REPORT_SEED + 4_000 + 5_000 * protocol.seed
    return [gather_junctions(model, judges, first, protocol.junctions, protocol.seconds, progress)]


def _long(
    model: LoadedModel,
    judges: Judges,
    scenario: Scenario,
    out: Path,
    protocol: Protocol,
    progress: Progress,
    ranges: Mapping[str, Range] | None,
) -> Section:
    recorded: dict[str, Recorded] = {}
    for options in (Options(actors="scripted"), Options(actors="free")):
        name = str(options.actors)
        progress(f"rolling out {protocol.minutes:g} min, {name}", 0.0)
        folder, seconds = out / "runs" / name, 60.0 * protocol.minutes
        future = rollout(model, scenario, seconds=seconds, seed=protocol.seed, out=folder, resume=True, options=options)
        recorded[name] = record((future,), judges, progress)[0]
    section = drift_section(
        {name: each.drift for name, each in recorded.items()},
        shipped_ranges() if ranges is None else ranges,
        {name: each.commanded.moving for name, each in recorded.items()},
        about=f"{protocol.minutes:g} minutes of {scenario.id}, once scripted and once free. ",
    )
    pictures = tuple(_picture(name, each) for name, each in recorded.items())
    plot = obedience_plot("Obedience by second, scripted", recorded["scripted"].obedience)
    return replace(section, plots=(*section.plots, plot), pictures=pictures)


def _picture(name: str, recorded: Recorded) -> Picture:
    """Eight moments of a video in two rows."""
    times = np.linspace(0.0, recorded.future.duration_s, 8)
    frames = [recorded.future.frame_at(float(time))[::3, ::3] for time in times]
    rows = [np.concatenate(frames[first : first + 4], axis=1) for first in (0, 4)]
    said = ", ".join(f"{time:.0f}" for time in times)
    return Picture(caption=f"{name}: at {said} s", data=jpeg(np.concatenate(rows)))


def _report(
    model: LoadedModel,
    judges: Judges,
    scenario: Scenario,
    clips: Clips,
    protocol: Protocol,
    called: str,
    i3d: I3D | None,
) -> Report:
    """The report without its sections."""
    spec = model.world_model.spec
    command = ["drivesim", "evaluate", called, *protocol.arguments()]
    if i3d is not None:
        command += ["--i3d", str(i3d.path)]
    return Report(
        title=f"Evidence about {spec.name}",
        subject=f"world model {spec.name}, weights {spec.weights_sha256[:12]}",
        sections=(),
        settings={
            "model": f"{spec.name} {spec.weights_sha256}",
            "judges": judges.sha256,
            "sampler steps": str(model.steps),
            "device and dtype": f"{model.device}, {model.dtype}",
            "frames": f"{spec.height}x{spec.width} at {spec.fps:g} a second, judged at 256x512",
            "clips": f"{len(clips.seeds)} of {clips.num_frames} frames, seeds {clips.seeds[0]}-{clips.seeds[-1]}",
            "at junctions": f"{protocol.junctions} clips of {clips.num_frames} frames"
            if protocol.junctions
            else "none",
            "futures": f"{protocol.starts} starts, {protocol.futures} futures of {protocol.future_seconds:g} s",
            "long rollouts": f"{protocol.minutes:g} min of {scenario.id}" if protocol.minutes else "none",
            "seed": str(protocol.seed),
        },
        commands={"repeat": shlex.join(command)},
    )
