"""Modes with their shares, and the worst futures with pictures and the commands that make them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded

from drivesim.evidence.sections.outcome import (
    end_table,
    lasting_plot,
    mode_table,
    outcome_section,
    told_section,
    worst_table,
)
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


def test_the_worst_are_pictured_beside_what_makes_them_again(tmp_path: Path) -> None:
    folder = tmp_path / "runs/one/v000"
    options = Options(threads=Threads(denoise=1, decode=1))
    decided = decide(JudgedLoaded(), loads(JUDGED_SCENARIO)[0], num_frames=2, seed=3, options=options, several=True)
    make(decided, folder, indices=range(2))
    section = outcome_section([row(0, 1.0), row(1, 0.5), row(2, "inf")], tmp_path, {})
    assert [table.title for table in section.tables] == ["Modes", "Worst"]
    assert [(line[0], line[-1]) for line in section.tables[1].rows] == [
        (f"one/v000/f{k:02d}", f"drivesim replay runs/one/v000 --future {k}") for k in (1, 0)
    ]
    picture = cv2.imdecode(np.frombuffer(section.pictures[0].data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (2 * (20 + 132), 3 * 260, 3)
    calm = outcome_section([row(2, "inf")], tmp_path, {})
    assert calm.pictures == () and calm.tables[1].note == "In 1 more nothing is wrong and nobody comes near the ego."


def test_what_was_told_stands_against_what_was_seen() -> None:
    def told(future: int, asked: bool, found: bool | None, late: float) -> FutureRow:
        time = 1.0 + late if found else None
        events = {"cut_in": {"value": found, "time_s": time}}
        apart = 0.5 * future
        metrics = {
            "ego_speed_told_mps": 10.0, "ego_speed_measured_mps": 10.0 + apart, "ego_speed_error_mps": apart,
            "ego_speed_correlation": None, "usable_s": 4.0 - future, "length_s": 4.0,
        }  # fmt: skip
        return replace(
            row(future, 1.0), events=events, told={"cut_in": {"value": asked, "time_s": 1.0 if asked else None}}, metrics=metrics
        )  # fmt: skip

    rows = [told(0, True, True, 0.2), told(1, True, False, 0.0), told(2, True, None, 0.0), told(3, False, True, 0.4)]
    section = told_section([*rows, row(4, 1.0)])
    (line,) = section.tables[0].rows
    assert line[:3] == ("one", "cut_in", 3.0) and (line[3].value, line[3].count) == (0.5, 2)
    assert line[4:6] == (1.0, 1.0) and line[6].value == 1.0 and line[7] == pytest.approx(0.2)
    (speed,) = section.tables[1].rows
    assert speed[1] == "ego's speed (m/s)" and [None if one is None else one.value for one in speed[2:]] == [
        10.0, pytest.approx(10.75), pytest.approx(0.75), None,
    ]  # fmt: skip
    (lasting,) = section.tables[2].rows
    assert (lasting[1].value, lasting[1].count) == (0.25, 4) and lasting[2] == "one/v000/f03 at 1.0 s"
    assert section.plots == (), "four seconds are no curve"


def test_the_worst_by_every_other_figure_and_only_those_in_which_something_is_wrong(tmp_path: Path) -> None:
    def measured(future: int, thw: float | str, tet: float, drac: float | str) -> FutureRow:
        label = {"value": False, "measure": "thw", "measured": 1.0 + future, "low": 0.5, "high": 9.0}
        metrics = {"ttc_s": 1.0, "thw_s": thw, "tet_s": tet, "drac": drac, "off_road_s": 0.0}
        return replace(row(future, 1.0), metrics=metrics, labels={"close": label})

    rows = [
        measured(0, "inf", 0.0, 1.0),
        measured(1, 0.5, 0.3, "inf"),
        *(measured(k, k, 0.0, 2.0) for k in range(2, 8)),
    ]
    found: dict[str, list[tuple[str, object]]] = {}
    for name, _, future, value, replay in worst_table(rows, tmp_path).rows:
        found.setdefault(name or list(found)[-1], []).append((future[-1], value))
        assert replay == f"drivesim replay runs/one/v000 --future {future[-1]}"
    assert found == {
        "thw.min (s)": [("1", 0.5), ("2", 2.0), ("3", 3.0), ("4", 4.0), ("5", 5.0)],
        "drac.max (m/s²)": [("1", "no braking helps"), *((str(k), 2.0) for k in range(2, 6))],
        "tet (s)": [("1", 0.3)],
        "close (s)": [(str(k), f"{1 + k:.2f} (0.50 to 9.00)") for k in range(5)],
    }
    assert worst_table(rows[:1], tmp_path).rows == (), "one future alone is not the worst of any"


def test_long_videos_have_a_curve_of_how_many_last(tmp_path: Path) -> None:
    def lasting(future: int, usable: float, length: float) -> FutureRow:
        return replace(row(future, 1.0), metrics={"usable_s": usable, "length_s": length})

    plot = lasting_plot([lasting(0, 5.0, 20.0), lasting(1, 20.0, 20.0), lasting(2, 10.0, 10.0), lasting(3, 2.0, 4.0)])
    (line,) = plot.series
    shares = dict(zip(line.x, line.y, strict=True))
    assert shares[0.0] == 1.0 and shares[10.0] == pytest.approx(2 / 3) and shares[15.0] == 0.5
    assert line.low[0] == pytest.approx(wilson_interval(3, 3)[0])
    assert told_section([lasting(0, 5.0, 20.0)]).plots[0].title == "Videos that have not drifted"


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
