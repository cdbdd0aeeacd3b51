"""Which body an actor has within its class: what the renderer builds, and what the layout tells."""

from __future__ import annotations

import zlib

from drivesim.scene import CLASS_OF_CATEGORY, Actor

#: Bodies of passenger cars.
CAR_FORMS: tuple[str, ...] = ("saloon", "hatchback", "estate", "suv", "van")

#: The members of each class of the layout, numbered from 1: forms of cars, categories of the others.
KINDS_OF_CLASS: dict[str, tuple[str, ...]] = {
    "car": CAR_FORMS,
    "large_vehicle": ("truck", "bus", "trailer", "construction_vehicle"),
    "pedestrian": ("pedestrian",),
    "two_wheeler": ("motorcycle", "bicycle"),
    "static_object": ("traffic_cone", "barrier"),
}

#: Heights (m) above which a car without a preset is a van or an SUV, and the length up to which it is a hatchback.
_VAN_M, _SUV_M, _SHORT_M = 2.0, 1.68, 4.2


def car_form(identity: str, preset: str | None, length: float, height: float) -> str:
    """The form of a car: that of its preset, else by its size; where several fit, always the same for the same ``identity``
    and size, so that every future of a scenario shows the same car.
    """
    if preset in CAR_FORMS:
        return preset
    if height > _VAN_M:
        return "van"
    if height > _SUV_M:
        return "suv"
    if length <= _SHORT_M:
        return "hatchback"
    return CAR_FORMS[zlib.crc32(f"{identity} {length:.3f} {height:.3f}".encode()) % 3]


def kind_of(actor: Actor) -> int:
    """The number of an actor among the members of its class, from 1; 0 where nobody knows, as for a photographed car."""
    name = actor.form if actor.category == "car" else actor.category
    return 0 if name is None else KINDS_OF_CLASS[CLASS_OF_CATEGORY[actor.category]].index(name) + 1
