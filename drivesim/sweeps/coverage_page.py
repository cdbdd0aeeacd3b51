"""Coverage as tables of a report: bins and pairs reached, events and labels seen, combinations, and what is still unseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivesim.metrics.estimate import exact, share_of
from drivesim.report import Figure, Section, Table
from drivesim.runs.rows import FutureRow
from drivesim.scenarios import Scenario
from drivesim.sweeps.coverage import ScenarioCoverage, coverage_of
from drivesim.wording import number_of

_ABOUT = (
    "Which bins of each parameter, and which pairs of bins, the variations fell into; which events and labels the futures showed. Bins are "
    "equally likely under the parameter's distribution; those that 'where' rules out are not counted."
)


def rows_of(scenario: Scenario, rows: Sequence[FutureRow], worlds: dict[str, str]) -> list[FutureRow]:
    """The rows of a scenario, and of those that were sampled from it (their world in ``worlds``, by id, is its own)."""
    own = {scenario.id, *(name for name, world in worlds.items() if world == scenario.world_name)}
    return [row for row in rows if row.scenario in own]


def coverage_by_scenario(
    scenarios: Sequence[Scenario], rows: Sequence[FutureRow], num_bins: int = 4
) -> list[tuple[Scenario, list[FutureRow], ScenarioCoverage]]:
    """Each scenario with the rows that count for it; scenarios that were sampled from another one count for that."""
    worlds = {scenario.id: scenario.world_name for scenario in scenarios}
    bases = [one for one in scenarios if one.variation is None or one.world_name not in worlds]
    found = []
    for scenario in bases:
        own = rows_of(scenario, rows, worlds)
        found.append((scenario, own, coverage_of(scenario, own, num_bins)))
    return found


def coverage_section(found: Sequence[ScenarioCoverage], *, with_modes: bool = True) -> Section:
    """The coverage of several scenarios on one page; ``with_modes`` with what was seen, where no other section says it."""
    figures, tables = [], []
    for one in found:
        if one.parameters:
            hits = sum(round(bins.reached.value * bins.reached.count) for bins in one.parameters)
            total = sum(bins.reached.count for bins in one.parameters)
            figures.append(_share(f"coverage.{one.scenario}.bins", f"{one.scenario}: bins reached", hits, total))
        if one.pairs_allowed:
            label = f"{one.scenario}: pairs of bins reached"
            figures.append(_share(f"coverage.{one.scenario}.pairs", label, one.pairs_reached, one.pairs_allowed))
        tables += _tables(one, with_modes=with_modes)
    return Section(title="Coverage", about=_ABOUT, figures=tuple(figures), tables=tuple(tables))


def coverage_lines(one: ScenarioCoverage) -> list[str]:
    """The coverage of a scenario for a terminal."""
    where = f" at {one.variations} points of the parameter space" if one.parameters else ", nothing varies"
    lines = [f"{one.scenario}: {number_of(one.futures, 'future')}{where}"]
    for bins in one.parameters:
        counts = ", ".join(
            f"{label}: {count}" if allowed else f"{label}: not allowed"
            for label, count, allowed in zip(bins.labels, bins.counts, bins.allowed, strict=True)
        )
        lines.append(f"  {bins.name}  {counts}")
    if one.pairs_allowed:
        lines.append(f"  pairs of bins  {one.pairs_reached} of {one.pairs_allowed}")
    lines += [f"  {mode.name}  seen {mode.seen}, not seen {mode.not_seen}, open {mode.open}" for mode in one.modes]
    lines.append("  still unseen: " + ("; ".join(one.unseen) or "nothing"))
    return lines


def coverage_values(one: ScenarioCoverage) -> dict[str, Any]:
    """The coverage of a scenario for programs."""
    return {
        "scenario": one.scenario,
        "futures": one.futures,
        "points": one.variations,
        "parameters": {
            bins.name: [
                {"bin": label, "variations": count, "allowed": allowed}
                for label, count, allowed in zip(bins.labels, bins.counts, bins.allowed, strict=True)
            ]
            for bins in one.parameters
        },
        "pairs": {"reached": one.pairs_reached, "allowed": one.pairs_allowed},
        "modes": {m.name: {"seen": m.seen, "not_seen": m.not_seen, "open": m.open} for m in one.modes},
        "combinations": one.combinations,
        "unseen": list(one.unseen),
    }


def _tables(one: ScenarioCoverage, *, with_modes: bool) -> list[Table]:
    bins = tuple(
        (name if number == 0 else "", label, float(count), "" if count else "unseen" if allowed else "not allowed")
        for name, labels, counts, rules in ((b.name, b.labels, b.counts, b.allowed) for b in one.parameters)
        for number, (label, count, allowed) in enumerate(zip(labels, counts, rules, strict=True))
    )
    modes = tuple((m.name, float(m.seen), float(m.not_seen), float(m.open), m.share) for m in one.modes)
    together = tuple(
        (name, float(count), share_of(count, sum(one.combinations.values())))
        for name, count in one.combinations.items()
    )
    found = []
    if bins:
        of_bins = ("parameter", "bin", "variations", "")
        found.append(Table(title=f"{one.scenario}: parameters", columns=of_bins, rows=bins))
    if modes and with_modes:
        of_modes = ("event or label", "seen", "not seen", "open", "share")
        found.append(Table(title=f"{one.scenario}: events and labels", columns=of_modes, rows=modes))
    if together and with_modes:
        of_combinations = ("mode", "futures", "share")
        found.append(Table(title=f"{one.scenario}: modes", columns=of_combinations, rows=together))
    unseen = tuple((text,) for text in one.unseen)
    if unseen:
        found.append(Table(title=f"{one.scenario}: still unseen", columns=("what",), rows=unseen))
    return found


def _share(key: str, label: str, hits: int, total: int) -> Figure:
    return Figure(key=key, label=label, value=exact(hits / total, total), better="higher")
