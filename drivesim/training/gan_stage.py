"""The adversarial phase of the decoder: two discriminators that see the layout sharpen what L1 leaves soft.

Hinge loss with spectral norm and feature matching (as pix2pixHD, Wang et al. 2018, and PVDM, Yu et al. 2023); the
discriminators are PatchGAN's (Isola et al. 2017) with three strides, one on the picture and one on a quarter of its size,
and judge picture and layout together. PSNR falls a little where this works.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES
from drivesim.training.decoder_stage import DecoderStage, DecoderTask, DrawnFrame
from drivesim.training.optimizer import MasterAdamW
from drivesim.training.parts import DTYPES, Dtype
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch

#: Weight of feature matching.
MATCHING = 1.0

#: The shape discriminator sees frames this much smaller: one pixel a layout pixel.
SHAPE_SCALE = 4


class PatchDiscriminator(nn.Module):
    """Frames (N, 3, H, W) and their layout planes (N, 55, H/4, W/4) to logits (N, 1, H/8, W/8)."""

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
    (N, 55, H/4, W/4) to logits (N, 1, H/32, W/32).

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
        features = [joined.contiguous(memory_format=torch.channels_last)]
        for layer in (self.first, self.second, self.third, self.fourth):
            features.append(F.leaky_relu(layer(features[-1]), 0.2))
        return self.out(features[-1]).float(), features[1:]


@dataclass(frozen=True, eq=False)
class Judged:
    """What the discriminators see: frames ``drawn`` and their ``truth`` (N, 3, H, W), the layout ``planes`` (N, 55, H/4, W/4)
    that the decoder was told, and ``weights`` (N, 1, H, W) of the pixels.
    """

    drawn: Tensor
    truth: Tensor
    planes: Tensor
    weights: Tensor

    def weighted(self, values: Tensor) -> Tensor:
        """Mean of values (N, C, h, w), a place counting as its pixels' weights do: what is small in a picture, or matters."""
        weights = F.adaptive_avg_pool2d(self.weights, (values.shape[-2], values.shape[-1]))
        return (values * (weights / weights.mean())).mean()


class DecoderGanStage(DecoderStage):
    """Trains the decoder against two patch discriminators; two optimisers, so Lightning's manual mode."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "bfloat16",
        schedule: Schedule = Schedule(learning_rate=1e-4, warmup_steps=30, average_decay=0.99),
        task: DecoderTask = DecoderTask(),
        adversarial_weight: float = 0.1,
        discriminator_width: int = 48,
        max_norm: float = 1.0,
    ) -> None:
        """As :class:`DecoderStage`; the discriminators learn at three times the rate, ``adversarial_weight`` counts their hinge."""
        super().__init__(work, initial, dtype, schedule, task)
        self.automatic_optimization = False
        self.adversarial_weight = adversarial_weight
        self.max_norm = max_norm
        torch.manual_seed(1)
        judges: Any = nn.ModuleList([PatchDiscriminator(discriminator_width), ShapeDiscriminator(discriminator_width)])
        self.discriminators = judges.to(DTYPES[dtype]).to(memory_format=torch.channels_last)

    @property
    def updates(self) -> int:
        """Steps of the decoder; Lightning counts those of both optimisers."""
        return self.trainer.global_step // 2

    def share_done(self) -> float:
        """As for one optimiser: ``max_steps`` counts the steps of both."""
        return (
            super().share_done() if self.trainer.max_steps <= 0 else self.trainer.global_step / self.trainer.max_steps
        )

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for the decoder, one for the discriminators."""
        judge = MasterAdamW(
            self.discriminators.parameters(), lr=3.0 * self.schedule.learning_rate, betas=(0.5, 0.9), weight_decay=0.0
        )
        return [super().configure_optimizers(), judge]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """One step of the decoder, then one of the discriminators on the same frames."""
        generator = self._generator(batch)
        decoder, judge = cast(Any, self.optimizers())
        drawn = self.draw(batch, self.told(batch, generator), generator)
        # One frame of each clip is judged: on CPUs its passes cost more than the decoder's.
        judged = int(torch.randint(len(drawn), (), generator=generator))
        seen = Judged(
            drawn[judged].large, batch["pictures"][:, judged], self._planes(drawn[judged]), batch["weights"][:, judged]
        )
        plain = torch.stack([frame.loss for frame in drawn]).mean()
        self.discriminators.requires_grad_(False)
        loss, shares = self._decoder_loss(plain, seen)
        self.refuse_nan(loss, batch)
        self._step(decoder, loss)
        self.discriminators.requires_grad_(True)
        judge_loss = torch.stack([_judge_loss(judge_of, seen) for judge_of in self.discriminators]).sum()
        self.refuse_nan(judge_loss, batch)
        self._step(judge, judge_loss)
        self.count(batch)
        self.log_dict({"loss": loss.detach(), "discriminator_loss": judge_loss.detach(), **shares}, prog_bar=True)

    @staticmethod
    def _planes(frame: DrawnFrame) -> Tensor:
        """What the discriminators are told: what the decoder was."""
        if frame.layout is not None:
            return frame.layout.layout_planes()
        count, _, height, width = frame.large.shape
        return frame.large.new_zeros(count, NUM_LAYOUT_PLANES, height // 4, width // 4)

    def _decoder_loss(self, plain: Tensor, seen: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        matching, hinge = [], []
        for discriminator in self.discriminators:
            with torch.no_grad():
                _, real = discriminator(seen.truth, seen.planes)
            logits, features = discriminator(seen.drawn, seen.planes)
            apart = [(mine.float() - theirs.float()).abs() for mine, theirs in zip(features, real, strict=True)]
            matching.append(torch.stack([seen.weighted(each) for each in apart]).mean())
            hinge.append(seen.weighted(logits))
        matched = torch.stack(matching).sum()
        total = plain + MATCHING * matched - self.adversarial_weight * torch.stack(hinge).sum()
        return total, {"reconstruction": plain.detach(), "feature_matching": matched.detach()}

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        self.toggle_optimizer(optimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.max_norm)
        optimizer.step()
        self.untoggle_optimizer(optimizer)


def _judge_loss(discriminator: nn.Module, seen: Judged) -> Tensor:
    real, _ = discriminator(seen.truth, seen.planes)
    made, _ = discriminator(seen.drawn.detach(), seen.planes)
    return seen.weighted(F.relu(1.0 - real)) + seen.weighted(F.relu(1.0 + made))
