"""Value types of the schema: quantities with units, words with aliases, identifiers, clock times.

Each is an annotation for pydantic that parses strictly, speaks plainly when it cannot, and lets ``$parameter`` through
where a value may vary.
"""

from __future__ import annotations

import difflib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from drivesim.scenarios.language.units import Dimension, UnitError, parse, shown

#: The top keys of a scenario in which ``$parameters`` may stand.
VARIABLE_PARTS = ("scene", "events", "labels", "camera")
_REFERENCE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def reference_name(value: object) -> str | None:
    """The parameter that a value such as ``$gap`` refers to, or None."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return match.group(1) if match else None


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to ``word``, or None when none is near."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def complain(code: str, text: str) -> PydanticCustomError:
    """A pydantic error that carries one of our codes."""
    return PydanticCustomError(code, "{text}", {"text": text})


class PlainValue(ABC):
    """An annotation whose ``validate`` replaces pydantic's own validation."""

    @abstractmethod
    def validate(self, value: Any) -> Any:
        """The value in SI, or as the word it stands for. Raises a pydantic error from :func:`complain`."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """What an editor may complete."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.json_schema()


@dataclass(frozen=True)
class Quantity(PlainValue):
    """A number in SI or a text with a unit, within bounds; ``above`` excludes the minimum."""

    dimension: Dimension
    minimum: float = -math.inf
    maximum: float = math.inf
    above: bool = False
    varies: bool = True

    def validate(self, value: Any) -> Any:
        if self.varies and reference_name(value):
            return value
        try:
            return parse(value, self.dimension, minimum=self.minimum, maximum=self.maximum, above=self.above)
        except UnitError as error:
            raise complain(error.code, str(error)) from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["number", "string"], "description": f"{self.dimension} (a plain number is SI)"}


@dataclass(frozen=True)
class Count(PlainValue):
    """A whole number within bounds."""

    minimum: int
    maximum: int

    def validate(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise complain("DS028", f"{shown(value)} is not a whole number. Use {self.minimum} to {self.maximum}.")
        if not isinstance(value, int):
            if not (isinstance(value, float) and value.is_integer()):
                raise complain("DS025", f"{shown(value)} is not a whole number. Use {self.minimum} to {self.maximum}.")
            value = int(value)
        if not self.minimum <= value <= self.maximum:
            raise complain("DS027", f"{value} is out of range: it must be {self.minimum} to {self.maximum}.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, eq=False)
class Word(PlainValue):
    """One of a few words; ``aliases`` maps other spellings to them."""

    words: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    varies: bool = True

    def validate(self, value: Any) -> Any:
        if self.varies and reference_name(value):
            return value
        known = ", ".join(self.words)
        if not isinstance(value, str):
            raise complain("DS024", f"{shown(value)} is not one of: {known}.")
        word = self.aliases.get(value, value)
        if word not in self.words:
            near = suggestion(value, (*self.words, *self.aliases))
            hint = f" Did you mean '{near}'?" if near else ""
            raise complain("DS024", f"{shown(value)} is not one of: {known}.{hint}")
        return word

    def json_schema(self) -> dict[str, Any]:
        words = {"enum": [*self.words, *self.aliases]}
        return {"anyOf": [words, {"type": "string", "pattern": r"^\$"}]} if self.varies else words


class _LaneName(PlainValue):
    """A lane: a word seen from the ego, or its number from the kerb."""

    words = ("ego", "left", "right", "ramp", "oncoming")

    def validate(self, value: Any) -> Any:
        if reference_name(value) or (isinstance(value, str) and value in self.words):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Count(1, 6).validate(value)
        near = suggestion(value, self.words) if isinstance(value, str) else None
        hint = f" Did you mean '{near}'?" if near else ""
        raise complain(
            "DS024", f"{shown(value)} is not a lane: {', '.join(self.words)}, or a number from the kerb.{hint}"
        )

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.words)}, {"type": "integer"}, {"type": "string", "pattern": r"^\$"}]}


@dataclass(frozen=True)
class _Text(PlainValue):
    longest: int = 200

    def validate(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise complain("DS023", f'{shown(value)} is not text. Quote it: "{shown(value)}".')
        if len(value) > self.longest or not value.isprintable():
            raise complain("DS023", f"text must be printable and at most {self.longest} characters long.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest}


@dataclass(frozen=True)
class _Sentence(_Text):
    """A text that stands as it is: no parameter, which would only later be one."""

    longest: int = 500

    def validate(self, value: Any) -> Any:
        if reference_name(value):
            raise complain(
                "DS024", f"{shown(value)}: a scene's text does not vary. Vary keys of the scene, or write a suite."
            )
        return super().validate(value)


class _Identifier(PlainValue):
    def validate(self, value: Any) -> Any:
        if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
            raise complain(
                "DS031", f"{shown(value)} is not an id. Use letters, digits, '-' and '_', a letter first, at most 64."
            )
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_IDENTIFIER.pattern}$"}


class _Clock(PlainValue):
    def validate(self, value: Any) -> Any:
        if reference_name(value):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            example = "22:30"
            if isinstance(value, int) and 0 <= value < 1440 and value > 24:
                example = f"{value // 60:02d}:{value % 60:02d}"
            raise complain("DS029", f'{shown(value)} was read as a number. Quote a clock time: "{example}".')
        match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise complain("DS029", f'{shown(value)} is not a clock time. Use "14:00", from "00:00" to "23:59".')
        return f"{int(match.group(1)):02d}:{match.group(2)}"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["14:00"]}


class _Flag(PlainValue):
    def validate(self, value: Any) -> Any:
        if not isinstance(value, bool):
            raise complain("DS023", f"{shown(value)} is not true or false.")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


#: Numbers in SI; a text is a ``$parameter`` that has no value yet.
Number = float | str
Length = Annotated[Number, Quantity("length", -2000.0, 2000.0)]
Size = Annotated[Number, Quantity("length", 0.0, 60.0, above=True)]
Speed = Annotated[Number, Quantity("speed", 0.0, 100.0)]
Duration = Annotated[Number, Quantity("time", 0.0, 3600.0, above=True)]
Instant = Annotated[Number, Quantity("time", 0.0, 3600.0)]
Angle = Annotated[Number, Quantity("angle", -2 * math.pi, 2 * math.pi)]
Identifier = Annotated[str, _Identifier()]
Text = Annotated[str, _Text()]
Sentence = Annotated[str, _Sentence()]
Clock = Annotated[str, _Clock()]
Flag = Annotated[bool, _Flag()]
LaneName = Annotated[int | str, _LaneName()]


def shorthand(key: str) -> BeforeValidator:
    """Lets a mapping be written as the value of its chief key: ``fog: 150 m`` for ``fog: {visual_range: 150 m}``."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str | int | float) else value)


def substitute(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Plain values with each ``$name`` of ``parameters`` replaced."""
    if isinstance(value, Mapping):
        return {key: substitute(item, parameters) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(item, parameters) for item in value]
    name = reference_name(value)
    if name is None or name not in parameters:
        return value
    return parameters[name]
