"""A model folder of the Video LDM: model.json, and one diffusers folder per part, safetensors only.

``codec/``, ``upsampler/``, ``image/`` and ``temporal/`` hold config.json and weights in shards of at most 15 MB.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging

from drivesim.controls import Control
from drivesim.diffusion.sampler import SamplerConfig
from drivesim.models.latent import LatentWorldModel, RolloutConfig
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import ImageStartFrames, StartFrameConfig, UpsampledCodec, VideoDenoiser
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.upsampler import Upsampler
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.world_model import WorldModelSpec

SHARD_SIZE = "14MB"


@dataclass(frozen=True, eq=False)
class VideoLDM:
    """The networks of one model, before they are given their roles."""

    codec: FrameCodec
    upsampler: Upsampler
    image: ImageUNet
    temporal: TemporalLayers


@dataclass(frozen=True, kw_only=True)
class VideoLDMConfig:
    """What model.json holds beside the networks: rate, frames per call, and how to sample."""

    name: str = "drivesim-default"
    fps: float = 10.0
    context_frames: int = 2
    chunk_frames: int = 6
    rollout: RolloutConfig = RolloutConfig()
    start_frame: StartFrameConfig = StartFrameConfig()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> VideoLDMConfig:
        """From the parsed model.json; unknown keys raise TypeError."""
        rollout, start = dict(data["rollout"]), dict(data["start_frame"])
        rollout["sampler"] = SamplerConfig(**rollout["sampler"])
        start["sampler"] = SamplerConfig(**start["sampler"])
        rest = {key: value for key, value in data.items() if key not in ("rollout", "start_frame")}
        return cls(**rest, rollout=RolloutConfig(**rollout), start_frame=StartFrameConfig(**start))


def save_networks(networks: VideoLDM, config: VideoLDMConfig, folder: Path) -> None:
    """Write the networks in bfloat16 and their configuration; existing files of the same parts are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in dataclasses.fields(networks):
        getattr(networks, part.name).to(torch.bfloat16).save_pretrained(
            folder / part.name, safe_serialization=True, max_shard_size=SHARD_SIZE
        )
    (folder / "model.json").write_text(json.dumps({"family": "video_ldm", **dataclasses.asdict(config)}, indent=2))


def load_networks(folder: Path, dtype: torch.dtype) -> VideoLDM:
    """The networks of a model folder on the CPU, in eval mode; loading is strict."""
    parts = {"codec": FrameCodec, "upsampler": Upsampler, "image": ImageUNet, "temporal": TemporalLayers}
    logging.disable_progress_bar()  # a bar per part for half a second each only hides what the user is told
    loaded = {
        name: part.from_pretrained(folder / name, torch_dtype=dtype, use_safetensors=True, low_cpu_mem_usage=False)
        for name, part in parts.items()
    }
    return VideoLDM(**{name: network.eval().requires_grad_(False) for name, network in loaded.items()})


@dataclass(frozen=True, eq=False)
class LoadedVideoLDM:
    """A model ready for use: the world model and the start-frame model over the same networks."""

    world_model: LatentWorldModel
    start_frame_model: ImageStartFrames
    config: VideoLDMConfig
    device: str
    dtype: str

    @property
    def steps(self) -> int:
        """Sampler steps of a rollout."""
        return self.config.rollout.sampler.steps


def assemble(networks: VideoLDM, config: VideoLDMConfig, weights_sha256: str, device: torch.device) -> LoadedVideoLDM:
    """Give the networks their roles on a device."""
    codec = networks.codec.to(device, memory_format=torch.channels_last)
    upsampler = networks.upsampler.to(device, memory_format=torch.channels_last)
    image = networks.image.to(device, memory_format=torch.channels_last)
    temporal = networks.temporal.to(device, memory_format=torch.channels_last)
    frames = UpsampledCodec(codec, upsampler, device)
    spec = WorldModelSpec(
        name=config.name,
        height=512,
        width=1024,
        fps=config.fps,
        context_frames=config.context_frames,
        chunk_frames=config.chunk_frames,
        controls=frozenset(Control),
        weights_sha256=weights_sha256,
    )
    world_model = LatentWorldModel(
        spec, frames, VideoDenoiser(VideoUNet(image, temporal).eval(), device), config.rollout
    )
    return LoadedVideoLDM(
        world_model=world_model,
        start_frame_model=ImageStartFrames(image, frames, config.start_frame),
        config=config,
        device=str(device),
        dtype=str(image.dtype).removeprefix("torch."),
    )
