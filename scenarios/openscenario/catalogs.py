"""Catalogs: what an OpenSCENARIO file refers to by name in other files of its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.document import Element, read_xml
from drivesim.scenarios.openscenario.expressions import Parameters


@dataclass
class Catalogs:
    """The folders that a file names for its catalogs; each is read when something in it is asked for. ``used`` are its entries."""

    folders: list[Path]
    used: list[Element] = field(default_factory=list)
    _read: dict[Path, list[Element]] = field(default_factory=dict)

    @classmethod
    def of(cls, locations: Element | None, base: Path, parameters: Parameters) -> Catalogs:
        """The folders of <CatalogLocations>, relative to the file's own folder."""
        folders = []
        for location in locations.children if locations is not None else ():
            location.take()
            for directory in location.all("Directory"):
                folders.append(base / parameters.text(directory, "path"))
        return cls(folders)

    def entry(self, reference: Element, parameters: Parameters) -> tuple[Element, Parameters] | None:
        """What a <CatalogReference> names, and the parameters inside it; None where its catalog is not there.

        Raises InputError for a catalog file that is broken, and for a catalog that is there but lacks the entry.
        """
        reference.take()
        catalog, name = parameters.text(reference, "catalogName"), parameters.text(reference, "entryName")
        given = {
            one.attributes.get("parameterRef", "").lstrip("$"): parameters.text(one, "value")
            for assignments in reference.all("ParameterAssignments")
            for one in assignments.all("ParameterAssignment")
        }
        known: list[str] = []
        for found in (
            c for folder in self.folders for c in self._catalogs(folder) if c.attributes.get("name") == catalog
        ):
            for entry in found.children:
                known.append(entry.attributes.get("name", ""))
                if known[-1] == name:
                    entry.read = True
                    if entry not in self.used:
                        self.used.append(entry)
                    return entry, Parameters().extended(entry.child("ParameterDeclarations"), given)
        if known:
            raise InputError(f"{reference.where}: catalog '{catalog}' has no '{name}'; it has {', '.join(known[:8])}.")
        return None

    def held(self, holder: Element, name: str, parameters: Parameters) -> tuple[Element, Parameters]:
        """The <Route> or <Trajectory>, by ``name``, that an element holds or refers to, and the parameters inside it.

        Raises InputError where its catalog is not there, and as :meth:`entry` does.
        """
        own = holder.child(name)
        if own is not None:
            return own, parameters.extended(own.child("ParameterDeclarations"), {})
        named = holder.need("CatalogReference")
        entry = self.entry(named, parameters)
        if entry is None:
            raise InputError(f"{named.where}: the catalog of this {name.lower()} is not there; put it beside the file.")
        return entry

    def _catalogs(self, folder: Path) -> list[Element]:
        if folder not in self._read:
            files = [folder] if folder.suffix == ".xosc" and folder.is_file() else sorted(folder.glob("*.xosc"))
            roots = [read_xml(file) for file in files]
            self._read[folder] = [found for root in roots for found in root.all("Catalog")]
        return self._read[folder]
