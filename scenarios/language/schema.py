"""The scenario model: what a user writes, in SI, frozen, with unknown keys refused.

Frames: places are in the ego frame at t = 0 (x forward, y left, origin under the rear axle). Values that vary between
variations are written ``$name`` and described in ``vary``; :meth:`Scenario.concrete` fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from drivesim.scenarios.checks.messages import ScenarioError
from drivesim.scenarios.language import distributions
from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.builder import ScenarioBuilder
from drivesim.scenarios.language.classes import CLASS_ALIASES, CLASSES
from drivesim.scenarios.language.constraints import ConstraintText, where_with
from drivesim.scenarios.language.designs import Design, design_of
from drivesim.scenarios.language.distributions import AnyDistribution, Distribution
from drivesim.scenarios.language.ego_plan import WrittenEgoPlan
from drivesim.scenarios.language.events import Event, Expectation, Label
from drivesim.scenarios.language.junctions import ArmSide, JunctionSpec
from drivesim.scenarios.language.meeting import Meeting
from drivesim.scenarios.language.scene_text import SceneText
from drivesim.scenarios.language.structure import findings_of
from drivesim.scenarios.language.units import shown
from drivesim.scenarios.language.values import (
    VARIABLE_PARTS,
    Angle,
    Clock,
    Count,
    Flag,
    Identifier,
    LaneName,
    Length,
    Number,
    PlainValue,
    Quantity,
    Size,
    Speed,
    Text,
    Word,
    complain,
    reference_name,
    shorthand,
    substitute,
)
from drivesim.traffic.dimensions import PRESET_SIZES

if TYPE_CHECKING:
    from drivesim.scenarios.concrete import ConcreteScenario

#: Words for intensity, as shares of the heaviest.
INTENSITIES = {"light": 0.3, "moderate": 0.6, "heavy": 1.0}
WETNESS = {"dry": 0.0, "moist": 0.3, "wet_with_puddles": 0.7, "low_flooded": 0.9, "high_flooded": 1.0}


class _Intensity(PlainValue):
    def validate(self, value: Any) -> Any:
        if reference_name(value) or (isinstance(value, str) and value in INTENSITIES):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Quantity("number", 0.0, 1.0).validate(value)
        raise complain(
            "DS024", f"{shown(value)} is not an intensity: {', '.join(INTENSITIES)}, or a number from 0 to 1."
        )

    def json_schema(self) -> dict[str, Any]:
        return {
            "anyOf": [{"enum": list(INTENSITIES)}, {"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]
        }


class Precipitation(Model):
    """Rain or snow and how much of it."""

    type: Annotated[str, Word(("dry", "rain", "snow"))] = "dry"
    intensity: Annotated[float | str, _Intensity()] = "moderate"


class Fog(Model):
    """Fog by its meteorological visual range in metres."""

    visual_range: Annotated[Number, Quantity("length", 10.0, 10_000.0)]


class EnvironmentSpec(Model):
    """Time of day and weather, the same for the whole scene."""

    time_of_day: Clock = "14:00"
    sky: Annotated[str, Word(("clear", "overcast"), {"sunny": "clear", "cloudy": "overcast"})] = "clear"
    precipitation: Annotated[Precipitation, shorthand("type")] = Precipitation()
    road_surface: Annotated[str, Word(tuple(WETNESS))] | None = None
    fog: Annotated[Fog, shorthand("visual_range")] | None = None
    street_lights: Flag | None = None


class RoadSpec(Model):
    """The road the ego drives on; lane 1 is nearest the kerb."""

    type: Annotated[
        str,
        Word(
            ("motorway", "rural", "urban"),
            {"highway": "motorway", "freeway": "motorway", "city": "urban", "country": "rural"},
            varies=False,
        ),
    ] = "motorway"
    lanes: Annotated[int, Count(1, 6)] | None = None
    ego_lane: Annotated[int, Count(1, 6)] = 1
    lane_width: Annotated[Number, Quantity("length", 2.2, 6.0, varies=False)] = 3.5
    speed_limit: Annotated[Number, Quantity("speed", 0.0, 100.0, above=True, varies=False)] | None = None
    oncoming_lanes: Annotated[int, Count(0, 6)] | None = None
    ramp: Annotated[str, Word(("right", "left"), varies=False)] | None = None
    crossings: tuple[Annotated[Number, Quantity("length", 0.0, 2000.0, varies=False)], ...] = ()
    curvature: Annotated[Number, Quantity("curvature", -0.04, 0.04, varies=False)] | None = None
    junction: JunctionSpec | None = None


class EgoSpec(Model):
    """The ego vehicle; without a speed it drives at the road's limit. ``target_speed`` is what it returns to.

    With a ``plan`` it is driven as that says, whatever is in its way, and its speed at t = 0 is the plan's. One that does
    not react keeps its speed exactly until an event; it may drive backwards too, at a speed below 0.
    """

    speed: Annotated[Number, Quantity("speed", -8.0, 100.0)] | None = None
    reacts: Flag = True
    target_speed: Speed | None = None
    plan: WrittenEgoPlan | None = None


class Place(Model):
    """A place in the ego frame at t = 0: metres forward (x) and to the left (y)."""

    x: Length
    y: Length


class Dimensions(Model):
    """Size of an actor in metres, length along its heading."""

    length: Size | None = None
    width: Size | None = None
    height: Size | None = None


class ActorSpec(Model):
    """A traffic participant, placed on a lane with a gap to the ego, at a place in the ego frame, so that they meet, or on an arm of the
    junction.

    Who ``reacts`` not goes exactly as written, whatever is in the way; by default who ``meets`` the ego.
    """

    id: Identifier
    category: Annotated[str, Word(CLASSES, CLASS_ALIASES)] = Field(alias="class")
    preset: Annotated[str, Word(tuple(PRESET_SIZES))] | None = None
    lane: LaneName | None = None
    gap: Length | None = None
    at: Place | None = None
    meets: Meeting | None = None
    reacts: Flag | None = None
    arm: ArmSide | None = None
    to_line: Length | None = None
    yaw: Angle | None = None
    speed: Speed | None = None
    target_speed: Speed | None = None
    size: Dimensions | None = None
    look: Text | None = None
    parked: Flag = False
    allow_overlap: Flag = False


class Traffic(Model):
    """Ambient traffic beside the scripted actors; ``pedestrians`` and ``parked`` exist on urban roads."""

    density: Annotated[str, Word(("none", "light", "medium", "dense"))] = "light"
    pedestrians: Flag | None = None
    parked: Flag | None = None


#: Words for how much stands beside the road, as multiples of what is usual for the road's type.
ROADSIDE_DENSITIES = {"none": 0.0, "sparse": 0.4, "usual": 1.0, "dense": 2.0}
_Much = Annotated[str, Word(tuple(ROADSIDE_DENSITIES))]


class RoadsideScenery(Model):
    """What stands beside the road; ``furniture`` is signs, posts, bins and boards (lamps and signals belong to the road)."""

    buildings: _Much = "usual"
    trees: _Much = "usual"
    furniture: _Much = "usual"


class Setting(Model):
    """t = 0, what the start frame must show."""

    environment: EnvironmentSpec = EnvironmentSpec()
    road: RoadSpec = RoadSpec()
    ego: EgoSpec = EgoSpec()
    actors: tuple[ActorSpec, ...] = ()
    traffic: Annotated[Traffic, shorthand("density")] = Traffic()
    roadside: RoadsideScenery = RoadsideScenery()
    text: Annotated[SceneText, shorthand("says")] | None = None


class Mount(Model):
    """Pose of the camera in the ego frame; positive pitch looks down."""

    x: Length = 1.7
    y: Length = 0.0
    z: Annotated[Number, Quantity("length", 0.1, 6.0, varies=False)] = 1.51
    yaw: Angle = 0.0
    pitch: Angle = 0.0
    roll: Angle = 0.0


Focal = Annotated[float, Quantity("number", 10.0, 20_000.0, varies=False)]


class CameraRig(Model):
    """A pinhole camera: focal lengths and principal point in pixels of a width x height image."""

    fx: Focal
    fy: Focal | None = None
    cx: Annotated[float, Quantity("number", -10_000.0, 20_000.0, varies=False)] | None = None
    cy: Annotated[float, Quantity("number", -10_000.0, 20_000.0, varies=False)] | None = None
    width: Annotated[int, Count(16, 8192)] = 1024
    height: Annotated[int, Count(16, 8192)] = 512
    mount: Mount = Mount()


class Video(Model):
    """Shape and length of the video."""

    height: Annotated[int, Count(64, 4096)] = 512
    width: Annotated[int, Count(64, 8192)] = 1024
    fps: Annotated[float, Quantity("number", 0.5, 120.0, varies=False)] = 10.0
    duration: Annotated[Number, Quantity("time", 0.1, 36_000.0, varies=False)] = 60.0


class Sampling(Model):
    """How parameters are sampled, how many futures each variation gets, and how many may be drawn where events select."""

    seed: Annotated[int, Count(0, 2**63 - 1)] = 0
    method: Annotated[str, Word(("sobol", "latin", "halton", "grid", "random"), varies=False)] = "sobol"
    variations: Annotated[int, Count(1, 65_536)] = 8
    futures: Annotated[int, Count(1, 100_000)] = 16
    max_tries: Annotated[int, Count(1, 1_000_000)] = 128


class Start(Model):
    """A real picture to begin from instead of a synthesised start frame."""

    image: Text


class _CameraName(PlainValue):
    def validate(self, value: Any) -> Any:
        if value == "nuscenes_front":
            return value
        known = "nuscenes_front, or your own as {fx, fy, cx, cy, width, height, mount}"
        raise complain("DS024", f"{shown(value)} is not a camera. Use {known}.")

    def json_schema(self) -> dict[str, Any]:
        return {"enum": ["nuscenes_front"]}


Camera = Annotated[
    Annotated[CameraRig, Tag("rig")] | Annotated[str, _CameraName(), Tag("name")],
    Discriminator(lambda value: "rig" if isinstance(value, Mapping | CameraRig) else "name"),
]
Side = Annotated[str, Word(("right_hand", "left_hand"), {"right": "right_hand", "left": "left_hand"}, varies=False)]
Output = Annotated[str, Word(("mp4", "frames", "mcap", "nuscenes", "coco", "xosc"), varies=False)]


#: One condition may stand without brackets.
_listed = BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)


class ScenarioFields(Model):
    """The fields of a scenario, as a file holds them."""

    id: Identifier
    world: Identifier | None = None
    title: Text = ""
    tags: tuple[Identifier, ...] = ()
    camera: Camera = "nuscenes_front"
    video_settings: Video = Field(default=Video(), alias="video")
    traffic: Side = "right_hand"
    sampling_settings: Sampling = Field(default=Sampling(), alias="sampling")
    outputs: tuple[Output, ...] = ("mp4",)
    start: Start | None = None
    variation: Annotated[int, Count(0, 10**9)] | None = None
    vary: dict[Identifier, Distribution] = Field(default_factory=dict)
    constraints: Annotated[tuple[Annotated[str, ConstraintText()], ...], _listed] = Field(default=(), alias="where")
    scene: Setting = Setting()
    events: tuple[Event, ...] = ()
    labels: dict[Identifier, Label] = Field(default_factory=dict)
    expectations: tuple[Expectation, ...] = Field(default=(), alias="expect")


class Scenario(ScenarioBuilder, ScenarioFields):
    """One scenario as it is written, with or without ``vary``; immutable, equal to its YAML.

    Raises ScenarioError, with every problem at once, when a value is not usable.
    """

    def __init__(self, id: Any = None, /, **keys: Any) -> None:
        given = keys if id is None else {"id": id, **keys}
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ScenarioError([found.problem() for found in findings_of(error, type(self), given)]) from None

    @classmethod
    def from_dict(cls, keys: Mapping[str, Any]) -> Self:
        """A scenario from plain values as a YAML file holds them (without the ``drivesim`` key). Raises ScenarioError."""
        return cls(None, **dict(keys))

    def to_dict(self) -> dict[str, Any]:
        """Plain values in SI, as a YAML file holds them; defaults are left out."""
        return {"id": self.id, **self.model_dump(mode="python", by_alias=True, exclude_defaults=True)}

    def to_yaml(self) -> str:
        """A scenario file in SI units that loads to an equal scenario."""
        from drivesim.scenarios.language.yaml_writer import scenario_text

        return scenario_text(self.to_dict())

    def text(self, says: str, *, encoder: Any = None) -> Self:
        """The scenario with a sentence about its scene, read now: what it says fills in what is not written, or written as the default.

        ``encoder`` is a folder, a hub's "owner/name" or a ``TextEncoder``. Raises ScenarioError for a text that says nothing.
        """
        from drivesim.scenarios.scene_text import described

        return type(self).from_dict(described(self, says, encoder))

    @property
    def world_name(self) -> str:
        """What everything is seeded by that follows from a name: ``world``, by default the id."""
        return self.id if self.world is None else self.world

    @property
    def num_variations(self) -> int:
        """How many variations there are: those of the full grid that meet ``where``, those asked for, or 1 when nothing varies."""
        return self.design.size

    @property
    def design(self) -> Design:
        """What its variations are drawn by."""
        sampling = self.sampling_settings
        return design_of(
            self.vary, sampling.method, sampling.seed, self.world_name, sampling.variations, self.constraints
        )

    def drawn_as(self, variation: int) -> int:
        """The number by which traffic, start frame and noise of a variation are drawn: its own, or the one written."""
        return variation if self.variation is None else self.variation

    def parameters(self, variation: int = 0) -> dict[str, distributions.Value]:
        """Values (SI) of all parameters in a variation; a pure function of the world's name, sampling and number.

        Raises InputError where too few points of the design meet ``where``.
        """
        if variation < 0:
            raise ValueError(f"variation is {variation}; it counts from 0")
        return self.design.values(variation)

    def concrete(self, variation: int = 0) -> ConcreteScenario:
        """One variation as plain numbers, defaults filled in and checked. Raises ScenarioError for what cannot be placed."""
        from drivesim.scenarios.checks.scenario import check_scenario
        from drivesim.scenarios.concrete import concrete_of

        parameters = self.parameters(variation)
        filled = self.with_parameters(parameters)
        if errors := check_scenario(filled).errors:
            raise ScenarioError(errors)
        return concrete_of(filled, parameters)

    def with_parameters(self, values: Mapping[str, distributions.Value]) -> Self:
        """The scenario with the named parameters fixed to ``values`` and the others still varying.

        Raises ScenarioError for values that contradict ``where``.
        """
        keys = self.to_dict()
        keys["where"] = where_with(self.constraints, values, self.vary)
        left: dict[str, AnyDistribution] = {name: d for name, d in self.vary.items() if name not in values}
        keys["vary"] = {name: d.model_dump(exclude_defaults=True) for name, d in left.items()}
        for part in VARIABLE_PARTS:
            if part in keys:
                keys[part] = substitute(keys[part], values)
        return type(self).from_dict(keys)
