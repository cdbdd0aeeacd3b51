"""``drivesim evaluate``: refused with 2 before anything is made; and one whole run with a toy Video LDM."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_judges import write_judges
from tiny_video_ldm import save_toy
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.evidence.of_model import QUICK, Protocol

#: The exit code for models that are missing or damaged; judges are such.
MODEL_ERROR = 4


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("models") / "toy", steps=1)


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--clips", "1"], "'--clips': Input should be greater than or equal to 4"),
        (["--quick", "--clips", "1"], "'--clips': Input should be greater than or equal to 4"),
        (["--futures", "2"], "'--futures': Input should be greater than or equal to 3"),
        (["--seconds", "0"], "'--seconds': Input should be greater than or equal to 0.5"),
        (["--minutes", "nan"], "--minutes nan"),
        (["--clips", "9" * 18], "less than or equal to 10000"),
        (["--minutes", "1e308"], "'--minutes': Input should be less than or equal to 10000"),
        (["--minutes", "0.01"], "--minutes 0.01: expected 0, or 0.05 or more"),
        (["--scenario", "no-such-drive"], "no-such-drive"),
        (["--require", "recall"], "no threshold"),
        (["--i3d", "nowhere.pt"], "nowhere.pt: no such file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(arguments: list[str], says: str, judges: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = evaluate(*arguments, "--judges", judges, "--out", out)
    assert result.exit_code == 2, result.output
    assert says in result.output and result.output.count("\n") <= 4
    assert not out.exists()


def test_missing_judges_and_a_pickle_for_a_network_are_refused(tmp_path: Path, judges: Path) -> None:
    result = evaluate("--judges", tmp_path)
    assert result.exit_code == MODEL_ERROR and "no judges here" in result.output
    result = evaluate("no-such-model", "--judges", judges)
    assert result.exit_code == MODEL_ERROR and "no-such-model" in result.output
    torch.save({"weights": torch.zeros(1)}, tmp_path / "i3d.pt")
    result = evaluate("--judges", judges, "--i3d", tmp_path / "i3d.pt")
    assert result.exit_code == 2 and "pickles run code" in result.output


def test_quick_takes_its_numbers_where_none_are_named(
    toy: Path, judges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Protocol] = []

    def stop(model: object, judges: object, folder: Path, protocol: Protocol, *rest: object, **more: object) -> None:
        asked.append(protocol)
        raise InputError("enough")

    monkeypatch.setattr("drivesim.evidence.of_model.evaluate_model", stop)
    for options in ([], ["--quick"], ["--quick", "--clips", 9, "--seed", 3]):
        evaluate(toy, *options, "--judges", judges, "--out", tmp_path / "out")
    assert asked[0] == Protocol()
    assert asked[1] == Protocol(**QUICK) and asked[1].minutes == 0.0
    assert asked[2] == Protocol(**{**QUICK, "clips": 9}, seed=3)


@pytest.mark.slow
def test_a_whole_evaluation_from_the_command_line(tmp_path: Path, toy: Path, judges: Path) -> None:
    small = ["--clips", 4, "--seconds", 0.5, "--starts", 1, "--futures", 3, "--future-seconds", 0.5, "--minutes", 0]
    result = evaluate(toy, *small, "--judges", judges, "--out", tmp_path / "out", "--min-recall", 0.8, "--json")
    assert result.exit_code == 1, result.output
    data = json.loads(result.stdout)
    assert data["outcome"] == data["demands"][0]["outcome"] == "failed"
    assert data["figures"]["futures.calibration"]["value"] >= 0.0
    assert (tmp_path / "out" / "report.html").is_file()
