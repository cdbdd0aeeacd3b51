"""The adversarial phase of the decoder: two discriminators that see the layout sharpen what L1 leaves soft.

The discriminators are PatchGAN's (Isola et al. 2017) with three strides, one on the picture and one on a quarter of its size,
and judge picture and layout together. PSNR falls a little where this works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES
from drivesim.training.adversarial import AdversarialStage, Judged, Opposition, layer_by_layer
from drivesim.training.decoder_stage import DecoderStage, DecoderTask, DrawnFrame
from drivesim.training.parts import Dtype
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch

#: The shape discriminator sees frames this much smaller: one pixel a layout pixel.
SHAPE_SCALE = 4


class PatchDiscriminator(nn.Module):
    """Frames (N, 3, H, W) and their layout planes (N, 57, H/4, W/4) to logits (N, 1, H/8, W/8)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(3, width, 4, stride=2, padding=1))
        self.second = spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1))
        self.layout = spectral_norm(nn.Conv2d(NUM_LAYOUT_PLANES, width, 1))
        self.third = spectral_norm(nn.Conv2d(3 * width, 4 * width, 4, stride=2, padding=1))
        self.out = spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1))

    def forward(self, frames: Tensor, planes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits in float32, and the features after each layer; planes of zeros where nothing is told."""
        dtype: torch.dtype = next(self.parameters()).dtype
        hidden = frames.to(dtype).contiguous(memory_format=torch.channels_last)
        first = F.leaky_relu(self.first(hidden), 0.2)
        second = F.leaky_relu(self.second(first), 0.2)
        layout = F.leaky_relu(self.layout(planes.to(dtype)), 0.2)
        joined = torch.cat([second, layout], dim=1).contiguous(memory_format=torch.channels_last)
        third = F.leaky_relu(self.third(joined), 0.2)
        return self.out(third).float(), [first, second, third]


class ShapeDiscriminator(nn.Module):
    """Frames (N, 3, H, W), seen at a quarter of their size where one logit sees a whole vehicle, and their layout planes
    (N, 57, H/4, W/4) to logits (N, 1, H/32, W/32).

    The fine discriminator's logit sees 38 pixels: near vehicles stayed smeared under it, sharp only in their texture.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(3 + NUM_LAYOUT_PLANES, width, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1))
        self.third = spectral_norm(nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1))
        self.fourth = spectral_norm(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1))
        self.out = spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1))

    def forward(self, frames: Tensor, planes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits in float32, and the features after each layer; planes of zeros where nothing is told."""
        dtype: torch.dtype = next(self.parameters()).dtype
        joined = torch.cat([F.avg_pool2d(frames, SHAPE_SCALE).to(dtype), planes.to(dtype)], dim=1)
        joined = joined.contiguous(memory_format=torch.channels_last)
        return layer_by_layer(joined, (self.first, self.second, self.third, self.fourth), self.out)


class DecoderGanStage(AdversarialStage, DecoderStage):
    """Trains the decoder against two patch discriminators."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        schedule: Schedule = Schedule(learning_rate=1e-4, warmup_steps=30, average_decay=0.99),
        task: DecoderTask = DecoderTask(),
        adversarial_weight: float = 0.1,
        discriminator_width: int = 48,
        max_norm: float = 1.0,
    ) -> None:
        """As :class:`DecoderStage`; ``adversarial_weight`` counts the discriminators' hinge."""
        super().__init__(work, initial, dtype, schedule, task)
        torch.manual_seed(1)
        judges: Any = nn.ModuleList([PatchDiscriminator(discriminator_width), ShapeDiscriminator(discriminator_width)])
        self.oppose(
            judges.to(self.compute_dtype).to(memory_format=torch.channels_last),
            Opposition(adversarial_weight=adversarial_weight, max_norm=max_norm),
        )

    def draw_judged(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Judged]:
        """The loss of all frames; of each clip one is judged: on CPUs its passes cost more than the decoder's."""
        drawn = self.draw(batch, self.told(batch, generator), generator)
        judged = int(torch.randint(len(drawn), (), generator=generator))
        seen = Judged(
            drawn[judged].large,
            batch["pictures"][:, judged],
            batch["weights"][:, judged],
            (self._planes(drawn[judged]),),
        )
        return torch.stack([frame.loss for frame in drawn]).mean(), seen

    @staticmethod
    def _planes(frame: DrawnFrame) -> Tensor:
        """What the discriminators are told: what the decoder was."""
        if frame.layout is not None:
            return frame.layout.layout_planes()
        count, _, height, width = frame.large.shape
        return frame.large.new_zeros(count, NUM_LAYOUT_PLANES, height // 4, width // 4)
