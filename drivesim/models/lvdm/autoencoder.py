"""LVDM's video autoencoder: 3D convolutions, a clip to a smaller clip of latents and back."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.kept_network import KeptNetwork, register_to_config

#: Latents are bounded smoothly to this, as those of the frame codec: no outlier leaves the range that diffusion covers.
BOUND = 3.0


class ClipResidual(nn.Module):
    """Two 3x3x3 convolutions behind group norm, added to their input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(groups, channels, eps=1e-6) for _ in range(2)])
        self.convs = nn.ModuleList([_conv(channels, channels) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) to the same."""
        hidden = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            hidden = conv(F.silu(norm(hidden)))
        return x + hidden


def _conv(before: int, after: int, stride: tuple[int, ...] = (1, 1, 1)) -> nn.Conv3d:
    kernel = tuple(4 if step == 2 else 3 for step in stride)
    return nn.Conv3d(before, after, kernel, stride=stride, padding=1, padding_mode="replicate")


def _strides(time_factor: int, space_factor: int) -> list[tuple[int, int, int]]:
    """Strides of the levels, the first the finest: each axis is halved until its factor is reached."""
    strides = []
    while time_factor > 1 or space_factor > 1:
        time, space = min(2, time_factor), min(2, space_factor)
        strides.append((time, space, space))
        time_factor, space_factor = time_factor // time, space_factor // space
    return strides


class ClipAutoencoder3D(KeptNetwork):
    """Clips (B, 3, T, H, W) in [-1, 1] to latents (B, C, T / time_factor, H / space_factor, W / space_factor), and back.

    The published one is variational with a weight of 0 on the divergence (4x8x8, 32 hidden channels), which leaves a plain
    autoencoder with latents shifted and scaled afterwards; so is this one. ``patch`` x ``patch`` pixels are folded into channels
    first and unfolded last, as a part of ``space_factor``; 1 is the published way.
    """

    ENCODER: ClassVar[tuple[str, ...]] = ("encoder", "to_latent")

    @register_to_config
    def __init__(
        self,
        height: int = 128,
        width: int = 256,
        num_frames: int = 8,
        hidden: int = 8,
        time_factor: int = 4,
        space_factor: int = 8,
        latent_channels: int = 4,
        groups: int = 8,
        patch: int = 1,
        latent_mean: tuple[float, ...] | None = None,
        latent_std: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        for factor, name in ((time_factor, "time_factor"), (space_factor, "space_factor"), (patch, "patch")):
            if factor < 1 or factor & (factor - 1):
                raise ValueError(f"{name} is {factor}; a power of 2 is needed")
        if patch > space_factor:
            raise ValueError(f"patch is {patch}, more than the space_factor of {space_factor} that it is part of")
        if num_frames % time_factor or height % space_factor or width % space_factor:
            raise ValueError(
                f"clips of {num_frames} frames of {height}x{width} do not shrink {time_factor} and {space_factor} times"
            )
        strides = _strides(time_factor, space_factor // patch)
        widths = [hidden * 2 ** (level + 1) for level in range(len(strides))]
        down: list[nn.Module] = [_conv(3 * patch**2, hidden)]
        for before, after, stride in zip([hidden, *widths], widths, strides, strict=False):
            down += [_conv(before, after, stride), ClipResidual(after, groups)]
        self.encoder = nn.Sequential(*down, nn.GroupNorm(groups, widths[-1], eps=1e-6), nn.SiLU())
        self.to_latent = _conv(widths[-1], latent_channels)
        up: list[nn.Module] = []
        for before, after, stride in zip([latent_channels, *widths[::-1]], widths[::-1], strides[::-1], strict=False):
            # Repeated, then convolved: gradients of torch 2.13's transposed one in bfloat16 are no numbers at some sizes.
            up += [nn.Upsample(scale_factor=tuple(float(step) for step in stride)), _conv(before, after)]
            up += [ClipResidual(after, groups), ClipResidual(after, groups)]
        self.decoder = nn.Sequential(*up, _conv(widths[0], 3 * patch**2))
        mean = torch.zeros(latent_channels) if latent_mean is None else torch.tensor(latent_mean)
        std = torch.ones(latent_channels) if latent_std is None else torch.tensor(latent_std)
        self.register_buffer("mean", mean[:, None, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None, None], persistent=False)

    @property
    def clip_shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns of a clip."""
        return self.config.num_frames, self.config.height, self.config.width

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one clip's latents: channels, latent frames, rows, columns."""
        config = self.config
        grid = (config.height // config.space_factor, config.width // config.space_factor)
        return config.latent_channels, config.num_frames // config.time_factor, *grid

    @property
    def last_weight(self) -> Tensor:
        """The weights that the decoder's pixels come from."""
        return self.decoder[-1].weight

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Standardise with these per-channel statistics (C,) of raw latents from now on, and store them in the config."""
        self.register_to_config(latent_mean=mean.tolist(), latent_std=std.tolist())
        self.mean.copy_(mean[:, None, None, None])
        self.std.copy_(std[:, None, None, None])

    def encode(self, clips: Tensor) -> Tensor:
        """Standardised latents of clips, float32."""
        side = self.config.patch
        folded = rearrange(clips.to(self.dtype), "b c t (h p) (w q) -> b (c p q) t h w", p=side, q=side)
        raw = self.to_latent(self.encoder(folded)).float()
        return (BOUND * torch.tanh(raw / BOUND) - self.mean.float()) / self.std.float()

    def decode(self, latents: Tensor) -> Tensor:
        """Clips (B, 3, T, H, W) of standardised latents, float32, not clipped."""
        raw = latents.float() * self.std.float() + self.mean.float()
        side = self.config.patch
        folded = self.decoder(raw.to(self.dtype)).float()
        return rearrange(folded, "b (c p q) t h w -> b c t (h p) (w q)", p=side, q=side)
