"""Modes with their shares, and the worst futures with pictures and the commands that make them again."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded

from drivesim.evidence.sections.outcome import mode_table, outcome_section, worst
from drivesim.metrics.wilson import wilson_interval
from drivesim.options import Options, Threads
from drivesim.run_spec import decide
from drivesim.runs.rows import FutureRow
from drivesim.scenarios import loads
from drivesim.simulate import make


def row(future: int, ttc: float | str | None, *, seen: bool | None = True, collision: str = "") -> FutureRow:
    return FutureRow(
        id=f"one/v000/f{future:02d}",
        scenario="one",
        variation=0,
        future=future,
        status="finished",
        run="runs/one/v000",
        events={"cut_in": {"value": seen}},
        metrics={"ttc_s": ttc, "ttc_actor": "car", "ttc_at_s": 0.1, "collision": collision},
        replay=f"drivesim replay runs/one/v000 --future {future}",
    )


def test_modes_have_shares_with_intervals() -> None:
    rows = [row(0, 1.0), row(1, 1.0), row(2, 1.0, seen=False), row(3, 1.0, seen=None)]
    lines = mode_table(rows).rows
    assert [line[1] for line in lines] == ["cut_in seen", "cut_in not seen", "cut_in open"]
    share = lines[0][3]
    assert (share.value, (share.low, share.high)) == (0.5, wilson_interval(2, 4))


def test_the_worst_come_first_and_who_never_came_near_not_at_all() -> None:
    rows = [
        row(0, 2.0),
        row(1, "inf"),
        row(2, None),
        row(3, 0.4),
        row(4, 1.0, collision="car at 1.0 s (rear)"),
        row(5, 3.0),
    ]
    assert [one.future for one in worst([*rows, row(6, 4.0), row(7, 5.0)])] == [4, 3, 0, 5, 6]
    assert worst(rows[1:3]) == []


def test_the_worst_are_pictured_beside_what_makes_them_again(tmp_path: Path) -> None:
    folder = tmp_path / "runs/one/v000"
    options = Options(threads=Threads(denoise=1, decode=1))
    decided = decide(JudgedLoaded(), loads(JUDGED_SCENARIO)[0], num_frames=2, seed=3, options=options, several=True)
    make(decided, folder, indices=range(2))
    section = outcome_section([row(0, 1.0), row(1, 0.5), row(2, "inf")], tmp_path)
    assert [table.title for table in section.tables] == ["Modes", "Worst"]
    assert [(line[0], line[-1]) for line in section.tables[1].rows] == [
        (f"one/v000/f{k:02d}", f"drivesim replay runs/one/v000 --future {k}") for k in (1, 0)
    ]
    picture = cv2.imdecode(np.frombuffer(section.pictures[0].data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (2 * (20 + 132), 3 * 260, 3)
    assert outcome_section([row(2, "inf")], tmp_path).pictures == ()
