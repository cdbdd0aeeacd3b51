"""The one rule of what is passed: every demand has an outcome, and all of them together one, with an exit code.

Exit code, JUnit, JSON and page are written from the same :class:`Conclusion`, and nothing else decides.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

#: ``undecided``: measured, but the error of the measurement reaches to both sides of what is demanded.
Outcome = Literal["passed", "failed", "undecided", "not measured"]

#: From the one that decides to the one that decides least: what all demands together come to is the first that occurs.
OUTCOMES: tuple[Outcome, ...] = ("failed", "not measured", "undecided", "passed")

#: Exit code of a command where something that is demanded is not shown to be kept.
NOT_MET = 1

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
RELATIONS = tuple(_RELATIONS)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """One thing that was demanded and what became of it: a threshold of a figure, or an ``expect`` of a scenario.

    ``name`` says what was demanded, ``message`` what was found; ``details`` are lines for whoever looks into it; ``key`` is
    that of the report's figure, "" where it is about none.
    """

    group: str
    name: str
    outcome: Outcome
    message: str
    details: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """All demands on a report. Only where every one of them is passed, or there is none, has it passed."""

    demands: tuple[Demand, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What all demands together come to: failed where one failed, else undecided where one is, and so on."""
        found = {demand.outcome for demand in self.demands}
        return next((outcome for outcome in OUTCOMES if outcome in found), "passed")

    @property
    def passed(self) -> bool:
        """Whether all that was demanded is shown to be kept."""
        return self.outcome == "passed"

    @property
    def exit_code(self) -> int:
        """0 where it has passed, else NOT_MET."""
        return 0 if self.passed else NOT_MET

    def count(self, outcome: Outcome) -> int:
        """How many demands came to that."""
        return sum(demand.outcome == outcome for demand in self.demands)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outcome": self.outcome,
            "exit_code": self.exit_code,
            "demands": [
                {"group": each.group, "name": each.name, "outcome": each.outcome, "message": each.message}
                for each in self.demands
            ],
        }


def conclude(*demands: Iterable[Demand]) -> Conclusion:
    """The conclusion of several kinds of demands, in their order."""
    return Conclusion(demands=tuple(demand for kind in demands for demand in kind))


def decided(value: float, low: float, high: float, relation: str, bound: float) -> Outcome:
    """Whether a figure with the error bar ``low`` to ``high`` keeps a bound: undecided where its ends do not agree.

    ``relation`` is one of RELATIONS. Without an error bar (NaN, or both ends at the value) the value decides.
    """
    if math.isnan(value):
        return "not measured"
    holds = _RELATIONS[relation]
    ends = [holds(value if math.isnan(end) else end, bound) for end in (low, high)]
    if ends[0] != ends[1]:
        return "undecided"
    return "passed" if ends[0] else "failed"


def counted(hits: int, unknown: int, at_least: int | None = None, at_most: int | None = None) -> Outcome:
    """Whether as many futures show something as are expected, where of ``unknown`` ones it cannot be said."""
    least, most = hits, hits + unknown
    if (at_least is not None and most < at_least) or (at_most is not None and least > at_most):
        return "failed"
    if (at_least is None or least >= at_least) and (at_most is None or most <= at_most):
        return "passed"
    return "undecided"
