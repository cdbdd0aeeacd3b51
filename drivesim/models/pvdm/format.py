"""The format of a PVDM's folder: what model.json must hold, and what the two parts must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import ModelMixin

from drivesim.models.clip_family import read_clip_config, require_fitting, settings_of
from drivesim.models.clip_model import FRAME_SIZE
from drivesim.models.differences import read_object
from drivesim.models.family_files import AddedKeys, check_networks, older_keys
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.config import PVDMConfig
from drivesim.models.pvdm.denoiser import PlaneDenoiser

#: The format that this version writes and reads.
FORMAT_VERSION = 1

PARTS: dict[str, type[ModelMixin]] = {"autoencoder": PlaneAutoencoder, "denoiser": PlaneDenoiser}

#: See :data:`drivesim.models.family_files.AddedKeys`.
ADDED_KEYS: AddedKeys = {}


def read_config(folder: Path) -> PVDMConfig:
    """The configuration in model.json. Raises ModelError with every difference from what this version expects."""
    config: PVDMConfig = read_clip_config(folder, PVDMConfig, FORMAT_VERSION, ADDED_KEYS)
    return config


def new_settings(name: str) -> dict[str, Any]:
    """What model.json of a new model holds."""
    return settings_of("pvdm", FORMAT_VERSION, PVDMConfig(name=name))


def check_files(folder: Path) -> None:
    """Look whether a folder's files fit this version, without loading weights. Raises ModelError with every difference."""
    read_config(folder)
    check_networks(folder, PARTS, ADDED_KEYS)
    coder = read_object(folder / "autoencoder" / "config.json")
    wanted = {
        "height": coder["height"] // coder["patch"],
        "width": coder["width"] // coder["patch"],
        "num_frames": coder["num_frames"],
        "latent_channels": coder["latent_channels"],
    }
    require_fitting(folder, "denoiser", wanted)


def video_of(folder: Path) -> tuple[int, int, float]:
    """Rows, columns and frames a second of what the model makes. Raises ModelError."""
    return *FRAME_SIZE, read_config(folder).fps


def older_values(folder: Path, part: str) -> dict[str, Any]:
    """The keys that an older part's config.json lacks, with the values that their absence means."""
    return older_keys(folder, part, ADDED_KEYS)
