"""What model.json of a PVDM holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivesim.models.clip_family import ClipSampling


@dataclass(frozen=True, kw_only=True)
class PVDMConfig:
    """What model.json holds beside the networks: rate, how to sample, and whose start frames a video begins with.

    The sampler's defaults are those of the paper's PVDM-S: 100 steps for the first clip, 20 for the others.
    """

    name: str = "pvdm"
    fps: float = 10.0
    sampling: ClipSampling = ClipSampling()
    start_frame_model: str = "default"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PVDMConfig:
        """From the parsed model.json; unknown keys raise TypeError."""
        return cls(**{**data, "sampling": ClipSampling(**data["sampling"])})

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each further value with whether it can be used, and what can."""
        return self.sampling.checks()
