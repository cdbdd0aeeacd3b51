"""Modes with their shares, and the worst futures with pictures and the commands that make them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded

from drivesim.evidence.sections.outcome import end_table, mode_table, outcome_section, told_section, worst
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
    calm = outcome_section([row(2, "inf")], tmp_path)
    assert calm.pictures == () and calm.tables[1].note == "In 1 more nobody closes in on the ego."


def test_what_was_told_stands_against_what_was_seen() -> None:
    def told(future: int, asked: bool, found: bool | None, late: float) -> FutureRow:
        time = 1.0 + late if found else None
        events = {"cut_in": {"value": found, "time_s": time}}
        metrics = {"ego_speed_error_mps": 0.5 * future, "usable_s": 4.0 - future, "length_s": 4.0}
        return replace(
            row(future, 1.0), events=events, told={"cut_in": {"value": asked, "time_s": 1.0 if asked else None}}, metrics=metrics
        )  # fmt: skip

    rows = [told(0, True, True, 0.2), told(1, True, False, 0.0), told(2, True, None, 0.0), told(3, False, True, 0.4)]
    section = told_section([*rows, row(4, 1.0)])
    (line,) = section.tables[0].rows
    assert line[:3] == ("one", "cut_in", 3.0) and (line[3].value, line[3].count) == (0.5, 2)
    assert line[4:6] == (1.0, 1.0) and line[6].value == 1.0 and line[7] == pytest.approx(0.2)
    speed, lasting = section.tables[1].rows
    assert speed[1] == "ego's speed, error (m/s)" and speed[2].value == pytest.approx(0.75)
    assert (lasting[2].value, lasting[2].count) == (0.25, 4) and "one/v000/f03 at 1.0 s" in lasting[3]


def test_ends_are_groups_of_places_wider_apart_than_the_probe_errs() -> None:
    def ending(future: int, x: float) -> FutureRow:
        return replace(row(future, 1.0), ends={"ego": (0.0, 0.0), "car": (x, 0.0)})

    near = [ending(0, 10.0), ending(1, 10.5), ending(2, 18.0)]
    table = end_table(near)
    assert [(line[1], line[4]) for line in table.rows] == [("car", 2.0), ("car", 1.0)]
    assert (table.rows[0][5].low, table.rows[0][5].high) == wilson_interval(2, 3)
    assert table.note == "1 more end in one place in all futures that show them."
    far = [ending(k, 60.0 + x) for k, x in enumerate((0.0, 0.5, 8.0))]
    assert end_table(far).rows == (), "8 m are within the error of distances of 60 m"
