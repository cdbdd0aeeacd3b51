"""Time of day and weather of a nuScenes scene, from its description and its log."""

from __future__ import annotations

import datetime
import re

from drivesim.scene import Environment

#: Hours that stand for day and night when the log's clock is not known or disagrees with the description.
DAY_HOUR, NIGHT_HOUR = 14.0, 22.0


def environment_of(description: str, logfile: str, timestamp_us: int) -> Environment:
    """Environment from the words of a scene's description (night, rain, after rain), hour from the log's clock.

    nuScenes names logs by local time with its offset from UTC (``...-11-22-45+0800``). Fog and sky are seldom written
    down: the sky is overcast in rain or when the description says so, else clear.
    """
    text = description.lower()
    after_rain = re.search(r"\b(?:after|past) (?:the )?rain\b", text) is not None
    raining = re.search(r"\b(?:rain|raining|rainy|drizzle)\b", re.sub(r"\b(?:after|past|no) (?:the )?rain\b", "", text))
    heavy, light = (re.search(rf"\b{word}\b", text) is not None for word in ("heavy rain", "light rain|drizzle"))
    rain = 0.0 if raining is None else 1.0 if heavy else 0.25 if light else 0.5
    snowing = re.search(r"\bsnow(?:ing|y)?\b", text) is not None
    night = re.search(r"\b(?:night|dark)\b", text) is not None
    overcast = rain > 0.0 or snowing or re.search(r"\b(?:overcast|cloudy)\b", text) is not None
    return Environment(
        hour=_hour(logfile, timestamp_us, night),
        sky="overcast" if overcast else "clear",
        rain=rain,
        snow=0.5 if snowing else 0.0,
        wetness=0.35 + 0.6 * rain if rain > 0.0 else 0.4 if after_rain else 0.0,
        street_lights=night,
    )


def _hour(logfile: str, timestamp_us: int, night: bool) -> float:
    offset = re.search(r"([+-])(\d{2})(\d{2})$", logfile)
    if offset is None:
        return NIGHT_HOUR if night else DAY_HOUR
    minutes = (60 * int(offset[2]) + int(offset[3])) * (-1 if offset[1] == "-" else 1)
    utc = datetime.datetime.fromtimestamp(timestamp_us * 1e-6, tz=datetime.UTC)
    hour = (utc.hour + utc.minute / 60.0 + utc.second / 3600.0 + minutes / 60.0) % 24.0
    # The word wins over the clock: it is what the annotators saw.
    if (Environment(hour=hour).darkness > 0.5) == night:
        return hour
    return NIGHT_HOUR if night else DAY_HOUR
