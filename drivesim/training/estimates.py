"""What the image LDM makes of a store's frames: latents with its own errors, for a decoder to learn from."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from drivesim.controls import BOX_CLASSES
from drivesim.diffusion.sampler import Denoise, SamplerConfig, sample
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.codec import CELL
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import image_denoiser
from drivesim.training.image_stage import FRAME_CONTROLS, frame_controls
from drivesim.training.latents import LatentClips
from drivesim.training.parts import encoding_device, write_rows

#: Noise levels of the estimates of one step: where the layout decides what the latents say.
LOWEST_SIGMA, HIGHEST_SIGMA = 0.3, 6.0

#: Noise levels that the samples set out from: from what leaves the frame's own shapes to what leaves nothing but the layout.
FAINTEST_START, STRONGEST_START = 1.0, 8.0

#: The same for what is told by a box: there nothing of the frame is left, as in a rollout's later frames.
BLIND_SIGMA, BLINDEST_SIGMA = 4.0, 40.0

#: Share of the clips whose boxes are estimated blindly.
BLIND_SHARE = 0.75

#: Steps of the samples, and of those that set out from little but noise.
STEPS, BLIND_STEPS = 4, 6


def prepare_estimates(image: ImageUNet, clips: LatentClips, file: Path) -> None:
    """What the image LDM makes of every frame, told everything: float16 (N, T, C, h, w).

    Half of the clips hold samples that set out from the noised frame, as a rollout's latents do, the others what one step
    makes of it. In most of them the cells of told boxes know nothing of the frame itself: what a rollout makes of a vehicle
    is often wrong where the layout is right, and a decoder that is shown only latents with a true core believes them.
    Around the boxes (clouds, hills) the frame's own core stays, since nothing else says what is there.
    """
    if file.exists():
        return
    device = encoding_device()
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
        in_one_step = clip % 2 == 1
        with torch.inference_mode():
            lowest, highest = (LOWEST_SIGMA, HIGHEST_SIGMA) if in_one_step else (FAINTEST_START, STRONGEST_START)
            estimate = _estimated(denoise, clean, _between(lowest, highest, generator), in_one_step, STEPS, generator)
            if float(torch.rand((), generator=generator)) < BLIND_SHARE:
                sigma = _between(BLIND_SIGMA, BLINDEST_SIGMA, generator)
                blind = _estimated(denoise, clean, sigma, in_one_step, BLIND_STEPS, generator)
                estimate = torch.where(boxed_cells(told), blind, estimate)
        made.append(estimate.half().cpu().numpy())
    write_rows(file, made)


def boxed_cells(told: ControlTensors) -> Tensor:
    """Cells of the latents in which a box is seen, bool (N, 1, h, w), by the layout of N frames (8h, 8w)."""
    planes = [getattr(told, kind.value)[:, : len(classes)] for kind, classes in BOX_CLASSES.items()]
    seen = torch.stack([each.float().amax(dim=1, keepdim=True) for each in planes]).amax(dim=0)
    return F.max_pool2d(seen, CELL // 2) > 0.0


def _between(lowest: float, highest: float, generator: torch.Generator) -> float:
    """A noise level, evenly in its logarithm."""
    share = float(torch.rand((), generator=generator))
    return lowest * math.pow(highest / lowest, share)


def _estimated(
    denoise: Denoise, clean: Tensor, sigma: float, in_one_step: bool, steps: int, generator: torch.Generator
) -> Tensor:
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    if in_one_step:
        return denoise(clean + sigma * noise, torch.full((len(clean),), sigma, device=clean.device))
    return sample(denoise, noise + clean / sigma, SamplerConfig(steps=steps, sigma_max=sigma))
