"""What model.json of a Video LDM holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivesim.diffusion.sampler import SamplerConfig
from drivesim.models.latent import RolloutConfig
from drivesim.models.video_ldm.parts import StartFrameConfig

#: Rows and columns of a frame.
FRAME_SIZE = (512, 1024)


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
