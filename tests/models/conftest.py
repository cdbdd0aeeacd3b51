"""Fixtures of the model tests: a toy Video LDM as a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_video_ldm import tiny_networks

from drivesim.models.load import write_hashes
from drivesim.models.video_ldm.load import VideoLDMConfig, save_networks


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A toy model as 'drivesim train' writes it."""
    folder = tmp_path / "toy"
    save_networks(tiny_networks(), VideoLDMConfig(name="toy"), folder)
    write_hashes(folder)
    return folder
