"""Reads scenario files: one scenario, or a suite with defaults; every problem at once, with its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from drivesim.errors import InputError
from drivesim.scenarios.checks.ego_plan import PLAN, with_plan_read
from drivesim.scenarios.checks.messages import CheckReport, Finding, Problem, ScenarioError, report
from drivesim.scenarios.checks.rules import reference_findings, references
from drivesim.scenarios.checks.scenario import scenario_findings
from drivesim.scenarios.checks.staging import staged_findings
from drivesim.scenarios.checks.the_rest import findings_of_the_rest
from drivesim.scenarios.checks.video import VideoForm
from drivesim.scenarios.entries import Prefix, SuiteEntry, SuiteReading, entries_of, problem_at
from drivesim.scenarios.language import yaml_text
from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.distributions import Value, sample_value
from drivesim.scenarios.language.schema import Scenario, ScenarioFields
from drivesim.scenarios.language.structure import findings_of
from drivesim.scenarios.language.values import VARIABLE_PARTS, substitute
from drivesim.scenarios.language.yaml_text import Node
from drivesim.scenarios.scene_text import with_text_read


def load(path: str | Path) -> list[Scenario]:
    """The scenarios of a file. Raises ScenarioError with all its problems."""
    return _loaded(yaml_text.read_content(path), str(path), Path(path))


def loads(text: str | bytes, name: str = "<string>") -> list[Scenario]:
    """The scenarios of a YAML text. Raises ScenarioError with all its problems."""
    return _loaded(text.encode() if isinstance(text, str) else text, name, None)


def check(path: str | Path, made: VideoForm | None = None) -> CheckReport:
    """Errors and warnings of a scenario file; never raises for what is in it, or for a file that is not there.

    With ``made``, what a model makes, a video of another shape or rate is an error, as it is to whoever runs the scenario.
    """
    try:
        return _read(yaml_text.read_content(path), str(path), Path(path), made, played=True)[1]
    except ScenarioError as error:
        return CheckReport(errors=error.problems)


def check_text(text: str | bytes, name: str = "<string>") -> CheckReport:
    """Errors and warnings of a YAML text."""
    try:
        return _read(text.encode() if isinstance(text, str) else text, name, None, played=True)[1]
    except ScenarioError as error:
        return CheckReport(errors=error.problems)


def _loaded(content: bytes, name: str, path: Path | None) -> list[Scenario]:
    scenarios, found = _read(content, name, path)
    if found.errors:
        raise ScenarioError(found.errors)
    return scenarios


def _read(
    content: bytes, name: str, path: Path | None, made: VideoForm | None = None, *, played: bool = False
) -> tuple[list[Scenario], CheckReport]:
    """The scenarios of a file's content, and all that is wrong; ``path`` is the file's, None for a text that is in none."""
    root, problems = yaml_text.parse(yaml_text.decode(content, name), name)
    found = SuiteReading(problems=problems)
    entries = entries_of(root, None if path is None else path.parent, found, () if path is None else (path.resolve(),))
    wrong = found.problems
    for node, model, prefix in found.parts:
        wrong += _structure(model, node, prefix)
    scenarios: list[Scenario] = []
    for entry in entries:
        scenario, more = _scenario(entry, made)
        if played and scenario is not None and not any(problem.severity == "error" for problem in more):
            told = {problem.path for problem in more if problem.code in ("DS065", "DS067")}
            never = (_placed(one, entry.node, entry.prefix) for one in staged_findings(scenario))
            more += [problem for problem in never if problem.path not in told]
        places = {(p.file, p.line, p.column, p.code) for p in wrong}
        wrong += [p for p in more if (p.file, p.line, p.column, p.code) not in places]
        if scenario is not None:
            scenarios.append(scenario)
    wrong += _repeated_ids(entries)
    return scenarios, report(wrong)


def _scenario(entry: SuiteEntry, made: VideoForm | None) -> tuple[Scenario | None, list[Problem]]:
    node, prefix = entry.node, entry.prefix
    problems = _structure(ScenarioFields, node, prefix, needed=("scene",))
    written = node.plain()
    if isinstance(written, dict):
        problems += [_placed(found, node, prefix) for found in reference_findings(written)]
        problems += [_placed(found, node, prefix) for found in _filled_in(written)]
    if any(problem.severity == "error" for problem in problems):
        if isinstance(written, dict):
            problems += [_placed(found, node, prefix) for found in findings_of_the_rest(written, made)]
        return None, problems
    written, unread_text = with_text_read(written, entry.folder)
    if unread_text is not None:
        return None, [*problems, _placed(unread_text, node, prefix)]
    try:
        written = with_plan_read(written, entry.folder)
    except InputError as error:
        unread = Finding(code="DS090", text=str(error), location=PLAN)
        return None, [*problems, _placed(unread, node, prefix)]
    scenario = Scenario.from_dict(_with_image(written, entry.folder))
    if entry.fixed:
        scenario, unknown = _with_fixed(scenario, entry)
        problems += unknown
        if unknown:
            return None, problems
    later = [*scenario_findings(scenario, {}, made), *_image(scenario)]
    problems += [_placed(found, node, prefix) for found in later]
    return scenario, problems


def _with_fixed(scenario: Scenario, entry: SuiteEntry) -> tuple[Scenario, list[Problem]]:
    """The scenario with the parameters that a suite sets, or what is wrong with them."""
    values: dict[str, Value] = {}
    for name, node in entry.fixed.items():
        if name not in scenario.vary:
            known = ", ".join(scenario.vary) or "nothing"
            text = f"'{name}' is not in 'vary' of {scenario.id} (has: {known})."
            return scenario, [problem_at(node, Finding(code="DS040", text=text, location=("set", name)))]
        try:
            values[name] = sample_value(node.plain())
        except PydanticCustomError as error:
            return scenario, [problem_at(node, Finding(code=error.type, text=str(error), location=("set", name)))]
    try:
        return scenario.with_parameters(values), []
    except ScenarioError as error:
        node = next(iter(entry.fixed.values()))
        return scenario, [replace(one, file=node.file, line=node.line, column=node.column) for one in error.problems]


def _structure(model: type[Model], node: Node, prefix: Prefix, needed: Iterable[str] = ()) -> list[Problem]:
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
    return [_placed(found, node, prefix) for found in kept]


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


def _repeated_ids(entries: Sequence[SuiteEntry]) -> list[Problem]:
    seen: dict[str, Node] = {}
    problems = []
    for entry in entries:
        node = entry.node.value.get("id") if isinstance(entry.node.value, dict) else None
        if node is None or not isinstance(node.value, str):
            continue
        first = seen.setdefault(node.value, node)
        if first is not node:
            where = f"on line {first.line}" if first.file == node.file else f"in {first.file}, line {first.line}"
            text = f"scenario id '{node.value}' is used twice (first {where}). Give each its own id."
            problems.append(_placed(Finding(code="DS042", text=text, location=("id",)), entry.node, entry.prefix))
    return problems


def _placed(found: Finding, node: Node, prefix: Prefix) -> Problem:
    """A finding at its file, line and column: of the key for an unknown key, of the value otherwise."""
    place = (node.file, node.line, node.column)
    current = node
    for part in found.location:
        if isinstance(current.value, dict) and part in current.value:
            key_place = current.keys.get(str(part), place[1:])
            current = current.value[str(part)]
            place = (current.file, *(key_place if found.code == "DS021" else (current.line, current.column)))
        elif isinstance(current.value, list) and isinstance(part, int) and part < len(current.value):
            current = current.value[part]
            place = (current.file, current.line, current.column)
        else:
            break
    return found.problem(file=place[0], line=place[1], column=place[2], prefix=prefix)
