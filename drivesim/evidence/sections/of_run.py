"""The parts of a run's report about danger, about its labels, and about how far its futures are apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.evidence.danger import TTC_THRESHOLD_S, danger_of
from drivesim.evidence.labels import LabelOutcome
from drivesim.evidence.recorded import Recorded
from drivesim.evidence.sections.figures import compared
from drivesim.metrics.diversity import diversity_curve, mean_diversity
from drivesim.metrics.estimate import Estimate, mean_of, share_of
from drivesim.report import Figure, Plot, Section, Series, Table
from drivesim.scene import Actor, Track

Row = tuple[str | float | Estimate | None, ...]

DANGER_COLUMNS = (
    "future",
    "TTC (s)",
    "of",
    "at (s)",
    "THW (s)",
    "PET (s)",
    "DRAC (m/s²)",
    "TET (s)",
    "TIT (s²)",
    "collision",
    "off road (s)",
)


def danger_section(
    recorded: Sequence[Recorded], traffic: Sequence[tuple[Track, tuple[Actor, ...]]]
) -> tuple[Section, list[int]]:
    """Every measure of danger of each future, and the futures' numbers with the least TTC first.

    ``traffic`` holds the ego and the others of each future, in the world of the scene.
    """
    commanded = recorded[0].commanded
    fps, free = commanded.manifest.fps, commanded.manifest.ego == "free"
    seen = recorded[0].future.num_frames > 1
    dangers = [danger_of(ego, actors, fps, commanded.scene.road, leaves_road=free and seen) for ego, actors in traffic]
    order = [int(i) for i in np.argsort([np.nan_to_num(d.ttc_s, nan=np.inf) for d in dangers], kind="stable")]
    rows: list[Row] = []
    for index in order:
        danger = dangers[index]
        drac = "no braking helps" if np.isinf(danger.drac) else _number(danger.drac)
        rows.append(
            (
                recorded[index].future.id, _number(danger.ttc_s), danger.ttc_actor, _number(danger.ttc_at_s),
                _number(danger.thw_s), _number(danger.pet_s), drac, danger.tet_s, danger.tit_s2,
                danger.collision or "none", _number(danger.off_road_s),
            )
        )  # fmt: skip
    whose = "The ego's own motion is measured too." if free else "The ego is where it was told to be."
    section = Section(
        title="Danger",
        about=(
            "Measured tracks: what the probe sees, joined over time and put on the ground by camera and distance. They carry the "
            f"probe's errors: read them beside its error of distance. {whose} Worst futures first. TET and TIT below a TTC of "
            f"{TTC_THRESHOLD_S:g} s. 'none' never came near."
        ),
        figures=(
            _share("danger.low_ttc", f"futures with TTC below {TTC_THRESHOLD_S:g} s", [d.ttc_s < TTC_THRESHOLD_S for d in dangers], seen),
            _share("danger.collisions", "futures with overlapping boxes", [bool(d.collision) for d in dangers], seen),
        ),
        tables=(Table(title="Futures", columns=DANGER_COLUMNS, rows=tuple(rows)),) if seen else (),
    )  # fmt: skip
    return section, order


def steadiness_section(recorded: Sequence[Recorded], rng: np.random.Generator) -> Section:
    """What changes from frame to frame although nothing that was told moves it."""
    estimates = {
        "run": mean_of([each.flicker for each in recorded], rng),
        "rendered": mean_of([recorded[0].commanded.rendered_flicker], rng),
        "frozen": mean_of([recorded[0].frozen_flicker], rng),
    }
    label = "warped difference under the told flow"
    return Section(
        title="Steadiness",
        about=(
            "Every frame is compared with the one before it, moved as ground and boxes were told to move, where both show the same "
            "surface. Houses and trees stand on no told surface, so rendered video has a rest too: it and a frozen first frame "
            "stand beside. 8-bit units at 256x512."
        ),
        figures=(compared("steadiness.flicker", label, "run", estimates, unit="levels", better="near"),),
    )


def label_section(recorded: Sequence[Recorded], outcome: LabelOutcome) -> Section:
    """What became of the scenario's labels, events and expectations."""
    figures = [
        Figure(
            key=f"labels.{name}", label=f"futures that show '{name}'", value=share if share.count else None,
            note="" if share.count else "of no future can it be said",
        )
        for name, share in outcome.shares.items()
    ]  # fmt: skip
    rows: list[Row] = []
    for name, verdicts in {**outcome.events, **outcome.labels}.items():
        for each, verdict in zip(recorded, verdicts, strict=True):
            said = {True: "yes", False: "no", None: "cannot be said"}[verdict.value]
            rows.append(
                (name, each.future.id, said, verdict.time_s, _number(verdict.measured), verdict.reason or verdict.unit)
            )
    expectations = tuple((o.message(), "met" if o.met else "not met") for o in outcome.expectations)
    tables = [
        Table(
            title="Labels and events", columns=("name", "future", "shown", "at (s)", "measured", ""), rows=tuple(rows)
        )
    ]
    if expectations:
        tables.insert(0, Table(title="Expectations", columns=("expectation", "outcome"), rows=expectations))
    return Section(
        title="Labels",
        about=(
            "The scenario's labels and events, judged on measured tracks. A measured object is an actor of the scenario if it is "
            "where that one should be: all along where actors are scripted, at the beginning where they are free. An actor that "
            "is not found leaves its label open."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
    )


def spread_section(recorded: Sequence[Recorded], rng: np.random.Generator) -> Section:
    """How far the futures of the run are apart."""
    about = "How far the futures of this run are apart, in features per dimension: 0 for equal futures."
    label = "mean distance between futures"
    if len(recorded) < 2 or recorded[0].future.num_frames < 2:
        why = "the run has one future" if len(recorded) < 2 else "the videos have one frame"
        figure = Figure(key="futures.diversity", label=label, value=None, note=why)
        return Section(title="Spread", about=about, figures=(figure,))
    features = np.stack([each.features for each in recorded])
    curve = diversity_curve(features, rng)
    times = tuple((np.arange(len(curve.mean)) + 1) / recorded[0].future.fps)
    return Section(
        title="Spread",
        about=about,
        figures=(Figure(key="futures.diversity", label=label, value=mean_diversity(features, rng)),),
        plots=(
            Plot(
                title="How far the futures are apart", x_label="seconds", y_label="mean distance",
                series=(Series(name="futures", x=times, y=tuple(curve.mean), low=tuple(curve.low), high=tuple(curve.high)),),
            ),
        ),
    )  # fmt: skip


def _share(key: str, label: str, outcomes: list[bool], seen: bool) -> Figure:
    why = "" if seen else "one frame shows no motion"
    return Figure(
        key=key, label=label, value=share_of(sum(outcomes), len(outcomes)) if seen else None, better="none", note=why
    )


def _number(value: float | None) -> str | float | None:
    """Numbers as they are; what is infinite never came near."""
    if value is None or np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else "none"
