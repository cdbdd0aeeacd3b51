"""Bars that figures must clear, for continuous integration: ``obedience.recall>=0.8``."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drivesim.errors import InputError
from drivesim.report.document import Figure, Report
from drivesim.report.formatting import full_text
from drivesim.report.verdict import Demand, Outcome, decided


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What the figure ``key`` must be: ``relation`` is one of >=, <=, >, <."""

    key: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read ``obedience.recall>=0.8``, spaces allowed. Raises InputError when the text is no such comparison."""
        parts = re.fullmatch(r"\s*([^\s<>=]+)\s*(>=|<=|>|<)\s*(\S+)\s*", text)
        if parts is None:
            raise InputError(f"{text!r} is no threshold. Write a figure, >=, <=, > or <, and a number: recall>=0.8")
        try:
            bound = float(parts[3])
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise InputError(f"threshold {text!r}: {parts[3]!r} is no number. Write it such as 0.8 or 1e-3.")
        return cls(key=parts[1], relation=parts[2], bound=bound)

    def __str__(self) -> str:
        return f"{self.key} {self.relation} {self.bound:g}"


@dataclass(frozen=True, kw_only=True)
class ThresholdVerdict:
    """A threshold applied to its figure. Where the figure's interval reaches to both sides of the bound, it is undecided."""

    threshold: Threshold
    figure: Figure
    outcome: Outcome

    def __str__(self) -> str:
        if self.outcome == "not measured":
            return f"{self.threshold}: not measured ({missing_reason(self.figure)})"
        return f"{self.threshold}: {self.outcome} with {full_text(self.figure.value, self.figure.unit)}"

    def demand(self, commands: Mapping[str, str]) -> Demand:
        """As one of the demands on a report, with the ``commands`` that repeat the measurement."""
        figure = self.figure
        lines = [
            f"{figure.label}: {full_text(figure.value, figure.unit)}, wanted {self.threshold}",
            *(f"{name}: {full_text(estimate, figure.unit)}" for name, estimate in figure.references.items()),
            *([f"judge: {figure.judge}"] if figure.judge else []),
            *(f"{purpose}: {command}" for purpose, command in commands.items()),
        ]
        return Demand(
            group=self.threshold.key.rpartition(".")[0] or "report",
            name=str(self.threshold),
            outcome=self.outcome,
            message=str(self),
            key=self.threshold.key,
            details=() if self.outcome in ("passed", "not measured") else tuple(lines),
        )


def judge(report: Report, thresholds: Iterable[Threshold]) -> list[ThresholdVerdict]:
    """Apply thresholds to a report's figures, in order. Raises InputError for a figure that the report does not know."""
    figures = report.figures()
    verdicts = []
    for threshold in thresholds:
        figure = figures.get(threshold.key)
        if figure is None:
            raise InputError(_unknown(threshold.key, list(figures)))
        verdicts.append(ThresholdVerdict(threshold=threshold, figure=figure, outcome=_outcome(threshold, figure)))
    return verdicts


def missing_reason(figure: Figure) -> str:
    """Why a figure has no number, in words."""
    return figure.note or "there was nothing to measure it on"


def _outcome(threshold: Threshold, figure: Figure) -> Outcome:
    if figure.value is None:
        return "not measured"
    value = figure.value
    return decided(value.value, value.low, value.high, threshold.relation, threshold.bound)


def _unknown(key: str, known: list[str]) -> str:
    """Keys that end alike count as close too: ``recall`` finds ``obedience.recall``."""
    near = [name for name in known if key in name.split(".")]
    near += [name for name in difflib.get_close_matches(key, known, n=3, cutoff=0.5) if name not in near]
    if near:
        return f"the report has no figure {key!r}. Did you mean {' or '.join(near[:3])}?"
    return f"the report has no figure {key!r}. It has: {', '.join(known) or 'none'}."
