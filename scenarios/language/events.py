"""Events, labels and expectations: what shall happen, what is measured on each future, and what is expected of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from drivesim.scenarios.language.base import Model, single_key
from drivesim.scenarios.language.junctions import TurnAction
from drivesim.scenarios.language.values import (
    Count,
    Duration,
    Identifier,
    Instant,
    LaneName,
    Length,
    Quantity,
    Speed,
    Word,
    complain,
    shorthand,
)

Distance = Annotated[float | str, Quantity("length", 0.0, 500.0, above=True)]
Deceleration = Annotated[float | str, Quantity("acceleration", 0.0, 20.0, above=True)]


EGO = "ego"


class LaneChangeSpec(Model):
    """To another lane, seen from the ego (ego, left, right, oncoming) or by number, over a time."""

    to: LaneName
    over: Duration = 3.0


class SpeedChangeSpec(Model):
    """To another speed, evenly over a time."""

    to: Speed
    over: Duration = 3.0


class Braking(Model):
    """At an even deceleration down to a speed."""

    deceleration: Deceleration
    to: Speed = 0.0


class Walk(Model):
    """Straight to a place in the ego frame at t = 0; a coordinate that is left out stays as it is."""

    x: Length | None = None
    y: Length | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Walk:
        if self.x is None and self.y is None:
            raise complain("DS022", "walk_to has no target. Give 'y', 'x' or both, in the ego frame.")
        return self


class Stopping(Model):
    """To a stand at an even deceleration; there it stays, or with ``hold`` goes on after that time, as fast as before."""

    deceleration: Deceleration = 2.0
    hold: Duration | None = None


class Following(Model):
    """Behind another actor, or the ego, at a time gap that is kept from then on."""

    actor: Identifier
    headway: Annotated[float | str, Quantity("time", 0.3, 10.0)] = 1.5


class Reversing(Model):
    """Backwards over a distance, then to a stand."""

    distance: Annotated[float | str, Quantity("length", 0.5, 100.0)]
    speed: Annotated[float | str, Quantity("speed", 0.2, 8.0)] = 1.5


class OpeningDoor(Model):
    """The front door of a standing vehicle swings out by an angle over a time."""

    side: Annotated[str, Word(("left", "right"))]
    over: Duration = 1.0
    angle: Annotated[float | str, Quantity("angle", 0.1, 1.4)] = 1.2


class LaneChangeAction(Model):
    """``{lane_change: {to: ego, over: 3 s}}``."""

    lane_change: LaneChangeSpec


class SpeedAction(Model):
    """``{speed: {to: 18 m/s, over: 5 s}}``."""

    speed: SpeedChangeSpec


class BrakeAction(Model):
    """``{brake: {deceleration: 6 m/s2, to: 0 m/s}}``."""

    brake: Braking


class WalkAction(Model):
    """``{walk_to: {y: 6 m}}``."""

    walk_to: Walk


class StopAction(Model):
    """``{stop: {deceleration: 3 m/s2, hold: 4 s}}``, or ``{stop: 3 m/s2}``."""

    stop: Annotated[Stopping, shorthand("deceleration")]


class FollowAction(Model):
    """``{follow: {actor: lead, headway: 1.5 s}}``, or ``{follow: lead}``."""

    follow: Annotated[Following, shorthand("actor")]


class ReverseAction(Model):
    """``{reverse: {distance: 8 m, speed: 1.5 m/s}}``, or ``{reverse: 8 m}``."""

    reverse: Annotated[Reversing, shorthand("distance")]


class OpenDoorAction(Model):
    """``{open_door: {side: left, over: 1 s}}``, or ``{open_door: left}``."""

    open_door: Annotated[OpeningDoor, shorthand("side")]


Action = Annotated[
    Annotated[LaneChangeAction, Tag("lane_change")]
    | Annotated[SpeedAction, Tag("speed")]
    | Annotated[BrakeAction, Tag("brake")]
    | Annotated[WalkAction, Tag("walk_to")]
    | Annotated[StopAction, Tag("stop")]
    | Annotated[FollowAction, Tag("follow")]
    | Annotated[ReverseAction, Tag("reverse")]
    | Annotated[OpenDoorAction, Tag("open_door")]
    | Annotated[TurnAction, Tag("turn")],
    Discriminator(single_key),
]


class TimeTrigger(Model):
    """``{time: 2 s}`` after t = 0."""

    time: Instant


class AfterTrigger(Model):
    """``{after: merges}``: when that event is done."""

    after: Identifier


class SecondsBelow(Model):
    """A bound in seconds."""

    below: Duration


class MetresBelow(Model):
    """A bound in metres."""

    below: Distance


class TimeToCollisionTrigger(Model):
    """``{ttc_to_ego: {below: 3 s}}``: once the ego would reach the actor's place along the road within that time."""

    ttc_to_ego: SecondsBelow


class DistanceTrigger(Model):
    """``{distance_to_ego: {below: 30 m}}``: once the ego is nearer than that."""

    distance_to_ego: MetresBelow


