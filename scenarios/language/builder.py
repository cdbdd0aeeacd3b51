"""The scenario language in Python: an immutable builder, equal to the YAML.

Each method returns a new scenario. Distributions may stand wherever a value may vary; they become named parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from drivesim.errors import InputError
from drivesim.scenarios.checks.messages import Finding, ScenarioError
from drivesim.scenarios.language.distributions import AnyDistribution, Choice, Grid, Normal, Uniform

Numeric = float | str


@dataclass(frozen=True)
class Varied:
    """A distribution where a value is due; ``name`` makes it a shared parameter of that name, ``hint`` only suggests."""

    distribution: AnyDistribution
    name: str | None = None
    hint: str | None = None


def uniform(low: Numeric, high: Numeric, *, name: str | None = None) -> Varied:
    """Evenly between two bounds."""
    return Varied(_distribution(Uniform, {"uniform": (low, high)}), name)


def normal(
    mean: Numeric, std: Numeric, *, clip: tuple[Numeric, Numeric] | None = None, name: str | None = None
) -> Varied:
    """Normally distributed, cut at ``clip``."""
    return Varied(_distribution(Normal, {"normal": {"mean": mean, "std": std, "clip": clip}}), name)


def choice(options: Mapping[Any, float] | Sequence[Any], *, name: str | None = None) -> Varied:
    """One of several values, by weight when a mapping from value to weight is given."""
    return Varied(_distribution(Choice, {"choice": options}), name)


def grid(values: Sequence[Any], *, name: str | None = None) -> Varied:
    """Each of several values in turn."""
    return Varied(_distribution(Grid, {"grid": values}), name)


def rain(intensity: Any = "moderate") -> dict[str, Any]:
    """Rain: light, moderate, heavy, or a number from 0 to 1."""
    return {"type": "rain", "intensity": _hinted(intensity, "rain")}


def snow(intensity: Any = "moderate") -> dict[str, Any]:
    """Snow: light, moderate, heavy, or a number from 0 to 1."""
    return {"type": "snow", "intensity": _hinted(intensity, "snow")}


def lane_change(to: Any, over: Any = 3.0) -> dict[str, Any]:
    """Action: to another lane over a time (s)."""
    return {"lane_change": {"to": to, "over": over}}


def speed(to: Any, over: Any = 3.0) -> dict[str, Any]:
    """Action: to another speed (m/s) over a time (s)."""
    return {"speed": {"to": to, "over": over}}


def brake(deceleration: Any, to: Any = 0.0) -> dict[str, Any]:
    """Action: brake evenly (m/s², positive) down to a speed (m/s)."""
    return {"brake": {"deceleration": deceleration, "to": to}}


def stop(deceleration: Any = 2.0, hold: Any = None) -> dict[str, Any]:
    """Action: come to a stand evenly (m/s², positive); stay there, or go on after ``hold`` (s)."""
    return {"stop": {"deceleration": deceleration} | ({} if hold is None else {"hold": hold})}


def open_door(side: str, over: Any = 1.0, angle: Any = 1.2) -> dict[str, Any]:
    """Action of a parked vehicle: its front door, ``left`` or ``right``, opens over a time (s) by an angle (rad)."""
    return {"open_door": {"side": side, "over": over, "angle": angle}}


def meets(
    moves: Any, *, time: Any = None, after: Any = None, impact: Any = None, overlap: Any = None, distance: Any = None
) -> dict[str, Any]:
    """Placement: where an ego that does not react reaches the actor at a time (s) or after so many metres.

    It moves from_nearside, from_farside, from_left, from_right, along or against; ``impact`` and ``overlap`` are shares of
    the ego's width, ``distance`` is how far (m) from there it stands until it sets off. With a ``lane`` or an ``arm`` beside it the
    actor is met on that way, and the moment follows from where the two ways cross.
    """
    given = {"time": time, "after": after, "impact": impact, "overlap": overlap, "distance": distance}
    return {"moves": moves, **{key: value for key, value in given.items() if value is not None}}


def follow(actor: str, headway: Any = 1.5) -> dict[str, Any]:
    """Action: follow another actor, or the ego, at a time gap (s) that is kept from then on."""
    return {"follow": {"actor": actor, "headway": headway}}


def reverse(distance: Any, speed: Any = 1.5) -> dict[str, Any]:
    """Action: backwards over a distance (m) at a speed (m/s, positive), then stand."""
    return {"reverse": {"distance": distance, "speed": speed}}


def turn(to: Any) -> dict[str, Any]:
    """Action: left, straight or right at the next junction."""
    return {"turn": {"to": to}}


def junction(
    at: Numeric, arms: Sequence[str] = ("left", "right"), control: str = "priority", **keys: Any
) -> dict[str, Any]:
    """A junction for :meth:`ScenarioBuilder.road`: metres ahead, arms, control (priority, stop, signals), arm_lanes, signals."""
    return {"at": at, "arms": list(arms), "control": control, **keys}


def walk_to(*, x: Any = None, y: Any = None) -> dict[str, Any]:
    """Action: straight to a place (m) in the ego frame at t = 0."""
    return {"walk_to": {key: value for key, value in (("x", x), ("y", y)) if value is not None}}


def after(moment: Numeric | Varied) -> dict[str, Any]:
    """Trigger: at a time (s; a text with a unit also), or when the event of that id is done."""
    is_event = isinstance(moment, str) and moment[:1].isalpha()
    return {"after": moment} if is_event else {"time": moment}


_HIGH_IS_BAD = ("max_above", "longer_than")


@dataclass(frozen=True)
class UnboundMeasure:
    """A measured quantity that waits for its bound: ``ttc_to_ego() < 3``. The wrong way round raises InputError."""

    key: str
    bound: str
    fixed: tuple[tuple[str, Any], ...] = ()

    def __lt__(self, limit: Any) -> dict[str, Any]:
        if self.bound in _HIGH_IS_BAD:
            raise InputError(f"{self.key} is bad when high: write ds.{self.key}({self._actor}) > {limit!r}")
        return {self.key: {**dict(self.fixed), self.bound: limit}}

    def __gt__(self, limit: Any) -> dict[str, Any]:
        if self.bound not in _HIGH_IS_BAD:
            raise InputError(f"{self.key} is bad when low: write ds.{self.key}({self._actor}) < {limit!r}")
        return {self.key: {**dict(self.fixed), self.bound: limit}}

    @property
    def _actor(self) -> str:
        return ", ".join(repr(value) for _, value in self.fixed)


@dataclass(frozen=True)
class LowMetric:
    """A metric over time that is bad when low; held against a bound, it is its smallest value that counts."""

    key: str
    actor: str

    def __lt__(self, limit: Any) -> dict[str, Any]:
        return self.min() < limit

    def __gt__(self, limit: Any) -> dict[str, Any]:
        return self.min() > limit

    def min(self) -> UnboundMeasure:
        """Its smallest value over the future."""
        return UnboundMeasure(self.key, "min_below", (("actor", self.actor),))


@dataclass(frozen=True)
class HighMetric:
    """A metric over time that is bad when high; held against a bound, it is its largest value that counts."""

    key: str
    actor: str

    def __lt__(self, limit: Any) -> dict[str, Any]:
        return self.max() < limit

    def __gt__(self, limit: Any) -> dict[str, Any]:
        return self.max() > limit

    def max(self) -> UnboundMeasure:
        """Its largest value over the future."""
        return UnboundMeasure(self.key, "max_above", (("actor", self.actor),))


def ttc_to_ego() -> UnboundMeasure:
    """Trigger: time (s) until the ego reaches the actor's place along the road."""
    return UnboundMeasure("ttc_to_ego", "below")


