"""Which futures to look at first, and why: collisions, what goes against the author's expectations, then how close it got by the
bounds that the author named, and by TTC, PET and distance where none was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivesim.evidence.danger import TTC_THRESHOLD_S
from drivesim.evidence.labels import MEASURES
from drivesim.report.verdict import counted
from drivesim.runs.rows import FutureRow
from drivesim.scenarios.language.events import Expectation

#: What is expected of the futures of each scenario, by its id.
Expectations = Mapping[str, Sequence[Expectation]]

#: Measures of a row that every future is ranked by, with the bound that each is held against where the author named none.
_ALWAYS = (("ttc_s", "TTC", TTC_THRESHOLD_S), ("pet_s", "PET", TTC_THRESHOLD_S))
_COLLISION, _UNEXPECTED, _CLOSE, _APART = range(4)


@dataclass(frozen=True, kw_only=True)
class Severe:
    """A future, the ``reason`` why it is looked at, in words, and ``at_s`` when, NaN where that is not known. ``order`` sorts the worst
    first.
    """

    row: FutureRow
    reason: str
    at_s: float
    order: tuple[int, float]


def worst_first(rows: Sequence[FutureRow], expectations: Expectations) -> list[Severe]:
    """The futures in which something is wrong or somebody came near, the worst first.

    Those with a collision come before all others. Then those that count against an ``expect`` which failed or is undecided, by how far
    they are beyond its bound, as a share of it. Then all others by how far the least of their figures is below its bound: of every label
    that has one, and of TTC and PET, for which TTC_THRESHOLD_S stands in; last, by distance, those of whom none of these is known.
    """
    unmet = _unmet(rows, expectations)
    found = [_severe(row, unmet.get((row.scenario, row.variation), ())) for row in rows]
    return sorted((one for one in found if one is not None), key=lambda one: (one.order, one.row.id))


def _severe(row: FutureRow, unmet: Sequence[Expectation]) -> Severe | None:
    at_s = row.metric("ttc_at_s")
    if collision := row.metrics.get("collision"):
        return Severe(row=row, reason=f"collision: {collision}", at_s=at_s, order=(_COLLISION, row.metric("ttc_s")))
    against = min(_against(row, unmet), default=None)
    if against is not None:
        margin, reason, when = against
        return Severe(row=row, reason=reason, at_s=at_s if math.isnan(when) else when, order=(_UNEXPECTED, margin))
    near = min(_near(row), default=None)
    if near is not None:
        share, reason, when = near
        return Severe(row=row, reason=reason, at_s=at_s if math.isnan(when) else when, order=(_CLOSE, share))
    apart = row.metric("gap_m")
    return (
        Severe(row=row, reason=f"{apart:.1f} m apart", at_s=at_s, order=(_APART, apart))
        if math.isfinite(apart)
        else None
    )


def _unmet(rows: Sequence[FutureRow], expectations: Expectations) -> dict[tuple[str, int], list[Expectation]]:
    """The expectations of each variation that its futures did not meet."""
    starts = dict.fromkeys((row.scenario, row.variation) for row in rows)
    unmet: dict[tuple[str, int], list[Expectation]] = {}
    for start in starts:
        verdicts = [row.verdicts for row in rows if (row.scenario, row.variation) == start]
        for one in expectations.get(start[0], ()):
            values = [verdict.get(one.label) for verdict in verdicts]
            outcome = counted(values.count(True), values.count(None), one.at_least, one.at_most)
            if outcome != "passed":
                unmet.setdefault(start, []).append(one)
    return unmet


def _against(row: FutureRow, unmet: Sequence[Expectation]) -> Iterator[tuple[float, str, float]]:
    """Of each expectation that this future does not help to meet: by how much it is on the right side of the bound, why, and when."""
    for one in unmet:
        verdict = {**row.events, **row.labels}.get(one.label, {})
        value, is_label = verdict.get("value"), one.label in row.labels
        closeness = _closeness(verdict, is_label=is_label)
        for wanted in (True, False):
            bound = one.at_least if wanted else one.at_most
            if bound is None or value is wanted:
                continue
            margin = math.inf if closeness is None else (1.0 - closeness if wanted else closeness - 1.0)
            limit = f"expected in at {'least' if wanted else 'most'} {bound}"
            what = {True: "seen", False: "not seen", None: "open"}[value]
            said = f" ({_figure(verdict)})" if closeness is not None else ""
            yield margin, f"{one.label} {what}{said}, {limit}", _time(verdict)


def _near(row: FutureRow) -> Iterator[tuple[float, str, float]]:
    """Of each figure how it stands to its bound (below 1 it is beyond it), the figure in words, and when."""
    for name, label in row.labels.items():
        closeness = _closeness(label, is_label=True)
        if closeness is not None and label.get("bound"):
            yield closeness, f"{name} {_figure(label)}, bound {float(label['bound']):.4g}", _time(label)
    for measure, word, bound in _ALWAYS:
        value = row.metric(measure)
        if math.isfinite(value):
            yield value / bound, f"{word} {value:.2f} s", math.nan


def _closeness(verdict: Mapping[str, Any], *, is_label: bool) -> float | None:
    """How what was measured stands to its bound: below 1 the label holds, or the event was shown; None where that is not known."""
    measured, bound = verdict.get("measured"), verdict.get("bound")
    if measured is None:
        return None
    if not is_label:
        return 2.0 - float(measured)  # an event counts from 1 on
    if not bound:
        return None
    if MEASURES[str(verdict["measure"])].relation == "<":
        return float(measured) / float(bound)
    return 2.0 - float(measured) / float(bound)


def _figure(verdict: Mapping[str, Any]) -> str:
    return f"{float(verdict['measured']):.2f} {verdict.get('unit', '')}".rstrip()


def _time(verdict: Mapping[str, Any]) -> float:
    return math.nan if verdict.get("time_s") is None else float(verdict["time_s"])
