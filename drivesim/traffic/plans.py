"""What a traffic simulation is told: who is where at t = 0, how they want to move, and the manoeuvres they are to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drivesim.scene import Colour


@dataclass(frozen=True, kw_only=True)
class LaneChange:
    """Move to offset ``to_d`` (metres) or to lane ``to_lane`` of the own direction within ``over_s`` seconds.

    It waits while a vehicle stands beside it in the target lane, unless ``force``; an ego that reacts waits for who comes from
    behind there and could not brake too.
    """

    to_d: float | None = None
    to_lane: int | None = None
    over_s: float = 3.0
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class SpeedChange:
    """Reach ``to_mps`` over ``over_s`` seconds at an even rate, then keep it."""

    to_mps: float
    over_s: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Brake:
    """Brake at ``deceleration_mps2`` (positive) down to ``to_mps``, then keep that speed; who is slower keeps his."""

    deceleration_mps2: float
    to_mps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Come to a stand comfortably and stay; with ``hold_s`` stand that long, then go on as fast as before."""

    deceleration_mps2: float = 2.0
    hold_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class WalkTo:
    """Walk (or drive) straight to a world point, metres; a coordinate that is None keeps its value."""

    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, kw_only=True)
class Follow:
    """Keep ``headway_s`` seconds behind the participant ``actor_id`` (or the ego) along the road, until told otherwise."""

    actor_id: str
    headway_s: float = 1.5


@dataclass(frozen=True, kw_only=True)
class Reverse:
    """Drive ``distance_m`` backwards, at ``speed_mps`` (positive) at most, then stand; stop short of who is behind."""

    distance_m: float
    speed_mps: float = 1.5


@dataclass(frozen=True, kw_only=True)
class OpenDoor:
    """Swing a door, which stands closed until then, outwards by ``angle_rad`` within ``over_s`` seconds."""

    side: Literal["left", "right"]
    over_s: float = 1.0
    angle_rad: float = 1.2


@dataclass(frozen=True, kw_only=True)
class JunctionTurn:
    """Turn at the next junction, or go straight on; it begins once the junction is near and the lane leads there."""

    to: Literal["left", "straight", "right"]


Action = LaneChange | SpeedChange | Brake | Stop | WalkTo | Follow | Reverse | OpenDoor | JunctionTurn


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """When a manoeuvre starts: as soon as every condition that is given holds (none given: at once).

    ``at_s`` seconds from t = 0; ``ttc_to_ego_below_s`` time until the ego reaches the actor along the road at present
    speeds; ``gap_below_m`` bumper to bumper along the road to the ego; ``distance_below_m`` between centres;
    ``after`` the id of a manoeuvre that must be done, ``delay_s`` seconds before. ``ttc_to_below_s`` is the time until
    the actor's box touches that of ``ttc_to`` (an id, or the ego) if both keep speed and heading; ``delay_s`` seconds
    after that first held the manoeuvre starts, whatever has become of it.
    """

    at_s: float | None = None
    ttc_to_ego_below_s: float | None = None
    gap_below_m: float | None = None
    distance_below_m: float | None = None
    after: str | None = None
    delay_s: float = 0.0
    ttc_to: str | None = None
    ttc_to_below_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Manoeuvre:
    """One action and its trigger; it never starts later than ``within_s`` seconds from t = 0 when that is given."""

    id: str
    action: Action
    trigger: Trigger = Trigger()
    within_s: float | None = None


Kind = Literal["vehicle", "pedestrian", "cyclist"]


@dataclass(frozen=True, kw_only=True)
class ActorPlan:
    """A traffic participant at t = 0 and its wishes.

    It is placed by its box centre, either in road coordinates (``s``, ``d``, ``direction`` +1 or -1 along the road) or,
    when ``x`` is given, in the world (``x``, ``y``, ``yaw_rad``). ``lane`` fills in ``d`` when ``d`` is None.
    ``speed`` m/s at t = 0; ``desired_speed`` defaults to it. A pedestrian placed in the world who has a ``WalkTo``
    stands until then and walks at ``speed``; one who ``yields`` does not step before a vehicle that can hardly stop.
    ``free`` lets a driver change lanes at will. Who is ``steady`` goes exactly as written, whatever is in the way, and
    stands until ``waits_s``.
    Who comes along an ``arm`` of the road's first junction is placed in the
    world as well; he goes straight on where he can, unless a ``JunctionTurn`` says otherwise.
    """

    id: str
    category: str
    length: float
    width: float
    height: float
    kind: Kind = "vehicle"
    preset: str | None = None
    colour: Colour | None = None
    look: str | None = None
    parked: bool = False
    s: float = 0.0
    d: float | None = None
    direction: Literal[1, -1] = 1
    lane: int | None = None
    x: float | None = None
    y: float | None = None
    yaw_rad: float = 0.0
    speed: float = 0.0
    desired_speed: float | None = None
    free: bool = True
    yields: bool = False
    steady: bool = False
    waits_s: float = 0.0
    arm: Literal["left", "right"] | None = None
    manoeuvres: tuple[Manoeuvre, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EgoPlan:
    """The ego at t = 0 (rear axle at the world origin) and its wishes; ``free`` lets it change lanes at will.

    ``steady`` is as in :class:`ActorPlan`; only then may ``speed`` be negative, backwards.
    """

    speed: float
    lane: int = 1
    desired_speed: float | None = None
    free: bool = False
    steady: bool = False
    manoeuvres: tuple[Manoeuvre, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AmbientTraffic:
    """Traffic that keeps appearing and vanishing beyond the view, so that minutes of driving never run empty.

    ``seed`` decides who is there at t = 0; later arrivals follow the simulation's own generator. Densities: vehicles
    per km and lane (own and oncoming direction), pedestrians per km of pavement, share of parking space in use.
    ``view_m`` is how far ahead actors appear; ``mix`` weighs categories and presets of vehicles. No initial actor is
    placed between ``keep_clear_from_m`` and ``keep_clear_to_m`` on the own lanes (room for a script), nor in a
    ``closed`` stretch (offset of the lane, from s, to s).
    """

    seed: int = 0
    density_per_km: float = 15.0
    oncoming_per_km: float = 12.0
    pedestrians_per_km: float = 0.0
    parked_share: float = 0.0
    cyclists_per_km: float = 0.0
    speed_mps: float | None = None
    view_m: float = 230.0
    mix: tuple[tuple[str, float], ...] = (
        ("car", 0.62),
        ("suv", 0.1),
        ("van", 0.1),
        ("truck", 0.1),
        ("bus", 0.03),
        ("motorcycle", 0.03),
        ("trailer", 0.02),
    )
    keep_clear_from_m: float = -12.0
    keep_clear_to_m: float = 14.0
    closed: tuple[tuple[float, float, float], ...] = ()
