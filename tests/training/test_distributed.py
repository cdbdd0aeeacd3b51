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


@pytest.fixture(scope="module")
def pair(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Two ranks after two steps of one sample each: the four training samples of the store, once."""
    folder = tmp_path_factory.mktemp("pair")
    records = folder / "records"
    records.mkdir()
    command = [sys.executable, str(SCRIPT), str(folder / "work"), str(store), "2", str(records)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, [json.loads((records / f"rank-{rank}.json").read_text()) for rank in range(2)]


def test_parameters_and_averages_of_a_sharded_network_equal_those_of_a_whole_one(
    pair: tuple[Path, list[dict[str, Any]]],
) -> None:
    sharded = load_file(pair[0] / "records" / "sharded.safetensors")
    whole = runpy.run_path(str(SHARDED))["trained"](mesh=None)
    assert sharded.keys() == whole.keys()
    assert any(name.startswith("average.") for name in whole)
    for name, tensor in whole.items():
        assert torch.allclose(sharded[name], tensor, atol=1e-6), name


def test_parameters_stay_equal(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = pair[1]
    assert first["parameters"] == second["parameters"]


def test_decoder_and_discriminators_stay_equal(pair: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = (json.loads((pair[0] / "records" / f"adversarial-{rank}.json").read_text()) for rank in range(2))
    assert first == second


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
    runpy.run_path(str(SCRIPT))["train"](str(folder / "work"), str(store), "5", str(folder / "later"))
    alone = json.loads((folder / "later" / "rank-0.json").read_text())
    assert alone["positions"] == [[4], [5], [6]]
    assert alone["draws_seen"] == 7
