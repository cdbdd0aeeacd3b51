"""What model.json of an LVDM holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from drivesim.models.clip_family import ClipSampling


@dataclass(frozen=True, kw_only=True)
class LVDMConfig:
    """What model.json holds beside the networks: rate, how to sample, and whose start frames a video begins with.

    ``mode`` hierarchical predicts sparse latent frames and fills in those between; autoregressive predicts neighbours only.
    ``perturbation`` is the level of the schedule to which given latent frames are noised; the defaults of it and of the
    guidance are those of the authors' scripts.
    """

    name: str = "lvdm"
    fps: float = 10.0
    sampling: ClipSampling = ClipSampling(first_steps=50, later_steps=50, guidance=0.1)
    mode: Literal["hierarchical", "autoregressive"] = "hierarchical"
    perturbation: int = 100
    start_frame_model: str = "default"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LVDMConfig:
        """From the parsed model.json; unknown keys raise TypeError."""
        return cls(**{**data, "sampling": ClipSampling(**data["sampling"])})

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each further value with whether it can be used, and what can."""
        return [*self.sampling.checks(), ("perturbation", self.perturbation, self.perturbation >= 0, "0 or more")]
