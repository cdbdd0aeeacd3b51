"""What model.json of an LVDM holds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from drivesim.models.clip_family import ClipConfig, ClipSampling
from drivesim.options import RolloutMode


@dataclass(frozen=True, kw_only=True)
class LVDMConfig(ClipConfig):
    """``mode`` hierarchical predicts sparse latent frames and fills in those between; frame-wise predicts neighbours only.

    Frame-wise is the default: over five minutes the small model drifted less that way, and was no slower (docs/families.md).
    ``perturbation`` is the level of the schedule to which given latent frames are noised; the defaults of it and of the
    guidance are those of the authors' scripts.
    """

    name: str = "lvdm"
    sampling: ClipSampling = ClipSampling(first_steps=50, later_steps=50, guidance=0.1)
    mode: RolloutMode = "frame-wise"
    perturbation: int = 100

    def with_mode(self, mode: RolloutMode | None) -> LVDMConfig:
        """The same rolled out the other way, where one is asked for."""
        return self if mode is None else dataclasses.replace(self, mode=mode)

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each value with whether it can be used, and what can."""
        return [*super().checks(), ("perturbation", self.perturbation, self.perturbation >= 0, "0 or more")]
