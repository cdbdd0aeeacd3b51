"""What model.json of a PVDM holds."""

from __future__ import annotations

from dataclasses import dataclass

from drivesim.models.clip_family import ClipConfig


@dataclass(frozen=True, kw_only=True)
class PVDMConfig(ClipConfig):
    """The sampler's defaults are those of the paper's PVDM-S: 100 steps for the first clip, 20 for the others."""

    name: str = "pvdm"
