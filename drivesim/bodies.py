"""Bodies of vehicles as prisms: what a vehicle fills of its box. The renderer builds vehicles on them, layout and told flow show them.

Metres in the frame of the box: x forward, y left, z up from the middle of its bottom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivesim.scene import Actor


@dataclass(frozen=True)
class Prism:
    """A convex outline (x, z) in ``profile``, counter-clockwise seen from the right, swept ``half_width`` to each side.

    ``narrowing`` moves each of its points inwards on both sides, which leans the sides of a cabin; () leans none.
    """

    profile: tuple[tuple[float, float], ...]
    half_width: float
    narrowing: tuple[float, ...] = ()

    def inset(self) -> tuple[float, ...]:
        """How far each point of the outline is moved inwards."""
        return self.narrowing or (0.0,) * len(self.profile)


def block(rear: float, front: float, low: float, high: float, half_width: float) -> Prism:
    """A box from ``rear`` to ``front`` and from ``low`` to ``high``."""
    return Prism(((rear, low), (front, low), (front, high), (rear, high)), half_width)


@dataclass(frozen=True)
class CabinShares:
    """Where the cabin of a car is: the foot of the windscreen, both ends of the roof and the foot of the rear window as shares of
    the car's length from its middle, and the belt line as a share of its height.
    """

    screen: float
    roof_front: float
    roof_rear: float
    back: float
    belt: float


CABINS = {
    "saloon": CabinShares(0.23, 0.09, -0.22, -0.40, 0.62),
    "estate": CabinShares(0.23, 0.10, -0.42, -0.495, 0.60),
    "hatchback": CabinShares(0.27, 0.12, -0.38, -0.495, 0.60),
    "suv": CabinShares(0.24, 0.13, -0.44, -0.495, 0.58),
}


def car_prisms(length: float, width: float, height: float, form: str) -> tuple[Prism, Prism]:
    """What lies below the belt line of a car of a ``form`` of CABINS, and its cabin."""
    at = CABINS[form]
    low, nose, belt = 0.15 * height, 0.50 * height, at.belt * height
    rear, front = -0.5 * length, 0.5 * length
    lower = Prism(((rear, low), (front, low), (front, nose), (at.screen * length, belt), (rear, belt)), 0.5 * width)
    lean = 0.13 * width
    foot = ((at.back * length, belt), (at.screen * length, belt))
    roof = ((at.roof_front * length, height), (at.roof_rear * length, height))
    return lower, Prism((*foot, *roof), 0.5 * width - 0.02, (0.0, 0.0, lean, lean))


def van_prism(length: float, width: float, height: float) -> Prism:
    """A panel van: one tall body with a short bonnet."""
    low, rear, front = 0.11 * height, -0.5 * length, 0.5 * length
    bonnet, screen = (0.40 * length, 0.52 * height), (0.27 * length, height)
    return Prism(((rear, low), (front, low), (front, 0.42 * height), bonnet, screen, (rear, height)), 0.5 * width)


def lorry_prisms(length: float, width: float, height: float) -> tuple[Prism, Prism]:
    """The cargo box and the cab of a lorry."""
    front = 0.5 * length
    cab_rear, cab_top = front - min(2.1, 0.30 * length), min(height, max(2.5, 0.80 * height))
    cargo = block(-0.5 * length, cab_rear - 0.35, 0.26 * height, height, 0.5 * width)
    return cargo, block(cab_rear, front, 0.14 * height, cab_top, 0.5 * width)


def loader_prisms(length: float, width: float, height: float) -> tuple[Prism, Prism, Prism]:
    """The body, the cab and the bucket of a wheel loader."""
    top, half = 0.55 * height, 0.5 * width
    return (
        block(-0.5 * length, 0.20 * length, 0.20 * height, top, 0.8 * half),
        block(-0.22 * length, 0.08 * length, top, height, 0.55 * half),
        block(0.38 * length, 0.5 * length, 0.14 * height, 0.50 * height, half),
    )


def told_prisms(actor: Actor) -> tuple[Prism, ...]:
    """What is known of how an actor fills its box; empty where it fills it, where it is no vehicle, and where nobody knows its form.

    Bodies stand on the ground: what is seen under a vehicle is its shadow, which moves with it.
    """
    size = actor.length, actor.width, actor.height
    match actor.category:
        case "car" if actor.form == "van":
            return (_grounded(van_prism(*size)),)
        case "car" if actor.form is not None:
            lower, cabin = car_prisms(*size, actor.form)
            return _grounded(lower), cabin
        case "truck":
            cargo, cab = lorry_prisms(*size)
            return _grounded(cargo), _grounded(cab)
        case "construction_vehicle":
            body, cab, bucket = loader_prisms(*size)
            return _grounded(body), cab, _grounded(bucket)
    return ()


def _grounded(prism: Prism) -> Prism:
    """The prism with its underside, its first two points, on the ground."""
    (rear, _), (front, _), *above = prism.profile
    return replace(prism, profile=((rear, 0.0), (front, 0.0), *above))
