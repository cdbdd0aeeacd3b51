"""An OpenSCENARIO file as scenarios: parameters, catalogs, road, entities, Init and Storyboard, each by its own reader.

Whatever the file holds is either read, or taken for something simpler (``notes``), or listed with its line (``left_out``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.openscenario.assembly import assemble
from drivesim.scenarios.openscenario.catalogs import Catalogs
from drivesim.scenarios.openscenario.document import Element, read_xml
from drivesim.scenarios.openscenario.entities import chosen_ego, read_entities
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.init import read_init
from drivesim.scenarios.openscenario.network import Network
from drivesim.scenarios.openscenario.places import NetworkReader, Places
from drivesim.scenarios.openscenario.story import State, Story
from drivesim.scenarios.openscenario.value_sets import value_sets


@dataclass(frozen=True, kw_only=True)
class Imported:
    """One scenario, what was taken for something simpler on the way, and what was left out."""

    scenario: Scenario
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def read_openscenario(
    path: Path | str, *, ego: str | None = None, settings: Mapping[str, str] | None = None, name: str | None = None
) -> list[Imported]:
    """The scenarios of an OpenSCENARIO file: one, or of a file of parameter values one for each set of them.

    ``ego`` names the entity to drive from, ``settings`` replaces declared parameters, ``name`` the scenario's id. Raises
    InputError for a file that is broken, or that no scenario can be made of.
    """
    path = Path(path)
    root = read_xml(path)
    given = dict(settings or {})
    if root.tag != "OpenSCENARIO":
        raise InputError(f"{path}:{root.line}: the root is <{root.tag}>, expected <OpenSCENARIO>.")
    _require_version(root)
    identity = name or _identifier(path.stem)
    distribution = root.child("ParameterValueDistribution")
    if distribution is None:
        return [_scenario(root, path, given, ego, identity)]
    target = path.parent / distribution.need("ScenarioFile").attributes.get("filepath", "")
    if not target.is_file():
        raise InputError(f"{distribution.where}: the scenario {target} that these values belong to is not there.")
    made = []
    for number, values in enumerate(value_sets(distribution)):
        base = read_xml(target)
        _require_version(base)
        made.append(
            _scenario(base, target, {**values, **given}, ego, identity if not number else f"{identity}-{number + 1}")
        )
    return made


def _require_version(root: Element) -> None:
    header = root.child("FileHeader")
    if header is None:
        raise InputError(f"{root.where}: there is no <FileHeader>; it says which version of OpenSCENARIO this is.")
    header.take()
    major = header.attributes.get("revMajor")
    if major != "1":
        raise InputError(
            f"{header.where}: OpenSCENARIO {major}.{header.attributes.get('revMinor')}; versions 1.0 to 1.3 are read."
        )


def _scenario(root: Element, path: Path, given: Mapping[str, str], ego: str | None, identity: str) -> Imported:
    if root.child("Catalog") is not None:
        raise InputError(f"{path} is a catalog; a scenario has a <Storyboard>.")
    declarations = root.child("ParameterDeclarations")
    parameters = Parameters().extended(declarations, given)
    _require_declared(declarations, given, path)
    if (variables := root.child("VariableDeclarations")) is not None:
        variables.take()
    notes: list[str] = []
    left_out: list[str] = []
    catalogs = Catalogs.of(root.child("CatalogLocations"), path.parent, parameters)
    listed = root.need("Entities")
    entities = read_entities(listed, catalogs, parameters, notes, left_out)
    own = chosen_ego(entities, ego)
    places = Places(_network_reader(root, path, parameters, notes), catalogs, own.name)
    storyboard = root.need("Storyboard")
    story = Story(
        entities=entities,
        states={name: State(entity=entity) for name, entity in entities.items()},
        places=places,
        parameters=parameters,
        ego=own.name,
        declared=frozenset(one.attributes.get("name", "") for one in listed.children),
        notes=notes,
        left_out=left_out,
    )
    environment = read_init(storyboard.need("Init"), story)
    story.read(storyboard)
    title = (root.need("FileHeader").attributes.get("description") or identity).strip()
    scenario = assemble(story, environment, storyboard, identity, title, path)
    notes += places.road.notes if places.road is not None else ()
    unread = [element for part in (root, *catalogs.used) for element in part.unread()]
    left_out += [f"{element.where}: <{element.tag}> is not read" for element in unread]
    return Imported(scenario=scenario, notes=tuple(notes), left_out=tuple(left_out))


def _require_declared(declarations: Element | None, given: Mapping[str, str], path: Path) -> None:
    known = [one.attributes.get("name", "") for one in declarations.children] if declarations is not None else []
    for name in given:
        if name not in known:
            raise InputError(f"{path}: parameter '{name}' is not declared (declared: {', '.join(known) or 'none'}).")


def _network_reader(root: Element, path: Path, parameters: Parameters, notes: list[str]) -> NetworkReader:
    """Reads the network that the file names when it is first asked for; None, with a note, where it is not there."""
    network = root.child("RoadNetwork")
    logic = network.child("LogicFile") if network is not None else None
    if network is not None:
        network.take()
    file = None if logic is None else path.parent / parameters.text(logic, "filepath")

    @functools.cache
    def read() -> Network | None:
        if file is None or not file.is_file():
            notes.append(
                f"{path.name}: the road file {file or '(none named)'} is not there; a straight road of 3.5 m lanes is taken"
            )
            return None
        return Network(file)

    return read


def _identifier(stem: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "imported"
    return word if word[0].isalpha() else f"s-{word}"
