"""The video network: a frozen image UNet with temporal layers after its blocks."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from drivesim.diffusion.edm import Preconditioning
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.known import KnownFrames
from drivesim.models.video_ldm.standing import moved
from drivesim.models.video_ldm.temporal import TemporalLayers

#: Settings of the temporal layers that follow from the image network.
FITTED = ("block_channels", "block_factors", "latent_channels")

#: The frame offset of the newest context frame in the position embedding; older context lies below it.
NEWEST_CONTEXT = 2


def fitted_sizes(image: ImageUNet) -> dict[str, Any]:
    """The settings named in ``FITTED``."""
    channels, factors = zip(*image.block_widths(), strict=True)
    return dict(zip(FITTED, (channels, factors, image.config.latent_channels), strict=True))


def temporal_layers_for(image: ImageUNet) -> TemporalLayers:
    """Fresh temporal layers that fit an image network."""
    return TemporalLayers(**fitted_sizes(image))


class VideoUNet(nn.Module):
    """Denoises clips (B, T, C, H, W) of which some frames are known (slightly noised): the first few, or one at either end."""

    def __init__(self, image: ImageUNet, temporal: TemporalLayers) -> None:
        super().__init__()
        self.image = image
        self.temporal = temporal
        self.preconditioning = Preconditioning()

    def forward(
        self,
        noisy: Tensor,
        sigma: Tensor,
        known: int | KnownFrames,
        controls: ControlTensors,
        layout_features: Tensor | None = None,
    ) -> Tensor:
        """Raw network output (B, T, C, H, W) for noisy latents and one noise level per frame (B, T).

        ``known`` is which frames are context; a number, the first so many of neighbouring frames. ``controls`` holds B*T frames, with
        motion since the clip's frame before, a frame of the video. Context frames carry their own small sigma (conditional latent perturbation,
        LVDM, He et al. 2022) and are in distribution for the frozen image network.
        """
        batch, num_frames = sigma.shape
        flat = rearrange(noisy, "b t c h w -> (b t) c h w")
        flat_sigma = rearrange(sigma, "b t -> (b t)")
        noise_condition = self.preconditioning.noise_condition(flat_sigma)
        scaled = (flat * self.preconditioning.input_scale(flat_sigma)).to(controls.motion.dtype)
        known = KnownFrames.of(known)
        context = self._context(rearrange(scaled, "(b t) c h w -> b t c h w", b=batch), known, controls)
        positions = torch.arange(num_frames, device=noisy.device) - known.first + NEWEST_CONTEXT + 1
        embedding = self.temporal.embed(
            controls.motion_features(),
            repeat(known.mask(num_frames).to(scaled), "t -> (b t)", b=batch),
            noise_condition,
            repeat(positions, "t -> (b t)", b=batch),
            known.stride,
        )

        def after_block(index: int, hidden: Tensor) -> Tensor:
            return self.temporal.layers[index](hidden, context, embedding, num_frames)

        raw = self.image(scaled, noise_condition, controls, after_block, layout_features)
        return rearrange(raw, "(b t) c h w -> b t c h w", b=batch)

    def denoised(
        self,
        noisy: Tensor,
        sigma: Tensor,
        known: int | KnownFrames,
        controls: ControlTensors,
        layout_features: Tensor | None = None,
    ) -> Tensor:
        """Estimate of the clean latents (B, T, C, H, W), float32; the arguments are those of a forward pass."""
        raw = self(noisy, sigma, known, controls, layout_features)
        clean = self.preconditioning.denoised(
            rearrange(noisy, "b t c h w -> (b t) c h w").float(),
            rearrange(raw, "b t c h w -> (b t) c h w").float(),
            rearrange(sigma, "b t -> (b t)").float(),
        )
        return rearrange(clean, "(b t) c h w -> b t c h w", b=len(noisy))

    def _context(self, scaled: Tensor, known: KnownFrames, controls: ControlTensors) -> Tensor:
        """Context input (B*T, 2C + 2, H, W): own latents and mask, then the newest known frame and its mask.

        New frames have no latents of their own; with ``moved_context`` they get those of the newest of the ``first`` known frames, as
        what stands still would have moved.
        """
        num_frames = scaled.shape[1]
        mask = torch.zeros_like(scaled[:, :, :1])
        mask[:, known.mask(num_frames)] = 1.0
        own = scaled * mask
        newest = torch.zeros_like(scaled[:, :1])
        is_known = torch.zeros_like(mask[:, :1])
        if known.first > 0:
            before = scaled[:, known.first - 1 : known.first]
            newest, is_known = scaled[:, -1:] if known.last else before, torch.ones_like(is_known)
            if self.temporal.config.moved_context:
                standing = moved(before[:, 0], controls, known.first, known.stride).to(own.dtype)
                own = own + (standing * (1.0 - mask) if known.last else standing)
        broadcast = torch.cat([newest, is_known], dim=2).expand(-1, num_frames, -1, -1, -1)
        stacked = torch.cat([own, mask, broadcast], dim=2)
        return rearrange(stacked, "b t c h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
