"""LVDM's networks at toy size with weights that are not zero anywhere, so that every path is exercised."""

from __future__ import annotations

import torch
from tiny_video_ldm import woken

from drivesim.models.clip_family import ClipSampling, LoadedClipModel
from drivesim.models.lvdm.autoencoder import ClipAutoencoder3D
from drivesim.models.lvdm.config import LVDMConfig
from drivesim.models.lvdm.denoiser import FactorisedUNet
from drivesim.models.lvdm.load import assemble

#: Rows and columns of the toy's frames: enlarging them to the real size takes most of a test's time.
SHOWN = (64, 128)

TOY = LVDMConfig(name="toy", mode="hierarchical", sampling=ClipSampling(first_steps=2, later_steps=1, guidance=0.1))


def tiny_autoencoder(time_factor: int = 2) -> ClipAutoencoder3D:
    """Clips of 32x64 to two latent frames of 4x8, which hold ``time_factor`` frames each."""
    torch.manual_seed(0)
    sizes = {"height": 32, "width": 64, "num_frames": 2 * time_factor, "hidden": 4, "groups": 4}
    return woken(ClipAutoencoder3D(**sizes, time_factor=time_factor), 1)


def tiny_denoiser(frames_per_latent: int = 2, *, joint_attention: bool = False) -> FactorisedUNet:
    """The denoiser that fits it: four latent frames a call, two of them key frames."""
    torch.manual_seed(0)
    sizes = {"height": 4, "width": 8, "frames_per_latent": frames_per_latent, "base_width": 8, "multipliers": (1, 2)}
    rest = {"attention_levels": (1,), "heads": 2, "groups": 4, "layout_features": 4}
    return woken(FactorisedUNet(**sizes, **rest, joint_attention=joint_attention), 2)


def tiny_lvdm(config: LVDMConfig = TOY) -> LoadedClipModel:
    """Both as a model whose latent frames hold one frame each, which is quickest: a call makes four."""
    return assemble(
        {"autoencoder": tiny_autoencoder(1), "denoiser": tiny_denoiser(1)},
        config,
        "0" * 64,
        torch.device("cpu"),
        frame_size=SHOWN,
    )
