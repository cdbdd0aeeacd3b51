"""Where a figure stands between what is trivial and what is reachable; nothing else makes a figure good or bad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from drivesim.metrics.estimate import Estimate
from drivesim.report.document import Figure
from drivesim.report.formatting import number_text

#: ``good``: as good as what is reachable. ``short``: between the baselines and that. ``bad``: no better than a baseline.
#: ``open``: the references or the interval do not tell. ``missing``: not computed.
Level = Literal["good", "short", "bad", "open", "missing"]

BASELINES = ("frozen", "shifted")
CEILINGS = ("codec", "rendered")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A level and the words that say why."""

    level: Level
    words: str


def apart(one: Estimate, other: Estimate) -> bool:
    """Whether two 95 % intervals do not overlap: a conservative sign of a difference, it misses small real ones."""
    return one.low > other.high or one.high < other.low


def measured(estimate: Estimate | None) -> bool:
    """Whether there is a number."""
    return estimate is not None and not math.isnan(estimate.value)


def standing_of(figure: Figure) -> Standing | None:
    """Compare a figure with its references; None where ``better`` or the references allow no judgement.

    The ceiling is the codec round-trip (no latent model can do better), or rendered video where that is missing. The
    floor is the best trivial baseline that is worse than the ceiling: a frozen picture has no flicker, so there it is none.
    """
    if figure.value is None or not measured(figure.value):
        return Standing(level="missing", words="not computed")
    known = {name: estimate for name, estimate in figure.references.items() if measured(estimate)}
    if figure.better == "near":
        return _nearness(figure.value, known, figure.unit)
    if figure.better == "none":
        return None
    return _between(figure.value, known, 1.0 if figure.better == "higher" else -1.0)


def _between(value: Estimate, known: dict[str, Estimate], sign: float) -> Standing | None:
    ceiling = next((name for name in CEILINGS if name in known), None)
    floors = [
        n for n in BASELINES if n in known and not (ceiling and sign * (known[ceiling].value - known[n].value) <= 0)
    ]
    floor = max(floors, key=lambda name: sign * known[name].value, default=None)
    above_floor = floor is not None and apart(value, known[floor]) and sign * (value.value - known[floor].value) > 0
    if ceiling is None:
        if floor is None:
            return None
        if above_floor:
            return Standing(level="open", words=f"better than {floor}; nothing says what is reachable")
        return Standing(level="bad", words=f"no better than {floor}")
    at_ceiling = sign * (value.value - known[ceiling].value) >= 0 or not apart(value, known[ceiling])
    if at_ceiling and floor is not None and not above_floor:
        return Standing(level="open", words=f"interval too wide: it reaches both {floor} and {ceiling}")
    if at_ceiling:
        return Standing(level="good", words=f"level with {ceiling}")
    if floor is None:
        return Standing(level="short", words=f"worse than {ceiling}; no baseline says how far")
    if not above_floor:
        return Standing(level="bad", words=f"no better than {floor}")
    way = (value.value - known[floor].value) / (known[ceiling].value - known[floor].value)
    return Standing(level="short", words=f"{way:.0%} of the way from {floor} to {ceiling}".replace("%", " %"))


def _nearness(value: Estimate, known: dict[str, Estimate], unit: str) -> Standing | None:
    if "rendered" not in known:
        return None
    rendered = known["rendered"]
    distance = abs(value.value - rendered.value)
    if not apart(value, rendered):
        return Standing(level="good", words="as in rendered video")
    beaten = [name for name in BASELINES if name in known and distance >= abs(known[name].value - rendered.value) > 0]
    if beaten:
        return Standing(level="bad", words=f"no nearer to rendered than {' and '.join(beaten)}")
    side = "above" if value.value > rendered.value else "below"
    return Standing(level="short", words=f"{number_text(distance)} {unit}".rstrip() + f" {side} rendered video")
