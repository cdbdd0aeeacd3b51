"""A tiny store of the procedural world, packed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.packing import pack


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of four frames of 256x512."""
    folder = tmp_path_factory.mktemp("store") / "tiny.zarr"
    pack(ProceduralDataset(num_samples=6, num_frames=4), folder)
    return folder
