"""Two processes under DDP on the CPU: equal parameters, one epoch between them, and another number of them later."""

from __future__ import annotations

import json
import os
import runpy
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


def test_parameters_and_averages_of_a_sharded_network_equal_those_of_a_whole_one(tmp_path: Path) -> None:
    record = tmp_path / "sharded.safetensors"
    _torchrun(2, SHARDED, record)
    sharded, whole = load_file(record), runpy.run_path(str(SHARDED))["trained"](mesh=None)
    assert sharded.keys() == whole.keys()
    assert any(name.startswith("average.") for name in whole)
    for name, tensor in whole.items():
        assert torch.allclose(sharded[name], tensor, atol=1e-6), name


@pytest.fixture(scope="module")
def pair(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Two ranks after two steps of one sample each: the four training samples of the store, once."""
    folder = tmp_path_factory.mktemp("pair")
    records = folder / "records"
    records.mkdir()
    _torchrun(2, SCRIPT, folder / "work", store, 2, records)
    return folder, [json.loads((records / f"rank-{rank}.json").read_text()) for rank in range(2)]


def test_parameters_stay_equal(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = pair[1]
    assert first["parameters"] == second["parameters"]


def test_the_union_of_samples_is_the_epoch(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = pair[1]
    assert not set(first["samples"]) & set(second["samples"])
    assert sorted(first["samples"] + second["samples"]) == list(range(4))
    assert first["draws_seen"] == second["draws_seen"] == 4


def test_one_process_continues_what_two_began(
    pair: tuple[Path, list[dict[str, Any]]], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = pair
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    (folder / "later").mkdir()
    runpy.run_path(str(SCRIPT))["main"](str(folder / "work"), str(store), "5", str(folder / "later"))
    alone = json.loads((folder / "later" / "rank-0.json").read_text())
    assert alone["positions"] == [[4], [5], [6]]
    assert alone["draws_seen"] == 7
