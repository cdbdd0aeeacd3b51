"""A model folder of the Video LDM: model.json, and one diffusers folder per part, safetensors only.

``codec/``, ``image/`` and ``temporal/`` hold config.json and weights in shards of at most 15 MB.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drivesim.controls import Control
from drivesim.errors import InputError
from drivesim.models.family_files import settings_of
from drivesim.models.kept_parts import Keepable, load_parts, read_card, save_parts
from drivesim.models.latent import LatentWorldModel
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.config import FRAME_SIZE, VideoLDMConfig
from drivesim.models.video_ldm.format import FORMAT_VERSION, PARTS, check_parts, older_values, read_config
from drivesim.models.video_ldm.hierarchy import HierarchicalWorldModel
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import ImageStartFrames, LayoutCodec, VideoDenoiser
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.options import RolloutMode
from drivesim.world_model import WorldModelSpec


@dataclass(frozen=True, eq=False)
class VideoLDM:
    """The networks of one model, before they are given their roles."""

    codec: FrameCodec
    image: ImageUNet
    temporal: TemporalLayers


def save_networks(networks: VideoLDM, config: VideoLDMConfig, folder: Path) -> None:
    """Write copies of the networks in bfloat16 and their configuration; existing files of the same parts are replaced."""
    save_parts(vars(networks), settings_of("video_ldm", FORMAT_VERSION, config), folder)


def load_networks(folder: Path, dtype: torch.dtype) -> VideoLDM:
    """The networks of a checked model folder on the CPU, in eval mode; loading is strict."""
    return VideoLDM(**load_parts(folder, PARTS, dtype, {name: older_values(folder, name) for name in PARTS}))


@dataclass(frozen=True, eq=False)
class LoadedVideoLDM(Keepable):
    """A model ready for use: the world model and the start-frame model over the same networks."""

    world_model: LatentWorldModel | HierarchicalWorldModel
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
    networks: VideoLDM,
    config: VideoLDMConfig,
    weights_sha256: str,
    device: torch.device,
    card: str | None = None,
    mode: RolloutMode | None = None,
) -> LoadedVideoLDM:
    """Give the networks their roles on a device; ``mode`` is what the configuration's is where the files say another."""
    codec = networks.codec.to(device, memory_format=torch.channels_last)
    image = networks.image.to(device, memory_format=torch.channels_last)
    temporal = networks.temporal.to(device, memory_format=torch.channels_last)
    frames = LayoutCodec(codec, device)
    hierarchical = config.rollout.mode == "hierarchical"
    strides = temporal.strides
    apart = strides[-1] if hierarchical else 1
    spec = WorldModelSpec(
        name=config.name,
        height=FRAME_SIZE[0],
        width=FRAME_SIZE[1],
        fps=config.fps,
        context_frames=(config.context_frames - 1) * apart + 1,
        chunk_frames=temporal.config.key_frames * apart if hierarchical else config.chunk_frames,
        controls=frozenset(Control) if image.config.scenery else frozenset(Control) - {Control.SCENERY},
        weights_sha256=weights_sha256,
        mode=mode,
    )
    denoiser = VideoDenoiser(VideoUNet(image, temporal).eval(), device)
    if hierarchical:
        world_model: Any = HierarchicalWorldModel(spec, frames, denoiser, config.rollout, strides)
    else:
        world_model = LatentWorldModel(spec, frames, denoiser, config.rollout)
    return LoadedVideoLDM(
        world_model=world_model,
        start_frame_model=ImageStartFrames(image, frames, config.start_frame),
        networks=VideoLDM(codec=codec, image=image, temporal=temporal),
        config=config,
        device=str(device),
        dtype=str(image.dtype).removeprefix("torch."),
        card=card,
    )


def load_folder(
    folder: Path,
    *,
    dtype: torch.dtype,
    device: torch.device,
    steps: int | None,
    mode: RolloutMode | None,
    sha256: str,
) -> LoadedVideoLDM:
    """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version, InputError for a
    ``mode`` that its layers do not know.
    """
    config = read_config(folder)
    check_parts(folder, config)
    networks = load_networks(folder, dtype)
    rollout, strides = config.rollout, networks.temporal.strides
    if mode == "hierarchical" and len(strides) == 1:
        raise InputError(
            f"mode hierarchical: the temporal layers of {config.name!r} were trained on neighbouring frames only, so there is nothing "
            "to draw key frames with. Leave --mode out, or train them with several strides (network.strides of the video stage)."
        )
    if steps is not None:
        rollout = dataclasses.replace(rollout, sampler=dataclasses.replace(rollout.sampler, steps=steps))
    other = None if mode == rollout.mode else mode
    if other is not None:
        rollout = dataclasses.replace(rollout, mode=other)
    config = dataclasses.replace(config, rollout=rollout)
    return assemble(networks, config, sha256, device, read_card(folder), other)


__all__ = ["LoadedVideoLDM", "VideoLDM", "VideoLDMConfig", "assemble", "load_folder", "load_networks", "save_networks"]
