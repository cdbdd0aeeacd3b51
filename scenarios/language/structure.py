"""From pydantic's errors to findings a person can act on: near words, examples, and the place in the written values."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.language.units import shown
from drivesim.scenarios.language.values import suggestion

_EXAMPLES = {
    "id": "id: my-scenario",
    "class": "class: car",
    "actor": "actor: lead",
    "action": "action: {lane_change: {to: ego, over: 3 s}}",
    "to": "to: ego",
    "x": "x: 20 m",
    "y": "y: -3 m",
    "label": "label: crash",
    "image": "image: photo.jpg",
    "fx": "fx: 810",
    "below": "below: 3 s",
    "min_below": "min_below: 1.5 s",
    "max_above": "max_above: 2.5 m/s2",
    "visual_range": "visual_range: 150 m",
    "mean": "mean: 22 m/s",
    "std": "std: 2 m/s",
}
#: Keys that other tools know and this one has no world for yet, with the reason.
_FLAT = "the ground is flat everywhere. A queue behind a crest can be had as one in fog: 'fog: 60 m'."
_NOT_YET = {
    "crest": _FLAT,
    "sag": _FLAT,
    "gradient": _FLAT,
    "slope": _FLAT,
    "elevation": _FLAT,
    "profile": _FLAT,
    "superelevation": "roads are level across, in bends too. Leave it out.",
    "roundabout": "there are no roundabouts. Use a junction: 'junction: {at: 60 m, control: priority}'.",
    "exit": "motorways have no exits, only an acceleration lane ('ramp'). Use a junction on an urban or rural road.",
    "intersection": "it is called junction: 'junction: {at: 60 m, arms: [left, right]}'.",
    "junctions": "a road has one junction: 'junction: {at: 60 m, arms: [left, right]}'.",
}
_KINDS = {
    "model_type": "a mapping. Use {key: value}",
    "model_attributes_type": "a mapping. Use {key: value}",
    "dict_type": "a mapping. Use {key: value}",
    "tuple_type": "a list. Use [item, item]",
    "list_type": "a list. Use [item, item]",
}


def findings_of(error: ValidationError, model: type[BaseModel], written: Any) -> list[Finding]:
    """One finding for each of pydantic's errors about ``written``, the plain values that ``model`` was given."""
    return [_finding(detail, model, written) for detail in error.errors(include_url=False)]


def _finding(detail: Any, model: type[BaseModel], written: Any) -> Finding:
    raw, kind = tuple(detail["loc"]), detail["type"]
    location = written_location(raw, written)
    if kind.startswith("DS"):
        return Finding(code=kind, text=detail["ctx"]["text"], location=location)
    if kind == "extra_forbidden":
        return _unknown_key(
            str(raw[-1]), sorted(known_keys(model, raw[:-1])), (*written_location(raw[:-1], written), raw[-1])
        )
    if kind == "missing":
        key = str(raw[-1])
        fix = f" Add '{_EXAMPLES[key]}'." if key in _EXAMPLES else " Add it."
        return Finding(code="DS022", text=f"missing key '{key}'.{fix}", location=(*location, key))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _alternative(detail, model, raw, location)
    if kind in _KINDS:
        return Finding(code="DS023", text=f"{shown(detail['input'])} is not {_KINDS[kind]}.", location=location)
    return Finding(code="DS023", text=f"{detail['msg']}.", location=location)


def _unknown_key(key: str, known: list[str], location: tuple[str | int, ...]) -> Finding:
    if key in _NOT_YET:
        return Finding(code="DS021", text=f"'{key}': {_NOT_YET[key]}", location=location)
    near = suggestion(key, known)
    fix = f"Did you mean '{near}'?" if near else f"Known here: {', '.join(known)}."
    return Finding(code="DS021", text=f"unknown key '{key}'. {fix}", location=location)


def _alternative(detail: Any, model: type[BaseModel], raw: tuple[Any, ...], location: tuple[Any, ...]) -> Finding:
    known = sorted(known_keys(model, raw))
    value = detail["input"]
    if isinstance(value, Mapping) and len(value) == 1:
        key = str(next(iter(value)))
        return _unknown_key(key, known, (*location, key))
    given = f"got {', '.join(map(str, value)) or 'none'}" if isinstance(value, Mapping) else f"got {shown(value)}"
    text = f"exactly one of {', '.join(known)} is due here, {given}. Write it as {{{known[0]}: …}}."
    return Finding(code="DS030", text=text, location=location)


def written_location(location: Iterable[str | int], written: Any) -> tuple[str | int, ...]:
    """The part of pydantic's location that exists in the written values (names of alternatives drop out)."""
    kept: list[str | int] = []
    for part in location:
        if isinstance(written, Mapping) and part in written:
            written = written[part]
        elif isinstance(written, list | tuple) and isinstance(part, int) and part < len(written):
            written = written[part]
        elif isinstance(written, BaseModel) and hasattr(written, str(part)):
            written = getattr(written, str(part))
        else:
            continue
        kept.append(part)
    return tuple(kept)


def known_keys(model: type[BaseModel], location: Iterable[str | int]) -> set[str]:
    """The keys that may stand at a location of a model, over all alternatives there."""
    candidates = [model]
    for part in location:
        inner = [
            found
            for candidate in candidates
            for name, info in candidate.model_fields.items()
            if part in (name, info.alias)
            for found in _models_in(info.annotation)
        ]
        candidates = inner or candidates
    return {info.alias or name for candidate in candidates for name, info in candidate.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
