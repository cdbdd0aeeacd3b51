"""Recipes: one YAML file that says how each stage of a model is trained.

::

    recipe: small-gpu                # name
    about: one line
    initial: null                    # a model to start from: default, a folder
    data: {path: data/train.zarr}    # shared by all stages; each may override
    trainer: {precision: 32-true}    # Lightning's Trainer arguments, shared likewise
    stages:                          # in the order of the chain
      codec:
        model: {class_path: drivesim.training.CodecStage, init_args: {learning_rate: 6e-4}}
        data: {batch_size: 16}
        trainer: {max_time: "00:01:00:00"}
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drivesim.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
KEYS = ("recipe", "about", "initial", "data", "trainer", "stages")
STAGE_KEYS = ("model", "data", "trainer", "checkpoint", "curve")


@dataclass(frozen=True)
class Recipe:
    """A recipe file that was read and whose keys were checked; values are checked when a stage is built."""

    name: str
    about: str
    initial: str | None
    shared: dict[str, Any]
    stages: dict[str, dict[str, Any]]
    path: Path

    def stage_config(self, stage: str, work: Path, initial: str | None) -> dict[str, Any]:
        """The configuration of one stage, as Lightning's command line takes it."""
        own = self.stages[stage]
        config = {name: _merged(self.shared.get(name, {}), own.get(name, {})) for name in STAGE_KEYS}
        folder = (work / stage).as_posix()
        logger: dict[str, Any] = {
            "class_path": "pytorch_lightning.loggers.TensorBoardLogger",
            "init_args": {"save_dir": folder, "name": "tensorboard", "version": ""},
        }
        config["trainer"] = {"default_root_dir": folder, "logger": [logger], **config["trainer"]}
        start = initial if initial is not None else self.initial
        whole: dict[str, Any] = {**config, "work": work.as_posix(), "initial": start}
        return {name: value for name, value in whole.items() if value != {}}


def packaged_recipes() -> list[str]:
    """Names of the recipes inside the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or a packaged name with or without ``recipes/`` and ``.yaml``.

    Raises InputError when there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    packaged = RECIPES / f"{path.stem}.yaml"
    if packaged.is_file() and path.parent.as_posix() in (".", "recipes"):
        return packaged
    close = difflib.get_close_matches(path.stem, packaged_recipes(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"{name}: no such recipe file, and no packaged recipe ({', '.join(packaged_recipes())}).{hint}")


def read_recipe(name: str) -> Recipe:
    """Read and check a recipe. Raises InputError naming file and key."""
    path = find_recipe(name)
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: a recipe is a mapping with the keys {', '.join(KEYS)}; got {type(data).__name__}")
    _check_keys(data, KEYS, f"{path}: ")
    if not isinstance(data.get("stages"), dict) or not data["stages"]:
        raise InputError(f"{path}: 'stages' is missing; name at least one, for example stages: {{codec: {{...}}}}")
    for stage, own in data["stages"].items():
        if not isinstance(own, dict):
            raise InputError(f"{path}: stages.{stage} must be a mapping with {', '.join(STAGE_KEYS)}")
        _check_keys(own, STAGE_KEYS, f"{path}: stages.{stage}.")
        if "class_path" not in own.get("model", {}):
            raise InputError(f"{path}: stages.{stage}.model needs class_path, for example drivesim.training.CodecStage")
    data = _plain(data)
    return Recipe(
        name=str(data.get("recipe", path.stem)),
        about=str(data.get("about", "")),
        initial=data.get("initial"),
        shared={name: data.get(name) or {} for name in ("data", "trainer")},
        stages=data["stages"],
        path=path,
    )


def write_yaml(data: dict[str, Any], path: Path) -> None:
    """Write plain data as YAML."""
    yaml = YAML()
    yaml.default_flow_style = False
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(data, file)


def parse_yaml(text: str) -> Any:
    """Plain data from YAML text that we wrote ourselves."""
    return _plain(YAML(typ="safe").load(text))


def _check_keys(data: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."
            raise InputError(f"{where}{key} — unknown key '{key}'.{hint}")


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {**shared, **own}
    for key in shared.keys() & own.keys():
        if isinstance(shared[key], dict) and isinstance(own[key], dict):
            both[key] = _merged(shared[key], own[key])
    return both


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("a recipe holds only finite numbers")
    return value
