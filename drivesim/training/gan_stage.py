"""The adversarial phase of the decoder: a patch discriminator that sees the layout sharpens what L1 leaves soft.

Hinge loss with spectral norm and feature matching (as pix2pixHD, Wang et al. 2018, and PVDM, Yu et al. 2023); the
discriminator is PatchGAN's (Isola et al. 2017) with three strides, and judges picture and layout together. PSNR falls a
little where this works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from drivesim.models.video_ldm.conditioning_inputs import NUM_LAYOUT_PLANES
from drivesim.training.decoder_stage import DecoderStage, DrawnFrame
from drivesim.training.optimizer import MasterAdamW
from drivesim.training.parts import DTYPES, Dtype
from drivesim.training.stage import Batch

#: Weight of feature matching.
MATCHING = 1.0


class PatchDiscriminator(nn.Module):
    """Frames (N, 3, H, W) and their layout planes (N, 44, H/4, W/4) to logits (N, 1, H/8, W/8)."""

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


class DecoderGanStage(DecoderStage):
    """Trains the decoder against a patch discriminator; two optimisers, so Lightning's manual mode."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "bfloat16",
        learning_rate: float = 1e-4,
        warmup_steps: int = 30,
        average_decay: float = 0.99,
        weight_decay: float = 1e-3,
        crop: tuple[int, int] = (128, 256),
        noise: float = 0.6,
        estimated_share: float = 0.4,
        layout_dropout: float = 0.15,
        raster_dropout: float = 0.1,
        small_weight: float = 0.5,
        num_frames: int = 3,
        past_dropout: float = 0.15,
        steady_weight: float = 0.5,
        grid_weight: float = 4.0,
        adversarial_weight: float = 0.1,
        discriminator_width: int = 48,
        max_norm: float = 1.0,
    ) -> None:
        """As :class:`DecoderStage`; the discriminator learns at three times the rate, ``adversarial_weight`` counts its hinge."""
        super().__init__(
            work, initial, dtype, learning_rate, warmup_steps, average_decay, weight_decay, crop, noise, estimated_share,
            layout_dropout, raster_dropout, small_weight, num_frames, past_dropout, steady_weight, grid_weight,
        )  # fmt: skip
        self.automatic_optimization = False
        self.adversarial_weight = adversarial_weight
        self.max_norm = max_norm
        torch.manual_seed(1)
        judge: Any = PatchDiscriminator(discriminator_width).to(DTYPES[dtype])
        self.discriminator = judge.to(memory_format=torch.channels_last)

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
        """One for the decoder, one for the discriminator."""
        judge = MasterAdamW(
            self.discriminator.parameters(), lr=3.0 * self.learning_rate, betas=(0.5, 0.9), weight_decay=0.0
        )
        return [super().configure_optimizers(), judge]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """One step of the decoder, then one of the discriminator on the same frames."""
        generator = self._generator(batch)
        decoder, judge = cast(Any, self.optimizers())
        drawn = self.draw(batch, self.told(batch, generator), generator)
        # One frame of each clip is judged: on CPUs its passes cost more than the decoder's.
        judged = int(torch.randint(len(drawn), (), generator=generator))
        frames, truth, planes = drawn[judged].large, batch["pictures"][:, judged], self._planes(drawn[judged])
        plain = torch.stack([frame.loss for frame in drawn]).mean()
        self.discriminator.requires_grad_(False)
        loss, shares = self._decoder_loss(plain, frames, truth, planes)
        self.refuse_nan(loss, batch)
        self._step(decoder, loss)
        self.discriminator.requires_grad_(True)
        judge_loss = self._judge_loss(frames.detach(), truth, planes)
        self.refuse_nan(judge_loss, batch)
        self._step(judge, judge_loss)
        self.count(batch)
        self.log_dict({"loss": loss.detach(), "discriminator_loss": judge_loss.detach(), **shares}, prog_bar=True)

    @staticmethod
    def _planes(frame: DrawnFrame) -> Tensor:
        """What the discriminator is told: what the decoder was."""
        if frame.layout is not None:
            return frame.layout.layout_planes()
        count, _, height, width = frame.large.shape
        return frame.large.new_zeros(count, NUM_LAYOUT_PLANES, height // 4, width // 4)

    def _decoder_loss(
        self, plain: Tensor, frames: Tensor, truth: Tensor, planes: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            _, real = self.discriminator(truth, planes)
        logits, features = self.discriminator(frames, planes)
        pairs = zip(features, real, strict=True)
        matching = torch.stack([F.l1_loss(mine.float(), theirs.float()) for mine, theirs in pairs]).mean()
        total = plain + MATCHING * matching - self.adversarial_weight * logits.mean()
        return total, {"reconstruction": plain.detach(), "feature_matching": matching.detach()}

    def _judge_loss(self, drawn: Tensor, frames: Tensor, planes: Tensor) -> Tensor:
        real, _ = self.discriminator(frames, planes)
        made, _ = self.discriminator(drawn, planes)
        return F.relu(1.0 - real).mean() + F.relu(1.0 + made).mean()

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        self.toggle_optimizer(optimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.max_norm)
        optimizer.step()
        self.untoggle_optimizer(optimizer)