def distance_to_ego() -> UnboundMeasure:
    """Trigger: distance (m) from the ego."""
    return UnboundMeasure("distance_to_ego", "below")


def ttc_to(actor: str, delay: Any = 0.0) -> UnboundMeasure:
    """Trigger: time (s) until the boxes of who acts and another actor would touch; ``delay`` (s) until that is answered."""
    return UnboundMeasure("ttc_to", "below", (("actor", actor), ("delay", delay)))


def gap_to_ego() -> UnboundMeasure:
    """Trigger: distance (m) along the road between the bumpers of the ego and the actor."""
    return UnboundMeasure("gap_to_ego", "below")


def off_road(actor: str = "ego") -> UnboundMeasure:
    """Time (s) that the ego, or an actor, is off the road: ``off_road() > 0.5``."""
    return UnboundMeasure("off_road", "longer_than", (("actor", actor),))


def ttc(actor: str) -> LowMetric:
    """Time to collision with an actor, s."""
    return LowMetric("ttc", actor)


def thw(actor: str) -> LowMetric:
    """Time headway to an actor, s."""
    return LowMetric("thw", actor)


def gap(actor: str) -> LowMetric:
    """Bumper-to-bumper distance to an actor, m."""
    return LowMetric("gap", actor)


def drac(actor: str) -> HighMetric:
    """Deceleration needed to just avoid an actor, m/s²."""
    return HighMetric("drac", actor)


