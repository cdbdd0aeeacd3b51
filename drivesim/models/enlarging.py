"""The upsampler as a part that a model of any family may have: ``upsampler/`` in its folder, ``upsampling`` in its model.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.models.differences import read_object
from drivesim.models.kept_network import KeptNetwork
from drivesim.models.upsampler.network import VideoUpsampler
from drivesim.models.upsampler.sampling import UpsamplingConfig, upsample
from drivesim.noise import NoiseStream

UPSAMPLER = "upsampler"

#: Parts that a model folder may have or lack, with their classes.
OPTIONAL_PARTS: dict[str, type[KeptNetwork]] = {UPSAMPLER: VideoUpsampler}


def parts_of(folder: Path, parts: Mapping[str, type[KeptNetwork]]) -> dict[str, type[KeptNetwork]]:
    """A family's ``parts`` and those of :data:`OPTIONAL_PARTS` that a folder has."""
    return {**parts, **{name: kind for name, kind in OPTIONAL_PARTS.items() if (folder / name).is_dir()}}


class Enlarger:
    """A network and how it is asked: small frames to those of the size that is shown, ``frame_size`` rows and columns.

    What the network leaves of the way is enlarged bicubically.
    """

    def __init__(
        self,
        network: VideoUpsampler,
        config: UpsamplingConfig | None,
        device: torch.device,
        frame_size: tuple[int, int],
    ) -> None:
        self.network = network
        self.config = UpsamplingConfig() if config is None else config
        self.device = device
        self.frame_size = frame_size

    @torch.inference_mode()
    def enlarge(self, small: Tensor, previous: Tensor | None, noise: NoiseStream) -> Tensor:
        """Frames (T, 3, *frame_size) in [-1, 1], float32 on the CPU, for small ones (T, 3, h, w).

        ``previous`` (3, H, W) is the frame before them as it was shown.
        """
        small = small.float().to(self.device)
        size = [self.network.factor * side for side in small.shape[-2:]]
        known = None if previous is None else F.interpolate(previous[None].to(small), size=size, mode="area")[0]
        frames = upsample(self.network, small, known, noise, self.config)
        if size != list(self.frame_size):
            frames = F.interpolate(frames, size=self.frame_size, mode="bicubic", align_corners=False)
        return frames.clamp(-1.0, 1.0).cpu()


def upsampling_faults(
    folder: Path, config: UpsamplingConfig | None, *, small: tuple[int, int], shown: tuple[int, int], frames: int
) -> list[str]:
    """Lines for what of a folder's upsampler, a part that is right by itself, does not fit the model or model.json.

    ``small`` are rows and columns of the frames that it gets, ``shown`` of those that are shown; ``frames`` are decoded at a time.
    """
    path, settings = folder / UPSAMPLER / "config.json", folder / "model.json"
    if not (folder / UPSAMPLER).is_dir():
        return [] if config is None else [f"{settings}: 'upsampling' says how, but there is no part {UPSAMPLER}/"]
    data, chosen = read_object(path), UpsamplingConfig() if config is None else config
    factor, grid = data["factor"], data["fold"] * 2 ** (len(data["widths"]) - 1)
    lines = []
    if size_fault := misfit(small, shown, factor, grid):
        lines.append(f"{path}: {size_fault}")
    for key in ("window_rows", "window_columns"):
        side = getattr(chosen, key)
        if side < 1 or side % grid or side - grid < chosen.overlap:
            lines.append(
                f"{settings}: 'upsampling: {key}' is {side}, expected a multiple of {grid}, the upsampler's grid, "
                f"of at least {chosen.overlap + grid}"
            )
    if chosen.augmentation > data["max_augmentation"]:
        lines.append(
            f"{settings}: 'upsampling: augmentation' is {chosen.augmentation}, expected at most {data['max_augmentation']}, "
            "the most that the upsampler was trained with"
        )
    if frames % chosen.new_frames:
        lines.append(
            f"{settings}: 'upsampling: new_frames' is {chosen.new_frames}, expected a divisor of {frames}, the frames decoded "
            "at a time"
        )
    return lines


def misfit(small: tuple[int, int], shown: tuple[int, int], factor: int, grid: int) -> str | None:
    """Why frames of ``small`` rows and columns cannot be enlarged ``factor`` times on the way to ``shown``, None where they can."""
    made = factor * small[0], factor * small[1]
    if any(want % side for want, side in zip(shown, made, strict=True)):
        return (
            f"'factor' is {factor}, which makes {made[0]}x{made[1]} of the model's small frames ({small[0]}x{small[1]}); "
            f"{shown[0]}x{shown[1]}, the size that is shown, is no multiple of that"
        )
    if any(side % grid for side in made):
        return (
            f"the enlarged frames have {made[0]}x{made[1]} pixels, expected multiples of {grid} ('fold' and 'widths')"
        )
    return None


def upsampling_from(data: Mapping[str, Any] | None) -> UpsamplingConfig | None:
    """The settings in the parsed model.json, None where it has none."""
    return None if data is None else UpsamplingConfig(**data)


__all__ = [
    "OPTIONAL_PARTS",
    "UPSAMPLER",
    "Enlarger",
    "UpsamplingConfig",
    "VideoUpsampler",
    "misfit",
    "parts_of",
    "upsampling_faults",
    "upsampling_from",
]
