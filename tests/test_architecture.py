"""The house rules that a machine can check: who imports whom, sizes, declared packages, no pickles, no loose ends.

``ALLOWED`` is the one place where the import rules stand as data; docs/architecture.md explains them.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("conditioning", "datasets", "scenarios")
"""Top-level folders that are imported as drivesim.<name>."""

RUNTIME = ("drivesim", *MAPPED)
CODE = (*RUNTIME, "tests", "benchmarks")
SKIPPED = {"__pycache__", ".venv", ".git", "build", "dist", "runs", "data", "checkpoints"}

VOCABULARY = {"clip", "controls", "errors", "geometry", "noise", "road", "scene", "scenery"}
"""Files of drivesim/ that every other part may use."""

ALLOWED: dict[str, set[str]] = {
    "vocabulary": set(),
    "world_model": {"vocabulary"},
    "diffusion": set(),
    "conditioning": {"vocabulary"},
    "scenarios": {"vocabulary"},
    "datasets": {"vocabulary", "scenarios"},
    "models": {"vocabulary", "world_model", "diffusion"},
    "rollout": {"vocabulary", "world_model"},
    "evaluation": {"vocabulary", "rollout"},
    "exports": {"vocabulary", "rollout"},
    "packing": {"vocabulary", "datasets", "conditioning"},
    "training": {"vocabulary", "diffusion", "models", "datasets", "conditioning", "evaluation"},
    "evidence": {
        "vocabulary", "world_model", "conditioning", "scenarios", "datasets", "models", "rollout", "evaluation", "simulate",
        "staging",
    },
    "staging": {"vocabulary", "world_model", "scenarios", "conditioning", "rollout"},
    "simulate": {"vocabulary", "world_model", "scenarios", "conditioning", "rollout", "models", "staging"},
    "cli": {
        "face", "vocabulary", "world_model", "conditioning", "scenarios", "datasets", "models", "rollout", "evaluation",
        "exports", "training", "simulate", "staging", "packing", "evidence",
    },
    "face": {"vocabulary", "world_model", "scenarios", "models", "simulate", "cli"},
}  # fmt: skip
"""Part to the parts it may import beside itself. ``face`` is drivesim/__init__.py and __main__.py."""

THIRD_PARTY: dict[str, set[str]] = {
    "vocabulary": {"numpy", "torch", "shapely", "einops"},
    "world_model": {"torch"},
    "diffusion": {"torch", "diffusers", "einops", "numpy"},
    "rollout": {"numpy", "torch", "av", "cv2", "safetensors"},
    "cli": {"typer", "rich", "numpy", "torch", "cv2", "av"},
}
"""Parts that are held to fewer packages than pyproject.toml lists."""

MODULE_OF = {
    "opencv-python-headless": "cv2",
    "ruamel.yaml": "ruamel",
    "pytorch-lightning": "pytorch_lightning",
    "nuscenes-devkit": "nuscenes",
}
ONLY_IN = {
    "pytorch_lightning": {"training"},
    "jsonargparse": {"training"},
    "nuscenes": {"datasets"},
    "typer": {"cli"},
    "rich": {"cli", "training"},
}
"""Packages that only these parts may import."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_WEIGHTS_BYTES = 64_000_000
MAX_SHARD_BYTES = 15_000_000
PICKLES = {".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".npz", ".bin"}


def files(folders: tuple[str, ...], *suffixes: str) -> list[Path]:
    """Files of the tree with one of the suffixes, without what tools leave behind."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return sorted(p for p in found if p.suffix in suffixes and not SKIPPED & set(p.relative_to(ROOT).parts))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(module: str) -> str:
    """The part that a module such as ``drivesim.models.load`` belongs to."""
    names = module.split(".")
    if len(names) == 1 or names[1] == "__main__":
        return "face"
    if names[1] == "staging":  # the half of simulate that decides; the other half makes
        return "simulate"
    return "vocabulary" if names[1] in VOCABULARY else names[1]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    names = ("drivesim", *parts) if parts[0] in MAPPED else parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Names of the imported modules; ``from drivesim import errors`` counts as drivesim.errors."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            names = (f"drivesim.{alias.name}" for alias in node.names)
            yield from names if node.module == "drivesim" else (node.module,)


@cache
def all_imports(path: Path) -> set[str]:
    return set(imports(ast.walk(ast.parse(path.read_text(encoding="utf-8")))))


RUNTIME_FILES = files(RUNTIME, ".py")
TEXT_FILES = [
    path
    for path in [
        *files((*CODE, "docs"), ".py", ".md", ".yaml"),
        *ROOT.glob("*.md"),
        *ROOT.glob("*.toml"),
        ROOT / "Makefile",
    ]
    if path.name != "test_architecture.py"
]


@pytest.mark.parametrize("path", RUNTIME_FILES, ids=shown)
def test_imports_go_downwards_only(path: Path) -> None:
    part = part_of(module_name(path))
    assert part in ALLOWED, f"a new part '{part}': give it a row in ALLOWED"
    reached = {part_of(name) for name in all_imports(path) if name.split(".")[0] == "drivesim"}
    # "from drivesim import load" names the package's face, whose names are no modules.
    reached = {other if other in ALLOWED else "face" for other in reached}
    assert not reached - ALLOWED[part] - {part}, f"{part} may import {sorted(ALLOWED[part])}"


@pytest.mark.parametrize("path", files(("drivesim/models",), ".py"), ids=shown)
def test_model_families_never_import_each_other(path: Path) -> None:
    own = module_name(path).split(".")
    if len(own) < 4:
        return
    families = {child.name for child in (ROOT / "drivesim/models").iterdir() if child.is_dir()} - SKIPPED
    reached = {name.split(".")[2] for name in all_imports(path) if name.startswith("drivesim.models.")}
    assert not reached & families - {own[2]}


@pytest.mark.parametrize("path", RUNTIME_FILES, ids=shown)
def test_third_party_packages_are_declared_and_in_their_place(path: Path) -> None:
    part = part_of(module_name(path))
    outside = {name.split(".")[0] for name in all_imports(path)} - set(sys.stdlib_module_names) - {"drivesim"}
    assert not outside - declared_modules(), "list the package in pyproject.toml"
    assert not outside - THIRD_PARTY.get(part, outside), f"{part} is held to {sorted(THIRD_PARTY[part])}"
    assert not {name for name in outside if part not in ONLY_IN.get(name, {part})}


@pytest.mark.parametrize("path", files(("drivesim/cli",), ".py"), ids=shown)
def test_command_files_import_nothing_heavy_at_the_top(path: Path) -> None:
    """Otherwise ``drivesim --help`` waits for torch."""
    top = ast.parse(path.read_text(encoding="utf-8")).body
    light = set(sys.stdlib_module_names) | {"typer"}
    heavy = {
        name
        for name in imports(iter(top))
        if name.split(".")[0] not in light and not name.startswith(("drivesim.errors", "drivesim.cli"))
    }
    assert not heavy


@pytest.mark.parametrize("path", files(CODE, ".py"), ids=shown)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno >= MAX_FUNCTION_LINES}
    assert not long


@pytest.mark.parametrize("path", TEXT_FILES, ids=shown)
def test_no_loose_ends_and_no_paths_of_one_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", text)
    assert not re.findall(r"(?<![\w.])/(?:home|root|work|opt|Users)/\w+", text)
    assert not re.search(r"(?:^|_)(?:utils?|helpers?|managers?)(?:_|$)", path.stem), "name the file by what it holds"


@pytest.mark.parametrize("path", RUNTIME_FILES, ids=shown)
def test_randomness_is_passed_in(path: Path) -> None:
    """A global seed would make future 3 depend on how many were drawn before it."""
    assert "random" not in all_imports(path)
    if part_of(module_name(path)) != "training":  # torch initialises new layers from its global stream only
        assert not re.search(
            r"\b(?:torch\.manual_seed|manual_seed_all|random\.seed|seed_everything)\(", path.read_text()
        )


def test_no_pickles() -> None:
    everything = [path for folder in (*CODE, "docs") for path in (ROOT / folder).rglob("*")]
    tracked = [path for path in everything if not SKIPPED & set(path.relative_to(ROOT).parts)]
    assert not [shown(path) for path in tracked if path.suffix in PICKLES]
    assert not [
        shown(path) for path in RUNTIME_FILES if all_imports(path) & {"pickle", "dill", "joblib", "cloudpickle"}
    ]


def test_shipped_weights_are_small() -> None:
    sizes = [path.stat().st_size for path in files(("drivesim/models/pretrained",), ".safetensors")]
    assert sum(sizes) <= MAX_WEIGHTS_BYTES
    assert max(sizes, default=0) <= MAX_SHARD_BYTES


def test_the_package_list_matches_the_folders() -> None:
    """A sub-package that is missing here is missing from the wheel, and only there."""
    settings = pyproject()["tool"]["setuptools"]
    found = {module_name(path) for path in RUNTIME_FILES if path.name == "__init__.py"}
    assert set(settings["packages"]) == found
    mapped = {name for name in found if name.split(".")[1:2] and name.split(".")[1] in MAPPED}
    assert settings["package-dir"] == {name: name.removeprefix("drivesim.").replace(".", "/") for name in mapped}


def test_every_requirement_is_pinned_in_the_constraints() -> None:
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    assert not {name for name in requirements() if name.lower() not in pinned}


def pyproject() -> dict[str, dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements() -> set[str]:
    """Distribution names that pyproject.toml lists, extras included."""
    project = pyproject()["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {re.match(r"[\w.-]+", line).group() for line in lines} - {"drivesim"}


def declared_modules() -> set[str]:
    return {MODULE_OF.get(name, name) for name in requirements()} | {"pydantic_core"}
