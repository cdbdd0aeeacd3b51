"""What must agree between two Video LDMs for the temporal layers of one to stand in the image network of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from drivesim.models.differences import read_object
from drivesim.models.video_ldm.format import older_values

BACKBONE = "image"

#: What of the codec decides its latents; another decoder of the same latents is no hindrance.
ENCODER = "encoder."
ENCODER_KEYS = ("widths", "encoder_blocks", "latent_channels", "latent_mean", "latent_std")


def refusals(folder: Path, other: Path) -> list[str]:
    """Why the temporal layers in ``folder`` cannot stand in the image network of ``other``: its shape, or other latents."""
    mine, theirs = (_settings(one, BACKBONE) for one in (folder, other))
    lines = [
        f"image network: {key!r} is {theirs.get(key)} there, {value} in {folder}"
        for key, value in mine.items()
        if theirs.get(key) != value
    ]
    codec, other_codec = (_settings(one, "codec") for one in (folder, other))
    differing = [key for key in ENCODER_KEYS if codec.get(key) != other_codec.get(key)]
    if differing:
        lines.append(f"codec: another encoder ({', '.join(differing)} differ), so its latents mean something else")
    elif not _equal(_encoder(folder), _encoder(other)):
        lines.append("codec: other weights of the encoder, so its latents mean something else")
    return lines


def _settings(folder: Path, part: str) -> dict[str, Any]:
    """A part's settings, with those that an older file lacks."""
    data = read_object(folder / part / "config.json") | older_values(folder, part)
    return {key: value for key, value in data.items() if not key.startswith("_")}


def _encoder(folder: Path) -> dict[str, Tensor]:
    """The encoder's tensors of a checked folder."""
    found: dict[str, Tensor] = {}
    for path in sorted((folder / "codec").glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            found |= {name: weights.get_tensor(name) for name in weights.keys() if name.startswith(ENCODER)}
    return found


def _equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
