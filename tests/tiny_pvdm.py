"""PVDM's networks at toy size with weights that are not zero anywhere, so that every path is exercised."""

from __future__ import annotations

import torch
from tiny_video_ldm import woken

from drivesim.models.clip_family import ClipSampling, LoadedClipModel
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.config import PVDMConfig
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.models.pvdm.load import assemble

#: Rows and columns of the toy's frames: enlarging them to the real size takes most of a test's time.
SHOWN = (64, 128)

TOY = PVDMConfig(name="toy", sampling=ClipSampling(first_steps=3, later_steps=2))


def tiny_autoencoder() -> PlaneAutoencoder:
    """Clips of four frames of 32x64 to planes of 4x8, 4x8 and 4x4."""
    torch.manual_seed(0)
    sizes = {"height": 32, "width": 64, "num_frames": 4, "dim": 16, "depth": 1, "heads": 2, "head_width": 8}
    return woken(PlaneAutoencoder(**sizes, projection_depth=1, projection_heads=2, projection_mlp=16), 1)


def tiny_denoiser() -> PlaneDenoiser:
    """The denoiser that fits it."""
    torch.manual_seed(0)
    sizes = {"height": 4, "width": 8, "num_frames": 4, "base_width": 8, "multipliers": (1, 2), "attention_levels": (1,)}
    return woken(PlaneDenoiser(**sizes, heads=2, groups=4, layout_features=4), 2)


def tiny_pvdm(config: PVDMConfig = TOY) -> LoadedClipModel:
    """Both as a model."""
    return assemble(
        {"autoencoder": tiny_autoencoder(), "denoiser": tiny_denoiser()},
        config,
        "0" * 64,
        torch.device("cpu"),
        frame_size=SHOWN,
    )
