"""The shape of each actor at a frame: body by category and form, gait by distance walked, brake lights by speed."""

from __future__ import annotations

import numpy as np

from drivesim.figures import ActorFigure
from drivesim.kinds import car_form
from drivesim.noise import NoiseStream
from drivesim.renderer import people, vehicles
from drivesim.renderer.palette import body_colour
from drivesim.renderer.shapes import Shape
from drivesim.scene import Actor

_SKIN = ((0.86, 0.68, 0.56), (0.72, 0.53, 0.40), (0.55, 0.38, 0.28), (0.92, 0.76, 0.64))
_TROUSERS = ((0.16, 0.18, 0.26), (0.24, 0.23, 0.22), (0.30, 0.34, 0.42), (0.38, 0.32, 0.25))


class ActorModel:
    """Builds the shapes of one actor; rigid bodies are built once, walkers and riders at each frame."""

    def __init__(self, actor: Actor, appearance_seed: int, fps: float) -> None:
        rng = NoiseStream(appearance_seed).named("form:" + actor.id).rng()
        self.actor = actor
        self.colour = body_colour(actor, appearance_seed)
        self._skin = _SKIN[int(rng.integers(len(_SKIN)))]
        self._trousers = _TROUSERS[int(rng.integers(len(_TROUSERS)))]
        self._form = actor.form or car_form(actor.id, actor.preset, actor.length, actor.height)
        own = float(rng.uniform(0.0, 2.0 * np.pi))
        self._figure = ActorFigure(actor, fps, unknown_rad=own)
        self._braking = actor.braking(fps)
        self._rigid: dict[bool, Shape] = {}

    def shape(self, frame: int) -> Shape:
        """The shape in the box's frame with its origin on the box's bottom centre."""
        category = self.actor.category
        if category == "pedestrian":
            return people.pedestrian(self._figure.at(frame), self.colour, self._skin, self._trousers)
        if category == "bicycle":
            return people.bicycle(
                self._figure.at(frame), self.colour, self._skin, (0.25, 0.26, 0.30), self.actor.height
            )
        braking = bool(self._braking[frame])
        if braking not in self._rigid:
            self._rigid[braking] = self._build(braking)
        return self._rigid[braking]

    def _build(self, braking: bool) -> Shape:
        a, colour = self.actor, self.colour
        match a.category:
            case "car":
                return vehicles.car(a.length, a.width, a.height, colour, self._form, braking)
            case "truck":
                return vehicles.truck(a.length, a.width, a.height, colour, braking)
            case "bus":
                return vehicles.bus(a.length, a.width, a.height, colour, braking)
            case "trailer":
                return vehicles.trailer(a.length, a.width, a.height, colour, braking)
            case "construction_vehicle":
                return vehicles.construction_vehicle(a.length, a.width, a.height, colour, braking)
            case "motorcycle":
                return people.motorcycle(a.length, a.height, colour, self._skin, (0.22, 0.22, 0.25), braking)
            case "traffic_cone":
                return people.traffic_cone(a.width, a.height, colour)
            case "barrier":
                return people.barrier(a.length, a.width, a.height, colour)
        raise ValueError(f"actor {a.id!r} has category {a.category!r}, which is not one of drivesim.scene.CATEGORIES")
