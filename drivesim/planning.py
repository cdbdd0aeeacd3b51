"""What a run that was decided will cost, before it starts: from this machine's memory or measured now, and whether the disk holds it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from drivesim.run_spec import RunSpec
from drivesim.runs.cost import Cost, known_cost, remembered_cost, resident_bytes
from drivesim.runs.plan import Plan, make_plan

#: Chunks from which on a run is worth the few that measuring its cost takes, only to know whether the disk holds it.
WORTH_MEASURING = 100

Say = Callable[[str], None]


def _silent(text: str) -> None:
    """Nobody is told that this machine is being measured."""


def cost_of(decided: RunSpec, say: Say = _silent, *, anew: bool = False) -> Cost:
    """The cost that is remembered of such a run; where there is none, or ``anew``, it is measured, and remembered."""
    return known_cost(decided.manifest, lambda: decided.ingredients(decided.beginning), say, anew=anew)


def plan_run(
    decided: RunSpec,
    num_futures: int,
    folder: Path,
    *,
    say: Say = _silent,
    anew: bool = False,
    begun_at: float | None = None,
) -> Plan:
    """Frames, time, disk and memory of ``num_futures`` futures in ``folder``; nothing is written there.

    ``begun_at`` is the monotonic time at which the command began that has loaded the model since. See :func:`cost_of`.
    """
    loading_s, loaded_bytes = 0.0 if begun_at is None else time.monotonic() - begun_at, resident_bytes()
    cost = cost_of(decided, say, anew=anew)
    return make_plan(decided.manifest, num_futures, folder, cost, loading_s=loading_s, loaded_bytes=loaded_bytes)


def require_disk(decided: RunSpec, num_futures: int, folder: Path) -> None:
    """Raise InputError where the disk cannot hold what a run will write.

    A short run of which no cost is remembered is not measured for this: it would take longer, and writes little.
    """
    known = remembered_cost(decided.manifest)
    if known is None and num_futures * decided.manifest.timeline.num_chunks < WORTH_MEASURING:
        return
    plan_run(decided, num_futures, folder).require_disk()
