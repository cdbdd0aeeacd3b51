"""What the image LDM makes of a store's frames: latents with its own errors, for a decoder to learn from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import image_denoiser
from drivesim.training.image_stage import FRAME_CONTROLS, frame_controls
from drivesim.training.latents import LatentClips

#: Noise levels of the estimates of one step: where the layout decides what the latents say.
LOWEST_SIGMA, HIGHEST_SIGMA = 0.3, 6.0

#: Noise levels that the samples set out from: from what leaves the frame's own shapes to what leaves nothing but the layout.
FAINTEST_START, STRONGEST_START = 1.0, 8.0


def prepare_estimates(image: ImageUNet, clips: LatentClips, file: Path) -> None:
    """What the image LDM makes of every frame, told everything: float16 (N, T, C, h, w).

    Half of the clips hold samples that set out from the noised frame, as a rollout's latents do, the others what one step
    makes of it.
    """
    if file.exists():
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    image = image.to(device)
    generator = torch.Generator().manual_seed(7)
    count = clips.frames_per_clip
    made = []
    for clip in track(range(len(clips)), description="estimating"):
        rows = clips.gather([clip] * count, list(range(count)))
        everything = dict.fromkeys(FRAME_CONTROLS, torch.ones(count))
        told = frame_controls({**rows, "position": torch.zeros(count)}, everything).to(device, image.dtype)
        denoise = image_denoiser(image, told)
        clean = rows["latents"].float().to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        share = float(torch.rand((), generator=generator))
        with torch.inference_mode():
            if clip % 2:
                sigma = LOWEST_SIGMA * (HIGHEST_SIGMA / LOWEST_SIGMA) ** share
                estimate = denoise(clean + sigma * noise, torch.full((count,), sigma, device=device))
            else:
                sigma = FAINTEST_START * (STRONGEST_START / FAINTEST_START) ** share
                estimate = sample(denoise, noise + clean / sigma, SamplerConfig(steps=4, sigma_max=sigma))
        made.append(estimate.half().cpu().numpy())
    unfinished = file.with_suffix(".unfinished.npy")
    np.save(unfinished, np.stack(made))
    os.replace(unfinished, file)
