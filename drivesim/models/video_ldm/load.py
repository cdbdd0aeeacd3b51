"""A model folder of the Video LDM: model.json, and one diffusers folder per part, safetensors only.

``codec/``, ``image/`` and ``temporal/``, and ``upsampler/`` where there is one, hold config.json and weights in shards of at most
15 MB.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drivesim.controls import Control
from drivesim.errors import InputError
from drivesim.models.enlarging import Enlarger, VideoUpsampler, parts_of
from drivesim.models.family_files import Overrides, settings_of
from drivesim.models.kept_network import KeptNetwork
from drivesim.models.kept_parts import Keepable, load_parts, read_card, save_parts
from drivesim.models.latent import LatentWorldModel
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.config import FRAME_SIZE, VideoLDMConfig
from drivesim.models.video_ldm.format import (
    FORMAT_VERSION,
    PARTS,
    check_parts,
    older_values,
    read_config,
    with_frames_per_call,
)
from drivesim.models.video_ldm.hierarchy import HierarchicalWorldModel
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import ImageStartFrames, LayoutCodec, VideoDenoiser
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.options import RolloutMode
from drivesim.world_model import WorldModelSpec


@dataclass(frozen=True, eq=False)
class VideoLDM:
    """The networks of one model, before they are given their roles; ``upsampler`` where it has one."""

    codec: FrameCodec
    image: ImageUNet
    temporal: TemporalLayers
    upsampler: VideoUpsampler | None = None

    def parts(self) -> dict[str, KeptNetwork]:
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
    upsampler, enlarger = networks.upsampler, None
    if upsampler is not None:
        upsampler = upsampler.to(device, memory_format=torch.channels_last)
        enlarger = Enlarger(upsampler, config.upsampling, device, FRAME_SIZE)
    frames = LayoutCodec(codec, device, enlarger)
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
        networks=VideoLDM(codec=codec, image=image, temporal=temporal, upsampler=upsampler),
        config=config,
        device=str(device),
        dtype=str(image.dtype).removeprefix("torch."),
        card=card,
    )


def load_folder(
    folder: Path, *, dtype: torch.dtype, device: torch.device, overrides: Overrides, sha256: str
) -> LoadedVideoLDM:
    """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version, InputError for
    a number of frames per call that the temporal layers cannot take, and a mode that they do not know.
    """
    config = read_config(folder)
    check_parts(folder, config)
    networks = load_networks(folder, dtype)
    mode, strides = overrides.mode, networks.temporal.strides
    if mode == "hierarchical" and len(strides) == 1:
        raise InputError(
            f"mode hierarchical: the temporal layers of {config.name!r} were trained on neighbouring frames only, so there is nothing "
            "to draw key frames with. Leave --mode out, or train them with several strides (network.strides of the video stage)."
        )
    rollout = config.rollout
    if overrides.steps is not None:
        rollout = dataclasses.replace(rollout, sampler=dataclasses.replace(rollout.sampler, steps=overrides.steps))
    other = None if mode == rollout.mode else mode
    if other is not None:
        rollout = dataclasses.replace(rollout, mode=other)
    config = dataclasses.replace(config, rollout=rollout)
    if overrides.frames_per_call is not None and rollout.mode == "frame-wise":
        temporal: Any = networks.temporal.config  # diffusers has no annotations
        config = with_frames_per_call(config, overrides.frames_per_call, temporal.max_frames)
    model = assemble(networks, config, sha256, device, read_card(folder), other)
    overrides.require_call_of(
        model.world_model.spec.chunk_frames,
        f"Key frames come in the number and as far apart as {config.name!r} learned them; --mode frame-wise takes other numbers.",
    )
    return model


__all__ = ["LoadedVideoLDM", "VideoLDM", "VideoLDMConfig", "assemble", "load_folder", "load_networks", "save_networks"]
