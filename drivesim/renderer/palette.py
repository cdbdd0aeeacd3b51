"""The colours of one world, chosen by its appearance seed: surfaces, fields, walls and the bodies of actors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.noise import NoiseStream
from drivesim.renderer.semantics import Semantic
from drivesim.road import RoadType
from drivesim.scene import Actor

Colour3 = tuple[float, float, float]

_GRASS = ((0.36, 0.46, 0.22), (0.42, 0.48, 0.24), (0.33, 0.43, 0.24), (0.47, 0.48, 0.28))
_CROPS = ((0.62, 0.56, 0.32), (0.40, 0.50, 0.23), (0.50, 0.43, 0.30), (0.45, 0.53, 0.27), (0.56, 0.55, 0.29))
_CAR_PAINT = (
    (235, 236, 238),
    (28, 30, 34),
    (128, 132, 137),
    (186, 190, 194),
    (30, 70, 150),
    (170, 26, 32),
    (40, 92, 60),
    (196, 152, 60),
    (94, 60, 44),
    (70, 120, 170),
)
_CLOTHES = (
    (40, 44, 60),
    (150, 40, 44),
    (60, 90, 140),
    (200, 190, 170),
    (70, 100, 70),
    (196, 120, 50),
    (90, 80, 76),
    (210, 60, 110),
)
_LORRIES = ((225, 226, 228), (30, 80, 160), (180, 30, 36), (232, 160, 40), (60, 120, 80), (110, 116, 124))


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours RGB 0-1 float32 of one world; ``fields`` (16, 256, 3) is the colour map of the open land."""

    asphalt: np.ndarray
    pavement: np.ndarray
    kerb: np.ndarray
    median: np.ndarray
    white: np.ndarray
    yellow: np.ndarray
    fields: np.ndarray
    grass: np.ndarray

    def strip(self, kind: str) -> tuple[np.ndarray, Semantic]:
        """Colour and class of a strip of the road."""
        if kind == "pavement":
            return self.pavement, Semantic.PAVEMENT
        if kind == "kerb":
            return self.kerb, Semantic.KERB
        if kind == "median":
            return self.median, Semantic.TERRAIN
        return (self.asphalt * np.float32(0.94), Semantic.ROAD) if kind == "parking" else (self.asphalt, Semantic.ROAD)

    def paint(self, colour: str) -> np.ndarray:
        """Colour of lane paint."""
        return self.yellow if colour == "yellow" else self.white


def palette_of(road_type: RoadType, appearance_seed: int, snow: float, wetness: float) -> Palette:
    """The palette of one world; snow whitens everything but the wheel tracks, wetness darkens the asphalt."""
    rng = NoiseStream(appearance_seed).named("palette").rng()
    grass = np.array(_GRASS[rng.integers(len(_GRASS))])
    tone = rng.uniform(0.37, 0.47)
    asphalt = np.array([tone, tone, tone + rng.uniform(0.0, 0.02)])
    pavement = np.array([0.60, 0.58, 0.56]) * rng.uniform(0.92, 1.06)
    fields = _fields(rng, grass, road_type)
    median = grass * 0.95 if road_type == "motorway" else pavement * 0.95
    snowy, white = min(1.0, 1.6 * snow), np.array([0.90, 0.92, 0.95])
    asphalt = (asphalt * (1.0 - 0.30 * wetness)) * (1.0 - 0.30 * snowy) + white * 0.30 * snowy
    pavement = (pavement * (1.0 - 0.22 * wetness)) * (1.0 - 0.75 * snowy) + white * 0.75 * snowy
    fields = fields * (1.0 - 0.90 * snowy) + white * 0.90 * snowy
    median = median * (1.0 - 0.85 * snowy) + white * 0.85 * snowy
    single = np.float32
    return Palette(
        asphalt=asphalt.astype(single),
        pavement=pavement.astype(single),
        kerb=np.array([0.72, 0.71, 0.69], dtype=single) * single(1.0 - 0.12 * wetness),
        median=median.astype(single),
        white=np.array([0.93, 0.93, 0.92], dtype=single),
        yellow=np.array([0.93, 0.74, 0.18], dtype=single),
        fields=fields.astype(single),
        grass=(grass * (1.0 - 0.9 * snowy) + white * 0.9 * snowy).astype(single),
    )


def _fields(rng: np.random.Generator, grass: np.ndarray, road_type: RoadType) -> np.ndarray:
    fields = np.empty((16, 256, 3))
    fields[:] = grass
    if road_type != "urban":
        for rows in (slice(0, 6), slice(11, 16)):
            column = 0
            while column < 256:
                stop = min(256, column + int(rng.integers(5, 14)))
                crop = np.array(_CROPS[rng.integers(len(_CROPS))]) * rng.uniform(0.9, 1.08)
                fields[rows, column:stop] = crop
                column = stop
    else:
        fields[:] = grass * 0.8 + np.array([0.5, 0.49, 0.46]) * 0.2
    return fields


def body_colour(actor: Actor, appearance_seed: int) -> Colour3:
    """The actor's own colour, or one that its id and the seed choose, RGB 0-1."""
    if actor.colour is not None:
        red, green, blue = actor.colour
    else:
        rng = NoiseStream(appearance_seed).named("actor:" + actor.id).rng()
        choices = {"pedestrian": _CLOTHES, "bicycle": _CLOTHES, "motorcycle": _CAR_PAINT}.get(
            actor.category, _CAR_PAINT
        )
        if actor.category in ("truck", "trailer", "bus"):
            choices = _LORRIES
        if actor.category == "construction_vehicle":
            choices = ((232, 170, 30), (224, 120, 32))
        if actor.category == "traffic_cone":
            choices = ((236, 96, 28),)
        if actor.category == "barrier":
            choices = ((214, 52, 40), (232, 232, 228))
        red, green, blue = choices[int(rng.integers(len(choices)))]
    return red / 255.0, green / 255.0, blue / 255.0
