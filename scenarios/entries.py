"""From the tree of a file to the trees of its scenarios: the file itself, or what a suite writes, names and overrides.

An entry of a suite is a scenario, or names files of scenarios: a path, a glob, a name of the library, or a mapping with
``file`` and what is to be different. Of each key holds what the entry writes beside ``file``, else the suite's ``overrides``,
else the scenario's own, else the suite's ``defaults``; ``video`` and ``sampling`` so key by key.
"""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drivesim.scenarios.checks.messages import Finding, Problem, ScenarioError
from drivesim.scenarios.language import yaml_text
from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.schema import Camera, Output, Sampling, Side, Video
from drivesim.scenarios.language.values import Identifier, Text, suggestion
from drivesim.scenarios.language.yaml_text import Node

VERSION = 1
SUITE_KEYS = ("drivesim", "defaults", "overrides", "scenarios")
#: A suite of more files than this is a slip of a glob.
MOST_FILES = 1000
_MERGED = ("video", "sampling")
_YAML = (".yaml", ".yml")

Prefix = tuple[str | int, ...]


class Defaults(Model):
    """What a suite sets for all its scenarios; ``video`` and ``sampling`` are overridden key by key."""

    camera: Camera | None = None
    video: Video | None = None
    traffic: Side | None = None
    sampling: Sampling | None = None
    outputs: tuple[Output, ...] | None = None
    tags: tuple[Identifier, ...] | None = None


