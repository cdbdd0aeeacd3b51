"""The part of a report about several futures of one frame: how different they are, and how well that fits the world."""

from __future__ import annotations

import numpy as np

from drivesim.evidence.danger import TTC_THRESHOLD_S
from drivesim.evidence.futures import Futures
from drivesim.evidence.sections.figures import strip
from drivesim.metrics.calibration import diversity_calibration, futures_plausibility
from drivesim.metrics.diversity import effective_modes_estimate, mean_diversity, mode_labels
from drivesim.metrics.estimate import Estimate, mean_of, share_of
from drivesim.metrics.forecasts import score_forecasts
from drivesim.report import Figure, Plot, Section, Series, Table

#: Futures are of different modes where their features lie this many times the codec's own noise apart.
MODE_SCALE = 3.0


#: By kind: the section's title, the beginning of its figures' keys, and what its futures were told.
KINDS = {
    "simulated": (
        "Futures, simulated",
        "futures.simulated",
        "each told the boxes and the road of one of those developments",
    ),
    "free": ("Futures, free", "futures", "told the weather alone"),
}


def futures_section(futures: Futures, rng: np.random.Generator, kind: str) -> Section:
    """Diversity against that of the world, plausibility beside it, and how near the best future comes, of one kind."""
    title, prefix, told = KINDS[kind]
    num = len(futures.generated[0])
    calibration = diversity_calibration(futures.generated, futures.true, rng)
    neighbours = min(3, num - 1)
    plausible = futures_plausibility(futures.generated, futures.true, rng, neighbours)
    scores = {"ego": score_forecasts(futures.ego_forecasts, rng)}
    if futures.actor_forecasts:
        scores["others"] = score_forecasts(futures.actor_forecasts, rng)
    made, world = (
        mean_of([mean_diversity(one, rng, 50).value for one in each], rng) for each in (futures.generated, futures.true)
    )
    modes = [
        effective_modes_estimate(mode_labels(one[:, -1], MODE_SCALE * futures.noise_scale), rng, 100).value
        for one in futures.generated
    ]
    figures = [
        Figure(
            key=f"{prefix}.calibration", label=f"spread of {kind} futures over the world's own",
            value=calibration.ratio if calibration.ratio.count else None, better="none",
            note="1 is calibrated, below 1 too certain, above 1 too uncertain"
            if calibration.ratio.count
            else "the world's own futures of these starts do not differ",
        ),
        Figure(key=f"{prefix}.diversity", label="mean distance between futures", value=made, better="near", references={"rendered": world}),
        Figure(key=f"{prefix}.modes", label=f"effective number of modes of {num}", value=mean_of(modes, rng), better="none"),
        Figure(key=f"{prefix}.precision", label="futures that lie among the world's own", value=plausible.precision, better="higher"),
        Figure(
            key=f"{prefix}.coverage", label="developments of the world that a future comes near", value=plausible.coverage,
            better="higher", note=f"two sets of the world's own reach {plausible.ideal_coverage:.2f}",
        ),
    ]  # fmt: skip
    for name, found in scores.items():
        figures += [
            _distance(f"{prefix}.{name}.min_ade", f"minADE over {num} futures, {name}", found.min_ade),
            _distance(f"{prefix}.{name}.min_fde", f"minFDE over {num} futures, {name}", found.min_fde),
            Figure(key=f"{prefix}.{name}.miss_rate", label=f"miss rate at 2 m, {name}", value=found.miss_rate, better="lower"),
        ]  # fmt: skip
    return Section(
        title=title,
        about=(
            f"{len(futures.seeds)} held-out starts, {num} futures each of {(futures.num_frames - 1) / futures.fps:g} s, {told}; "
            "beside them as many developments of the same start by the traffic simulation, whose drivers decide otherwise. "
            "Distances are per dimension of the features. Tracks of generated futures are measured by the probe and carry its error."
        ),
        figures=tuple(figures),
        tables=(_dangers(futures, rng),),
        plots=(_plot(calibration.generated, calibration.true, futures.fps),),
        pictures=tuple(
            strip(
                [("generated", _small(futures.shown[index])), ("the world's own", _small(futures.true_shown[index]))],
                f"Start {seed}: the last frame of each future, and of each development of the world",
            )
            for index, seed in enumerate(futures.seeds[:4])
        ),
    )


def _distance(key: str, label: str, value: Estimate) -> Figure:
    note = "" if value.count else "no road user was recognised for long enough"
    return Figure(key=key, label=label, value=value if value.count else None, unit="m", better="lower", note=note)


def _plot(generated: np.ndarray, true: np.ndarray, fps: float) -> Plot:
    times = tuple((np.arange(len(generated)) + 1) / fps)
    return Plot(
        title="How far futures of one start are apart",
        x_label="seconds after the shared frame",
        y_label="mean distance",
        series=(
            Series(name="generated", x=times, y=tuple(generated)),
            Series(name="the world's own", x=times, y=tuple(true)),
        ),
    )


def _dangers(futures: Futures, rng: np.random.Generator) -> Table:
    made = [danger for start in futures.danger for danger in start]
    world = [danger for start in futures.true_danger for danger in start]
    rows: list[tuple[str | float | Estimate | None, ...]] = [
        (f"TTC below {TTC_THRESHOLD_S:g} s", *(_share([d.ttc_s < TTC_THRESHOLD_S for d in each]) for each in (made, world))),
        ("collision of boxes", *(_share([bool(d.collision) for d in each]) for each in (made, world))),
        ("PET below 1.5 s", *(_share([d.pet_s < 1.5 for d in each]) for each in (made, world))),
        ("DRAC above 3.4 m/s²", *(_share([d.drac > 3.4 for d in each]) for each in (made, world))),
        ("least time headway, mean (s)", *(mean_of([d.thw_s for d in each], rng) for each in (made, world))),
    ]  # fmt: skip
    return Table(
        title="Critical futures, by measured tracks",
        columns=("what happens", "generated, measured by the probe", "the world's own, exact"),
        rows=tuple(rows),
        note="Measured tracks carry the probe's errors of distance; a difference smaller than those is no finding.",
    )


def _share(outcomes: list[bool]) -> Estimate:
    return share_of(sum(outcomes), len(outcomes))


def _small(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [picture[::2, ::2] for picture in pictures[:6]]
