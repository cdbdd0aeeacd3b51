"""Losses and figures of reconstructed frames, for the codec and the upsampler."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from drivesim.models.video_ldm.codec import YCC_FROM_RGB


def reconstruction_loss(decoded: Tensor, frames: Tensor, weights: Tensor, squared_weight: float = 1.0) -> Tensor:
    """Weighted L1 and L2, L1 on two levels of a Laplacian pyramid, and L1 of coarse chroma.

    All (N, 3, H, W) with weights (N, 1, H, W). Colour is what such a codec learns last: grey road and sky dominate the
    other terms, and cars came out orange instead of red until coarse chroma had a term of its own.
    """
    error = decoded - frames
    loss = (weights * error.abs()).mean() + squared_weight * (weights * error.square()).mean()
    chroma = torch.einsum("kc,nchw->nkhw", YCC_FROM_RGB[1:].to(error.device), F.avg_pool2d(error, 4))
    loss = loss + 3.0 * chroma.abs().mean()
    for _ in range(2):
        coarse = F.avg_pool2d(error, 2)
        detail = error - F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        loss = loss + 0.5 * detail.abs().mean()
        error = coarse
    return loss


def grid_error(decoded: Tensor, frames: Tensor, block: int = 4, window: int = 8) -> Tensor:
    """The part of the error that repeats with blocks of ``block`` x ``block`` pixels, mean over ``window`` x ``window`` of them.

    A decoder that draws each block from one feature has weights of their own for every place in a block, and so a faint grid
    over even surfaces, which L1 of single pixels hardly sees (Odena et al. 2016 for transposed convolutions).
    """
    places = F.avg_pool2d(F.pixel_unshuffle(decoded - frames, block), window)
    places = rearrange(places, "n (c place) h w -> n c place h w", place=block * block)
    return (places - places.mean(dim=2, keepdim=True)).abs().mean()


def psnr_db(decoded: Tensor, frames: Tensor) -> Tensor:
    """Mean PSNR (scalar, dB) of frames (N, 3, H, W) in [-1, 1]."""
    error = (decoded - frames).square().mean((1, 2, 3)).clamp_min(1e-9)
    return (10.0 * torch.log10(4.0 / error)).mean()