class GapTrigger(Model):
    """``{gap_to_ego: {below: 10 m}}``: once fewer metres lie between the bumpers, along the road."""

    gap_to_ego: MetresBelow


class TimeToActor(Model):
    """A bound in seconds on the time to collision with a named actor, or the ego, and how long the answer takes."""

    actor: Identifier
    below: Duration
    delay: Annotated[float | str, Quantity("time", 0.0, 10.0)] = 0.0


class TimeToActorTrigger(Model):
    """``{ttc_to: {actor: walker, below: 1.2 s, delay: 0.3 s}}``: once the two would touch within that time."""

    ttc_to: TimeToActor


Trigger = Annotated[
    Annotated[TimeTrigger, Tag("time")]
    | Annotated[AfterTrigger, Tag("after")]
    | Annotated[TimeToCollisionTrigger, Tag("ttc_to_ego")]
    | Annotated[DistanceTrigger, Tag("distance_to_ego")]
    | Annotated[GapTrigger, Tag("gap_to_ego")]
    | Annotated[TimeToActorTrigger, Tag("ttc_to")],
    Discriminator(single_key),
]
Mode = Annotated[str, Word(("condition", "select", "tag"), varies=False)]


class Event(Model):
    """An action of one actor, started by a trigger; ``mode`` says how it is brought about.

    ``condition`` feeds box tracks to the model, ``select`` draws futures until enough show it, ``tag`` only measures.
    Without a mode it is conditioned where the model obeys boxes, and measured where it does not.
    ``within`` is the time from t = 0 in which it must have happened to count.
    """

    id: Identifier
    actor: Identifier
    action: Action
    start: Trigger = TimeTrigger(time=0.0)
    within: Duration | None = None
    mode: Mode | None = None

    @property
    def needs_boxes(self) -> bool:
        """Whether the model is to be told where the actor is; the ego is no box, its motion is told."""
        return self.mode == "condition" or (self.mode is None and self.actor != EGO)


class TimeToCollision(Model):
    """The smallest time to collision with an actor."""

    actor: Identifier
    min_below: Duration


class TimeHeadway(Model):
    """The smallest time headway to an actor."""

    actor: Identifier
    min_below: Duration


class PostEncroachment(Model):
    """The post-encroachment time between the ego and an actor."""

    actor: Identifier
    below: Duration


class BrakingNeed(Model):
    """The largest deceleration the ego would need to just avoid the actor (DRAC)."""

    actor: Identifier
    max_above: Deceleration


class Gap(Model):
    """The smallest bumper-to-bumper distance to an actor."""

    actor: Identifier
    min_below: Distance


class Contact(Model):
    """The boxes of the ego and an actor touch."""

    actor: Identifier


class OffRoad(Model):
    """Longer off the road than that; ``actor`` may be the ego."""

    actor: Identifier = EGO
    longer_than: Duration = 0.2


class TtcLabel(Model):
    """``{ttc: {actor: a, min_below: 1.5 s}}``."""

    ttc: TimeToCollision


class ThwLabel(Model):
    """``{thw: {actor: a, min_below: 1 s}}``."""

    thw: TimeHeadway


class PetLabel(Model):
    """``{pet: {actor: a, below: 1.5 s}}``."""

    pet: PostEncroachment


class DracLabel(Model):
    """``{drac: {actor: a, max_above: 2.5 m/s2}}``."""

    drac: BrakingNeed


class GapLabel(Model):
    """``{gap: {actor: a, min_below: 2 m}}``."""

    gap: Gap


class CollisionLabel(Model):
    """``{collision: {actor: a}}``."""

    collision: Contact


class OffRoadLabel(Model):
    """``{off_road: {actor: ego, longer_than: 0.5 s}}``."""

    off_road: Annotated[OffRoad, shorthand("actor")]


Label = Annotated[
    Annotated[TtcLabel, Tag("ttc")]
    | Annotated[ThwLabel, Tag("thw")]
    | Annotated[PetLabel, Tag("pet")]
    | Annotated[DracLabel, Tag("drac")]
    | Annotated[GapLabel, Tag("gap")]
    | Annotated[CollisionLabel, Tag("collision")]
    | Annotated[OffRoadLabel, Tag("off_road")],
    Discriminator(single_key),
]


class Expectation(Model):
    """How many futures must, or may, show a label or an event."""

    label: Identifier
    at_least: Annotated[int, Count(0, 100_000)] | None = Field(default=None)
    at_most: Annotated[int, Count(0, 100_000)] | None = Field(default=None)

    @model_validator(mode="after")
    def _bounded(self) -> Expectation:
        if self.at_least is None and self.at_most is None:
            raise complain("DS022", f"expectation of '{self.label}' has no number. Give 'at_least', 'at_most' or both.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise complain("DS027", f"at_least {self.at_least} is more than at_most {self.at_most}.")
        return self


def target_of(label: Label) -> str:
    """The id of the actor a label speaks of."""
    return str(getattr(label, single_key(label) or "").actor)
