"""Training that is killed continues with the same command, and its curve equals that of one left alone."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import torch
from forking import ForkServer

from drivesim.training.callbacks import read_curve

PROGRAM = Path(__file__).with_name("killable.py")
STEPS = 6


def stopped_at(server: ForkServer, work: Path, store: Path, step: int, how: signal.Signals) -> int:
    """Train until ``step`` is logged, send a signal, and return the last step logged."""
    process = server.start(work, store, STEPS)
    deadline = time.monotonic() + 300.0
    while _reached(work) < step:
        assert process.poll() is None, process.stderr
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(how)
    code = process.wait()
    assert code != 0, "it ended before it could be stopped"
    assert code == -how or how != signal.SIGKILL
    return _reached(work)


def _reached(work: Path) -> int:
    curve = work / "codec" / "metrics.csv"
    return max((step for step, _, _ in read_curve(curve)), default=0) if curve.exists() else 0


def test_a_killed_run_repeats_the_curve_of_an_undisturbed_one(store: Path, tmp_path: Path) -> None:
    with ForkServer(PROGRAM, tmp_path) as server:
        assert server.run(tmp_path / "whole", store, STEPS).returncode == 0
        killed = stopped_at(server, tmp_path / "killed", store, 3, signal.SIGKILL)
        assert 3 <= killed < STEPS
        terminated = stopped_at(server, tmp_path / "killed", store, 4, signal.SIGTERM)
        assert 4 <= terminated < STEPS
        assert server.run(tmp_path / "killed", store, STEPS).returncode == 0
    whole, continued = (read_curve(tmp_path / name / "codec" / "metrics.csv") for name in ("whole", "killed"))
    assert [step for step, name, _ in whole if name == "loss"] == list(range(1, STEPS + 1))
    assert continued == whole
    states = [torch.load(tmp_path / name / "codec" / "last.ckpt", weights_only=False) for name in ("whole", "killed")]
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key
