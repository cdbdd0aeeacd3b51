"""A whole model measured: one report of everything, from held-out scenes to minutes of video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.evaluation.fvd import I3D
from drivesim.evaluation.report import Picture, Report, Section
from drivesim.evidence.clips import Clips, film
from drivesim.evidence.drift_section import drift_section, obedience_plot, ranges_of_rendered
from drivesim.evidence.figures import jpeg
from drivesim.evidence.futures import sample_futures
from drivesim.evidence.futures_section import futures_section
from drivesim.evidence.held_out import REPORT_SEED
from drivesim.evidence.judges import Judges
from drivesim.evidence.likeness_section import likeness_section, steadiness_section
from drivesim.evidence.obedience_section import obedience_section, probe_section
from drivesim.evidence.recorded import Progress, Recorded
from drivesim.scenarios import Scenario
from drivesim.simulate import rollout
from drivesim.staging import LoadedModel, Options


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How much is measured; every number stands in the report, and reports of other numbers cannot be compared.

    ``clips`` held-out scenes of ``seconds``; ``starts`` with ``futures`` each of ``future_seconds``; two rollouts of
    ``minutes``, one scripted and one free.
    """

    clips: int = 24
    seconds: float = 2.5
    starts: int = 4
    futures: int = 6
    future_seconds: float = 3.0
    minutes: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"clips": 4, "starts": 1, "futures": 3}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise InputError(f"--{name} {getattr(self, name)}: at least {bound} are needed")
        for name, bound_s in {"seconds": 1.0, "future_seconds": 0.5, "minutes": 0.0}.items():
            if not getattr(self, name) >= bound_s:
                raise InputError(f"--{name.replace('_', '-')} {getattr(self, name):g}: expected {bound_s:g} or more")


def evaluate_model(
    model: LoadedModel,
    judges: Judges,
    scenario: Scenario,
    out: Path,
    protocol: Protocol,
    progress: Progress,
    *,
    i3d: I3D | None = None,
) -> Report:
    """Measure a model and write its long rollouts of ``scenario`` under ``out``/runs.

    Everything is decided by the model, the judges and ``protocol``. With ``i3d`` the clips need 16 frames at least.
    """
    rng = np.random.default_rng([protocol.seed, 4])
    seeds = [REPORT_SEED + 5_000 * protocol.seed + index for index in range(protocol.clips)]
    kept = ("rendered", "scripted") if i3d is not None else ()
    clips = film(model, judges, seeds, protocol.seconds, progress, keep_frames=kept)
    starts = [REPORT_SEED + 3_000 + 5_000 * protocol.seed + index for index in range(protocol.starts)]
    futures = sample_futures(model, judges, starts, protocol.futures, protocol.future_seconds, progress)
    sections = [
        obedience_section(clips, rng),
        likeness_section(clips, rng, i3d),
        steadiness_section(clips, rng),
        futures_section(futures, rng),
    ]
    if protocol.minutes:
        sections.append(_long(model, judges, scenario, out, protocol, progress))
    sections.append(probe_section(clips, rng))
    return _report(model, judges, scenario, clips, protocol, tuple(sections))


def _long(
    model: LoadedModel, judges: Judges, scenario: Scenario, out: Path, protocol: Protocol, progress: Progress
) -> Section:
    recorded = {}
    for actors in ("scripted", "free"):
        progress(f"rolling out {protocol.minutes:g} min, {actors}", 0.0)
        future = rollout(
            model,
            scenario,
            seconds=60.0 * protocol.minutes,
            seed=protocol.seed,
            out=out / "runs" / actors,
            resume=True,
            options=Options(actors=actors),  # type: ignore[arg-type]
        )
        recorded[actors] = Recorded(future, judges, progress)
    section = drift_section(
        {name: each.drift for name, each in recorded.items()},
        ranges_of_rendered(progress),
        {name: each.scene.ego.speed_mps > 1.0 for name, each in recorded.items()},
        about=f"{protocol.minutes:g} minutes of {scenario.id}, once scripted and once free. ",
    )
    seconds = recorded["scripted"].obedience.per_second()
    told = {name: seconds[name] for name in ("recall", "precision", "road_iou", "lane_paint_near")}
    pictures = tuple(_picture(name, each) for name, each in recorded.items())
    return replace(
        section, plots=(*section.plots, obedience_plot("Obedience by second, scripted", told)), pictures=pictures
    )


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
    sections: tuple[Section, ...],
) -> Report:
    spec = model.world_model.spec
    options = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in vars(protocol).items())
    return Report(
        title=f"Evidence about {spec.name}",
        subject=f"world model {spec.name}, weights {spec.weights_sha256[:12]}",
        sections=sections,
        settings={
            "model": f"{spec.name} {spec.weights_sha256}",
            "judges": judges.sha256,
            "sampler steps": str(model.steps),
            "device and dtype": f"{model.device}, {model.dtype}",
            "frames": f"{spec.height}x{spec.width} at {spec.fps:g} a second, judged at 256x512",
            "clips": f"{len(clips.seeds)} of {clips.num_frames} frames, seeds {clips.seeds[0]}-{clips.seeds[-1]}",
            "futures": f"{protocol.starts} starts, {protocol.futures} futures of {protocol.future_seconds:g} s",
            "long rollouts": f"{protocol.minutes:g} min of {scenario.id}",
            "seed": str(protocol.seed),
        },
        commands={"repeat": f"drivesim evaluate MODEL {options}"},
    )
