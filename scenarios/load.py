"""Reads scenario files: one scenario, or a suite with defaults; every problem at once, with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivesim.scenarios.checks.messages import CheckReport, Finding, Problem, ScenarioError, report
from drivesim.scenarios.checks.rules import reference_findings, references
from drivesim.scenarios.checks.scenario import scenario_findings
from drivesim.scenarios.checks.the_rest import findings_of_the_rest
from drivesim.scenarios.checks.video import VideoForm, video_finding
from drivesim.scenarios.language import yaml_text
from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.schema import (
    Camera,
    Output,
    Sampling,
    Scenario,
    ScenarioFields,
    Side,
    Video,
    substitute,
)
from drivesim.scenarios.language.structure import findings_of
from drivesim.scenarios.language.values import VARIABLE_PARTS, Identifier, suggestion
from drivesim.scenarios.language.yaml_text import Node

VERSION = 1
_SUITE_KEYS = ("drivesim", "defaults", "scenarios")
_MERGED = ("video", "sampling")


class Defaults(Model):
    """What a suite sets for all its scenarios; ``video`` and ``sampling`` are overridden key by key."""

    camera: Camera | None = None
    video: Video | None = None
    traffic: Side | None = None
    sampling: Sampling | None = None
    outputs: tuple[Output, ...] | None = None
    tags: tuple[Identifier, ...] | None = None


def load(path: str | Path) -> list[Scenario]:
    """The scenarios of a file. Raises ScenarioError with all its problems."""
    content = _content(path)
    return _loaded(content, str(path), Path(path).parent)


def loads(text: str | bytes, name: str = "<string>") -> list[Scenario]:
    """The scenarios of a YAML text. Raises ScenarioError with all its problems."""
    return _loaded(text.encode() if isinstance(text, str) else text, name, None)


def check(path: str | Path, made: VideoForm | None = None) -> CheckReport:
    """Errors and warnings of a scenario file; never raises for what is in it, or for a file that is not there.

    With ``made``, what a model makes, a video of another shape or rate is an error, as it is to whoever runs the scenario.
    """
    try:
        return _read(_content(path), str(path), Path(path).parent, made)[1]
    except ScenarioError as error:
        return CheckReport(errors=error.problems)


def check_text(text: str | bytes, name: str = "<string>") -> CheckReport:
    """Errors and warnings of a YAML text."""
    try:
        return _read(text.encode() if isinstance(text, str) else text, name, None)[1]
    except ScenarioError as error:
        return CheckReport(errors=error.problems)


def _loaded(content: bytes, name: str, folder: Path | None) -> list[Scenario]:
    scenarios, found = _read(content, name, folder)
    if found.errors:
        raise ScenarioError(found.errors)
    return scenarios


def _content(path: str | Path) -> bytes:
    file = Path(path)
    name = str(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(yaml_text.MAX_BYTES + 1)
        size = file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        text = "there is no such file. Check the path, or name a library scenario."
        raise ScenarioError([Problem(code="DS001", text=text, file=name)]) from None
    except IsADirectoryError:
        text = "this is a folder. Name a scenario .yaml file in it."
        raise ScenarioError([Problem(code="DS002", text=text, file=name)]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        text = f"the file cannot be read ({reason.lower()}). Check its name and permissions."
        raise ScenarioError([Problem(code="DS002", text=text, file=name)]) from None
    if size > yaml_text.MAX_BYTES:
        raise ScenarioError([Problem(code="DS003", text=yaml_text.too_large(size), file=name)])
    return content


def _read(
    content: bytes, name: str, folder: Path | None, made: VideoForm | None = None
) -> tuple[list[Scenario], CheckReport]:
    root, problems = yaml_text.parse(yaml_text.decode(content, name), name)
    if not isinstance(root.value, dict):
        text = "the file must hold a mapping ('drivesim: 1', 'id: …', 'scene: …'), not a " + (
            "list. Put the list under 'scenarios:'." if isinstance(root.value, list) else "single value."
        )
        raise ScenarioError([Problem(code="DS010", text=text, file=name, line=root.line, column=root.column)])
    problems += _version(root, name)
    scenarios: list[Scenario] = []
    for node, prefix in _entries(root, name, problems):
        scenario, found = _scenario(node, name, prefix, folder)
        if scenario is not None and made is not None and (wrong := video_finding(scenario, made)) is not None:
            found = [problem for problem in found if problem.code != "DS073"]
            found.append(_placed(wrong, node, name, prefix))
        places = {(p.line, p.column, p.code) for p in problems}
        problems += [p for p in found if (p.line, p.column, p.code) not in places]
        if scenario is not None:
            scenarios.append(scenario)
    problems += _repeated_ids(root, name)
    return scenarios, report(problems)


def _version(root: Node, name: str) -> list[Problem]:
    node = root.value.get("drivesim")
    if node is None:
        text = "missing key 'drivesim'. Add 'drivesim: 1' as the first line."
        return [Problem(code="DS020", text=text, file=name, line=root.line, column=root.column)]
    if node.value != VERSION or isinstance(node.value, bool):
        text = f"schema version {node.plain()!r} is not known. This release reads 'drivesim: 1'."
        return [Problem(code="DS020", text=text, path="drivesim", file=name, line=node.line, column=node.column)]
    return []


def _entries(root: Node, name: str, problems: list[Problem]) -> list[tuple[Node, tuple[str | int, ...]]]:
    """The nodes of the scenarios in a file, defaults merged in, each with its path."""
    if "scenarios" not in root.value and "defaults" not in root.value:
        body = {key: value for key, value in root.value.items() if key != "drivesim"}
        return [(Node(body, root.line, root.column, root.keys), ())]
    for key in root.value:
        if key not in _SUITE_KEYS:
            near = suggestion(key, _SUITE_KEYS)
            fix = f"Did you mean '{near}'?" if near else f"A suite has: {', '.join(_SUITE_KEYS)}."
            line, column = root.keys[key]
            text = f"unknown key '{key}'. {fix}"
            problems.append(Problem(code="DS021", text=text, path=key, file=name, line=line, column=column))
    defaults = root.value.get("defaults")
    if defaults is not None:
        problems += _structure(Defaults, defaults, name, ("defaults",))
    listed = root.value.get("scenarios")
    if listed is None or not isinstance(listed.value, list) or not listed.value:
        at = listed or root
        text = "'scenarios' must be a list with at least one scenario. Write '- id: …' entries below it."
        problems.append(Problem(code="DS010", text=text, path="scenarios", file=name, line=at.line, column=at.column))
        return []
    return [(_merged(defaults, node), ("scenarios", index)) for index, node in enumerate(listed.value)]


def _merged(defaults: Node | None, own: Node) -> Node:
    if defaults is None or not isinstance(defaults.value, dict) or not isinstance(own.value, dict):
        return own
    merged = Node(dict(own.value), own.line, own.column, {**defaults.keys, **own.keys})
    for key, value in defaults.value.items():
        mine = merged.value.get(key)
        if mine is None:
            if key in Defaults.model_fields:
                merged.value[key] = value
        elif key in _MERGED and isinstance(mine.value, dict) and isinstance(value.value, dict):
            both = {**value.value, **mine.value}
            merged.value[key] = Node(both, mine.line, mine.column, {**value.keys, **mine.keys})
    return merged


def _scenario(
    node: Node, name: str, prefix: tuple[str | int, ...], folder: Path | None
) -> tuple[Scenario | None, list[Problem]]:
    problems = _structure(ScenarioFields, node, name, prefix, needed=("scene",))
    written = node.plain()
    if isinstance(written, dict):
        problems += [_placed(found, node, name, prefix) for found in reference_findings(written)]
        problems += [_placed(found, node, name, prefix) for found in _filled_in(written)]
    if any(problem.severity == "error" for problem in problems):
        if isinstance(written, dict):
            problems += [_placed(found, node, name, prefix) for found in findings_of_the_rest(written)]
        return None, problems
    scenario = Scenario.from_dict(_with_image(written, folder))
    later = [*scenario_findings(scenario, {}), *_image(scenario)]
    problems += [_placed(found, node, name, prefix) for found in later]
    return scenario, problems


def _structure(
    model: type[Model], node: Node, name: str, prefix: tuple[str | int, ...], needed: Iterable[str] = ()
) -> list[Problem]:
    """Everything that pydantic, and the keys that only a file needs, find wrong."""
    written = node.plain()
    findings: list[Finding] = []
    if isinstance(written, dict):
        fix = "Add 'scene:' with road, ego and actors ('scene: {}' for an empty road)."
        findings += [Finding(code="DS022", text=f"missing key '{key}'. {fix}") for key in needed if key not in written]
    findings += _empty(written, ())
    try:
        model.__pydantic_validator__.validate_python(written)
    except ValidationError as error:
        findings += findings_of(error, model, written)
    empty = {found.location for found in findings if found.code == "DS023" and found.text.endswith("remove the key.")}
    kept = [f for f in findings if f.location not in empty or f.text.endswith("remove the key.")]
    return [_placed(found, node, name, prefix) for found in kept]


def _empty(written: Any, location: tuple[str | int, ...]) -> list[Finding]:
    """Keys and list items without a value."""
    if written is None:
        name = next((part for part in reversed(location) if isinstance(part, str)), "scenario")
        text = f"'{name}' has no value. Write one, or remove the key."
        return [Finding(code="DS023", text=text, location=location)]
    items = written.items() if isinstance(written, dict) else enumerate(written) if isinstance(written, list) else ()
    return [found for key, value in items for found in _empty(value, (*location, key))]


def _filled_in(written: Mapping[str, Any]) -> list[Finding]:
    """Findings about values that parameters take, at the places that use them."""
    vary = written.get("vary")
    if not isinstance(vary, Mapping):
        return []
    samples = {str(name): values for name, d in vary.items() if (values := _samples(d))}
    used = {location: name for location, name in references({k: written.get(k) for k in VARIABLE_PARTS}, ())}
    findings: dict[tuple[tuple[str | int, ...], str], Finding] = {}
    for turn in range(min(max((len(values) for values in samples.values()), default=0), 64)):
        chosen = {name: options[turn % len(options)] for name, options in samples.items()}
        filled = substitute({**written, "vary": {}}, chosen)
        try:
            ScenarioFields.__pydantic_validator__.validate_python(filled)
        except ValidationError as error:
            for found in findings_of(error, ScenarioFields, filled):
                name = used.get(found.location)
                if name in chosen:
                    text = f"{found.text} (parameter '{name}')"
                    findings.setdefault(
                        (found.location, found.code), Finding(code=found.code, text=text, location=found.location)
                    )
    return list(findings.values())


def _samples(distribution: Any) -> list[Any]:
    """Values, as written, that a distribution may take: bounds, mean or options."""
    if not isinstance(distribution, Mapping) or len(distribution) != 1:
        return []
    kind, inner = next(iter(distribution.items()))
    if kind == "normal" and isinstance(inner, Mapping):
        inner = inner.get("clip") or [inner.get("mean")]
    values = list(inner) if isinstance(inner, list | Mapping) else []
    return [value for value in values if isinstance(value, str | int | float)]


def _with_image(written: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """The values with the start image's path made independent of where the file lies."""
    start = written.get("start")
    if folder is None or not isinstance(start, dict) or not isinstance(start.get("image"), str):
        return written
    return {**written, "start": {**start, "image": str((folder / start["image"]).resolve())}}


