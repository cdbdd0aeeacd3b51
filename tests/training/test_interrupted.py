"""Training that is killed continues with the same command, and its curve equals that of one left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from drivesim.training.callbacks import read_curve

SCRIPT = Path(__file__).with_name("killable.py")
STEPS = 10


def _start(work: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), str(work), str(store), str(STEPS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def _reached(work: Path) -> int:
    curve = work / "codec" / "metrics.csv"
    return max((step for step, _, _ in read_curve(curve)), default=0) if curve.exists() else 0


def _stopped_at(work: Path, store: Path, step: int, how: signal.Signals) -> int:
    """Run until ``step`` is logged, send a signal, and return the last step logged."""
    process = _start(work, store)
    deadline = time.monotonic() + 300.0
    while _reached(work) < step:
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(how)
    process.wait(timeout=120)
    return _reached(work)


def test_a_killed_run_repeats_the_curve_of_an_undisturbed_one(store: Path, tmp_path: Path) -> None:
    assert _start(tmp_path / "whole", store).wait(timeout=300) == 0
    killed = _stopped_at(tmp_path / "killed", store, 5, signal.SIGKILL)
    assert 5 <= killed < STEPS
    terminated = _stopped_at(tmp_path / "killed", store, 8, signal.SIGTERM)
    assert 8 <= terminated < STEPS
    assert _start(tmp_path / "killed", store).wait(timeout=300) == 0
    whole, continued = (read_curve(tmp_path / name / "codec" / "metrics.csv") for name in ("whole", "killed"))
    assert [step for step, name, _ in whole if name == "loss"] == list(range(1, STEPS + 1))
    assert continued == whole
    states = [torch.load(tmp_path / name / "codec" / "last.ckpt", weights_only=False) for name in ("whole", "killed")]
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key
