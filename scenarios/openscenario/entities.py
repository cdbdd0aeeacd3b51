"""Entities: what takes part, with the size of its box and where that lies from its reference point."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.catalogs import Catalogs
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters
from drivesim.scene import CATEGORIES, CATEGORY_SIZES

#: What is taken for the ego where nobody says.
EGO_NAMES = ("ego", "egovehicle", "ego_vehicle", "hero", "vut", "sut", "host")

_VEHICLES = {
    "car": ("car", None), "van": ("car", "van"), "truck": ("truck", None), "trailer": ("trailer", None),
    "semitrailer": ("trailer", None), "bus": ("bus", None), "motorbike": ("motorcycle", None), "bicycle": ("bicycle", None),
}  # fmt: skip
_OBJECTS = {"barrier": "barrier", "obstacle": "barrier", "roadMark": None, "pylon": "traffic_cone"}


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A participant: ``name`` in the file, ``id`` in the scenario; sizes in metres, ``ahead`` from its reference point to the
    middle of its box, along its heading.
    """

    name: str
    id: str
    category: str
    preset: str | None
    look: str | None
    length: float
    width: float
    height: float
    ahead: float


def read_entities(
    listed: Element, catalogs: Catalogs, parameters: Parameters, notes: list[str], left_out: list[str]
) -> dict[str, Entity]:
    """Entities by their name. What drivesim has no class for goes to ``left_out``. Raises InputError for two of one name."""
    found: dict[str, Entity] = {}
    for object_ in listed.all("ScenarioObject"):
        name = parameters.text(object_, "name")
        if name in found:
            raise InputError(f"{object_.where}: two entities are called '{name}'.")
        entity = _entity(object_, name, catalogs, parameters, notes)
        if entity is None:
            object_.take()
            left_out.append(f"{object_.where}: entity '{name}' is nothing that drivesim has a class for")
        else:
            found[name] = entity
    if len({entity.id for entity in found.values()}) < len(found):
        raise InputError(f"{listed.where}: entities differ only in signs that an id cannot hold: {', '.join(found)}.")
    return found


def chosen_ego(entities: dict[str, Entity], asked: str | None) -> Entity:
    """The ego: as asked for, else by its name. Raises InputError where that is nobody, or nobody's name tells."""
    names = ", ".join(entities) or "none"
    if asked is not None:
        if asked not in entities:
            raise InputError(f"--ego {asked}: there is no such entity. There are: {names}.")
        return entities[asked]
    found = [entity for name, entity in entities.items() if name.lower() in EGO_NAMES]
    if len(found) != 1:
        raise InputError(f"which entity is the ego cannot be told from the names ({names}). Name it with --ego.")
    return found[0]


def _entity(object_: Element, name: str, catalogs: Catalogs, parameters: Parameters, notes: list[str]) -> Entity | None:
    reference = object_.child("CatalogReference")
    what: Element | None = None
    inside = parameters
    if reference is not None:
        entry = catalogs.entry(reference, parameters)
        if entry is None:
            catalog = parameters.text(reference, "catalogName")
            guess = "pedestrian" if "pedestrian" in catalog.lower() else "car"
            notes.append(
                f"{reference.where}: catalog '{catalog}' is not there; '{name}' is taken for a {guess} of typical size"
            )
            return _sized(name, guess, None, None, None, Parameters())
        what, inside = entry
    else:
        what = next((c for c in object_.children if c.tag in ("Vehicle", "Pedestrian", "MiscObject")), None)
    if what is None:
        return None
    what.read = True
    properties = what.child("Properties")
    own = (
        {p.attributes.get("name"): p.attributes.get("value") for p in properties.all("Property")} if properties else {}
    )
    category, preset = _category(what, inside)
    category = own.get("drivesim.class") if own.get("drivesim.class") in CATEGORIES else category
    preset = own.get("drivesim.preset") or preset
    if category is None:
        return None
    for part in ("Performance", "Axles"):
        if (technical := what.child(part)) is not None:
            technical.take()  # how a vehicle can move is the traffic simulation's own matter
    return _sized(name, category, preset, own.get("drivesim.look"), what.child("BoundingBox"), inside)


def _category(what: Element, parameters: Parameters) -> tuple[str | None, str | None]:
    if what.tag == "Pedestrian":
        kind = parameters.text(what, "pedestrianCategory", "pedestrian")
        return ("pedestrian" if kind in ("pedestrian", "wheelchair") else None), None
    if what.tag == "MiscObject":
        return _OBJECTS.get(parameters.text(what, "miscObjectCategory", "none")), None
    return _VEHICLES.get(parameters.text(what, "vehicleCategory", "car"), (None, None))


def _sized(
    name: str, category: str, preset: str | None, look: str | None, box: Element | None, parameters: Parameters
) -> Entity:
    length, width, height = CATEGORY_SIZES[category]
    ahead = 0.0 if category in ("pedestrian", "traffic_cone", "barrier") else 0.283 * length
    if box is not None:
        size, centre = box.need("Dimensions"), box.need("Center")
        length, width, height = (parameters.number(size, side) for side in ("length", "width", "height"))
        ahead = parameters.number(centre, "x")
        if min(length, width, height) <= 0.0:
            raise InputError(
                f"{size.where}: sizes of '{name}' are {length:g} x {width:g} x {height:g} m; expected more than 0."
            )
    return Entity(
        name=name, id=_identifier(name), category=category, preset=preset, look=look,
        length=length, width=width, height=height, ahead=ahead,
    )  # fmt: skip


def _identifier(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "actor"
    return word if word[0].isalpha() else f"a{word}"
