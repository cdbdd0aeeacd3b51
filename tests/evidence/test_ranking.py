"""Futures ranked by a figure: who is best, median and worst, with what error, and the commands that make them again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from full_disk import largest_file
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, tiny_judges
from typer.testing import CliRunner, Result

import drivesim as ds
from drivesim.cli.main import app
from drivesim.errors import InputError, NotKeptWarning
from drivesim.evidence.ranking import FIGURES, rank, rank_rows
from drivesim.options import Options, Threads
from drivesim.runs.rows import ROWS_NAME, FutureRow, read_rows, replay_command, write_rows
from drivesim.scenarios import loads
from drivesim.simulate import futures


def row(future: int, ttc: float | str | None, **more: object) -> FutureRow:
    near = {"ttc_low_s": ttc - 0.2, "ttc_high_s": ttc + 0.2} if isinstance(ttc, float) else {}
    values = {"labels": {}, **more}
    return FutureRow(
        id=f"one/v000/f{future:02d}", scenario="one", variation=0, future=future, status="finished", run="runs/one/v000",
        video=f"runs/one/v000/f{future:02d}.mp4", metrics={"ttc_s": ttc, "drac": 4.0 - future, **near},
        replay=f"drivesim replay runs/one/v000 --future {future}", **values,
    )  # fmt: skip


HERE = Path("sweep")
ROWS = [(HERE, row(0, 2.0)), (HERE, row(1, "inf")), (HERE, row(2, 0.5)), (HERE, row(3, None)), (HERE, row(4, 1.0))]


def test_the_worst_comes_first_and_what_is_not_known_is_said() -> None:
    found = rank_rows(ROWS, "ttc.min")
    assert [one.row.future for one in found] == [2, 4, 0, 1] and found[0] is found.worst
    assert (found.worst.value, found.median.row.future, found.best.row.future) == (0.5, 4, 1)
    assert [name for name, _ in found.unknown] == ["one/v000/f03"]
    assert found.worst.replay == "(cd sweep && drivesim replay runs/one/v000 --future 2)"
    assert [one.row.future for one in rank_rows(ROWS, "drac.max")] == [0, 1, 2, 3, 4], "more braking is worse"


def test_best_and_worst_are_told_apart_only_beyond_their_error_bars() -> None:
    assert rank_rows([ROWS[0], ROWS[4]], "ttc.min").told_apart
    assert not rank_rows([(HERE, row(0, 1.0)), (HERE, row(1, 1.3))], "ttc.min").told_apart
    assert rank_rows(ROWS, "drac.max").told_apart and not rank_rows(ROWS[:1], "drac.max").told_apart


def test_labels_are_figures_and_one_that_nobody_came_near_is_infinite() -> None:
    def labelled(future: int, measured: float | None, value: bool | None, kind: str = "ttc") -> tuple[Path, FutureRow]:
        label = {"value": value, "measured": measured, "low": measured, "high": measured, "measure": kind}
        return HERE, row(future, 1.0, labels={"close": label})

    rows = [labelled(0, None, False), labelled(1, 0.8, True), labelled(2, None, None), labelled(3, 1.2, False)]
    assert [one.row.future for one in rank_rows(rows, "close")] == [1, 3, 0]
    hard = [labelled(0, 2.0, False, "drac"), labelled(1, 5.0, True, "drac")]
    assert [one.row.future for one in rank_rows(hard, "close")] == [1, 0]
    with pytest.raises(InputError, match=r"'nothing' is no figure to rank by. Known are ttc.min, .*; labels: close"):
        rank_rows(rows, "nothing")
    with pytest.raises(InputError, match="off_road is known of none of 4 futures"):
        rank_rows(rows, "off_road")


def test_the_command_names_another_model_than_the_shipped_one() -> None:
    assert replay_command("runs/a b", 7) == "drivesim replay 'runs/a b' --future 7"
    made_by = ["drivesim", "futures", "x", "--model", "mine", "--seed", "3"]
    assert replay_command("r", 0, made_by) == "drivesim replay r --future 0 --model mine"
    assert replay_command("r", 0, ["drivesim", "--model=default"], "out") == "drivesim replay r --future 0 --out out"


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_is_looked_at_once_and_its_score_is_taken(tmp_path: Path) -> None:
    judges = tiny_judges(tmp_path / "judges")
    scenario, options = loads(JUDGED_SCENARIO)[0], Options(threads=Threads(denoise=1, decode=1))
    made = futures(JudgedLoaded(), scenario, num_futures=3, seconds=0.3, out=tmp_path / "run", options=options)
    found = ds.rank(made[1:], "ego_speed_error", judges=judges)
    assert sorted(one.row.future for one in found) == [1, 2] and found.worst.value >= found.best.value > 0.0
    assert found.worst.future in made and found.best.video == found.best.future.video
    kept = tmp_path / "run" / "report" / ROWS_NAME
    rows = read_rows(kept)
    assert [each.future for each in rows] == [1, 2] and set(rows[0].told) == {"cut_in", "crash"}
    write_rows(kept, [each for each in rows if each.future == 1])
    assert len(rank(tmp_path / "run", "ego_speed_error", judges=judges)) == 3, "what is missing is measured"
    metrics = read_rows(kept)[0].metrics
    assert {figure.measure for figure in FIGURES.values()} <= set(metrics)
    again = ("rank", tmp_path / "run", "ego_speed_error", "--judges", tmp_path / "judges")
    result = drivesim(*again)
    assert result.exit_code == 0 and "not kept" not in result.output, result.output
    kept.unlink()
    with largest_file(0):
        full = drivesim(*again)
    assert full.exit_code == 0 and full.stdout == result.stdout and not kept.exists()
    said = f"note: measured rows not kept in {kept} (File too large); measured again the next time."
    assert [line for line in full.stderr.splitlines() if "kept" in line] == [said]
    with largest_file(0), pytest.warns(NotKeptWarning, match=r"measured rows not kept in .* \(File too large\)"):
        assert len(rank(tmp_path / "run", "ego_speed_error", judges=judges)) == 3
    assert f"drivesim replay {tmp_path / 'run'} --future {found.worst.row.future}" in result.stdout
    assert result.stdout.count("drivesim diff") == 1
    values = json.loads(
        drivesim("rank", tmp_path / "run", "ego_speed_error", "--judges", tmp_path / "judges", "--json").stdout
    )
    assert (
        values["worst"]["value"] >= values["median"]["value"] >= values["best"]["value"] and len(values["futures"]) == 3
    )


def test_a_sweep_is_ranked_from_its_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / ROWS_NAME, [each for _, each in ROWS])
    shown = drivesim("rank", tmp_path, "--all")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == "4 futures by ttc.min (least time to collision; low is worse)"
    assert "one/v000/f02  0.50 (0.30 to 0.70) s" in lines[1] and "f01  nobody came near" in lines[4]
    assert lines[5].startswith("worst ") and f"(cd {tmp_path} && drivesim replay runs/one/v000 --future 2)" in lines[6]
    assert lines[-1].startswith("not known of 1 future: one/v000/f03: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{empty}"], "is neither a run nor a sweep"),
        (["{sweep}", "ttc"], "'ttc' is no figure to rank by. Known are ttc.min"),
        (["{sweep}", "ttc.min", "--only", "two"], "--only two: "),
        (["{sweep}", "off_road"], "off_road is known of none of 5 futures"),
    ],
)
def test_what_cannot_be_ranked_is_said_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    write_rows(tmp_path / ROWS_NAME, [each for _, each in ROWS])
    result = drivesim("rank", *(text.format(empty=tmp_path / "empty", sweep=tmp_path) for text in arguments))
    assert result.exit_code == 2 and message in result.stderr and result.stderr.count("error:") == 1
