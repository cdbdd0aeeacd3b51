"""What model.json of a Video LDM holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivesim.diffusion.sampler import SamplerConfig
from drivesim.models.enlarging import UpsamplingConfig, upsampling_from
from drivesim.models.latent import RolloutConfig
from drivesim.models.video_ldm.parts import StartFrameConfig

#: Rows and columns of a frame.
FRAME_SIZE = (512, 1024)

#: Rows and columns of the frames that the codec encodes, and of those that an upsampler enlarges.
SMALL_SIZE = (256, 512)


@dataclass(frozen=True, kw_only=True)
class VideoLDMConfig:
    """What model.json holds beside the networks: rate, frames per call, and how to sample.

    ``upsampling`` says how an upsampler is asked; without one, or with None, there is no such key.
    """

    name: str = "drivesim-default"
    fps: float = 10.0
    context_frames: int = 2
    chunk_frames: int = 6
    rollout: RolloutConfig = RolloutConfig()
    start_frame: StartFrameConfig = StartFrameConfig()
    upsampling: UpsamplingConfig | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> VideoLDMConfig:
        """From the parsed model.json; unknown keys raise TypeError."""
        rollout, start = dict(data["rollout"]), dict(data["start_frame"])
        rollout["sampler"] = SamplerConfig(**rollout["sampler"])
        start["sampler"] = SamplerConfig(**start["sampler"])
        return cls(
            **{
                **data,
                "rollout": RolloutConfig(**rollout),
                "start_frame": StartFrameConfig(**start),
                "upsampling": upsampling_from(data["upsampling"]),
            }
        )
