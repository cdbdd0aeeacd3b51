"""Labels, events and expectations of a scenario, judged on the tracks of its futures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivesim.evidence.events import judge_events
from drivesim.evidence.observed import EGO_ID, ObservedTraffic
from drivesim.evidence.track_error import NO_ERROR, REACH, ErrorBar, TrackError, ego_shifted, spread, with_error
from drivesim.evidence.verdict import Verdict
from drivesim.metrics.criticality import (
    EgoSize,
    braking_need,
    clearance,
    first_collision,
    free_space,
    is_off_road,
    largest,
    off_road_distance,
    post_encroachment,
    smallest,
    time_headway,
    time_to_collision,
)
from drivesim.metrics.estimate import Estimate, share_of
from drivesim.report.verdict import Demand, Outcome, counted, decided
from drivesim.road import Road
from drivesim.scenarios.concrete import ConcreteLabel, ConcreteScenario
from drivesim.scenarios.language.events import Expectation
from drivesim.scene import Actor, Track

DEFAULT_EGO = EgoSize()


@dataclass(frozen=True, kw_only=True)
class ExpectationOutcome:
    """One ``expect``: ``hits`` futures show the label or event, of ``unknown`` it cannot be said.

    ``share`` is that of the others, with its Wilson interval. ``outcome`` is undecided where it is the unknown futures that
    make the difference.
    """

    label: str
    at_least: int | None
    at_most: int | None
    hits: int
    unknown: int
    share: Estimate
    outcome: Outcome

    @property
    def name(self) -> str:
        """What was expected."""
        bounds = [f"{w} {n}" for w, n in (("at least", self.at_least), ("at most", self.at_most)) if n is not None]
        return f"expect '{self.label}' in {' and '.join(bounds)}"

    def demand(self) -> Demand:
        """As one of the demands on a report."""
        return Demand(group="expect", name=self.name, outcome=self.outcome, message=self.message())

    def message(self) -> str:
        """One sentence: what was expected and what was found."""
        found = f"{self.hits} of {self.share.count} futures show it"
        if self.share.count:
            found += f" ({100 * self.share.low:.0f}-{100 * self.share.high:.0f} %)"
        if self.unknown:
            found += f", of {self.unknown} it cannot be said"
        return f"{self.name}: {found}"


@dataclass(frozen=True, kw_only=True)
class LabelOutcome:
    """Verdicts of N futures on every label and event by name, and what became of each expectation."""

    labels: dict[str, tuple[Verdict, ...]]
    events: dict[str, tuple[Verdict, ...]]
    expectations: tuple[ExpectationOutcome, ...]

    @property
    def unmet(self) -> tuple[ExpectationOutcome, ...]:
        """The expectations that were not shown to be met."""
        return tuple(one for one in self.expectations if one.outcome != "passed")

    @property
    def shares(self) -> dict[str, Estimate]:
        """The share of futures with each label and event, among those of which it can be said."""
        return {name: _share(verdicts) for name, verdicts in {**self.events, **self.labels}.items()}

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "labels": {name: [one.to_dict() for one in verdicts] for name, verdicts in self.labels.items()},
            "events": {name: [one.to_dict() for one in verdicts] for name, verdicts in self.events.items()},
            "shares": {name: share.to_dict() for name, share in self.shares.items()},
            "expectations": [
                {"expectation": outcome.message(), "outcome": outcome.outcome, "share": outcome.share.to_dict()}
                for outcome in self.expectations
            ],
        }


def judge_labels(
    scenario: ConcreteScenario,
    tracks_per_future: Sequence[tuple[Track, Sequence[Actor]]],
    road: Road,
    fps: float,
    *,
    begins_s: float = 0.0,
    size: EgoSize = DEFAULT_EGO,
    min_seen_s: float = 0.5,
    error: TrackError = NO_ERROR,
    ego_measured: bool = False,
) -> LabelOutcome:
    """Judge the labels, events and expectations of a scenario on futures, each the ego's track and its actors.

    Actors are found by their id in the scenario, so measured ones come through ``measured_as_planned``. An actor that is
    not there, or seen for less than ``min_seen_s``, leaves None with the reason, and so does a figure whose ``error`` reaches
    to both sides of its bound; ``ego_measured`` says that the ego's motion is measured too. Tracks that begin at ``begins_s`` of
    the scene, as those of a branch do, are judged by its clock; times of verdicts are theirs.
    """
    labels: dict[str, list[Verdict]] = {name: [] for name in scenario.labels}
    events: dict[str, list[Verdict]] = {event.id: [] for event in scenario.events}
    for ego, actors in tracks_per_future:
        by_id = {actor.id: actor for actor in actors}
        observed = ObservedTraffic(
            scenario=scenario, road=road, fps=fps, ego=ego, actors=by_id, begins_s=begins_s, size=size
        )
        for name, label in scenario.labels.items():
            labels[name].append(_judge_label(label, observed, min_seen_s, error, ego_measured=ego_measured))
        for name, verdict in judge_events(observed, min_seen_s, error=error, ego_measured=ego_measured).items():
            events[name].append(verdict)
    judged = {name: tuple(verdicts) for name, verdicts in {**events, **labels}.items()}
    return LabelOutcome(
        labels={name: judged[name] for name in labels},
        events={name: judged[name] for name in events},
        expectations=tuple(_outcome(expectation, judged) for expectation in scenario.expectations),
    )


def _outcome(expectation: Expectation, judged: Mapping[str, tuple[Verdict, ...]]) -> ExpectationOutcome:
    verdicts = judged[expectation.label]
    hits = sum(verdict.value is True for verdict in verdicts)
    unknown = sum(verdict.value is None for verdict in verdicts)
    return ExpectationOutcome(
        label=expectation.label,
        at_least=expectation.at_least,
        at_most=expectation.at_most,
        hits=hits,
        unknown=unknown,
        share=_share(verdicts),
        outcome=counted(hits, unknown, expectation.at_least, expectation.at_most),
    )


def _share(verdicts: Sequence[Verdict]) -> Estimate:
    known = [verdict.value for verdict in verdicts if verdict.value is not None]
    return share_of(sum(known), len(known))


def _judge_label(
    label: ConcreteLabel, observed: ObservedTraffic, min_seen_s: float, error: TrackError, *, ego_measured: bool
) -> Verdict:
    if label.measure == "off_road" and label.actor == EGO_ID:
        verdict = _ego_off_road(label, observed, error, ego_measured=ego_measured)
        return dataclasses.replace(verdict, measure=label.measure)
    actor = observed.actors.get(label.actor)
    if actor is None:
        return Verdict(value=None, reason=f"actor '{label.actor}' was not found in the video")
    both = np.asarray(observed.ego.present & actor.track.present, dtype=bool)
    share = float(both.mean())
    if np.count_nonzero(both) < max(1.0, min_seen_s * observed.fps):
        return Verdict(
            value=None, reason=f"actor '{label.actor}' was seen for less than {min_seen_s:g} s", seen_share=share
        )
    measure = MEASURES[label.measure]

    def figure(ego: Track, actor: Actor) -> float:
        return measure.figure(label, observed, ego, actor)

    found = with_error(figure, observed.ego, actor, error, ego_measured=ego_measured)
    verdict = _decided(found, measure, label.bound, share)
    time_s = _when(label, observed, actor) if verdict.value else None
    return dataclasses.replace(verdict, time_s=time_s, measure=label.measure)


def _decided(found: ErrorBar, measure: Measure, bound: float, share: float) -> Verdict:
    """Yes, no, or undecided, by the rule that decides everywhere."""
    outcome = decided(found.value, found.low, found.high, measure.relation, bound)
    value = {"passed": True, "failed": False}.get(outcome)
    reason = ""
    if outcome == "undecided":
        reason = f"undecided: the tracks' error reaches from {found.low:.2g} to {found.high:.2g} {measure.unit}"
    return Verdict(
        value=value,
        reason=reason,
        measured=found.value,
        low=found.low,
        high=found.high,
        bound=bound,
        unit=measure.unit,
        seen_share=share,
    )


def _ego_off_road(label: ConcreteLabel, observed: ObservedTraffic, error: TrackError, *, ego_measured: bool) -> Verdict:
    """Of an ego that was told where to go this is known; of a free one the errors of speed and yaw rate add up over time."""

    def seconds(ego: Track) -> float:
        return _off_road_s(ego, observed)

    reach = REACH if ego_measured else 0.0
    changed = [
        [seconds(ego_shifted(observed.ego, observed.fps, **{name: sign * reach * size})) for sign in (-1, 1)]
        for name, size in (("faster_mps", error.ego_speed_mps), ("turning_rps", error.ego_yaw_rate_rps))
    ]
    found = spread(seconds(observed.ego), changed)
    return _decided(found, MEASURES["off_road"], label.bound, float(np.mean(observed.ego.present)))


def _off_road_s(road_user: Track | Actor, observed: ObservedTraffic) -> float:
    distance = off_road_distance(road_user, observed.road, size=observed.size)
    return float(np.count_nonzero(is_off_road(distance)) / observed.fps)


def _when(label: ConcreteLabel, observed: ObservedTraffic, actor: Actor) -> float | None:
    """When it was first so, where the measure is one over time."""
    ego, size, road, bound = observed.ego, observed.size, observed.road, label.bound
    match label.measure:
        case "ttc":
            frames = time_to_collision(ego, actor, size=size, horizon_s=max(3.0, bound)) < bound
        case "thw":
            frames = time_headway(ego, actor, size=size, road=road) < bound
        case "gap":
            frames = free_space(ego, actor, size=size) < bound
        case "drac":
            frames = braking_need(ego, actor, size=size, road=road) > bound
        case "collision":
            crash = first_collision(ego, actor, size=size)
            return None if crash is None else crash.time_s(observed.fps)
        case _:
            return None
    return float(np.argmax(frames)) / observed.fps if frames.any() else None


@dataclass(frozen=True)
class Measure:
    """How a label is measured: its worst value of an ego and an actor, which way is bad, and its unit."""

    figure: Callable[[ConcreteLabel, ObservedTraffic, Track, Actor], float]
    relation: str
    unit: str


MEASURES = {
    "ttc": Measure(
        lambda label, o, ego, actor: (
            smallest(time_to_collision(ego, actor, size=o.size, horizon_s=max(3.0, label.bound))).value
        ),
        "<",
        "s",
    ),
    "thw": Measure(
        lambda label, o, ego, actor: smallest(time_headway(ego, actor, size=o.size, road=o.road)).value, "<", "s"
    ),
    "gap": Measure(lambda label, o, ego, actor: smallest(free_space(ego, actor, size=o.size)).value, "<", "m"),
    "drac": Measure(
        lambda label, o, ego, actor: largest(braking_need(ego, actor, size=o.size, road=o.road)).value, ">", "m/s²"
    ),
    "pet": Measure(
        lambda label, o, ego, actor: post_encroachment(ego, actor, o.fps, size=o.size, horizon_s=max(5.0, label.bound)),
        "<",
        "s",
    ),
    "collision": Measure(lambda label, o, ego, actor: smallest(clearance(ego, actor, size=o.size)).value, "<", "m"),
    "off_road": Measure(lambda label, o, ego, actor: _off_road_s(actor, o), ">", "s"),
}