class Reference(Defaults):
    """An entry that names files: ``only`` the scenario of that id, ``id`` its new one, parameters fixed by ``set``."""

    file: Text
    only: Identifier | None = None
    id: Identifier | None = None
    set: dict[Identifier, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class SuiteEntry:
    """One scenario as a file writes it: its node, its path in that file, the file's folder (None: a text without one).

    ``fixed`` are the nodes of parameters that a suite sets.
    """

    node: Node
    prefix: Prefix
    folder: Path | None
    fixed: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SuiteReading:
    """What a file held beside its scenarios: what is wrong, and parts of suites with the model that each must fit."""

    problems: list[Problem] = field(default_factory=list)
    parts: list[tuple[Node, type[Model], Prefix]] = field(default_factory=list)

    def wrong(self, code: str, text: str, node: Node, path: Prefix = ()) -> None:
        """Add an error at a node."""
        self.problems.append(problem_at(node, Finding(code=code, text=text, location=path)))


def problem_at(node: Node, found: Finding) -> Problem:
    """A finding as a problem at a node of a file."""
    return found.problem(file=node.file, line=node.line, column=node.column)


def entries_of(root: Node, folder: Path | None, found: SuiteReading, above: tuple[Path, ...] = ()) -> list[SuiteEntry]:
    """The scenarios of a file, those of the files that a suite names among them.

    ``above`` are the files that led here, this one last. Raises ScenarioError for a file that is no mapping.
    """
    if not isinstance(root.value, dict):
        text = "the file must hold a mapping ('drivesim: 1', 'id: …', 'scene: …'), not a " + (
            "list. Put the list under 'scenarios:'." if isinstance(root.value, list) else "single value."
        )
        raise ScenarioError([problem_at(root, Finding(code="DS010", text=text))])
    _require_version(root, found)
    if not any(key in root.value for key in SUITE_KEYS[1:]):
        body = {key: value for key, value in root.value.items() if key != "drivesim"}
        return [
            SuiteEntry(node=Node(body, root.line, root.column, root.keys, file=root.file), prefix=(), folder=folder)
        ]
    for key in root.value:
        if key not in SUITE_KEYS:
            near = suggestion(key, SUITE_KEYS)
            fix = f"Did you mean '{near}'?" if near else f"A suite has: {', '.join(SUITE_KEYS)}."
            line, column = root.keys[key]
            found.wrong("DS021", f"unknown key '{key}'. {fix}", Node(None, line, column, file=root.file), (key,))
    listed = root.value.get("scenarios")
    if listed is None or not isinstance(listed.value, list) or not listed.value:
        text = "'scenarios' must be a list with at least one scenario. Write '- id: …' entries below it."
        found.wrong("DS010", text, listed or root, ("scenarios",))
        return []
    defaults, overrides = root.value.get("defaults"), root.value.get("overrides")
    found.parts.extend((part, Defaults, (name,)) for name, part in root.value.items() if name in SUITE_KEYS[1:3])
    entries: list[SuiteEntry] = []
    for index, node in enumerate(listed.value):
        for entry in _listed(node, ("scenarios", index), folder, found, above):
            entries.append(replace(entry, node=_over(entry.node, overrides, defaults)))
    return entries


def _listed(
    node: Node, prefix: Prefix, folder: Path | None, found: SuiteReading, above: tuple[Path, ...]
) -> Iterator[SuiteEntry]:
    """The scenarios that one entry of a suite stands for."""
    if isinstance(node.value, str):
        yield from _named(node, prefix, folder, found, above)
    elif isinstance(node.value, dict) and "file" in node.value:
        found.parts.append((node, Reference, prefix))
        yield from _referred(node, prefix, folder, found, above)
    else:
        yield SuiteEntry(node=node, prefix=prefix, folder=folder)


def _referred(
    node: Node, prefix: Prefix, folder: Path | None, found: SuiteReading, above: tuple[Path, ...]
) -> Iterator[SuiteEntry]:
    """The scenarios of an entry with ``file``, with what it writes beside."""
    keys = node.value
    if not isinstance(keys["file"].value, str):
        return  # said where the entry is held against its model
    entries = list(_named(keys["file"], (*prefix, "file"), folder, found, above))
    if (only := keys.get("only")) is not None:
        ids = [_id_of(entry.node) for entry in entries]
        if entries and only.value not in ids:
            known = ", ".join(name for name in ids if name)
            text = f"no scenario of '{keys['file'].value}' has the id {only.value!r} (has: {known})."
            found.wrong("DS082", text, only, (*prefix, "only"))
        entries = [entry for entry, name in zip(entries, ids, strict=True) if name == only.value]
    if "id" in keys and len(entries) > 1:
        text = f"'id' names one scenario, but '{keys['file'].value}' stands for {len(entries)}. Choose one with 'only'."
        found.wrong("DS082", text, keys["id"], (*prefix, "id"))
    own = Node({key: keys[key] for key in Defaults.model_fields if key in keys}, node.line, node.column, node.keys)
    fixed = keys["set"].value if "set" in keys and isinstance(keys["set"].value, dict) else {}
    for entry in entries:
        inner = _over(entry.node, own, None)
        if "id" in keys and isinstance(inner.value, dict):  # a renamed scenario stays where it was
            world = inner.value.get("world", inner.value.get("id", keys["id"]))
            inner = replace(inner, value={**inner.value, "id": keys["id"], "world": world})
        yield replace(entry, node=inner, fixed={**entry.fixed, **fixed})


def _named(
    node: Node, prefix: Prefix, folder: Path | None, found: SuiteReading, above: tuple[Path, ...]
) -> Iterator[SuiteEntry]:
    """The scenarios of the files that a path, a glob or a name of the library stands for."""
    paths = _paths(node.value, folder, above)
    if isinstance(paths, str) or len(paths) > MOST_FILES:
        many = f"'{node.value}' stands for {len(paths)} files; a suite has at most {MOST_FILES}. Narrow it."
        found.wrong("DS082", paths if isinstance(paths, str) else many, node, prefix)
        return
    for path in paths:
        if path.resolve() in above:
            chain = " → ".join(one.name for one in (*above, path))
            found.wrong("DS083", f"the suite leads back to itself: {chain}. Remove one.", node, prefix)
            continue
        try:
            root, problems = yaml_text.parse(yaml_text.decode(yaml_text.read_content(path), str(path)), str(path))
            found.problems.extend(problems)
            yield from entries_of(root, path.parent, found, (*above, path.resolve()))
        except ScenarioError as error:
            found.problems.extend(error.problems)


def _paths(written: str, folder: Path | None, above: tuple[Path, ...]) -> list[Path] | str:
    """The files that an entry's text names, or why there are none."""
    from drivesim.scenarios.library import all_names, find

    is_pattern = any(sign in written for sign in "*?[")
    if "/" not in written and not written.endswith(_YAML):
        known = all_names()
        if chosen := [name for name in known if fnmatch.fnmatchcase(name, written)]:
            return [find(name) for name in chosen]
        near = suggestion(written, known)
        hint = f"Did you mean '{near}'?" if near else f"The library has: {', '.join(known)}."
        return f"'{written}' is neither a path nor in the library. {hint} Paths end in .yaml."
    if folder is None and not Path(written).is_absolute():
        return f"'{written}' is relative to the suite's file, and this text is in none. Write the suite into a file."
    base = folder or Path()
    if not is_pattern:
        path = base / written
        return (
            [path]
            if path.exists()
            else f"there is no file '{written}' in {base.absolute()}. Paths are relative to the suite."
        )
    found = sorted(Path(name) for name in glob.glob(str(base / written), recursive=True))
    kept = [path for path in found if path.suffix in _YAML and path.resolve() not in above]
    return kept or f"no .yaml file matches '{written}' in {base.absolute()}. Paths are relative to the suite."


def _over(own: Node, top: Node | None, under: Node | None) -> Node:
    """A scenario's node with the keys of ``top`` put over its own, and those of ``under`` where it has none."""
    if not isinstance(own.value, dict):
        return own
    merged = replace(own, value=dict(own.value), keys=dict(own.keys))
    for source, wins in ((top, True), (under, False)):
        if source is None or not isinstance(source.value, dict):
            continue
        for key, value in source.value.items():
            if key not in Defaults.model_fields:
                continue
            mine = merged.value.get(key)
            if mine is not None and key in _MERGED and isinstance(mine.value, dict) and isinstance(value.value, dict):
                first, second = (value, mine) if wins else (mine, value)
                both = {**second.value, **first.value}
                merged.value[key] = replace(first, value=both, keys={**second.keys, **first.keys})
            elif mine is None or wins:
                merged.value[key] = value
    return merged


def _require_version(root: Node, found: SuiteReading) -> None:
    node = root.value.get("drivesim")
    if node is None:
        found.wrong("DS020", "missing key 'drivesim'. Add 'drivesim: 1' as the first line.", root)
    elif node.value != VERSION or isinstance(node.value, bool):
        text = f"schema version {node.plain()!r} is not known. This release reads 'drivesim: 1'."
        found.wrong("DS020", text, node, ("drivesim",))


def _id_of(node: Node) -> str | None:
    found = node.value.get("id") if isinstance(node.value, dict) else None
    return found.value if found is not None and isinstance(found.value, str) else None
