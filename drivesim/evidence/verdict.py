"""A yes, a no, or a reason why it cannot be said: the answer to one question about one future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``value`` True or False, or None where it cannot be said, and then ``reason`` says why.

    ``time_s`` when it was first so, ``done_s`` when an action was done; ``measured`` the worst value of what was measured,
    in ``unit``, from ``low`` to ``high`` as far as the tracks' error reaches (of an event how much of what counts was shown), and
    ``bound`` what it is held against;
    ``measure`` is the kind of a label (ttc, drac …), "" for events; ``seen_share`` the part of the frames in which the actor was there to be measured.
    """

    value: bool | None
    reason: str = ""
    time_s: float | None = None
    done_s: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    unit: str = ""
    measure: str = ""
    seen_share: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON; an infinite or unknown measure becomes None."""
        numbers = {"measured": self.measured, "low": self.low, "high": self.high}
        return {
            "value": self.value,
            "reason": self.reason,
            "time_s": self.time_s,
            "done_s": self.done_s,
            **{name: n if n is not None and np.isfinite(n) else None for name, n in numbers.items()},
            "bound": self.bound,
            "unit": self.unit,
            "measure": self.measure,
            "seen_share": self.seen_share,
        }
