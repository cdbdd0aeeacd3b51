"""A model folder of the Video LDM: model.json, and one diffusers folder per part, safetensors only.

``codec/``, ``image/`` and ``temporal/``, and ``upsampler/`` where there is one, hold config.json and weights in shards of at most
15 MB.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ModelMixin

from drivesim.controls import Control
from drivesim.models.enlarging import Enlarger, VideoUpsampler, parts_of
from drivesim.models.family_files import settings_of
from drivesim.models.kept_parts import Keepable, load_parts, read_card, save_parts
from drivesim.models.latent import LatentWorldModel
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.config import FRAME_SIZE, VideoLDMConfig
from drivesim.models.video_ldm.format import FORMAT_VERSION, PARTS, check_parts, older_values, read_config
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import ImageStartFrames, LayoutCodec, VideoDenoiser
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.world_model import WorldModelSpec


@dataclass(frozen=True, eq=False)
class VideoLDM:
    """The networks of one model, before they are given their roles; ``upsampler`` where it has one."""

    codec: FrameCodec
    image: ImageUNet
    temporal: TemporalLayers
    upsampler: VideoUpsampler | None = None

    def parts(self) -> dict[str, ModelMixin]:
        """Those that there are, by the name of their part."""
        return {name: network for name, network in vars(self).items() if network is not None}


def save_networks(networks: VideoLDM, config: VideoLDMConfig, folder: Path) -> None:
    """Write copies of the networks in bfloat16 and their configuration; existing files of the same parts are replaced."""
    save_parts(networks.parts(), settings_of("video_ldm", FORMAT_VERSION, config), folder)


def load_networks(folder: Path, dtype: torch.dtype) -> VideoLDM:
    """The networks of a checked model folder on the CPU, in eval mode; loading is strict."""
    parts = parts_of(folder, PARTS)
    return VideoLDM(**load_parts(folder, parts, dtype, {name: older_values(folder, name) for name in parts}))


@dataclass(frozen=True, eq=False)
class LoadedVideoLDM(Keepable):
    """A model ready for use: the world model and the start-frame model over the same networks."""

    world_model: LatentWorldModel
    start_frame_model: ImageStartFrames
    networks: VideoLDM
    config: VideoLDMConfig
    device: str
    dtype: str
    card: str | None = None

    @property
    def steps(self) -> int:
        """Sampler steps of a rollout."""
        return self.config.rollout.sampler.steps

    def write_parts(self, folder: Path) -> None:
        """Write networks and configuration into a folder."""
        save_networks(self.networks, self.config, folder)


def assemble(
    networks: VideoLDM, config: VideoLDMConfig, weights_sha256: str, device: torch.device, card: str | None = None
) -> LoadedVideoLDM:
    """Give the networks their roles on a device."""
    codec = networks.codec.to(device, memory_format=torch.channels_last)
    image = networks.image.to(device, memory_format=torch.channels_last)
    temporal = networks.temporal.to(device, memory_format=torch.channels_last)
    upsampler, enlarger = networks.upsampler, None
    if upsampler is not None:
        upsampler = upsampler.to(device, memory_format=torch.channels_last)
        enlarger = Enlarger(upsampler, config.upsampling, device, FRAME_SIZE)
    frames = LayoutCodec(codec, device, enlarger)
    spec = WorldModelSpec(
        name=config.name,
        height=FRAME_SIZE[0],
        width=FRAME_SIZE[1],
        fps=config.fps,
        context_frames=config.context_frames,
        chunk_frames=config.chunk_frames,
        controls=frozenset(Control) if image.config.scenery else frozenset(Control) - {Control.SCENERY},
        weights_sha256=weights_sha256,
    )
    world_model = LatentWorldModel(
        spec, frames, VideoDenoiser(VideoUNet(image, temporal).eval(), device), config.rollout
    )
    return LoadedVideoLDM(
        world_model=world_model,
        start_frame_model=ImageStartFrames(image, frames, config.start_frame),
        networks=VideoLDM(codec=codec, image=image, temporal=temporal, upsampler=upsampler),
        config=config,
        device=str(device),
        dtype=str(image.dtype).removeprefix("torch."),
        card=card,
    )


def load_folder(
    folder: Path, *, dtype: torch.dtype, device: torch.device, steps: int | None, sha256: str
) -> LoadedVideoLDM:
    """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version."""
    config = read_config(folder)
    check_parts(folder, config)
    networks = load_networks(folder, dtype)
    if steps is not None:
        sampler = dataclasses.replace(config.rollout.sampler, steps=steps)
        config = dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, sampler=sampler))
    return assemble(networks, config, sha256, device, read_card(folder))


__all__ = ["LoadedVideoLDM", "VideoLDM", "VideoLDMConfig", "assemble", "load_folder", "load_networks", "save_networks"]
