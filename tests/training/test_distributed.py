"""Two processes under DDP on the CPU: equal parameters, one epoch between them, and another number of them later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("distributed.py")


def _run(world: int, work: Path, store: Path, steps: int, records: Path) -> list[dict[str, Any]]:
    """What each rank ended with."""
    records.mkdir()
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={world}", "--master-port=0",
        "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", str(SCRIPT), str(work), str(store), str(steps), str(records),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((records / f"rank-{rank}.json").read_text()) for rank in range(world)]


@pytest.fixture(scope="module")
def pair(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Two ranks after two steps of one sample each: the four training samples of the store, once."""
    folder = tmp_path_factory.mktemp("pair")
    return folder, _run(2, folder / "work", store, 2, folder / "records")


def test_parameters_stay_equal(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = pair[1]
    assert first["parameters"] == second["parameters"]


def test_the_union_of_samples_is_the_epoch(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = pair[1]
    assert not set(first["samples"]) & set(second["samples"])
    assert sorted(first["samples"] + second["samples"]) == list(range(4))
    assert first["draws_seen"] == second["draws_seen"] == 4


def test_one_process_continues_what_two_began(pair: tuple[Path, list[dict[str, Any]]], store: Path) -> None:
    folder, _ = pair
    (alone,) = _run(1, folder / "work", store, 5, folder / "later")
    assert alone["positions"] == [[4], [5], [6]]
    assert alone["draws_seen"] == 7