def pet(actor: str) -> UnboundMeasure:
    """Post-encroachment time with an actor, s."""
    return UnboundMeasure("pet", "below", (("actor", actor),))


def collision(actor: str) -> dict[str, Any]:
    """Label: the boxes of the ego and an actor touch."""
    return {"collision": {"actor": actor}}


class ScenarioBuilder:
    """Methods of Scenario that return a changed copy."""

    def environment(self: Self, **keys: Any) -> Self:
        """Time of day and weather: time_of_day, sky, precipitation, road_surface, fog, street_lights."""
        return self._with(("scene", "environment"), keys)

    def road(self: Self, type: str = "motorway", **keys: Any) -> Self:
        """The road: lanes, ego_lane, lane_width, speed_limit, oncoming_lanes, ramp, crossings, curvature, junction."""
        return self._with(("scene", "road"), {"type": type, **keys})

    def ego(self: Self, **keys: Any) -> Self:
        """The ego's speed (m/s) at t = 0 and target_speed, whether it reacts, or its plan.

        A plan is columns, the path of a CSV file, or a function of the time in seconds that returns speed (m/s) and
        curvature (1/m); it is asked now, once a frame of the scenario's video. Raises InputError for a plan that is none.
        """
        plan = keys.get("plan")
        if plan is not None and not isinstance(plan, Mapping):
            from drivesim.scenarios.ego_plan import read_plan, sampled_plan

            # A builder's methods are those of a scenario, which has the fields of one.
            video = getattr(self, "video_settings")  # noqa: B009
            keys["plan"] = sampled_plan(plan, float(video.duration), video.fps) if callable(plan) else read_plan(plan)
        return self._with(("scene", "ego"), keys)

    def ambient(self: Self, density: Any = "light", **keys: Any) -> Self:
        """Traffic beside the scripted actors: none, light, medium or dense."""
        return self._with(("scene", "traffic"), {"density": density, **keys})

    def roadside(self: Self, **keys: Any) -> Self:
        """What stands beside the road: ``buildings``, ``trees``, ``furniture``, each none, sparse, usual or dense."""
        return self._with(("scene", "roadside"), keys)

    def actor(self: Self, id: str, category: Any, **keys: Any) -> Self:
        """A traffic participant; ``at`` may be a pair (x, y) in the ego frame, ``size`` a (length, width, height)."""
        if isinstance(keys.get("at"), tuple | list):
            keys["at"] = dict(zip(("x", "y"), keys["at"], strict=True))
        if isinstance(keys.get("size"), tuple | list):
            keys["size"] = dict(zip(("length", "width", "height"), keys["size"], strict=True))
        return self._append(("scene", "actors"), {"id": id, "class": category, **keys}, owner=id)

    def event(
        self: Self,
        id: str,
        actor: str,
        action: Mapping[str, Any],
        *,
        start: Any = None,
        within: Any = None,
        mode: str | None = None,
    ) -> Self:
        """What an actor shall do, when, and how it is brought about (condition, select or tag; :class:`Event`).

        ``start`` is a trigger, or what :func:`after` takes: seconds, or the id of an event.
        """
        start = start if start is None or isinstance(start, Mapping) else after(start)
        event: dict[str, Any] = {"id": id, "actor": actor, "action": action}
        given = {"start": start, "within": within, "mode": mode}
        event |= {key: value for key, value in given.items() if value is not None}
        return self._append(("events",), event, owner=id)

    def label(self: Self, name: str, condition: Any) -> Self:
        """A yes/no question about each future."""
        return self._with(("labels", name), condition, owner=name)

    def expect(self: Self, label: str, *, at_least: int | None = None, at_most: int | None = None) -> Self:
        """How many futures must, or may, show a label or event."""
        return self._append(("expect",), {"label": label, "at_least": at_least, "at_most": at_most})

    def video(self: Self, **keys: Any) -> Self:
        """Shape of the video: height, width, fps, duration."""
        return self._with(("video",), keys)

    def sampling(self: Self, method: str = "sobol", **keys: Any) -> Self:
        """How parameters are sampled: method, seed, variations, futures, max_tries."""
        return self._with(("sampling",), {"method": method, **keys})

    def starting_from(self: Self, image: str) -> Self:
        """Begin from a real picture."""
        return self._with(("start",), {"image": image})

    def parameter(self: Self, name: str, distribution: Varied) -> Self:
        """A named parameter, used as ``"$name"``."""
        return self._with(("vary", name), distribution.distribution.model_dump(exclude_defaults=True))

    def where(self: Self, *conditions: str) -> Self:
        """Conditions that the parameters of every variation meet, as ``"gap > 1.5 * speed"``."""
        return functools.reduce(lambda found, text: found._append(("where",), text), conditions, self)

    def _with(self: Self, path: tuple[str, ...], keys: Any, owner: str = "") -> Self:
        return _rebuilt(self, path, keys, owner=owner, append=False)

    def _append(self: Self, path: tuple[str, ...], item: Any, owner: str = "") -> Self:
        return _rebuilt(self, path, item, owner=owner, append=True)


