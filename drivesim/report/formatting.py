"""Numbers as a reader needs them: as many digits as the interval carries."""

from __future__ import annotations

import math

from drivesim.metrics.estimate import Estimate

_MAX_DECIMALS = 6


def decimals_for(width: float) -> int:
    """Decimals that show an interval of ``width`` by two digits or so: 0.04 gives 2, 0.012 gives 3, 80 gives 0."""
    if not math.isfinite(width) or width <= 0:
        return 3
    return min(_MAX_DECIMALS, max(0, -math.floor(math.log10(width / 4))))


def number_text(value: float | None, decimals: int | None = None) -> str:
    """A number with ``decimals``, or else with up to three significant digits; None and NaN are "–"."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if decimals is None:
        decimals = _decimals_of_three_digits(value)
    text = f"{value:.{decimals}f}"
    if float(text) == 0 and value != 0:
        return f"{value:.1e}"
    return f"{value:,.{decimals}f}".replace(",", " ") if abs(value) >= 10_000 else text


def estimate_text(estimate: Estimate, signed: bool = False) -> str:
    """The point estimate alone, with the digits that its interval carries."""
    text = number_text(estimate.value, _decimals(estimate))
    return f"+{text}" if signed and estimate.value > 0 else text


def interval_text(estimate: Estimate) -> str:
    """``[0.79, 0.83]``, or "" for an estimate without interval."""
    if not has_interval(estimate):
        return ""
    decimals = _decimals(estimate)
    return f"[{number_text(estimate.low, decimals)}, {number_text(estimate.high, decimals)}]"


def full_text(estimate: Estimate | None, unit: str = "") -> str:
    """Value, unit and interval in one line: ``0.81 m/s [0.79, 0.83]``; None and NaN are "not computed"."""
    if estimate is None or math.isnan(estimate.value):
        return "not computed"
    return " ".join(part for part in (estimate_text(estimate), unit, interval_text(estimate)) if part)


def has_interval(estimate: Estimate) -> bool:
    """Whether bounds were computed, even if they coincide."""
    return estimate.method != "none" and math.isfinite(estimate.low) and math.isfinite(estimate.high)


def _decimals(estimate: Estimate) -> int | None:
    width = estimate.high - estimate.low
    return decimals_for(width) if has_interval(estimate) and width > 0 else None


def _decimals_of_three_digits(value: float) -> int:
    """Decimals behind which three significant digits have nothing but zeros."""
    if value == 0:
        return 0
    decimals = min(_MAX_DECIMALS, max(0, 2 - math.floor(math.log10(abs(value)))))
    return len(f"{value:.{decimals}f}".rstrip("0").partition(".")[2])
