"""Rules between the parts of a scenario of which some parts are wrong by themselves: what can be said of the others at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.checks.rules import rule_findings
from drivesim.scenarios.checks.video import VideoForm, form_findings
from drivesim.scenarios.language.schema import Scenario, ScenarioFields
from drivesim.scenarios.language.structure import findings_of

_TRIES = 12
#: Findings about names that are not there: whoever has the name may be among what was taken out.
_ABOUT_NAMES = ("DS043", "DS044", "DS048")

Location = tuple[str | int, ...]


def findings_of_the_rest(written: Mapping[str, Any], made: VideoForm | None = None) -> list[Finding]:
    """What the rules find once every value that is wrong by itself is taken out, as far as it does not come from that.

    Nothing is said of a part that lost something. Places are those of ``written``. Empty where too little is left.
    """
    rest: dict[str, Any] = copy.deepcopy(dict(written))
    taken = [place for location in _empty(rest, ()) if (place := _take(rest, location)) is not None]
    for _ in range(_TRIES):
        try:
            ScenarioFields.__pydantic_validator__.validate_python(_without_gaps(rest))
            break
        except ValidationError as error:
            found_at = [found.location for found in findings_of(error, ScenarioFields, _without_gaps(rest))]
        places = [
            _numbered(rest, location) for location in dict.fromkeys(found_at)
        ]  # all of them before anything is taken out
        taken += [place for location in places if (place := _take(rest, location)) is not None]
    else:
        return []
    gone = [_name_of(written, place) for place in taken if isinstance(place[-1], int) or place[0] == "labels"]
    found, scenario = [], Scenario.from_dict(_without_gaps(rest))
    for finding in (*rule_findings(scenario), *form_findings(scenario, made)):
        location = _numbered(rest, finding.location)
        doubtful = finding.code in _ABOUT_NAMES and any(name is None or f"'{name}'" in finding.text for name in gone)
        if not doubtful and not any(_touch(location, place) for place in taken):
            found.append(Finding(code=finding.code, text=finding.text, location=location, severity=finding.severity))
    return found


def _name_of(written: Any, place: Location) -> str | None:
    """The name of a part that was taken out whole, None where it has none that can be read."""
    if place[0] == "labels":
        return str(place[1]) if len(place) > 1 else None
    for part in place:
        written = written[part]
    name = written.get("id") if isinstance(written, Mapping) else None
    return name if isinstance(name, str) else None


def _empty(value: Any, location: Location) -> list[Location]:
    """Places of keys without a value, which the schema would take for keys that are not there; the last of a list first."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    inside = [place for key, one in reversed(items) for place in _empty(one, (*location, key))]
    return [*inside, *([location] if value is None and location else [])]


class _Gap:
    """Where an item of a list was taken out: the others keep their numbers."""


_GAP = _Gap()


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_gaps(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_gaps(one) for one in value if not isinstance(one, _Gap)]
    return value


def _numbered(value: Any, location: Location) -> Location:
    """A place among the items that are left as a place among all."""
    result: list[str | int] = []
    for part in location:
        if isinstance(value, list) and isinstance(part, int):
            left = [index for index, one in enumerate(value) if not isinstance(one, _Gap)]
            part = left[part] if part < len(left) else part
        result.append(part)
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        value = value[part] if inside else None
    return tuple(result)


def _take(value: Any, location: Location) -> Location | None:
    """Take out what stands at a place, or, where something is missing there, what it is missing from; returns the place."""
    path: list[tuple[Any, str | int]] = []
    for part in location:
        there = (isinstance(value, dict) and part in value) or (
            isinstance(value, list)
            and isinstance(part, int)
            and part < len(value)
            and not isinstance(value[part], _Gap)
        )
        if not there:
            break
        path.append((value, part))
        value = value[part]
    if not path:
        return None
    holder, key = path[-1]
    if isinstance(holder, list):
        holder[int(key)] = _GAP
    else:
        del holder[key]
    return tuple(part for _, part in path)


def _touch(location: Location, taken: Location) -> bool:
    """Whether a finding speaks of the part that lost something, or of something inside or around it."""
    part = taken if isinstance(taken[-1], int) else taken[:-1]
    if not part:
        return location[:1] == taken[:1]
    shorter = min(len(part), len(location))
    return location[:shorter] == part[:shorter]
