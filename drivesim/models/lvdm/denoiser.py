"""LVDM's denoiser: a 3D UNet in two factors, convolutions within each latent frame and attention over time.

One network learns unconditional video, prediction and infilling by masks, on neighbouring and on sparse latent frames; the
frames that it is given are noised a little, and it is told how much (conditional latent perturbation).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from einops import rearrange, repeat
from torch import Tensor, nn

from drivesim.diffusion.ddim import NoiseSchedule
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.frame_conditions import ClipAttributes, FrameStem
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.shared_unet import SharedUNet, quiet_attention


class RelativeAttention(nn.Module):
    """Self-attention over (N, L, C) that sees how far apart tokens are: keys and values by distance (Shaw et al. 2018)."""

    def __init__(self, channels: int, heads: int, groups: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.length = length
        self.norm = nn.GroupNorm(groups, channels, eps=1e-5)
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.to_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)
        self.key_distance = nn.Parameter(0.02 * torch.randn(2 * length - 1, channels // heads))
        self.value_distance = nn.Parameter(0.02 * torch.randn(2 * length - 1, channels // heads))

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, C) to the same; L is at most the length that it was made for."""
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        query, key, value = rearrange(self.to_qkv(normed), "n l (k h d) -> k n h l d", k=3, h=self.heads)
        places = torch.arange(x.shape[1], device=x.device)
        distance = places[None] - places[:, None] + self.length - 1
        query = query * query.shape[-1] ** -0.5
        scores = query @ key.transpose(-1, -2)
        scores = scores + torch.einsum("nhld,lmd->nhlm", query, self.key_distance[distance])
        shares = scores.softmax(-1)
        seen = shares @ value + torch.einsum("nhlm,lmd->nhld", shares, self.value_distance[distance])
        return x + self.to_out(rearrange(seen, "n h l d -> n l (h d)"))


@dataclass(frozen=True, eq=False)
class GivenLatents:
    """Which latent frames of B sequences are given: ``mask`` (B, L) of 0 and 1, ``noised`` (B,) the level that they were
    perturbed to plus 1, 0 where none is given, and ``sparse`` (B,) 1 where the frames are not neighbours.
    """

    mask: Tensor
    noised: Tensor
    sparse: Tensor


@dataclass(frozen=True, eq=False)
class SequenceConditions:
    """What is told of B sequences: features (B, L, F, h, w) of each latent frame, and an embedding (B, E)."""

    features: Tensor
    embedding: Tensor

    def at(self, places: list[int]) -> SequenceConditions:
        """The same of some of the latent frames."""
        return SequenceConditions(self.features[:, places], self.embedding)


