"""The format of an LVDM's folder: what model.json must hold, and what the two parts must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import ModelMixin

from drivesim.models.clip_family import read_clip_config, require_fitting, settings_of
from drivesim.models.clip_model import FRAME_SIZE
from drivesim.models.differences import read_object
from drivesim.models.family_files import AddedKeys, check_networks, older_keys, raise_if, senseless
from drivesim.models.lvdm.autoencoder import ClipAutoencoder3D
from drivesim.models.lvdm.config import LVDMConfig
from drivesim.models.lvdm.denoiser import FactorisedUNet

#: The format that this version writes and reads.
FORMAT_VERSION = 1

PARTS: dict[str, type[ModelMixin]] = {"autoencoder": ClipAutoencoder3D, "denoiser": FactorisedUNet}

#: See :data:`drivesim.models.family_files.AddedKeys`.
ADDED_KEYS: AddedKeys = {}


def read_config(folder: Path) -> LVDMConfig:
    """The configuration in model.json. Raises ModelError with every difference from what this version expects."""
    config: LVDMConfig = read_clip_config(folder, LVDMConfig, FORMAT_VERSION, ADDED_KEYS)
    return config


def new_settings(name: str) -> dict[str, Any]:
    """What model.json of a new model holds."""
    return settings_of("lvdm", FORMAT_VERSION, LVDMConfig(name=name))


def check_files(folder: Path) -> None:
    """Look whether a folder's files fit this version, without loading weights. Raises ModelError with every difference."""
    config = read_config(folder)
    check_networks(folder, PARTS, ADDED_KEYS)
    coder, denoiser = (read_object(folder / name / "config.json") for name in PARTS)
    wanted = {
        "height": coder["height"] // coder["space_factor"],
        "width": coder["width"] // coder["space_factor"],
        "frames_per_latent": coder["time_factor"],
        "latent_channels": coder["latent_channels"],
    }
    require_fitting(folder, "denoiser", wanted)
    made, whole = denoiser["sparseness"] ** 2, coder["num_frames"] // coder["time_factor"]
    checks = [("sparseness", denoiser["sparseness"], made % whole == 0, f"one whose square is a multiple of {whole}")]
    raise_if(senseless(checks, folder / "denoiser" / "config.json"), folder)
    largest = denoiser["max_perturbation"]
    fits = [("perturbation", config.perturbation, config.perturbation <= largest, f"at most {largest}, the denoiser's")]
    raise_if(senseless(fits, folder / "model.json"), folder)


def video_of(folder: Path) -> tuple[int, int, float]:
    """Rows, columns and frames a second of what the model makes. Raises ModelError."""
    return *FRAME_SIZE, read_config(folder).fps


def older_values(folder: Path, part: str) -> dict[str, Any]:
    """The keys that an older part's config.json lacks, with the values that their absence means."""
    return older_keys(folder, part, ADDED_KEYS)
