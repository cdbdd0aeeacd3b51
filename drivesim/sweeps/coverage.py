"""What of a scenario's parameter space and of its events the futures of sweeps have reached, and what to sample next.

A continuous parameter is cut into bins that its distribution makes equally likely; a listed one has a bin for each value. Single bins
("each choice") and pairs of them ("pairwise", Grindal et al. 2005) are counted, as far as ``where`` allows them.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivesim.evidence.sections.outcome import modes_of
from drivesim.metrics.estimate import NOTHING, Estimate, exact, share_of
from drivesim.runs.rows import FutureRow
from drivesim.scenarios import Scenario
from drivesim.scenarios.language.base import single_key
from drivesim.scenarios.language.designs import Design
from drivesim.scenarios.language.distributions import AnyDistribution, Value, listed_values
from drivesim.scenarios.suite import at_values

#: Points that say which bins ``where`` allows, and among which the next ones are chosen.
_CANDIDATES = 2048

Cell = tuple[int, ...]
Point = dict[str, Value]


@dataclass(frozen=True, kw_only=True)
class ParameterBins:
    """The bins of one parameter, in words, and how many variations fell into each; ``allowed`` says which can be reached."""

    name: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    allowed: tuple[bool, ...]

    @property
    def reached(self) -> Estimate:
        """Share of the allowed bins that were reached."""
        hits = sum(count > 0 for count, allowed in zip(self.counts, self.allowed, strict=True) if allowed)
        return exact(hits / sum(self.allowed), sum(self.allowed)) if any(self.allowed) else NOTHING

    @property
    def unseen(self) -> tuple[str, ...]:
        """Allowed bins that were never reached."""
        rows = zip(self.labels, self.counts, self.allowed, strict=True)
        return tuple(label for label, count, allowed in rows if allowed and not count)


@dataclass(frozen=True, kw_only=True)
class ModeCoverage:
    """How often an event or label was ``seen``, was not, or is ``open``."""

    name: str
    seen: int
    not_seen: int
    open: int

    @property
    def never(self) -> str:
        """What to say where it was never seen."""
        known = self.seen + self.not_seen
        if not known:
            return f"of none of {self.open} futures can it be said"
        return f"seen in none of {known} futures (at most {100 * self.share.high:.0f} %)"

    @property
    def share(self) -> Estimate:
        """Share of futures that show it, among those of which it can be said."""
        return share_of(self.seen, self.seen + self.not_seen)


@dataclass(frozen=True, kw_only=True)
class ScenarioCoverage:
    """What was reached of one scenario: bins of each parameter, cells of each pair, events and labels, and the modes
    that they make together.
    """

    scenario: str
    variations: int
    futures: int
    parameters: tuple[ParameterBins, ...]
    pairs_reached: int
    pairs_allowed: int
    modes: tuple[ModeCoverage, ...]
    combinations: dict[str, int]

    @property
    def unseen(self) -> tuple[str, ...]:
        """What no future reached, in words."""
        bins = [f"{one.name} {label}" for one in self.parameters for label in one.unseen]
        pairs = self.pairs_allowed - self.pairs_reached
        never = [f"'{mode.name}': {mode.never}" for mode in self.modes if not mode.seen]
        always = [f"a future without '{mode.name}'" for mode in self.modes if mode.seen and not mode.not_seen]
        return (*bins, *([f"{pairs} pairs of bins"] if pairs else []), *never, *always)


class BinnedSpace:
    """The parameter space of a scenario, in bins."""

    def __init__(self, scenario: Scenario, num_bins: int) -> None:
        self.vary = dict(sorted(scenario.vary.items()))
        self.edges = {
            name: [float(distribution.quantile(number / num_bins)) for number in range(num_bins + 1)]
            for name, distribution in self.vary.items()
            if listed_values(distribution) is None
        }
        self.candidates = _candidates(scenario)

    def cell(self, values: Mapping[str, Value]) -> Cell:
        """The bin of each parameter, in order of their names."""
        return tuple(self._bin_of(name, values[name]) for name in self.vary)

    def _bin_of(self, name: str, value: Value) -> int:
        listed = listed_values(self.vary[name])
        if listed is not None:
            return listed.index(value)
        return sum(float(value) >= edge for edge in self.edges[name][1:-1])

    def labels(self, name: str) -> tuple[str, ...]:
        """The bins of a parameter in words."""
        listed = listed_values(self.vary[name])
        if listed is not None:
            return tuple(f"{value:g}" if isinstance(value, float) else value for value in listed)
        return tuple(f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(self.edges[name]))

    def place(self, values: Mapping[str, Value]) -> tuple[float, ...]:
        """A point in the unit cube: the share of each distribution below its value."""
        return tuple(_share(distribution, values[name]) for name, distribution in self.vary.items())


class _Reached:
    """Bins and pairs of bins that were reached."""

    def __init__(self) -> None:
        self.singles: set[tuple[int, int]] = set()
        self.pairs: set[tuple[tuple[int, int], tuple[int, int]]] = set()

    def add(self, cell: Cell) -> None:
        """One more point fell into this cell."""
        self.singles |= set(enumerate(cell))
        self.pairs |= _pairs(cell)

    def gain(self, cell: Cell) -> tuple[int, int]:
        """How many bins, and pairs of them, a point in this cell would add."""
        return len(set(enumerate(cell)) - self.singles), len(_pairs(cell) - self.pairs)


def coverage_of(scenario: Scenario, rows: Sequence[FutureRow], num_bins: int = 4) -> ScenarioCoverage:
    """What the finished futures among ``rows``, all of this scenario, have reached."""
    finished = [row for row in rows if row.status == "finished"]
    space = BinnedSpace(scenario, num_bins)
    points = points_of(scenario, finished)
    cells = [space.cell(point) for point in points]
    allowed = [space.cell(point) for point in space.candidates]
    bins = []
    for index, name in enumerate(space.vary):
        labels = space.labels(name)
        counted = Counter(cell[index] for cell in cells)
        possible = {cell[index] for cell in (*allowed, *cells)}
        bins.append(
            ParameterBins(
                name=name,
                labels=labels,
                counts=tuple(counted[number] for number in range(len(labels))),
                allowed=tuple(number in possible for number in range(len(labels))),
            )
        )
    reached = {pair for cell in cells for pair in _pairs(cell)}
    return ScenarioCoverage(
        scenario=scenario.id,
        variations=len(points),
        futures=len(finished),
        parameters=tuple(bins),
        pairs_reached=len(reached),
        pairs_allowed=len(reached | {pair for cell in allowed for pair in _pairs(cell)}),
        modes=tuple(_mode(name, finished) for name in _names(scenario)),
        combinations=modes_of([row for row in finished if row.verdicts]),
    )


def points_of(scenario: Scenario, rows: Sequence[FutureRow]) -> list[Point]:
    """The points of the parameter space that futures were made at, each once."""
    names = set(scenario.vary)
    found = {
        tuple(sorted(row.parameters.items())): dict(row.parameters) for row in rows if set(row.parameters) == names
    }
    return list(found.values()) if names else []


def next_points(scenario: Scenario, rows: Sequence[FutureRow], count: int, num_bins: int = 4) -> list[Point]:
    """Up to ``count`` points for what was not reached.

    First those that add most bins, then most pairs, then those farthest from all others. Of every label that was never seen, though
    something was measured, one point in four goes next to where it came nearest. A grid has no more than its own points.
    """
    finished = [row for row in rows if row.status == "finished"]
    space = BinnedSpace(scenario, num_bins)
    made = points_of(scenario, finished)
    taken = {tuple(sorted(point.items())) for point in made}
    pool = [point for point in space.candidates if tuple(sorted(point.items())) not in taken]
    places = {id(point): space.place(point) for point in pool}
    known = [space.place(point) for point in made]
    chosen: list[Point] = []
    for near in _nearest_misses(scenario, finished):
        target = space.place(near)
        for _ in range(max(1, count // 4)):
            if pool and len(chosen) < count:
                chosen.append(pool.pop(min(range(len(pool)), key=lambda i: math.dist(places[id(pool[i])], target))))
    reached = _Reached()
    for point in (*made, *chosen):
        reached.add(space.cell(point))
    known += [places[id(point)] for point in chosen]
    cells = {id(point): space.cell(point) for point in pool}
    away = {id(point): min((math.dist(places[id(point)], one) for one in known), default=math.inf) for point in pool}
    while pool and len(chosen) < count:
        gains = [(*reached.gain(cells[id(point)]), away[id(point)]) for point in pool]
        best = pool.pop(gains.index(max(gains)))
        chosen.append(best)
        reached.add(cells[id(best)])
        for point in pool:
            away[id(point)] = min(away[id(point)], math.dist(places[id(point)], places[id(best)]))
    return chosen


def next_scenarios(scenario: Scenario, rows: Sequence[FutureRow], count: int, num_bins: int = 4) -> list[Scenario]:
    """The next points as scenarios, numbered on from the variations that there are."""
    first = max([scenario.num_variations, *(row.variation + 1 for row in rows)])
    points = next_points(scenario, rows, count, num_bins)
    return [at_values(scenario, point, first + number) for number, point in enumerate(points)]


def _candidates(scenario: Scenario) -> list[Point]:
    """Points that ``where`` allows: the whole grid, or many of an even sequence."""
    if not scenario.vary:
        return []
    design = scenario.design
    if design.method == "grid":
        return [design.values(number) for number in range(design.size)]
    even = Design(
        vary=scenario.vary, method="halton", seed=design.seed, name=design.name, count=_CANDIDATES, where=design.where
    )
    points = (even.point(index) for index in range(_CANDIDATES))
    return [point for point in points if even.meets(point)]


def _nearest_misses(scenario: Scenario, rows: Sequence[FutureRow]) -> list[Point]:
    """For each label that was never seen, the parameters of the future in which its measure came nearest to the bound."""
    found = []
    for name, label in scenario.labels.items():
        if any(row.verdicts.get(name) for row in rows):
            continue
        worst_is_high = single_key(label) == "drac"
        measured = [
            (float(value), row)
            for row in rows
            if set(row.parameters) == set(scenario.vary)
            and isinstance(value := row.labels.get(name, {}).get("measured"), int | float)
        ]
        if measured and scenario.vary:
            best = max(measured, key=lambda one: one[0] if worst_is_high else -one[0])
            found.append(dict(best[1].parameters))
    return found


def _names(scenario: Scenario) -> list[str]:
    return [*(event.id for event in scenario.events), *scenario.labels]


def _mode(name: str, rows: Sequence[FutureRow]) -> ModeCoverage:
    values = Counter(row.verdicts.get(name) for row in rows)
    return ModeCoverage(name=name, seen=values[True], not_seen=values[False], open=values[None])


def _share(distribution: AnyDistribution, value: Value) -> float:
    """The share of a distribution below a value, by bisection of its quantiles."""
    listed = listed_values(distribution)
    if listed is not None:
        return (listed.index(value) + 0.5) / len(listed)
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if float(distribution.quantile(middle)) < float(value) else (low, middle)
    return (low + high) / 2


def _pairs(cell: Cell) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """The pairs of (parameter, bin) in a cell."""
    return set(itertools.combinations(enumerate(cell), 2))
