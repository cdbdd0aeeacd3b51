"""The library: ready scenarios with tags, one file each, found by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from drivesim.scenarios.checks.messages import Problem, ScenarioError
from drivesim.scenarios.language.values import suggestion
from drivesim.scenarios.load import load

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class LibraryEntry:
    """A scenario of the library: its name, title, tags and file."""

    name: str
    title: str
    tags: tuple[str, ...]
    path: Path


def names() -> tuple[str, ...]:
    """Names of all library scenarios, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def library() -> tuple[LibraryEntry, ...]:
    """All library scenarios with their titles and tags."""
    entries = []
    for name in names():
        path = FOLDER / f"{name}.yaml"
        scenario = load(path)[0]
        entries.append(LibraryEntry(name=name, title=scenario.title, tags=scenario.tags, path=path))
    return tuple(entries)


def find(name_or_path: str | Path) -> Path:
    """The file of a library name, or the path itself when it exists or looks like a path. Raises ScenarioError."""
    path, text = Path(name_or_path), str(name_or_path)
    if path.exists() or path.suffix in (".yaml", ".yml") or path.name != text:
        return path
    known = names()
    if text in known:
        return FOLDER / f"{text}.yaml"
    near = suggestion(text, known)
    hint = f"Did you mean '{near}'?" if near else f"The library has: {', '.join(known)}."
    problem = Problem(
        code="DS081", text=f"there is no scenario file and no library scenario '{text}'. {hint}", file=text
    )
    raise ScenarioError([problem])
