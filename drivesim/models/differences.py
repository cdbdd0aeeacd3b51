"""How a model folder differs from what this version expects: keys and values of its configuration, names and shapes of
its tensors. Every function returns the differences as lines for the reader; none means that the folder fits.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from drivesim.errors import ModelError
from drivesim.json_text import JsonFault, parse
from drivesim.models.kept_network import KeptNetwork, shapes_alone

WEIGHTS = "diffusion_pytorch_model.safetensors"
MOST_LISTED = 6
#: No whole number in a network's configuration is larger; a number of blocks beyond it would be built for hours.
LARGEST_NUMBER = 4096
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
_MANY = {int: "whole numbers", float: "numbers", str: "texts"}


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ModelError when the file is missing, no JSON, or no object."""
    if not path.is_file():
        raise ModelError(f"{path}: the file is missing; copy the model again")
    try:
        data = parse(path.read_bytes())
    except PermissionError as error:
        raise ModelError(f"{path}: may not be read (permission denied). Mend its rights (chmod u+r)") from error
    except JsonFault as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); copy the model again") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path}: holds {_shown(data)}, expected one object with keys; copy the model again")
    return data


def key_differences(data: dict[str, Any], expected: dict[str, Any], where: str) -> list[str]:
    """Missing and unknown keys and values of a wrong kind, for ``expected`` annotations by key.

    An annotation that is a dataclass stands for a nested object. Keys that start with an underscore belong to diffusers.
    """
    lines = [
        f"{where}: {key!r} is missing, expected {_kind(hint)}" for key, hint in expected.items() if key not in data
    ]
    for key, value in data.items():
        if key.startswith("_"):
            continue
        hint = expected.get(key)
        if hint is None:
            lines.append(f"{where}: {key!r} is not known to this version (known: {', '.join(expected)})")
        elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
            lines += key_differences(value, get_type_hints(hint), f"{where}: {key}")
        elif not _fits(value, hint):
            lines.append(f"{where}: {key!r} is {_shown(value)}, expected {_kind(hint)}")
    return lines


def network_differences(folder: Path, network: type[KeptNetwork], older: dict[str, Any]) -> list[str]:
    """Differences between a part's folder (config.json and safetensors) and its class.

    ``older`` holds keys that older files lack, with the value that their absence means.
    """
    path = folder / "config.json"
    data = read_object(path)
    name = data.get("_class_name", network.__name__)
    if name != network.__name__:
        return [f"{path}: '_class_name' is {_shown(name)}, expected {network.__name__!r}"]
    data = {**older, **data}
    hints = get_type_hints(network.__init__)
    parameters = [key for key in inspect.signature(network.__init__).parameters if key != "self"]
    lines = key_differences(data, {key: hints[key] for key in parameters}, str(path))
    lines += [
        f"{path}: {key!r} is {_shown(data[key])}, expected no number beyond {LARGEST_NUMBER}"
        for key in parameters
        if _largest(data.get(key)) > LARGEST_NUMBER
    ]
    if lines:
        return lines
    try:
        with shapes_alone():
            made: Any = network  # diffusers has no annotations
            built = made.from_config({key: data[key] for key in parameters})
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError, AssertionError) as error:
        return [f"{path}: no network can be built from these values ({type(error).__name__}: {error})"]
    return tensor_differences(folder, {key: tuple(value.shape) for key, value in built.state_dict().items()})


def tensor_differences(folder: Path, expected: dict[str, tuple[int, ...]]) -> list[str]:
    """Tensors that are missing, unexpected or of another shape than ``expected`` in a folder's safetensors."""
    try:
        found = _stored_shapes(folder)
    except SafetensorError as error:
        return [f"{folder}: safetensors not readable ({error}); copy the model again"]
    missing = [f"{name} {list(shape)}" for name, shape in expected.items() if name not in found]
    extra = [f"{name} {list(shape)}" for name, shape in found.items() if name not in expected]
    other = [
        f"{name} is {list(found[name])}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    titles = {"tensors missing": missing, "tensors unexpected": extra, "tensors of another shape": other}
    return [f"{folder}: {len(names)} {title}: {_few(names)}" for title, names in titles.items() if names]


def _stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in the files of a part, read from their headers only."""
    index = folder / f"{WEIGHTS}.index.json"
    files = [folder / WEIGHTS]
    if index.is_file():
        shards = read_object(index).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise ModelError(
                f"{index}: 'weight_map' is {_shown(shards)}, expected names of files by tensor; copy the model again"
            )
        files = [folder / Path(name).name for name in sorted(set(shards.values()))]
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        if not path.is_file():
            raise ModelError(f"{path}: the file is missing; copy the model again")
        with safe_open(path, framework="pt") as weights:
            shapes |= {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}
    return shapes


def _fits(value: Any, hint: Any) -> bool:
    try:
        TypeAdapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


def _largest(value: Any) -> float:
    """The largest whole number in a value, however it is nested."""
    if isinstance(value, list | tuple):
        return max((_largest(one) for one in value), default=0)
    return abs(value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _kind(hint: Any) -> str:
    """An annotation in words."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list of {_MANY.get(get_args(hint)[0], 'values')}"
    if dataclasses.is_dataclass(hint):
        return f"an object with {', '.join(field.name for field in dataclasses.fields(hint))}"
    return _WORDS.get(hint, str(hint))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _few(names: list[str]) -> str:
    rest = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f", and {rest} more" if rest > 0 else "")