def _image(scenario: Scenario) -> list[Finding]:
    if scenario.start is None or Path(scenario.start.image).is_file():
        return []
    text = f"there is no picture '{scenario.start.image}'. Give a path relative to the scenario file."
    return [Finding(code="DS080", text=text, location=("start", "image"))]


def _repeated_ids(root: Node, name: str) -> list[Problem]:
    listed = root.value.get("scenarios")
    entries = listed.value if listed is not None and isinstance(listed.value, list) else []
    seen: dict[Any, int] = {}
    problems = []
    for index, entry in enumerate(entries):
        node = entry.value.get("id") if isinstance(entry.value, dict) else None
        if node is None or not isinstance(node.value, str):
            continue
        if node.value in seen:
            text = f"scenario id '{node.value}' is used twice (first on line {seen[node.value]}). Give each its own id."
            path = f"scenarios[{index}].id"
            problems.append(Problem(code="DS042", text=text, path=path, file=name, line=node.line, column=node.column))
        seen.setdefault(node.value, node.line)
    return problems


def _placed(found: Finding, node: Node, name: str, prefix: tuple[str | int, ...]) -> Problem:
    """A finding at its line and column: of the key for an unknown key, of the value otherwise."""
    place = (node.line, node.column)
    current = node
    for part in found.location:
        if isinstance(current.value, dict) and part in current.value:
            key_place = current.keys.get(str(part), place)
            current = current.value[str(part)]
            place = key_place if found.code == "DS021" else (current.line, current.column)
        elif isinstance(current.value, list) and isinstance(part, int) and part < len(current.value):
            current = current.value[part]
            place = (current.line, current.column)
        else:
            break
    return found.problem(file=name, line=place[0], column=place[1], prefix=prefix)
