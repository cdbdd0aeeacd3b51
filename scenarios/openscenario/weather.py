"""Time of day and weather of an OpenSCENARIO environment, in the words of a scenario."""

from __future__ import annotations

import re
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters

#: Millimetres an hour of the heaviest rain or snow (intensity 1).
HEAVIEST_MM_PER_H = 10.0

_CLOUDY = {"overcast", "rainy", "skyOff", "fiveOktas", "sixOktas", "sevenOktas", "eightOktas", "nineOktas"}
_WETNESS = {
    "dry": "dry", "moist": "moist", "wetWithPuddles": "wet_with_puddles", "lowFlooded": "low_flooded",
    "highFlooded": "high_flooded",
}  # fmt: skip
_CLOCK = re.compile(r"T(\d\d:\d\d)")
#: Below this the sun lights nothing (lux).
_NIGHT_LUX = 10.0


def read_environment(environment: Element, parameters: Parameters) -> dict[str, Any]:
    """The values of a scenario's ``environment``. Raises InputError for words that OpenSCENARIO does not have."""
    written: dict[str, Any] = {}
    clock, weather, road = (environment.child(name) for name in ("TimeOfDay", "Weather", "RoadCondition"))
    if clock is not None:
        found = _CLOCK.search(parameters.text(clock, "dateTime"))
        if found is None:
            raise InputError(f"{clock.where}: dateTime {clock.attributes['dateTime']!r} has no time such as T14:00:00.")
        written["time_of_day"] = found[1]
    if weather is not None:
        written |= _weather(weather, parameters)
    if road is not None and "wetness" in road.attributes:
        wetness = parameters.text(road, "wetness")
        if wetness not in _WETNESS:
            raise InputError(f"{road.where}: wetness '{wetness}' is none of {', '.join(_WETNESS)}.")
        written["road_surface"] = _WETNESS[wetness]
    return written


def _weather(weather: Element, parameters: Parameters) -> dict[str, Any]:
    written: dict[str, Any] = {}
    clouds = weather.attributes.get("fractionalCloudCover") or weather.attributes.get("cloudState")
    if clouds is not None:
        written["sky"] = "overcast" if parameters.resolve(clouds, weather.where) in _CLOUDY else "clear"
    sun, fog, falling = (weather.child(name) for name in ("Sun", "Fog", "Precipitation"))
    if sun is not None:
        bright = "illuminance" if "illuminance" in sun.attributes else "intensity"
        if bright in sun.attributes and parameters.number(sun, bright) < _NIGHT_LUX:
            written["time_of_day"] = "23:00"
    if fog is not None:
        fog.take()
        visible = parameters.number(fog, "visualRange")
        if visible < 10_000.0:
            written["fog"] = {"visual_range": max(visible, 10.0)}
    if falling is not None:
        kind = parameters.text(falling, "precipitationType")
        if kind not in ("dry", "rain", "snow"):
            raise InputError(f"{falling.where}: precipitation '{kind}' is none of dry, rain, snow.")
        rate = "precipitationIntensity" if "precipitationIntensity" in falling.attributes else "intensity"
        amount = parameters.number(falling, rate, 0.0) / (
            HEAVIEST_MM_PER_H if rate == "precipitationIntensity" else 1.0
        )
        if kind != "dry" and amount > 0.0:
            written["precipitation"] = {"type": kind, "intensity": round(min(amount, 1.0), 4)}
    return written
