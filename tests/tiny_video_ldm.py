"""Video LDM networks at toy widths with weights that are not zero anywhere, so that every path is exercised."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from drivesim.diffusion.sampler import SamplerConfig
from drivesim.models.hashes import write_hashes
from drivesim.models.latent import RolloutConfig
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.load import VideoLDM, VideoLDMConfig, save_networks
from drivesim.models.video_ldm.parts import StartFrameConfig
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import FITTED, temporal_layers_for

#: Two seconds alone on a road: without a length, a minute would be simulated for each future, however little of it is shown.
EMPTY_ROAD = """\
drivesim: 1
id: empty-road
video: {duration: 2 s}
scene:
  road: {type: rural, lanes: 1}
  ego: {speed: 75 km/h}
  traffic: {density: none}
"""


def woken(network: nn.Module, seed: int) -> nn.Module:
    """The network with small random values wherever training starts from zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 0 and not parameter.any():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def tiny_image() -> ImageUNet:
    """A box-conditioned image UNet of a few hundred thousand parameters."""
    torch.manual_seed(0)
    sizes = {"widths": (32, 32, 64), "blocks_per_level": 1, "layout_features": 8, "embedding": 32, "head_width": 16}
    return woken(ImageUNet(**sizes, scenery=True), 1)


def tiny_codec() -> FrameCodec:
    """A codec of a few thousand parameters, whose decoder hears layout and past."""
    torch.manual_seed(0)
    blocks = (1, 1, 1, 1)
    sizes = {
        "encoder_blocks": blocks,
        "decoder_blocks": blocks,
        "layout_widths": (8, 8, 8, 8),
        "point_widths": (16, 16, 8),
        "finishing_blocks": 1,
    }
    return woken(FrameCodec(widths=(8, 8, 16, 16), **sizes), 3)


def tiny_networks() -> VideoLDM:
    """All three networks at toy size."""
    torch.manual_seed(0)
    image = tiny_image()
    temporal = woken(temporal_layers_for(image), 2)
    return VideoLDM(codec=tiny_codec(), image=image, temporal=temporal)


def hierarchical_networks(strides: tuple[int, ...], key_frames: int) -> VideoLDM:
    """All three at toy size, of which the temporal layers know several strides."""
    torch.manual_seed(0)
    image = tiny_image()
    fitting = {name: temporal_layers_for(image).config[name] for name in FITTED}
    temporal = woken(TemporalLayers(**fitting, strides=strides, key_frames=key_frames), 2)
    return VideoLDM(codec=tiny_codec(), image=image, temporal=temporal)


def save_toy(folder: Path, steps: int = 2) -> Path:
    """All three as a model folder that makes 512x1024 video in so many steps a chunk; returns the folder."""
    quick = SamplerConfig(steps=steps)
    config = VideoLDMConfig(
        name="toy",
        rollout=RolloutConfig(sampler=quick, free_factor=1, free_sigma_max=None, free_guidance=1.0),
        start_frame=StartFrameConfig(sampler=quick),
    )
    save_networks(tiny_networks(), config, folder)
    write_hashes(folder)
    return folder
