"""The <Init> of a storyboard: who is where at t = 0, how fast, on which way, and in which weather."""

from __future__ import annotations

import math
from typing import Any

from drivesim.errors import InputError
from drivesim.geometry import wrap_angle
from drivesim.scenarios.openscenario.actions import followed_way, set_distance, target_speed
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.network import Leg
from drivesim.scenarios.openscenario.paths import Path, Spot
from drivesim.scenarios.openscenario.story import State, Story
from drivesim.scenarios.openscenario.weather import read_environment

#: A trajectory that keeps that near to where the ego drives is no other way, metres.
_BESIDE_M = 0.3
#: A way that turns by that much turns into an arm of the junction, radians.
_QUARTER_RAD, _ABOUT_RAD = math.pi / 2.0, math.radians(25.0)


def read_init(init: Element, story: Story) -> dict[str, Any]:
    """Places, speeds and ways at t = 0; returns the environment. Raises InputError for what is broken."""
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
    if story.states[story.ego].spot is None:
        raise InputError(f"{private[story.ego].where}: the ego '{story.ego}' has no place in <Init>.")
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
    """Places come first, wherever they stand in the file: ways and distances are read from there."""
    name, places = state.entity.name, story.places
    actions = [(action.only(), *_inner(action)) for action in private.all("PrivateAction")]
    for _, inner, _ in (one for one in actions if one[1].tag == "TeleportAction"):
        state.spot = places.spots[name] = places.of(inner.need("Position"), story.parameters)
    ways: list[tuple[Element, Path | list[Leg]]] = []
    for kind, inner, tag in actions:
        match tag:
            case "TeleportAction":
                pass
            case "SpeedAction":
                inner.need("SpeedActionDynamics").take()
                speeds = {other: one.speed_mps or 0.0 for other, one in story.states.items()}
                state.speed_mps = target_speed(inner, story.parameters, speeds, backwards=name == story.ego)
            case "FollowTrajectoryAction":
                if (path := _way(inner, state, story)) is not None:
                    ways.append((inner, path))
            case "AssignRouteAction":
                ways.append((inner, places.route(inner, story.parameters)))
            case "LongitudinalDistanceAction":
                set_distance(story, inner, name, story.parameters)
            case _:
                kind.take()
                story.left_out.append(f"{kind.where}: <{inner.tag}> of '{name}' in <Init> is not read")
    for action, way in ways:
        if name == story.ego:
            _turn_or_keep(action, way, story)
        elif isinstance(way, list):
            _others_route(action, way, state, story)


def _inner(action: Element) -> tuple[Element, str]:
    kind = action.children[0]
    inner = kind.children[0] if kind.tag in ("LongitudinalAction", "RoutingAction") and kind.children else kind
    inner.read = True
    return inner, inner.tag


def _way(action: Element, state: State, story: Story) -> Path | None:
    """The trajectory that somebody is to follow, who is placed on it where nothing else places him; None where it is left out."""
    name, places = state.entity.name, story.places
    try:
        path, begins = followed_way(action, story, name, story.parameters)
    except InputError as error:
        if state.spot is None or name != story.ego:
            raise  # nobody would know where it is
        action.take()
        story.left_out.append(f"{action.where}: <FollowTrajectoryAction> of '{name}' in <Init>: {error}")
        return None
    if state.spot is None:
        state.spot = places.spots[name] = path.at(begins)
    state.path, state.begins_m = path, begins
    return path


def _turn_or_keep(action: Element, way: Path | list[Leg], story: Story) -> None:
    """A way of the ego along its lane is what it does anyway, one into an arm of the junction is a turn; another is listed."""
    who = f"<{action.tag}> of '{story.ego}' in <Init>"
    state, places = story.states[story.ego], story.places
    assert state.spot is not None
    if isinstance(way, list):
        last = way[-1]
        end = places.on_leg(action, last, last.length, 0.0)
        turned, farthest = float(wrap_angle(end.heading - state.spot.heading)), 0.0
    else:
        turned, farthest = way.turned(state.begins_m), _farthest_aside(way, state)
    junction = places.junction()
    if abs(abs(turned) - _QUARTER_RAD) < _ABOUT_RAD and junction is not None:
        side = "left" if turned > 0.0 else "right"
        story.add_event(f"turns_{side}", story.ego, {"turn": {"to": side}}, {"time": 0.0})
        story.notes.append(
            f"{action.where}: {who} turns {side} at the junction; the curve is that of this road, at an even speed"
        )
    elif abs(turned) < _ABOUT_RAD and farthest <= _BESIDE_M:
        story.notes.append(f"{action.where}: {who} leads along its lane, where it drives anyway")
    else:
        story.left_out.append(
            f"{action.where}: {who} leads {farthest:.1f} m beside its lane and turns by {math.degrees(turned):.0f} deg and is not read"
        )


def _farthest_aside(way: Path, state: State) -> float:
    """How far the way leaves the line along which the ego stands, metres."""
    assert state.spot is not None
    own = state.spot
    ends = [way.at(state.begins_m), *(Spot(float(s), float(t)) for s, t in way.points[1:])]
    return max(abs((one.t - own.t) * math.cos(own.heading) - (one.s - own.s) * math.sin(own.heading)) for one in ends)


def _others_route(action: Element, legs: list[Leg], state: State, story: Story) -> None:
    """A route that goes straight on from where somebody stands is what he does anyway; another is listed."""
    name, spot = state.entity.name, state.spot
    last = legs[-1]
    end = story.places.on_leg(action, last, last.length, 0.0)
    if spot is not None and abs(float(wrap_angle(end.heading - spot.heading))) < _ABOUT_RAD:
        story.notes.append(f"{action.where}: the route of '{name}' leads straight on, where it goes anyway")
    else:
        story.left_out.append(f"{action.where}: <AssignRouteAction> of '{name}' turns and is not read")
