"""A figure as a strip: the value with its interval on an axis that also holds what it is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivesim.metrics.estimate import Estimate
from drivesim.report.document import COMPARED, REFERENCES, Figure
from drivesim.report.formatting import full_text, number_text
from drivesim.report.standing import BASELINES, CEILINGS, measured

_EDGE = 3.0  # per cent kept free at both ends, so that no symbol is cut
_LOG_RATIO = 50.0
_SMALL = 0.2  # below it, numbers of which less is good would lie on each other on an axis up to 1


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A symbol at ``at``, its interval from ``low`` to ``high``, all in per cent of the strip's width."""

    name: str
    at: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class FigureStrip:
    """What the page draws. ``zone`` spans from the best baseline to the ceiling, in per cent, or is None."""

    value: Mark
    references: tuple[Mark, ...]
    zone: tuple[float, float] | None
    start: str
    end: str
    logarithmic: bool
    words: str


def strip_of(figure: Figure) -> FigureStrip | None:
    """The strip of a figure; None when it was not computed, or when there is nothing that it could lie between."""
    if figure.value is None or not math.isfinite(figure.value.value):
        return None
    order = (*REFERENCES, COMPARED)
    known = {n: figure.references[n] for n in order if measured(figure.references.get(n))}
    known = {n: estimate for n, estimate in known.items() if math.isfinite(estimate.value)}
    ends = [x for e in (figure.value, *known.values()) for x in (e.low, e.value, e.high) if math.isfinite(x)]
    low, high = min(ends), max(ends)
    share = figure.unit == "" and low >= 0 and (_SMALL < high <= 1 or (high <= 1 and figure.better == "higher"))
    if not share and (not known or low == high):
        return None
    logarithmic = not share and low > 0 and high / low >= _LOG_RATIO
    if share:
        low, high = 0.0, 1.0
    elif not logarithmic:
        low, high = _widened(low, high)
    axis = _Axis(low, high, logarithmic)
    return FigureStrip(
        value=axis.mark("value", figure.value),
        references=tuple(axis.mark(name, estimate) for name, estimate in known.items()),
        zone=_zone(figure, known, axis),
        start=number_text(low),
        end=number_text(high),
        logarithmic=logarithmic,
        words=_words(figure, known),
    )


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    logarithmic: bool

    def at(self, number: float) -> float:
        """Place of a number in per cent; an infinite bound lies at the strip's end."""
        if not math.isfinite(number):
            return 100.0 if number > 0 else 0.0
        if self.logarithmic:
            share = math.log(number / self.low) / math.log(self.high / self.low)
        else:
            share = (number - self.low) / (self.high - self.low)
        return round(_EDGE + (100 - 2 * _EDGE) * share, 2)

    def mark(self, name: str, estimate: Estimate) -> Mark:
        return Mark(name=name, at=self.at(estimate.value), low=self.at(estimate.low), high=self.at(estimate.high))


def _widened(low: float, high: float) -> tuple[float, float]:
    """Zero belongs to the axis when it is not far away; then both ends become round numbers."""
    if 0 < low < 0.6 * high:
        low = 0.0
    elif 0 > high > 0.6 * low:
        high = 0.0
    step = 10.0 ** math.floor(math.log10(high - low)) / 2
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _zone(figure: Figure, known: dict[str, Estimate], axis: _Axis) -> tuple[float, float] | None:
    ceiling = next((known[name].value for name in CEILINGS if name in known), None)
    if ceiling is None or figure.better not in ("higher", "lower"):
        return None
    sign = 1.0 if figure.better == "higher" else -1.0
    floors = [known[name].value for name in BASELINES if name in known and sign * (ceiling - known[name].value) > 0]
    if not floors:
        return None
    start, end = sorted((axis.at(max(floors, key=lambda floor: sign * floor)), axis.at(ceiling)))
    return start, end


def _words(figure: Figure, known: dict[str, Estimate]) -> str:
    """The strip in words, for those who do not see it."""
    others = "; ".join(f"{name} {full_text(estimate, figure.unit)}" for name, estimate in known.items())
    return f"{figure.label}: {full_text(figure.value, figure.unit)}" + (f", against {others}" if others else "")
