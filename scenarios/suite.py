"""Suites: the scenarios of a file, a folder or a list in Python, and the concrete scenarios that they stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError, one_line
from drivesim.scenarios.checks.messages import Finding, Problem, ScenarioError
from drivesim.scenarios.concrete import ConcreteScenario
from drivesim.scenarios.language.distributions import Value
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.library import find
from drivesim.scenarios.load import load
from drivesim.storage import write_atomic

#: The file that stands for the folder it lies in.
_OF_A_FOLDER = "suite.yaml"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One concrete scenario of a suite: ``variation`` of ``scenario``. Its name is ``highway-cut-in/v003``."""

    scenario: Scenario
    variation: int

    @property
    def name(self) -> str:
        """Scenario and variation; a future of it is ``<name>/f07``."""
        return f"{self.scenario.id}/v{self.variation:03d}"

    @property
    def num_futures(self) -> int:
        """Futures that its scenario asks for (``sampling.futures``)."""
        return self.scenario.sampling_settings.futures

    @property
    def parameters(self) -> dict[str, Value]:
        """Values (SI) of what varies."""
        return self.scenario.parameters(self.variation)

    def alone(self) -> Scenario:
        """A scenario without parameters that goes as this one does, and has the same noise; its id ends in ``-v003``.

        It is the scenario itself where nothing varies.
        """
        if not self.scenario.vary:
            return self.scenario
        sampling, name = self.scenario.sampling_settings, f"{self.scenario.id}-v{self.variation:03d}"
        keys = self.scenario.with_parameters(self.parameters).to_dict()
        keys |= {"id": name, "world": self.scenario.world_name, "variation": self.variation}
        keys["sampling"] = {"seed": sampling.seed, "futures": sampling.futures, "max_tries": sampling.max_tries}
        return Scenario.from_dict(keys)

    def concrete(self) -> ConcreteScenario:
        """It as plain numbers. Raises ScenarioError for what cannot be placed."""
        return self.scenario.concrete(self.variation)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Scenarios of different ids under one name, in order. Raises ScenarioError for none, or for two of one id."""

    name: str
    scenarios: tuple[Scenario, ...]

    def __post_init__(self) -> None:
        if not self.scenarios:
            raise ScenarioError([Problem(code="DS010", text=f"suite '{self.name}' has no scenario. Give it one.")])
        ids = [scenario.id for scenario in self.scenarios]
        for index, one in enumerate(ids):
            if one in ids[:index]:
                text = f"scenario id '{one}' is used twice in suite '{self.name}'. Give each its own id."
                raise ScenarioError([Finding(code="DS042", text=text, location=("scenarios", index, "id")).problem()])

    def cases(self) -> Iterator[Case]:
        """Every variation of every scenario, in order."""
        for scenario in self.scenarios:
            for variation in range(scenario.num_variations):
                yield Case(scenario=scenario, variation=variation)

    @property
    def num_futures(self) -> int:
        """Futures of all cases together."""
        return sum(scenario.num_variations * scenario.sampling_settings.futures for scenario in self.scenarios)

    def to_yaml(self) -> str:
        """A suite file that holds every scenario whole and loads to an equal suite."""
        from drivesim.scenarios.language.yaml_writer import suite_text

        return suite_text([scenario.to_dict() for scenario in self.scenarios])


def write_cases(suite: Suite, cases: Sequence[Case], folder: Path) -> list[Path]:
    """Write each case as a scenario file of its own, and ``suite.yaml``, which lists them all; returns the files.

    What is there and equal is kept. Raises InputError, before anything is written, where another file would be replaced.
    """
    return write_scenarios(f"{suite.name}: {len(cases)} concrete scenarios", [case.alone() for case in cases], folder)


def write_scenarios(about: str, scenarios: Sequence[Scenario], folder: Path) -> list[Path]:
    """Like :func:`write_cases`, of any scenarios; ``about`` stands in the suite's first line."""
    texts = {folder / f"{scenario.id}.yaml": scenario.to_yaml() for scenario in scenarios}
    listed = "".join(f"  - {path.name}\n" for path in texts)
    texts[folder / _OF_A_FOLDER] = f"drivesim: 1 # {one_line(about)}\nscenarios:\n{listed}"
    for path, text in texts.items():
        if path.exists() and (not path.is_file() or path.read_bytes() != text.encode()):
            raise InputError(f"{path} is there already and is another. Choose another folder with --out, or remove it.")
    for path, text in texts.items():
        if not path.exists():
            write_atomic(path, text)
    return list(texts)


def at_values(scenario: Scenario, values: Mapping[str, Value], number: int) -> Scenario:
    """The scenario at one point of its parameters, which stay named, drawn as variation ``number``; its id ends in ``-v003``."""
    sampling = scenario.sampling_settings
    keys = scenario.to_dict()
    keys |= {"id": f"{scenario.id}-v{number:03d}", "world": scenario.world_name, "variation": number}
    keys |= {"vary": {name: {"grid": [value]} for name, value in values.items()}, "where": []}
    keys["sampling"] = {
        "method": "grid",
        "seed": sampling.seed,
        "futures": sampling.futures,
        "max_tries": sampling.max_tries,
    }
    return Scenario.from_dict(keys)


def load_suite(source: str | Path | Sequence[str | Path]) -> Suite:
    """The suite of a file (a scenario is a suite of one), of a folder's ``.yaml`` files, of a library name, or of several of these.

    Raises ScenarioError with all problems of all files, InputError for a folder without any.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in _files(sources):
        try:
            scenarios += load(path)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return Suite(name=_name(sources), scenarios=tuple(scenarios))


def _name(sources: Sequence[str | Path]) -> str:
    """That of the file, or of the folder that a ``suite.yaml`` stands for."""
    if len(sources) != 1:
        return "suite"
    path = Path(os.path.abspath(sources[0]))
    return path.parent.name if path.name == _OF_A_FOLDER else path.stem


def _files(sources: Iterable[str | Path]) -> Iterator[Path]:
    """The scenario files that are named; in a folder ``suite.yaml`` stands for the folder."""
    for source in sources:
        path = Path(source)
        if not path.is_dir():
            yield find(source)
            continue
        if (path / _OF_A_FOLDER).is_file():
            yield path / _OF_A_FOLDER
            continue
        inside = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
        if not inside:
            raise InputError(f"{path} holds no scenario files (.yaml). Name a suite file, or a folder of scenarios.")
        yield from inside
