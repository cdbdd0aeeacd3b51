"""PVDM's video autoencoder: a clip to three planes of latents and back."""

from __future__ import annotations

from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.pvdm.blocks import AxisProjection, TimeSpaceTransformer
from drivesim.models.pvdm.planes import PlaneSizes, joined, spread


class PlaneAutoencoder(KeptNetwork):
    """Clips (B, 3, T, H, W) in [-1, 1] to latents (B, C, places) in (-1, 1), and back.

    Patches become tokens; a transformer over time and space reads them; along each of the three axes a projection head
    sums them up, and tanh bounds what it says. The decoder reads the sum of the planes at every place.
    """

    ENCODER: ClassVar[tuple[str, ...]] = ("enter", "encoder", "project", "to_latent")

    @register_to_config
    def __init__(
        self,
        height: int = 128,
        width: int = 256,
        num_frames: int = 8,
        patch: int = 8,
        dim: int = 128,
        depth: int = 4,
        heads: int = 4,
        head_width: int = 32,
        latent_channels: int = 4,
        projection_depth: int = 2,
        projection_heads: int = 4,
        projection_mlp: int = 256,
    ) -> None:
        super().__init__()
        if height % patch or width % patch:
            raise ValueError(f"frames of {height}x{width} are not divided into patches of {patch}x{patch} pixels")
        self.sizes = PlaneSizes(num_frames, height // patch, width // patch)
        self.enter = nn.Linear(3 * patch * patch, dim)
        self.encoder = TimeSpaceTransformer(dim, depth, heads, head_width)
        summary = (projection_depth, projection_heads, max(1, dim // (2 * projection_heads)), projection_mlp)
        lengths = (num_frames, self.sizes.height, self.sizes.width)
        self.project = nn.ModuleList([AxisProjection(dim, length, *summary) for length in lengths])
        self.to_latent = nn.ModuleList([nn.Linear(dim, latent_channels) for _ in range(3)])
        self.from_latent = nn.ModuleList([nn.Conv2d(latent_channels, dim, 1) for _ in range(3)])
        self.decoder = TimeSpaceTransformer(dim, depth, heads, head_width)
        self.leave = nn.Linear(dim, 3 * patch * patch)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one clip's latents: channels, places."""
        return self.config.latent_channels, self.sizes.places

    @property
    def clip_shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns of a clip."""
        return self.config.num_frames, self.config.height, self.config.width

    @property
    def last_weight(self) -> Tensor:
        """The weights that the decoder's pixels come from."""
        return self.leave.weight

    def encode(self, clips: Tensor) -> Tensor:
        """Latents (B, C, places) of clips (B, 3, T, H, W)."""
        side = self.config.patch
        patches = rearrange(clips, "b c t (h p) (w q) -> b t h w (c p q)", p=side, q=side)
        grid = self.encoder(self.enter(patches.to(self.dtype)))
        batch, frames, height, width, _ = grid.shape
        along = [
            (rearrange(grid, "b t h w d -> (b h w) t d"), (height, width)),
            (rearrange(grid, "b t h w d -> (b t w) h d"), (frames, width)),
            (rearrange(grid, "b t h w d -> (b t h) w d"), (frames, height)),
        ]
        planes = []
        for (lines, shape), project, to_latent in zip(along, self.project, self.to_latent, strict=True):
            latent = torch.tanh(to_latent(project(lines)))
            planes.append(rearrange(latent, "(b r s) c -> b c r s", b=batch, r=shape[0]))
        return joined(planes)

    def decode(self, latents: Tensor) -> Tensor:
        """Clips (B, 3, T, H, W) in (-1, 1) of latents (B, C, places)."""
        planes = self.sizes.split(latents.to(self.dtype))
        grid = spread([layer(plane) for layer, plane in zip(self.from_latent, planes, strict=True)])
        patches = self.leave(self.decoder(rearrange(grid, "b d t h w -> b t h w d")))
        side = self.config.patch
        clips = rearrange(patches, "b t h w (c p q) -> b c t (h p) (w q)", p=side, q=side)
        # 2 sigmoid(x) - 1, as the paper's last layer writes it.
        return torch.tanh(0.5 * clips.float())
