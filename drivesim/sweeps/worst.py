"""What the futures of a sweep came to: which modes there are and how often, and the worst of them to look at."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from drivesim.evidence.sections.figures import strip, thumbnail
from drivesim.metrics.estimate import share_of
from drivesim.report import Picture, Section, Table
from drivesim.runs.future import open_run
from drivesim.runs.rows import FutureRow

MOST_SHOWN = 5
_BEFORE_S = (2.0, 1.0, 0.0)
_HEIGHT = 128
_WORDS = {True: "seen", False: "not seen", None: "open"}


def mode_of(row: FutureRow) -> str:
    """The mode of a future: which of its events and labels were seen, in words."""
    return seen_words(row) or "nothing is asked"


def seen_words(row: FutureRow) -> str:
    """What became of each event and label of a future, in words; "" without any."""
    return ", ".join(f"{name} {_WORDS[value]}" for name, value in row.verdicts.items())


def mode_table(rows: Sequence[FutureRow]) -> Table:
    """The modes of each scenario, the most frequent first, with their share of its futures (Wilson interval)."""
    lines = []
    for scenario in dict.fromkeys(row.scenario for row in rows):
        modes = Counter(mode_of(row) for row in rows if row.scenario == scenario)
        total = sum(modes.values())
        lines += [(scenario, mode, float(count), share_of(count, total)) for mode, count in modes.most_common()]
    return Table(title="Modes", columns=("scenario", "mode", "futures", "share"), rows=tuple(lines))


def worst(rows: Sequence[FutureRow]) -> list[FutureRow]:
    """Futures of least TTC, those with a collision before all others; none in which nobody closes in."""
    near = [row for row in rows if math.isfinite(row.metric("ttc_s"))]
    return sorted(near, key=lambda row: (not row.metrics.get("collision"), row.metric("ttc_s"), row.id))[:MOST_SHOWN]


def outcome_section(rows: Sequence[FutureRow], folder: Path) -> Section:
    """Modes and the worst futures of a sweep in ``folder``, with pictures of the two seconds before their least TTC."""
    made = [row for row in rows if row.status == "finished"]
    shown = worst(made)
    lines = tuple(
        (row.id, row.metric("ttc_s"), str(row.metrics.get("ttc_actor") or ""), row.metric("ttc_at_s"),
         str(row.metrics.get("collision") or "none"), row.replay)
        for row in shown
    )  # fmt: skip
    columns = ("future", "TTC (s)", "of", "at (s)", "collision", "makes it alone")
    return Section(
        title="Modes and worst futures",
        about="A mode is what the probe found of a scenario's events and labels: seen, not seen, or open where it cannot be said. The worst "
        "futures are those with a collision, then those of least TTC; measured tracks err, so these are candidates to look at.",
        tables=(mode_table(made), *([Table(title="Worst", columns=columns, rows=lines)] if lines else [])),
        pictures=(_pictures(shown, folder),) if shown else (),
    )


def _pictures(rows: Sequence[FutureRow], folder: Path) -> Picture:
    lines = []
    for row in rows:
        future = next(one for one in open_run(folder / row.run) if one.index == row.future)
        at = row.metric("ttc_at_s")
        last = (future.num_frames - 1) / future.fps
        times = [min(max(at - before, 0.0), last) for before in _BEFORE_S]
        frames = [future.frame_at(time) for time in times]
        lines.append(
            (
                f"{row.id}: TTC {row.metric('ttc_s'):.2f} s at {at:.1f} s",
                [thumbnail(frame, _HEIGHT) for frame in frames],
            )
        )
    return strip(lines, "Two seconds and one before their least TTC, and at it")