def _rebuilt(scenario: Any, path: tuple[str, ...], keys: Any, *, owner: str, append: bool) -> Any:
    """The scenario with ``keys`` merged in, or appended, at ``path``; distributions become parameters."""
    tree: dict[str, Any] = scenario.to_dict()
    vary: dict[str, Any] = tree.setdefault("vary", {})
    settled = _settle(keys, path[-1], owner, vary)
    holder = tree
    for part in path[:-1]:
        holder = holder.setdefault(part, {})
    if append:
        holder[path[-1]] = [*holder.get(path[-1], ()), settled]
    elif isinstance(settled, Mapping) and path[0] not in ("labels", "vary"):
        holder[path[-1]] = {**holder.get(path[-1], {}), **settled}
    else:
        holder[path[-1]] = settled
    return type(scenario).from_dict(tree)


def _settle(value: Any, key: str, owner: str, vary: dict[str, Any]) -> Any:
    """Plain values, with each distribution entered into ``vary`` under the key it stands at."""
    if isinstance(value, Mapping):
        return {name: _settle(item, str(name), owner, vary) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_settle(item, key, owner, vary) for item in value]
    if not isinstance(value, Varied):
        return value
    written = value.distribution.model_dump(exclude_defaults=True)
    if value.name is not None:
        if vary.setdefault(value.name, written) != written:
            text = f"parameter '{value.name}' has another distribution already. Use another name."
            raise ScenarioError([Finding(code="DS042", text=text, location=("vary", value.name)).problem()])
        return f"${value.name}"
    wanted = value.hint or key
    names = (wanted, f"{owner}_{wanted}".replace("-", "_").strip("_"), *(f"{wanted}_{n}" for n in range(2, 1000)))
    name = next(name for name in names if name not in vary)
    vary[name] = written
    return f"${name}"


def _distribution(kind: Any, keys: Mapping[str, Any]) -> AnyDistribution:
    from pydantic import ValidationError

    from drivesim.scenarios.language.structure import findings_of

    try:
        made: AnyDistribution = kind(**keys)
    except ValidationError as error:
        raise ScenarioError([found.problem() for found in findings_of(error, kind, keys)]) from None
    return made


def _hinted(value: Any, hint: str) -> Any:
    return replace(value, hint=hint) if isinstance(value, Varied) else value
