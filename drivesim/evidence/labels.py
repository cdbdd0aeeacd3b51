"""Labels, events and expectations of a scenario, judged on the tracks of its futures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivesim.evidence.events import ObservedTraffic, judge_events
from drivesim.evidence.verdict import Verdict
from drivesim.metrics.criticality import (
    EgoSize,
    braking_need,
    first_collision,
    free_space,
    largest,
    post_encroachment,
    smallest,
    time_headway,
    time_to_collision,
)
from drivesim.metrics.estimate import Estimate, share_of
from drivesim.road import Road
from drivesim.scenarios.concrete import ConcreteLabel, ConcreteScenario
from drivesim.scenarios.language.events import Expectation
from drivesim.scene import Actor, Track

DEFAULT_EGO = EgoSize()


@dataclass(frozen=True, kw_only=True)
class ExpectationOutcome:
    """One ``expect``: ``hits`` futures show the label or event, of ``unknown`` it cannot be said.

    ``share`` is that of the others, with its Wilson interval. ``met`` only when what was measured shows it: unknown futures
    do not count for ``at_least``, and do count against ``at_most``.
    """

    label: str
    at_least: int | None
    at_most: int | None
    hits: int
    unknown: int
    share: Estimate
    met: bool

    def message(self) -> str:
        """One sentence: what was expected and what was found."""
        bounds = [f"{w} {n}" for w, n in (("at least", self.at_least), ("at most", self.at_most)) if n is not None]
        found = f"{self.hits} of {self.share.count} futures show it"
        if self.share.count:
            found += f" ({100 * self.share.low:.0f}-{100 * self.share.high:.0f} %)"
        if self.unknown:
            found += f", of {self.unknown} it cannot be said"
        return f"expect '{self.label}' in {' and '.join(bounds)}: {found}"


@dataclass(frozen=True, kw_only=True)
class LabelOutcome:
    """Verdicts of N futures on every label and event by name, and what became of each expectation."""

    labels: dict[str, tuple[Verdict, ...]]
    events: dict[str, tuple[Verdict, ...]]
    expectations: tuple[ExpectationOutcome, ...]

    @property
    def unmet(self) -> tuple[ExpectationOutcome, ...]:
        """The expectations that were not met."""
        return tuple(outcome for outcome in self.expectations if not outcome.met)

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
                {"expectation": outcome.message(), "met": outcome.met, "share": outcome.share.to_dict()}
                for outcome in self.expectations
            ],
        }


def judge_labels(
    scenario: ConcreteScenario,
    tracks_per_future: Sequence[tuple[Track, Sequence[Actor]]],
    road: Road,
    fps: float,
    *,
    size: EgoSize = DEFAULT_EGO,
    min_seen_s: float = 0.5,
) -> LabelOutcome:
    """Judge the labels, events and expectations of a scenario on futures, each the ego's track and its actors.

    Actors are found by their id in the scenario, so measured ones come through ``measured_as_planned``. An actor that is
    not there, or seen for less than ``min_seen_s``, leaves None with the reason.
    """
    labels: dict[str, list[Verdict]] = {name: [] for name in scenario.labels}
    events: dict[str, list[Verdict]] = {event.id: [] for event in scenario.events}
    for ego, actors in tracks_per_future:
        by_id = {actor.id: actor for actor in actors}
        observed = ObservedTraffic(scenario=scenario, road=road, fps=fps, ego=ego, actors=by_id, size=size)
        for name, label in scenario.labels.items():
            labels[name].append(_judge_label(label, observed, min_seen_s))
        for name, verdict in judge_events(observed, min_seen_s).items():
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
    enough = expectation.at_least is None or hits >= expectation.at_least
    few = expectation.at_most is None or hits + unknown <= expectation.at_most
    return ExpectationOutcome(
        label=expectation.label,
        at_least=expectation.at_least,
        at_most=expectation.at_most,
        hits=hits,
        unknown=unknown,
        share=_share(verdicts),
        met=enough and few,
    )


def _share(verdicts: Sequence[Verdict]) -> Estimate:
    known = [verdict.value for verdict in verdicts if verdict.value is not None]
    return share_of(sum(known), len(known))


def _judge_label(label: ConcreteLabel, observed: ObservedTraffic, min_seen_s: float) -> Verdict:
    actor = observed.actors.get(label.actor)
    if actor is None:
        return Verdict(value=None, reason=f"actor '{label.actor}' was not found in the video")
    both = np.asarray(observed.ego.present & actor.track.present, dtype=bool)
    share = float(both.mean())
    if np.count_nonzero(both) < max(1.0, min_seen_s * observed.fps):
        return Verdict(
            value=None, reason=f"actor '{label.actor}' was seen for less than {min_seen_s:g} s", seen_share=share
        )
    ego, fps, size, road, bound = observed.ego, observed.fps, observed.size, observed.road, label.bound
    match label.measure:
        case "ttc":
            curve = time_to_collision(ego, actor, size=size, horizon_s=max(3.0, bound))
            return _below(curve, bound, fps, "s", share)
        case "thw":
            return _below(time_headway(ego, actor, size=size, road=road), bound, fps, "s", share)
        case "gap":
            return _below(free_space(ego, actor, size=size), bound, fps, "m", share)
        case "drac":
            return _above(braking_need(ego, actor, size=size, road=road), bound, fps, "m/s²", share)
        case "pet":
            delay = post_encroachment(ego, actor, fps, size=size, horizon_s=max(5.0, bound))
            return Verdict(value=delay < bound, measured=delay, unit="s", seen_share=share)
        case "collision":
            crash = first_collision(ego, actor, size=size)
            if crash is None:
                return Verdict(value=False, seen_share=share)
            speed = crash.relative_mps
            return Verdict(value=True, time_s=crash.time_s(fps), measured=speed, unit="m/s", seen_share=share)


def _below(curve: np.ndarray, bound: float, fps: float, unit: str, share: float) -> Verdict:
    worst = smallest(curve)
    value = worst.value < bound
    return Verdict(
        value=value,
        time_s=_first(curve < bound, fps) if value else None,
        measured=worst.value,
        unit=unit,
        seen_share=share,
    )


def _above(curve: np.ndarray, bound: float, fps: float, unit: str, share: float) -> Verdict:
    worst = largest(curve)
    value = worst.value > bound
    return Verdict(
        value=value,
        time_s=_first(curve > bound, fps) if value else None,
        measured=worst.value,
        unit=unit,
        seen_share=share,
    )


def _first(frames: np.ndarray, fps: float) -> float:
    return float(np.argmax(frames)) / fps
