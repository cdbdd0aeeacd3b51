"""From a sentence about a scene to keys of the scenario: the words that it was understood as, and what each stands for.

The words are written into the scenario as the keys that a user would have written, so whatever takes a scenario takes one with a
text, every family of models obeys it, and a stored scenario goes as it went without reading anything again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from drivesim.errors import DriveSimError
from drivesim.scenarios.checks.messages import Finding, ScenarioError
from drivesim.scenarios.checks.scene_text import TEXT
from drivesim.scenarios.language.scene_text import SceneText, seal_of
from drivesim.scenarios.language.structure import findings_of

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario
    from drivesim.text.encoder import TextEncoder

_Key = tuple[str, ...]


def _environment(key: str, values: Mapping[str, Any]) -> dict[str, tuple[_Key, Any]]:
    return {word: (("scene", "environment", key), value) for word, value in values.items()}


#: What each word stands for: a key of the scenario, and the value of it.
KEY_OF_WORD: dict[str, tuple[_Key, Any]] = {
    **_environment(
        "time_of_day", {"dawn": "06:00", "morning": "08:30", "day": "14:00", "dusk": "19:15", "night": "23:00"}
    ),
    **_environment("sky", {"clear sky": "clear", "overcast": "overcast"}),
    **_environment("precipitation", {"no precipitation": {"type": "dry"}}),
    **_environment(
        "precipitation",
        {
            f"{degree} {kind}".replace("moderate ", ""): {"type": kind, "intensity": degree}
            for kind in ("rain", "snow")
            for degree in ("light", "moderate", "heavy")
        },
    ),
    **_environment(
        "road_surface",
        {"dry road": "dry", "damp road": "moist", "wet road": "wet_with_puddles", "flooded road": "low_flooded"},
    ),
    **_environment(
        "fog",
        {name: {"visual_range": metres} for name, metres in (("haze", 600.0), ("fog", 150.0), ("dense fog", 50.0))},
    ),
    **_environment("street_lights", {"street lights": True, "no street lights": False}),
    **{kind: (("scene", "road", "type"), kind) for kind in ("motorway", "rural", "urban")},
    "right-hand traffic": (("traffic",), "right_hand"),
    "left-hand traffic": (("traffic",), "left_hand"),
}


def with_text_read(
    written: dict[str, Any], folder: Path | None, encoder: TextEncoder | None = None
) -> tuple[dict[str, Any], Finding | None]:
    """The values of a scenario with what its text says written out as keys, where none of the user's own stands.

    ``folder`` is where the scenario's file lies, for an encoder that lies beside it; with ``encoder`` that one reads. The finding
    says why the text cannot be read, or that it says nothing of the scene. Values without a text, or with one that was read,
    come back as they are.
    """
    scene = written.get("scene")
    text = scene.get("text") if isinstance(scene, dict) else None
    text = {"says": text} if isinstance(text, str) else text
    if not isinstance(scene, dict) or not isinstance(text, dict) or "reading" in text:
        return written, None
    from drivesim.text.encoder import load_encoder
    from drivesim.text.head import understand

    try:
        reader = encoder or load_encoder(_beside(text.get("encoder"), folder))
        words = {name: round(share, 3) for name, share in understand(text["says"], reader).items()}
    except DriveSimError as error:
        return written, Finding(code="DS094", text=f"the scene's text cannot be read: {error}", location=TEXT)
    if not words:
        known = (
            "time of day, sky, rain, snow, fog, the road's surface and kind, street lights, or the side one drives on"
        )
        fault = f"'{text['says']}' says nothing of the scene that could be told apart. It may speak of {known}."
        return written, Finding(code="DS095", text=fault, location=TEXT)
    by = f"{reader.name} {reader.sha256[:16]}"
    reading = {"by": by, "words": words, "seal": seal_of(text["says"], by, words)}
    filled = {**written, "scene": {**scene, "text": {**text, "reading": reading}}}
    for word in words:
        filled = _with_default(filled, *KEY_OF_WORD[word])
    return filled, None


def described(scenario: Scenario, says: str, encoder: str | Path | TextEncoder | None) -> dict[str, Any]:
    """The values of a scenario with another text, read now. Raises ScenarioError where it cannot be read, or says nothing."""
    reader = encoder if encoder is not None and not isinstance(encoder, str | Path) else None
    named = str(encoder) if isinstance(encoder, str | Path) else None
    try:
        text = SceneText(says=says, encoder=named).model_dump(exclude_none=True)
    except ValidationError as error:
        faults = findings_of(error, SceneText, {"says": says, "encoder": named})
        raise ScenarioError([replace(one, location=(*TEXT, *one.location)).problem() for one in faults]) from None
    values = without_reading(scenario.to_dict())
    filled, fault = with_text_read({**values, "scene": {**values.get("scene", {}), "text": text}}, None, reader)
    if fault is not None:
        raise ScenarioError([fault.problem()])
    return filled


def without_reading(written: dict[str, Any]) -> dict[str, Any]:
    """The values of a scenario without its text, and without the keys that its text has filled in and nobody changed since."""
    scene = written.get("scene", {})
    text = SceneText.model_validate(scene["text"]) if "text" in scene else None
    if text is None:
        return written
    left: dict[str, Any] = {**written, "scene": {key: value for key, value in scene.items() if key != "text"}}
    for word in text.reading.words if text.reading is not None else ():
        left = _without(left, *KEY_OF_WORD[word])
    return left


def text_lines(scenario: Scenario) -> Iterator[str]:
    """What a scenario's text was understood as, in one line; and, in a second, what of it is overruled by what is written."""
    text = scenario.scene.text
    if text is None or text.reading is None:
        return
    acting = {name: _has(scenario, *KEY_OF_WORD[name]) for name in text.reading.words}
    said = ", ".join(f"{name} {share:.2f}" for name, share in text.reading.words.items())
    yield f"'{text.says}' is understood as: {said} (by {text.reading.by})"
    overruled = [f"{name} by {'.'.join(KEY_OF_WORD[name][0])}" for name, acts in acting.items() if not acts]
    if overruled:
        yield f"overruled by what is written: {', '.join(overruled)}"


def _beside(encoder: str | None, folder: Path | None) -> str | Path | None:
    """An encoder's folder as seen from the scenario's file; a hub's name, and what is no folder there, as it is."""
    if encoder is None or folder is None or not (folder / encoder).is_dir():
        return encoder
    return folder / encoder


def _with_default(values: dict[str, Any], path: _Key, value: Any) -> dict[str, Any]:
    """The values with ``value`` at a path, unless something stands there."""
    key, rest = path[0], path[1:]
    if rest:
        return {**values, key: _with_default(values.get(key, {}), rest, value)}
    return values if key in values else {**values, key: value}


def _without(values: dict[str, Any], path: _Key, value: Any) -> dict[str, Any]:
    """The values without what stands at a path, where that is ``value``, defaults of it left out or not."""
    key, rest = path[0], path[1:]
    if key not in values:
        return values
    if rest:
        return {**values, key: _without(values[key], rest, value)}
    there = values[key]
    same = there == value or (isinstance(there, dict) and isinstance(value, dict) and there.items() <= value.items())
    return {name: one for name, one in values.items() if name != key} if same else values


def _has(scenario: Scenario, path: _Key, value: Any) -> bool:
    """Whether the scenario has this value at a path."""
    found: Any = scenario
    for key in path:
        found = getattr(found, key)
    if isinstance(value, dict):
        return found is not None and all(getattr(found, key) == one for key, one in value.items())
    return bool(found == value)
