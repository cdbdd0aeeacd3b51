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


class Trainings:
    """One process that forks a training for each call, so that importing is paid for once."""

    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> Trainings:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=120)

    def _answer(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def start(self, work: Path, store: Path) -> int:
        """Begin to train; the number of the process that does."""
        assert self._server.stdin is not None
        self._server.stdin.write(f"{work}\t{store}\t{STEPS}\n")
        self._server.stdin.flush()
        return self._answer()

    def run(self, work: Path, store: Path) -> int:
        """Train to the end; the exit code."""
        self.start(work, store)
        return self._answer()

    def stopped_at(self, work: Path, store: Path, step: int, how: signal.Signals) -> int:
        """Run until ``step`` is logged, send a signal, and return the last step logged."""
        process = self.start(work, store)
        deadline = time.monotonic() + 300.0
        while _reached(work) < step:
            os.kill(process, 0)
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process, how)
        code = self._answer()
        assert code != 0, "it ended before it could be stopped"
        assert code == -how or how != signal.SIGKILL
        return _reached(work)


def _reached(work: Path) -> int:
    curve = work / "codec" / "metrics.csv"
    return max((step for step, _, _ in read_curve(curve)), default=0) if curve.exists() else 0


def test_a_killed_run_repeats_the_curve_of_an_undisturbed_one(store: Path, tmp_path: Path) -> None:
    with Trainings() as trainings:
        assert trainings.run(tmp_path / "whole", store) == 0
        killed = trainings.stopped_at(tmp_path / "killed", store, 5, signal.SIGKILL)
        assert 5 <= killed < STEPS
        terminated = trainings.stopped_at(tmp_path / "killed", store, 8, signal.SIGTERM)
        assert 8 <= terminated < STEPS
        assert trainings.run(tmp_path / "killed", store) == 0
    whole, continued = (read_curve(tmp_path / name / "codec" / "metrics.csv") for name in ("whole", "killed"))
    assert [step for step, name, _ in whole if name == "loss"] == list(range(1, STEPS + 1))
    assert continued == whole
    states = [torch.load(tmp_path / name / "codec" / "last.ckpt", weights_only=False) for name in ("whole", "killed")]
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key
