"""An OpenSCENARIO file as scenarios: parameters, catalogs, road, entities, Init and Storyboard, each by its own reader.

Whatever the file holds is either read, or taken for something simpler (``notes``), or listed with its line (``left_out``).
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.scenarios.checks.messages import ScenarioError
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.openscenario.catalogs import Catalogs
from drivesim.scenarios.openscenario.document import Element, read_xml
from drivesim.scenarios.openscenario.entities import Entity, chosen_ego, read_entities
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scenarios.openscenario.places import Places
from drivesim.scenarios.openscenario.road_file import RoadFacts, read_network, road_of
from drivesim.scenarios.openscenario.scene_values import actor_values, duration_of, road_values
from drivesim.scenarios.openscenario.story import State, Story, target_speed
from drivesim.scenarios.openscenario.weather import read_environment
from drivesim.traffic.dimensions import EGO_LENGTH_M, EGO_WIDTH_M

MOST_VARIATIONS = 200
#: A trajectory that keeps that near to where the ego drives is no other way, metres.
_BESIDE_M = 0.3


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
    for number, values in enumerate(_sets(distribution)):
        base = read_xml(target)
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


def _sets(distribution: Element) -> Iterator[dict[str, str]]:
    """The sets of parameter values of a deterministic distribution, all combinations of them."""
    deterministic = distribution.child("Deterministic")
    if deterministic is None:
        raise InputError(
            f"{distribution.where}: only <Deterministic> values are read; stochastic ones belong into 'vary'."
        )
    names: list[str] = []
    options: list[list[str]] = []
    for single in deterministic.children:
        single.read = True
        sets = single.child("DistributionSet")
        if single.tag != "DeterministicSingleParameterDistribution" or sets is None:
            raise InputError(
                f"{single.where}: of <{single.tag}> only single parameters with a <DistributionSet> are read."
            )
        names.append(single.attributes.get("parameterName", ""))
        options.append([element.attributes.get("value", "") for element in sets.all("Element")])
    total = math.prod(len(values) for values in options)
    if not 1 <= total <= MOST_VARIATIONS:
        raise InputError(f"{deterministic.where}: {total} combinations of values; 1 to {MOST_VARIATIONS} are read.")
    for values in itertools.product(*options):
        yield dict(zip(names, values, strict=True))


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
    places = Places(_road_reader(root, path, parameters, notes), catalogs, own.name)
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
    environment = _init(storyboard.need("Init"), story)
    story.read(storyboard)
    values = _values(story, own, environment, storyboard, identity)
    notes += places.road.notes if places.road is not None else ()
    unread = [element for part in (root, *catalogs.used) for element in part.unread()]
    left_out += [f"{element.where}: <{element.tag}> is not read" for element in unread]
    title = (root.need("FileHeader").attributes.get("description") or identity).strip()
    try:
        scenario = Scenario.from_dict({**values, "title": title})
    except ScenarioError as error:
        raise InputError(f"{path}: what was read is no valid scenario:\n{error}") from error
    return Imported(scenario=scenario, notes=tuple(notes), left_out=tuple(left_out))


def _require_declared(declarations: Element | None, given: Mapping[str, str], path: Path) -> None:
    known = [one.attributes.get("name", "") for one in declarations.children] if declarations is not None else []
    for name in given:
        if name not in known:
            raise InputError(f"{path}: parameter '{name}' is not declared (declared: {', '.join(known) or 'none'}).")


def _road_reader(root: Element, path: Path, parameters: Parameters, notes: list[str]) -> Any:
    network = root.child("RoadNetwork")
    logic = network.child("LogicFile") if network is not None else None
    if network is not None:
        network.take()
    file = None if logic is None else path.parent / parameters.text(logic, "filepath")

    network_of = functools.cache(read_network)

    def read(road_id: str, s: float) -> RoadFacts | None:
        if file is None or not file.is_file():
            notes.append(
                f"{path.name}: the road file {file or '(none named)'} is not there; a straight road of 3.5 m lanes is taken"
            )
            return None
        return road_of(network_of(file), file, road_id, s)

    return read


def _init(init: Element, story: Story) -> dict[str, Any]:
    """Places and speeds at t = 0; returns the environment."""
    actions = init.need("Actions")
    environment: dict[str, Any] = {}
    for action in actions.all("GlobalAction"):
        kind = action.only()
        if kind.tag == "EnvironmentAction":
            environment |= _environment(kind, story)
        else:
            kind.take()
            story.left_out.append(f"{kind.where}: <{kind.tag}> is not read")
    private = {story.parameters.text(one, "entityRef"): one for one in actions.all("Private")}
    if story.ego not in private:
        raise InputError(f"{init.where}: the ego '{story.ego}' has no place in <Init>.")
    # The ego comes first, as places are worked out on its road; the others in the order of the file.
    for name in (story.ego, *(name for name in private if name != story.ego)):
        if name in story.states:
            _begin(private[name], story.states[name], story)
        elif name in story.declared:
            private[name].take()  # the entity itself is listed as left out
        else:
            raise InputError(f"{private[name].where}: '{name}' is no entity (there are: {', '.join(story.entities)}).")
    return environment


def _environment(action: Element, story: Story) -> dict[str, Any]:
    written, inside = action.child("Environment"), story.parameters
    if written is None:
        reference = action.need("CatalogReference")
        entry = story.places.catalogs.entry(reference, inside)
        if entry is None:
            story.left_out.append(
                f"{reference.where}: environment '{reference.attributes.get('entryName')}': its catalog is not there"
            )
            return {}
        written, inside = entry
    return read_environment(written, inside)


def _begin(private: Element, state: State, story: Story) -> None:
    places, parameters = story.places, story.parameters
    along: list[Element] = []
    for action in private.all("PrivateAction"):
        kind = action.only()
        inner = kind.children[0] if kind.tag in ("LongitudinalAction", "RoutingAction") and kind.children else kind
        inner.read = True
        if inner.tag == "TeleportAction":
            state.spot = places.of(inner.need("Position"), parameters)
        elif inner.tag == "SpeedAction":
            inner.need("SpeedActionDynamics").take()
            speeds = {name: other.speed_mps or 0.0 for name, other in story.states.items()}
            own = state.entity.name == story.ego
            state.speed_mps = target_speed(inner, parameters, speeds, backwards=own)
        elif inner.tag == "FollowTrajectoryAction" and state.entity.category == "pedestrian":
            state.way = story.way(inner, parameters)
            state.spot = state.spot or state.way[0]
        elif inner.tag == "FollowTrajectoryAction" and state.entity.name == story.ego:
            along.append(inner)
        else:
            kind.take()
            story.left_out.append(f"{kind.where}: <{inner.tag}> of '{state.entity.name}' in <Init> is not read")
        if state.spot is not None:
            places.spots[state.entity.name] = state.spot
    for action in along:
        _keep_to_the_lane(action, story)


def _keep_to_the_lane(action: Element, story: Story) -> None:
    """A trajectory of the ego that leads along its lane is what it does anyway; another is listed."""
    who = f"<FollowTrajectoryAction> of '{story.ego}' in <Init>"
    try:
        way = story.way(action, story.parameters)
    except InputError as error:
        action.take()
        story.left_out.append(f"{action.where}: {who}: {error}")
        return
    aside = max((abs(story.places.in_ego_frame(spot)[1]) for spot in way), default=0.0)
    if aside > _BESIDE_M:
        story.left_out.append(f"{action.where}: {who} leads {aside:.1f} m beside its lane and is not read")
    else:
        story.notes.append(f"{action.where}: {who} leads along its lane, where it drives anyway")


def _values(
    story: Story, ego: Entity, environment: dict[str, Any], storyboard: Element, identity: str
) -> dict[str, Any]:
    _walk_from_the_start(story)
    speed = story.states[ego.name].speed_mps
    if speed is None:
        raise InputError(f"{storyboard.where}: at what speed the ego '{ego.name}' begins is not said in <Init>.")
    actors = [
        actor_values(state, story)
        for name, state in story.states.items()
        if name != ego.name and state.spot is not None
    ]
    for name, state in story.states.items():
        if state.spot is None and name != ego.name:
            story.left_out.append(f"entity '{name}' has no place at t = 0 and is left out, with all that it does")
    present = {actor["id"] for actor in actors} | {"ego"}
    events = [event for event in story.events if event["actor"] in present]
    story.notes.append(
        f"the ego is {EGO_LENGTH_M:g} x {EGO_WIDTH_M:g} m here (in the file {ego.length:g} x {ego.width:g} m); gaps between "
        "bumpers are kept"
    )
    return {
        "id": identity,
        "tags": ["openscenario"],
        "video": {"duration": duration_of(storyboard, story, speed, actors)},
        "traffic": "left_hand" if story.places.road is not None and story.places.road.left_hand else "right_hand",
        "scene": {
            "environment": environment,
            "road": road_values(story, speed),
            "ego": {"speed": round(speed, 4)} | ({"reacts": False} if speed < 0.0 else {}),
            "actors": actors,
            "traffic": {"density": "none"},
        },
        "events": events,
    }


def _walk_from_the_start(story: Story) -> None:
    """Who was given a way in <Init> and nothing later sets off at once."""
    walking = {event["actor"] for event in story.events if "walk_to" in event["action"]}
    for state in story.states.values():
        if len(state.way) > 1 and state.entity.id not in walking:
            x, y, _ = story.places.in_ego_frame(state.way[-1])
            action = {"walk_to": {"x": round(x, 4), "y": round(y, 4)}}
            story.events.append(
                {
                    "id": f"{state.entity.id}_walks",
                    "actor": state.entity.id,
                    "action": action,
                    "start": {"time": 0.0},
                    "mode": "condition",
                }
            )


def _identifier(stem: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "imported"
    return word if word[0].isalpha() else f"s-{word}"
