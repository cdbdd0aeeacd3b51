"""PVDM's denoiser: one 2D UNet for all three planes, with attention across them after every block (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from einops import rearrange
from torch import Tensor, nn

from drivesim.diffusion.ddim import NoiseSchedule
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.frame_conditions import ClipAttributes, FrameStem
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.pvdm.planes import PlaneSizes, joined
from drivesim.models.shared_unet import SharedUNet, quiet_attention


@dataclass(frozen=True, eq=False)
class PlaneConditions:
    """What is told of B clips: features of each plane (B, F, rows, columns), and an embedding (B, E)."""

    planes: list[Tensor]
    embedding: Tensor


class PlaneDenoiser(KeptNetwork):
    """Predicts the noise in latents (B, C, places), given the last clip's latents and what is told of the new clip.

    Layout and ego motion enter as three planes too: features of every frame, summed up along each axis by mean and largest
    value. Each frame's boxes thus reach z_h and z_w at the frame's own row, z_s as what they sweep over. Latents of zeros as
    context mean "none" (the paper's joint training).
    """

    @register_to_config
    def __init__(
        self,
        height: int = 16,
        width: int = 32,
        num_frames: int = 8,
        latent_channels: int = 4,
        base_width: int = 32,
        multipliers: tuple[int, ...] = (1, 2, 2),
        blocks_per_level: int = 1,
        attention_levels: tuple[int, ...] = (1, 2),
        heads: int = 4,
        groups: int = 8,
        layout_features: int = 16,
        beta_start: float = 0.0015,
        beta_end: float = 0.0195,
        levels: int = 1000,
    ) -> None:
        super().__init__()
        coarsest = 2 ** (len(multipliers) - 1)
        if any(side % coarsest for side in (height, width, num_frames)):
            raise ValueError(f"{num_frames} frames of {height}x{width} cannot be halved {len(multipliers) - 1} times")
        self.sizes = PlaneSizes(num_frames, height, width)
        self.schedule = NoiseSchedule(beta_start=beta_start, beta_end=beta_end, levels=levels)
        embedding = 4 * base_width
        self.level_features = Timesteps(base_width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.level_embedding = TimestepEmbedding(base_width, embedding)
        self.attributes = ClipAttributes(embedding)
        self.stem = FrameStem(layout_features, height, width)
        self.to_plane = nn.ModuleList([nn.Conv2d(2 * layout_features, layout_features, 1) for _ in range(3)])
        self.unet = SharedUNet(
            2 * latent_channels + layout_features,
            latent_channels,
            base_width,
            tuple(multipliers),
            blocks_per_level,
            tuple(attention_levels),
            heads,
            groups,
            embedding,
        )
        self.across = nn.ModuleList(
            [quiet_attention(channels, heads, groups) for channels in self.unet.mixed_channels()]
        )

    def read(self, controls: ControlTensors, batch: int) -> PlaneConditions:
        """What is told of the B * T frames of ``batch`` clips, made once for all steps of a sampler."""
        features = rearrange(self.stem(controls), "(b t) c h w -> b c t h w", b=batch)
        planes = [
            layer(torch.cat([features.mean(axis), features.amax(axis)], dim=1))
            for layer, axis in zip(self.to_plane, (2, 3, 4), strict=True)
        ]
        return PlaneConditions(planes, self.attributes(controls, batch))

    def forward(self, noisy: Tensor, level: Tensor, context: Tensor, told: PlaneConditions) -> Tensor:
        """The noise in latents (B, C, places) at the levels (B,), float32, after ``context`` (B, C, places)."""
        features = self.level_features(level).to(self.dtype)
        embedding = self.level_embedding(features) + told.embedding
        pairs = self.sizes.split(torch.cat([noisy, context], dim=1).to(self.dtype))
        maps = [torch.cat(both, dim=1) for both in zip(pairs, told.planes, strict=True)]
        return joined(self.unet(maps, embedding, self._mix)).float()

    def _mix(self, index: int, planes: list[Tensor]) -> list[Tensor]:
        shapes = [plane.shape[-2:] for plane in planes]
        row = self.across[index](joined(planes).transpose(1, 2)).transpose(1, 2)
        parts = row.split([shape.numel() for shape in shapes], dim=-1)
        return [part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True)]
