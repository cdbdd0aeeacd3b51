"""Two processes under DDP on the CPU: equal parameters, one epoch between them, and another number of them later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("distributed.py")
SHARDED = Path(__file__).with_name("sharded.py")


def _torchrun(world: int, script: Path, *arguments: object) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={world}", "--rdzv-backend=c10d",
        "--rdzv-endpoint=localhost:0", str(script), *map(str, arguments),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]


def _run(world: int, work: Path, store: Path, steps: int, records: Path) -> list[dict[str, Any]]:
    """What each rank ended with."""
    records.mkdir()
    _torchrun(world, SCRIPT, work, store, steps, records)
    return [json.loads((records / f"rank-{rank}.json").read_text()) for rank in range(world)]


def test_parameters_and_averages_of_a_sharded_network_equal_those_of_a_whole_one(tmp_path: Path) -> None:
    kinds = {}
    for kind in ("sharded", "whole"):
        record = tmp_path / f"{kind}.safetensors"
        _torchrun(2, SHARDED, kind, record)
        kinds[kind] = load_file(record)
    assert kinds["sharded"].keys() == kinds["whole"].keys()
    assert any(name.startswith("average.") for name in kinds["whole"])
    for name, tensor in kinds["whole"].items():
        assert torch.allclose(kinds["sharded"][name], tensor, atol=1e-6), name


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
