"""What adversarial stages share: what discriminators see, hinge loss with feature matching, and the steps of two optimisers.

Hinge loss with spectral norm and feature matching, as pix2pixHD (Wang et al. 2018) and PVDM (Yu et al. 2023) have them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.training.optimizer import MasterAdamW
from drivesim.training.schedule import require
from drivesim.training.stage import Batch, Stage


@dataclass(frozen=True, eq=False)
class Judged:
    """What the discriminators see: frames ``drawn`` and their ``truth`` (N, 3, H, W), or clips (N, 3, T, H, W), the ``weights``
    of their pixels, of one channel, and what they are ``told`` beside, such as the layout planes that the decoder was told.
    """

    drawn: Tensor
    truth: Tensor
    weights: Tensor
    told: tuple[Tensor, ...] = ()

    def weighted(self, values: Tensor) -> Tensor:
        """Mean of values (N, C, [t,] h, w), a place counting as its pixels' weights do: what is small in a picture, or matters."""
        pool: Any = F.adaptive_avg_pool3d if self.weights.ndim == 5 else F.adaptive_avg_pool2d
        weights = pool(self.weights, tuple(values.shape[2:]))
        return (values * (weights / weights.mean())).mean()


@dataclass(frozen=True, kw_only=True)
class Opposition:
    """How much the discriminators' opinion counts beside reconstruction: ``adversarial_weight`` their hinge, ``matching_weight``
    the distance of their features; before ``start_step`` neither does, while they learn. Gradients are clipped to ``max_norm``.
    """

    adversarial_weight: float = 0.1
    matching_weight: float = 1.0
    start_step: int = 0
    max_norm: float = 1.0

    def __post_init__(self) -> None:
        """Raises InputError for what is no weight, step or norm."""
        for name, value in vars(self).items():
            require(name, value)


class AdversarialStage(Stage):
    """Trains a network against discriminators; two optimisers, so Lightning's manual mode.

    It stands before the stage whose loss it sharpens in a class's bases; the constructor ends with :meth:`oppose`.
    """

    leaves_weights_out = True  # the discriminators' at the network's step, and the other way round
    discriminators: Any
    opposition: Opposition

    def oppose(self, discriminators: nn.ModuleList, opposition: Opposition) -> None:
        """Train against these; each takes frames or clips and what is ``told``, and returns logits and a list of features."""
        self.automatic_optimization = False
        self.discriminators = discriminators
        self.opposition = opposition

    @abstractmethod
    def draw_judged(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Judged]:
        """The loss without discriminators, and what those see."""

    def balance(self, plain: Tensor, hinge: Tensor) -> Tensor | float:
        """A factor on ``adversarial_weight``, for a stage that weighs the hinge term by its gradient."""
        return 1.0

    @property
    def updates(self) -> int:
        """Steps of the network; Lightning counts those of both optimisers."""
        return self.trainer.global_step // 2

    def share_done(self) -> float:
        """As for one optimiser: ``max_steps`` counts the steps of both."""
        return (
            super().share_done() if self.trainer.max_steps <= 0 else self.trainer.global_step / self.trainer.max_steps
        )

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for the network, one for the discriminators, at one rate."""
        judge = MasterAdamW(
            self.discriminators.parameters(), lr=self.schedule.learning_rate, betas=(0.5, 0.9), weight_decay=0.0
        )
        return [super().configure_optimizers(), judge]

    def training_step(self, batch: Batch, batch_index: int) -> None:
        """One step of the network, then one of the discriminators on the same frames."""
        generator = self._generator(batch)
        network, judge = cast(Any, self.optimizers())
        plain, seen = self.draw_judged(batch, generator)
        self.discriminators.requires_grad_(False)
        loss, shares = self._opposed(plain, seen)
        self.refuse_nan(loss, batch)
        self._step(network, loss)
        self.discriminators.requires_grad_(True)
        judge_loss = torch.stack([hinge_loss(judge_of, seen) for judge_of in self.discriminators]).sum()
        self.refuse_nan(judge_loss, batch)
        self._step(judge, judge_loss)
        self.count(batch)
        self.log_dict({"loss": loss.detach(), "discriminator_loss": judge_loss.detach(), **shares}, prog_bar=True)

    def _opposed(self, plain: Tensor, seen: Judged) -> tuple[Tensor, dict[str, Tensor]]:
        if self.updates < self.opposition.start_step:
            return plain, {"reconstruction": plain.detach()}
        matching, hinge = [], []
        for discriminator in self.discriminators:
            with torch.no_grad():
                _, real = discriminator(seen.truth, *seen.told)
            logits, features = discriminator(seen.drawn, *seen.told)
            apart = [(mine.float() - theirs.float()).abs() for mine, theirs in zip(features, real, strict=True)]
            matching.append(torch.stack([seen.weighted(each) for each in apart]).mean())
            hinge.append(seen.weighted(logits))
        matched, judged = torch.stack(matching).sum(), torch.stack(hinge).sum()
        weight = self.opposition.adversarial_weight * self.balance(plain, judged)
        total = plain + self.opposition.matching_weight * matched - weight * judged
        return total, {"reconstruction": plain.detach(), "feature_matching": matched.detach()}

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        self.toggle_optimizer(optimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, self.opposition.max_norm)
        optimizer.step()
        self.untoggle_optimizer(optimizer)


def layer_by_layer(x: Tensor, layers: Iterable[nn.Module], out: nn.Module) -> tuple[Tensor, list[Tensor]]:
    """A discriminator's logits in float32, and the features after each of its ``layers``, as feature matching wants them."""
    features = [x]
    for layer in layers:
        features.append(F.leaky_relu(layer(features[-1]), 0.2))
    return out(features[-1]).float(), features[1:]


def hinge_loss(discriminator: nn.Module, seen: Judged) -> Tensor:
    """A discriminator's own loss: the truth above 1, what is drawn below -1."""
    real, _ = discriminator(seen.truth, *seen.told)
    made, _ = discriminator(seen.drawn.detach(), *seen.told)
    return seen.weighted(F.relu(1.0 - real)) + seen.weighted(F.relu(1.0 + made))
