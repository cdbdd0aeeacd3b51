"""What all families' folders have in common: model.json with a version and settings, parts that fit their classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from drivesim.errors import InputError, ModelError
from drivesim.models.differences import key_differences, network_differences, read_object
from drivesim.models.kept_network import KeptNetwork
from drivesim.options import MOST_STEPS, RolloutMode

#: Keys that came later, by part ("model" is model.json), each with the value that its absence in older files means.
AddedKeys = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What of a rollout is wanted otherwise than model.json has it; None leaves it."""

    steps: int | None = None
    frames_per_call: int | None = None
    mode: RolloutMode | None = None

    def __post_init__(self) -> None:
        """Raises InputError for numbers of steps and for modes that are none; what a model can do its family knows."""
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise InputError(f"steps is {self.steps}: expected 1 to {MOST_STEPS} steps of the sampler.")
        if self.mode is not None and self.mode not in get_args(RolloutMode):
            raise InputError(f"mode is {self.mode!r}: expected {' or '.join(get_args(RolloutMode))}.")

    def require_call_of(self, frames: int, because: str) -> None:
        """Raise InputError, which says ``because``, where another number of frames per call is wanted than ``frames``, the only one."""
        if self.frames_per_call not in (None, frames):
            raise InputError(f"frames per call is {self.frames_per_call}: expected {frames}. {because}")


def read_settings(
    folder: Path,
    hints: dict[str, Any],
    *,
    version: int,
    added: AddedKeys,
    changed: str,
    renamed: Mapping[str, Mapping[Any, Any]] = {},
) -> dict[str, Any]:
    """The settings in model.json by the annotations ``hints``, without family and version.

    ``renamed`` has, by key, what texts were once called and are called now.
    ``changed`` says what is another in older formats. Raises ModelError with every difference from this version.
    """
    path = folder / "model.json"
    data = read_object(path)
    written = data.pop("version", 1)
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise ModelError(f"{path}: 'version' is {written!r}, expected a whole number from 1")
    if written > version:
        raise ModelError(
            f"{path}: written by a newer drivesim (format {written}, this version reads up to {version}); "
            "update drivesim"
        )
    if written < version:
        raise ModelError(
            f"{path}: written by an older drivesim (format {written}, this version reads {version}): {changed}. "
            "Use the version that wrote it, or train its recipe again: drivesim train RECIPE"
        )
    data.pop("family", None)
    data = _with_added(data, {"upsampling": None, **added.get("model", {})})
    for key, names in renamed.items():
        if isinstance(data.get(key), str):
            data[key] = names.get(data[key], data[key])
    raise_if(key_differences(data, hints, str(path)), folder)
    return data


def _with_added(data: dict[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` with the keys of ``added`` that it lacks, also those of objects within it that it has."""
    result = {**data}
    for key, value in added.items():
        if not isinstance(value, dict):
            result.setdefault(key, value)
        elif isinstance(data.get(key), dict):
            result[key] = _with_added(data[key], value)
    return result


def settings_of(family: str, version: int, config: Any) -> dict[str, Any]:
    """What model.json holds, of a configuration that is a dataclass; of an upsampler only where something is said."""
    settings = {"family": family, "version": version, **dataclasses.asdict(config)}
    if settings["upsampling"] is None:
        del settings["upsampling"]
    return settings


def check_networks(folder: Path, parts: Mapping[str, type[KeptNetwork]], added: AddedKeys) -> None:
    """Raise ModelError with every difference between the parts and their classes."""
    lines = []
    for name, network in parts.items():
        lines += network_differences(folder / name, network, added.get(name, {}))
    raise_if(lines, folder)


def older_keys(folder: Path, part: str, added: AddedKeys) -> dict[str, Any]:
    """The keys that an older part's config.json lacks, with the values that their absence means."""
    data = read_object(folder / part / "config.json")
    return {key: value for key, value in added.get(part, {}).items() if key not in data}


def senseless(checks: list[tuple[str, Any, bool, str]], path: Path) -> list[str]:
    """Lines for the values of the right kind that no rollout can run with: (key, value, whether it is good, what is)."""
    return [f"{path}: {key!r} is {value}, expected {expected}" for key, value, good, expected in checks if not good]


def raise_if(lines: list[str], folder: Path) -> None:
    """Raise ModelError with the differences, if there are any."""
    if lines:
        raise ModelError(
            f"{folder}: written by another version or damaged:\n" + "\n".join(f"  {line}" for line in lines) + "\n"
            "Copy the model again, or use the drivesim version that wrote it."
        )
