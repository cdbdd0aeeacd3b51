"""The adversarial phase of the codec: a patch discriminator sharpens what L1 leaves soft.

Hinge loss with feature matching at PVDM's ratio of 4 to 1 (Yu et al. 2023); the discriminator is PatchGAN's (Isola et al.
2017) with three strides. Only the decoder learns, so latents and the diffusion parts stay valid. PSNR falls a little
where this works; end it early.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.training.codec_stage import DecoderStage
from drivesim.training.optimizer import MasterAdamW
from drivesim.training.parts import DTYPES, Dtype
from drivesim.training.reconstruction import reconstruction_loss
from drivesim.training.stage import Batch


class PatchDiscriminator(nn.Module):
    """Frames (N, 3, H, W) to logits (N, 1, H/8, W/8), with the features on the way."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            [nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in pairwise(widths)]
        )
        self.out = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits in float32, and the features after each layer."""
        hidden = frames.to(self.out.weight.dtype).contiguous(memory_format=torch.channels_last)
        features = []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            features.append(hidden)
        return self.out(hidden).float(), features


class CodecGanStage(DecoderStage):
    """Trains the decoder against a patch discriminator; two optimisers, so Lightning's manual mode."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "bfloat16",
        network: dict[str, Any] | None = None,
        learning_rate: float = 1e-4,
        warmup_steps: int = 100,
        average_decay: float = 0.998,
        weight_decay: float = 1e-3,
        crop: tuple[int, int] = (128, 256),
        leaves_share: float = 0.0,
        recoloured_share: float = 0.0,
        adversarial_weight: float = 0.1,
        max_norm: float = 1.0,
    ) -> None:
        """As :class:`DecoderStage`; ``adversarial_weight`` counts the hinge term, four times that the feature matching."""
        super().__init__(
            work, initial, dtype, network, learning_rate, warmup_steps, average_decay, weight_decay, crop,
            leaves_share, recoloured_share,
        )  # fmt: skip
        self.automatic_optimization = False
        self.adversarial_weight = adversarial_weight
        self.max_norm = max_norm
        torch.manual_seed(1)
        self.discriminator = PatchDiscriminator().to(DTYPES[dtype]).to(memory_format=torch.channels_last)

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
        judge = MasterAdamW(self.discriminator.parameters(), lr=self.learning_rate, betas=(0.5, 0.9), weight_decay=0.0)
        return [super().configure_optimizers(), judge]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """One step of the decoder, then one of the discriminator on the same frames."""
        generator = self._generator(batch)
        decoder, judge = self.optimizers()
        decoded = self.decoded(batch, generator)
        loss, shares = self._decoder_loss(decoded, batch)
        self.refuse_nan(loss, batch)
        self._step(decoder, loss)
        judge_loss = self._judge_loss(decoded.detach(), batch["frames"])
        self.refuse_nan(judge_loss, batch)
        self._step(judge, judge_loss)
        self.count(batch)
        self.log_dict({"loss": loss.detach(), "discriminator_loss": judge_loss.detach(), **shares}, prog_bar=True)

    def _decoder_loss(self, decoded: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            _, real = self.discriminator(batch["frames"])
        logits, features = self.discriminator(decoded)
        pairs = zip(features, real, strict=True)
        matching = torch.stack([F.l1_loss(mine.float(), theirs.float()) for mine, theirs in pairs]).mean()
        plain = reconstruction_loss(decoded, batch["frames"], batch["weights"])
        hinge = -logits.mean()
        total = plain + self.adversarial_weight * (hinge + 4.0 * matching)
        return total, {"reconstruction": plain.detach(), "feature_matching": matching.detach()}

    def _judge_loss(self, decoded: Tensor, frames: Tensor) -> Tensor:
        real, _ = self.discriminator(frames)
        drawn, _ = self.discriminator(decoded)
        return F.relu(1.0 - real).mean() + F.relu(1.0 + drawn).mean()

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        self.toggle_optimizer(optimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.max_norm)
        optimizer.step()
        self.untoggle_optimizer(optimizer)
