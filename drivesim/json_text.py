"""JSON that lies on disk, read as what anybody may have made of it: edited, damaged, swapped, or written by another program.

Every kind of file has one loader with one message; what is wrong with the text itself is found here.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

#: Nothing that is written here goes deeper; Python's own reader ends in the middle of its stack at about a thousand levels.
MOST_LEVELS = 40

_MOST_FAULTS = 3


class JsonFault(ValueError):
    """What is wrong with a JSON text, in a few words and one line, for the message that names the file."""


def parse(text: bytes | str) -> Any:
    """The JSON value in a text. Raises JsonFault where it is not UTF-8, no JSON, or nested too deep."""
    try:
        value = json.loads(text if isinstance(text, str) else text.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise JsonFault(f"it is not UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}") from error
    except RecursionError as error:
        raise JsonFault("it is nested too deep") from error
    except json.JSONDecodeError as error:
        raise JsonFault(f"no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except JsonFault:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise JsonFault(f"no valid JSON: {error}") from error
    if not _is_flat(value):
        raise JsonFault("it is nested too deep")
    return value


def parse_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object in a text. Raises JsonFault for any other value too."""
    value = parse(text)
    if not isinstance(value, dict):
        raise JsonFault(f"it holds {_kind(value)} where an object with keys is due")
    return value


def fitted(schema: TypeAdapter[T], value: Any) -> T:
    """A parsed value as what ``schema`` describes, strictly: no text for a number. Raises JsonFault naming the fields."""
    try:
        return schema.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        places = (f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in found[:_MOST_FAULTS])
        more = f"; and {len(found) - _MOST_FAULTS} more" if len(found) > _MOST_FAULTS else ""
        raise JsonFault("; ".join(places) + more) from error


def read_as(schema: TypeAdapter[T], text: bytes | str) -> T:
    """:func:`parse` and :func:`fitted`."""
    return fitted(schema, parse(text))


def _no_number(constant: str) -> Any:
    raise JsonFault(f"no valid JSON: {constant} is no number")


def _is_flat(value: Any) -> bool:
    """Whether a value has at most ``MOST_LEVELS`` levels; without recursion, as it may have many more."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_LEVELS):
        if not level:
            return True
        inner = (one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer))
        level = [one for one in inner if isinstance(one, dict | list)]
    return not level


def _kind(value: Any) -> str:
    words = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return words.get(type(value), "null")
