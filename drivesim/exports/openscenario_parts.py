"""Entities, places, weather and trajectories of OpenSCENARIO 1.2, written with scenariogeneration.

A vehicle's reference point is its rear axle on the ground, a pedestrian's or object's the middle of its box on the ground; this
package's actors are told by the middle of their boxes.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from scenariogeneration import xosc

from drivesim.exports.contents import SYNTHETIC
from drivesim.metrics.criticality import EgoSize
from drivesim.scenarios.openscenario.weather import HEAVIEST_MM_PER_H
from drivesim.scene import Actor, Environment, Track
from drivesim.traffic.dimensions import EGO_HEIGHT_M

EGO = "Ego"


def entity_name(actor_id: str) -> str:
    """The name of the ego or an actor in the file."""
    return EGO if actor_id == "ego" else actor_id


#: From the middle of a vehicle's box back to its rear axle, as a share of its length: that of the ego.
REAR_AXLE_SHARE = 0.5 - EgoSize().rear_m / (EgoSize().front_m + EgoSize().rear_m)

_FRICTION = {"dry": 1.0, "moist": 0.8, "wetWithPuddles": 0.6, "lowFlooded": 0.5, "highFlooded": 0.4}
_WETNESS = ((0.05, "dry"), (0.5, "moist"), (0.8, "wetWithPuddles"), (0.95, "lowFlooded"), (np.inf, "highFlooded"))

_VEHICLES = {
    "car": "car", "truck": "truck", "bus": "bus", "trailer": "trailer", "construction_vehicle": "truck",
    "motorcycle": "motorbike", "bicycle": "bicycle",
}  # fmt: skip
_TOP_SPEEDS_MPS = {"bicycle": 15.0, "truck": 30.0, "bus": 30.0, "construction_vehicle": 20.0}

#: A vehicle, pedestrian or object; scenariogeneration names no type that they share.
Entity: TypeAlias = Any


def ego_entity() -> xosc.Vehicle:
    """The ego: its size is fixed, as its camera is what the model looks through."""
    size = EgoSize()
    return _vehicle("ego", "car", size.front_m + size.rear_m, size.width_m, EGO_HEIGHT_M)


def entity_of(actor: Actor) -> Entity:
    """An actor as vehicle, pedestrian or object, its class, preset and look as properties."""
    if actor.category in _VEHICLES:
        made: Entity = _vehicle(actor.id, actor.category, actor.length, actor.width, actor.height)
    else:
        box = xosc.BoundingBox(actor.width, actor.length, actor.height, 0.0, 0.0, actor.height / 2)
        if actor.category == "pedestrian":
            made = xosc.Pedestrian(actor.id, 75.0, xosc.PedestrianCategory.pedestrian, box)
        else:
            kind = xosc.MiscObjectCategory.barrier if actor.category == "barrier" else xosc.MiscObjectCategory.obstacle
            made = xosc.MiscObject(actor.id, 10.0, kind, box)
    made.add_property("drivesim.class", actor.category)
    for name, value in (("drivesim.preset", actor.preset), ("drivesim.look", actor.look)):
        if value is not None:
            made.add_property(name, value)
    return made


def reference_places(actor: Actor) -> np.ndarray:
    """Places (T, 2) of an actor's reference point."""
    back = REAR_AXLE_SHARE * actor.length if actor.category in _VEHICLES else 0.0
    yaw = actor.track.yaw_rad
    return actor.track.positions[:, :2] - back * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)


def position(place: np.ndarray, yaw_rad: float) -> xosc.WorldPosition:
    """A place on the ground in the world frame, to a millimetre."""
    return xosc.WorldPosition(round(float(place[0]), 3), round(float(place[1]), 3), 0.0, round(float(yaw_rad), 5))


def trajectory(name: str, places: np.ndarray, track: Track, frames: range, fps: float) -> xosc.FollowTrajectoryAction:
    """The way through ``frames`` (two or more) with the time of each, counted from frame 0."""
    times = [round(frame / fps, 6) for frame in frames]
    line = xosc.Polyline(times, [position(places[frame], track.yaw_rad[frame]) for frame in frames])
    way = xosc.Trajectory(name, False)
    way.add_shape(line)
    return xosc.FollowTrajectoryAction(way, xosc.FollowingMode.position, xosc.ReferenceContext.absolute, 1.0, 0.0)


def environment_action(environment: Environment) -> xosc.EnvironmentAction:
    """Time of day, clouds, precipitation, fog and wetness of a scene."""
    minutes = round(environment.hour * 60.0) % (24 * 60)
    kind, share = xosc.PrecipitationType.dry, 0.0
    if environment.rain > 0.0:
        kind, share = xosc.PrecipitationType.rain, environment.rain
    elif environment.snow > 0.0:
        kind, share = xosc.PrecipitationType.snow, environment.snow
    clouds = xosc.FractionalCloudCover
    weather = xosc.Weather(
        cloudstate=clouds.eightOktas if environment.sky == "overcast" else clouds.zeroOktas,
        fog=xosc.Fog(environment.fog_visibility_m) if np.isfinite(environment.fog_visibility_m) else None,
        precipitation=xosc.Precipitation(kind, round(share * HEAVIEST_MM_PER_H, 3)),
    )
    wetness = next(name for limit, name in _WETNESS if environment.wetness < limit)
    return xosc.EnvironmentAction(
        xosc.Environment(
            SYNTHETIC,
            xosc.TimeOfDay(False, 2020, 1, 1, minutes // 60, minutes % 60, 0),
            weather,
            xosc.RoadCondition(_FRICTION[wetness], wetness=getattr(xosc.Wetness, wetness)),
        )
    )


def at_time(name: str, time_s: float, point: Literal["start", "stop"] = "start") -> xosc.ValueTrigger:
    """From a moment of the simulation on, or with ``stop`` until then."""
    passed = xosc.SimulationTimeCondition(round(time_s, 6), xosc.Rule.greaterOrEqual)
    return xosc.ValueTrigger(name, 0.0, xosc.ConditionEdge.none, passed, triggeringpoint=point)


def _vehicle(name: str, category: str, length: float, width: float, height: float) -> xosc.Vehicle:
    back = REAR_AXLE_SHARE * length
    wheel = round(min(0.65, 0.4 * height), 3)
    kind = getattr(xosc.VehicleCategory, _VEHICLES[category])
    return xosc.Vehicle(
        entity_name(name),
        kind,
        xosc.BoundingBox(width, length, height, round(back, 4), 0.0, height / 2),
        xosc.Axle(0.5, wheel, round(0.85 * width, 3), round(0.6 * length, 3), round(wheel / 2, 4)),
        xosc.Axle(0.0, wheel, round(0.85 * width, 3), 0.0, round(wheel / 2, 4)),
        _TOP_SPEEDS_MPS.get(category, 70.0),
        8.0,
        10.0,
    )
