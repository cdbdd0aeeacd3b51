"""The library: ready scenarios with tags, one file each, found by name.

Two collections: *everyday* scenes beside this file, and in ``ncap/`` the tests of Euro NCAP.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from drivesim.scenarios.checks.messages import Problem, ScenarioError
from drivesim.scenarios.language import yaml_text
from drivesim.scenarios.language.values import suggestion

FOLDER = Path(__file__).parent


#: The folder of each collection.
COLLECTIONS = {"everyday": FOLDER, "ncap": FOLDER / "ncap"}
#: Tags that name a family of tests, with the heading they are listed under.
FAMILIES = {
    "car_to_car": "Euro NCAP, car to car",
    "car_to_pedestrian": "Euro NCAP, car to pedestrian",
    "car_to_bicyclist": "Euro NCAP, car to bicyclist",
    "car_to_motorcyclist": "Euro NCAP, car to motorcyclist",
}
EVERYDAY = "Everyday scenes"


@dataclass(frozen=True, kw_only=True)
class LibraryEntry:
    """A scenario of the library: its name, title, tags and file."""

    name: str
    title: str
    tags: tuple[str, ...]
    path: Path

    @property
    def family(self) -> str:
        """The heading it is listed under."""
        return next((heading for tag, heading in FAMILIES.items() if tag in self.tags), EVERYDAY)


def names(collection: str = "everyday") -> tuple[str, ...]:
    """Names of the scenarios of a collection, in alphabetical order."""
    return tuple(sorted(path.stem for path in COLLECTIONS[collection].glob("*.yaml")))


def all_names() -> tuple[str, ...]:
    """Names of all scenarios of the library, collection by collection."""
    return tuple(name for collection in COLLECTIONS for name in names(collection))


@cache
def library(collection: str = "everyday") -> tuple[LibraryEntry, ...]:
    """The scenarios of a collection with their titles and tags; nothing else of them is read, as checking them all takes seconds."""
    entries = []
    for name in names(collection):
        path = COLLECTIONS[collection] / f"{name}.yaml"
        root, _ = yaml_text.parse(yaml_text.decode(yaml_text.read_content(path), str(path)), str(path))
        written = root.plain()
        entries.append(LibraryEntry(name=name, title=written["title"], tags=tuple(written["tags"]), path=path))
    return tuple(entries)


def find(name_or_path: str | Path) -> Path:
    """The file of a library name, or the path itself when it exists or looks like a path. Raises ScenarioError."""
    path, text = Path(name_or_path), str(name_or_path)
    if path.exists() or path.suffix in (".yaml", ".yml") or path.name != text:
        return path
    for collection, folder in COLLECTIONS.items():
        if text in names(collection):
            return folder / f"{text}.yaml"
    known = all_names()
    near = suggestion(text, known)
    hint = f"Did you mean '{near}'?" if near else f"The library has: {', '.join(known)}."
    problem = Problem(
        code="DS081", text=f"there is no scenario file and no library scenario '{text}'. {hint}", file=text
    )
    raise ScenarioError([problem])
