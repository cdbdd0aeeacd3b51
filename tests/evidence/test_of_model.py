"""A model evaluated: what is refused before anything is made, and the whole report of a tiny one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, silent, tiny_judges
from tiny_loaded import TinyLoaded

from drivesim.errors import DriveSimError, InputError
from drivesim.evidence.of_model import Protocol, evaluate_model
from drivesim.judges.load import Judges
from drivesim.metrics.drift import CURVES
from drivesim.metrics.fvd import I3D, NOT_COMPUTED
from drivesim.report import Report
from drivesim.report.page import render_html

SMALL: dict[str, Any] = {
    "clips": 4, "seconds": 0.5, "starts": 1, "futures": 3, "future_seconds": 0.5, "minutes": 0.0, "junctions": 1,
}  # fmt: skip
RANGES = dict.fromkeys(CURVES, (0.0, 255.0))


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return tiny_judges(tmp_path_factory.mktemp("judges"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clips", 3), ("starts", 0), ("futures", 2), ("seconds", 0.1), ("seconds", float("nan")),
        ("future_seconds", float("inf")), ("minutes", -1.0), ("minutes", 0.001), ("seed", -1),
        ("junctions", -1), ("junctions", 10_001),
    ],
)  # fmt: skip
def test_silly_numbers_are_refused_by_their_option(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} .*expected"):
        Protocol(**{name: value})


def test_the_options_of_a_protocol_are_those_of_the_command() -> None:
    words = Protocol(**SMALL, scenario="mine.yaml").arguments()
    assert words[words.index("--future-seconds") + 1] == "0.5"
    assert words[words.index("--scenario") + 1] == "mine.yaml"


def test_what_cannot_be_measured_is_refused_before_anything_is_made(tmp_path: Path, judges: Judges) -> None:
    with pytest.raises(InputError, match="64x128; the judges see"):
        evaluate_model(TinyLoaded(), judges, tmp_path, Protocol(**SMALL), silent)
    with pytest.raises(DriveSimError, match="nowhere"):
        evaluate_model(JudgedLoaded(), judges, tmp_path, Protocol(**SMALL, scenario="nowhere.yaml"), silent)
    network = torch.jit.script(torch.nn.Identity())
    i3d = I3D(module=network, path=tmp_path / "i3d.pt", sha256="", device=torch.device("cpu"))
    with pytest.raises(InputError, match=r"16 frames, --seconds 0\.5 gives 5\. Use --seconds 1\.6"):
        evaluate_model(JudgedLoaded(), judges, tmp_path, Protocol(**SMALL), silent, i3d=i3d)
    assert list(tmp_path.iterdir()) == []


def test_all_numbers_that_cannot_be_measured_are_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Protocol(clips=3, seconds=float("nan"), futures=10_001, minutes=0.01, seed=-1)
    assert str(caught.value).split("; ") == [
        "--clips 3: expected 4 to 10000",
        "--seconds nan: expected 0.5 to 10000",
        "--futures 10001: expected 3 to 10000",
        "--seed -1: expected 0 or more",
        "--minutes 0.01: expected 0, or 0.05 or more",
    ]


@pytest.mark.slow
def test_the_whole_report(tmp_path: Path, judges: Judges) -> None:
    scenario = tmp_path / "judged.yaml"
    scenario.write_text(JUDGED_SCENARIO)
    protocol = Protocol(**SMALL | {"minutes": 0.05, "scenario": str(scenario)})
    said: dict[str, float] = {}
    report = evaluate_model(
        JudgedLoaded(), judges, tmp_path / "out", protocol, said.__setitem__, ranges=RANGES, called="mine"
    )
    titles = [section.title for section in report.sections]
    futures = ["Futures, simulated", "Futures, free"]
    assert titles == [
        "Obedience",
        "Start frame",
        "Likeness",
        "Steadiness",
        "Traffic left free",
        "Junctions",
        *futures,
        "Drift",
        "The judge",
    ]
    figures = report.figures()
    assert figures["junctions.road_iou"].note.startswith("scenes without a junction: ")
    assert figures["likeness.fvd"].note == NOT_COMPUTED
    assert {"obedience.recall", "likeness.scripted.mmd", "steadiness.flicker", "drift.free.usable_s"} <= set(
        report.highlights
    )
    assert {"free.kept", "free.lane_paint_near", "free.road_iou"} <= set(figures)
    assert any("recall" in warning or "speed" in warning for warning in report.warnings)
    assert report.commands["repeat"].startswith("drivesim evaluate mine --clips 4 --seconds 0.5")
    back = Report.from_json(report.to_json(), "report.json")
    assert back.to_json() == report.to_json() and render_html(back).startswith("<!DOCTYPE html>")
    assert said["gathering held-out clips"] == 1.0
    assert {path.name for path in (tmp_path / "out" / "runs").iterdir()} == {"scripted", "free"}
    usable = figures["drift.scripted.usable_s"].value
    assert usable is not None and 0.0 <= usable.value <= 3.0 and np.isfinite(usable.value)
