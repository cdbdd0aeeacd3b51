"""The format of a PVDM's folder: what model.json must hold, and what the two parts must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from drivesim.models.clip_family import ClipFamily, unfitting
from drivesim.models.differences import read_object
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.config import PVDMConfig
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.models.pvdm.predictor import PlanePredictor


def _disagreements(folder: Path, config: PVDMConfig) -> list[str]:
    coder = read_object(folder / "autoencoder" / "config.json")
    wanted = {
        "height": coder["height"] // coder["patch"],
        "width": coder["width"] // coder["patch"],
        "num_frames": coder["num_frames"],
        "latent_channels": coder["latent_channels"],
    }
    return unfitting(folder, "denoiser", wanted)


def _predictor(networks: dict[str, Any], config: PVDMConfig, device: torch.device) -> PlanePredictor:
    return PlanePredictor(networks["denoiser"], config.sampling, device)


FAMILY = ClipFamily(
    name="pvdm",
    version=3,
    parts={"autoencoder": PlaneAutoencoder, "denoiser": PlaneDenoiser},
    config=PVDMConfig,
    disagreements=_disagreements,
    predictor=_predictor,
)

PARTS, new_settings, older_values = FAMILY.parts, FAMILY.new_settings, FAMILY.older_values
check_files, video_of, small_size = FAMILY.check_files, FAMILY.video_of, FAMILY.small_size