class FactorisedUNet(KeptNetwork):
    """Predicts the noise in latents (B, C, L, h, w) of L = ``sparseness`` + 1 latent frames.

    A step of the hierarchy predicts every ``sparseness``-th latent frame after a given one, then fills in those between two.
    ``joint_attention`` lets every place see all places of all frames instead of its own over time.
    """

    @register_to_config
    def __init__(
        self,
        height: int = 16,
        width: int = 32,
        latent_channels: int = 4,
        frames_per_latent: int = 4,
        sparseness: int = 2,
        base_width: int = 32,
        multipliers: tuple[int, ...] = (1, 2, 2),
        blocks_per_level: int = 1,
        attention_levels: tuple[int, ...] = (1, 2),
        heads: int = 4,
        groups: int = 8,
        joint_attention: bool = False,
        layout_features: int = 16,
        max_perturbation: int = 250,
        beta_start: float = 0.0015,
        beta_end: float = 0.0155,
        levels: int = 1000,
    ) -> None:
        super().__init__()
        coarsest = 2 ** (len(multipliers) - 1)
        if height % coarsest or width % coarsest:
            raise ValueError(f"latents of {height}x{width} cannot be halved {len(multipliers) - 1} times")
        if not 0 <= max_perturbation < levels:
            raise ValueError(f"max_perturbation is {max_perturbation}; it must lie below {levels} levels")
        self.schedule = NoiseSchedule(beta_start=beta_start, beta_end=beta_end, levels=levels)
        embedding = 4 * base_width
        self.level_features = Timesteps(base_width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.level_embedding = TimestepEmbedding(base_width, embedding)
        self.noised_embedding = nn.Embedding(max_perturbation + 2, embedding)
        self.sparse_embedding = nn.Embedding(2, embedding)
        self.attributes = ClipAttributes(embedding)
        self.stem = FrameStem(layout_features, height, width)
        self.of_latent = nn.Conv2d(2 * layout_features, layout_features, 1)
        self.unet = SharedUNet(
            latent_channels + 1 + layout_features,
            latent_channels,
            base_width,
            tuple(multipliers),
            blocks_per_level,
            tuple(attention_levels),
            heads,
            groups,
            embedding,
        )
        self.over_time = nn.ModuleDict()
        middle = len(self.unet.down)
        places = zip(self.unet.mixed_channels(), self.unet.mixed_levels(), strict=True)
        for index, (channels, level) in enumerate(places):
            if level in attention_levels or index == middle:
                self.over_time[str(index)] = (
                    quiet_attention(channels, heads, groups)
                    if joint_attention
                    else RelativeAttention(channels, heads, groups, sparseness + 1)
                )

    @property
    def length(self) -> int:
        """Latent frames of a sequence."""
        return self.config.sparseness + 1

    def read(self, controls: ControlTensors, batch: int, known: Tensor | None = None) -> SequenceConditions:
        """What is told of ``batch`` sequences by the controls of all their frames, made once for all steps of a sampler.

        ``known`` (B, L) is 0 for latent frames of which nothing is told.
        """
        per_latent = self.config.frames_per_latent
        features = rearrange(self.stem(controls), "(n k) c h w -> k n c h w", k=per_latent)
        features = self.of_latent(torch.cat([features.mean(0), features[-1]], dim=1))
        features = rearrange(features, "(b l) c h w -> b l c h w", b=batch)
        if known is not None:
            features = features * known[:, :, None, None, None].to(features)
        return SequenceConditions(features, self.attributes(controls, batch))

    def forward(self, noisy: Tensor, level: Tensor, given: GivenLatents, told: SequenceConditions) -> Tensor:
        """The noise in latents (B, C, L, h, w) at the levels (B,), float32; given frames are already in their slots."""
        batch, _, length = noisy.shape[:3]
        embedding = self.level_embedding(self.level_features(level).to(self.dtype)) + told.embedding
        embedding = embedding + self.noised_embedding(given.noised) + self.sparse_embedding(given.sparse)
        mask = repeat(given.mask.to(self.dtype), "b l -> b l 1 h w", h=noisy.shape[-2], w=noisy.shape[-1])
        slots = torch.cat([rearrange(noisy, "b c l h w -> b l c h w").to(self.dtype), mask, told.features], dim=2)

        def mix(index: int, maps: list[Tensor]) -> list[Tensor]:
            return [self._over_time(index, maps[0], batch)]

        every = embedding.repeat_interleave(length, dim=0)
        (noise,) = self.unet([rearrange(slots, "b l c h w -> (b l) c h w")], every, mix)
        return rearrange(noise, "(b l) c h w -> b c l h w", b=batch).float()

    def _over_time(self, index: int, hidden: Tensor, batch: int) -> Tensor:
        if str(index) not in self.over_time:
            return hidden
        layer, (height, width) = self.over_time[str(index)], hidden.shape[-2:]
        if self.config.joint_attention:
            tokens = layer(rearrange(hidden, "(b l) c h w -> b (l h w) c", b=batch))
            return rearrange(tokens, "b (l h w) c -> (b l) c h w", h=height, w=width)
        tokens = layer(rearrange(hidden, "(b l) c h w -> (b h w) l c", b=batch))
        return rearrange(tokens, "(b h w) l c -> (b l) c h w", b=batch, h=height)
