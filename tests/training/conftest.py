"""A tiny store of the procedural world, packed once."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.packing import pack


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of four frames of 256x512, to be read only; workers that run side by side share it."""
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    shared = tmp_path_factory.mktemp("store") if alone else tmp_path_factory.getbasetemp().parent
    folder = shared / "training-store.zarr"
    with (shared / "training-store.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished.json").exists():
            pack(ProceduralDataset(num_samples=6, num_frames=4), folder)
    return folder


@pytest.fixture(scope="session")
def small_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of six frames of 64x128."""
    folder = tmp_path_factory.mktemp("small") / "clips.zarr"
    pack(ProceduralDataset(num_samples=3, num_frames=6, height=64, width=128), folder)
    return folder
