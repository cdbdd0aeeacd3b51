"""The format of an LVDM's folder: what model.json must hold, and what the two parts must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from drivesim.models.clip_family import ClipFamily, unfitting
from drivesim.models.differences import read_object
from drivesim.models.family_files import senseless
from drivesim.models.lvdm.autoencoder import ClipAutoencoder3D
from drivesim.models.lvdm.config import LVDMConfig
from drivesim.models.lvdm.denoiser import FactorisedUNet
from drivesim.models.lvdm.predictor import SequencePredictor


def _disagreements(folder: Path, config: LVDMConfig) -> list[str]:
    coder, denoiser = (read_object(folder / name / "config.json") for name in ("autoencoder", "denoiser"))
    wanted = {
        "height": coder["height"] // coder["space_factor"],
        "width": coder["width"] // coder["space_factor"],
        "frames_per_latent": coder["time_factor"],
        "latent_channels": coder["latent_channels"],
    }
    made, whole = denoiser["sparseness"] ** 2, coder["num_frames"] // coder["time_factor"]
    checks = [("sparseness", denoiser["sparseness"], made % whole == 0, f"one whose square is a multiple of {whole}")]
    largest = denoiser["max_perturbation"]
    fits = [("perturbation", config.perturbation, config.perturbation <= largest, f"at most {largest}, the denoiser's")]
    return [
        *unfitting(folder, "denoiser", wanted),
        *senseless(checks, folder / "denoiser" / "config.json"),
        *senseless(fits, folder / "model.json"),
    ]


def _predictor(networks: dict[str, Any], config: LVDMConfig, device: torch.device) -> SequencePredictor:
    return SequencePredictor(networks["denoiser"], config, networks["autoencoder"].latent_shape[1], device)


FAMILY = ClipFamily(
    name="lvdm",
    version=3,
    parts={"autoencoder": ClipAutoencoder3D, "denoiser": FactorisedUNet},
    config=LVDMConfig,
    disagreements=_disagreements,
    predictor=_predictor,
    renamed={"mode": {"autoregressive": "frame-wise"}},
)

PARTS, new_settings, older_values = FAMILY.parts, FAMILY.new_settings, FAMILY.older_values
check_files, video_of = FAMILY.check_files, FAMILY.video_of
