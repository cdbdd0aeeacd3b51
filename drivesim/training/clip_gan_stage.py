"""The adversarial phase of clip autoencoders: discriminators that see time sharpen what reconstruction leaves soft.

As in PVDM (Yu et al. 2023) and LVDM (He et al. 2022), whose autoencoders end with it. There the encoder learns on; here it is
frozen, so latents stay as they are and a denoiser that was trained on them stays valid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from drivesim.errors import InputError
from drivesim.training.adversarial import AdversarialStage, Judged, Opposition, layer_by_layer
from drivesim.training.clip_stages import ClipCodingStage
from drivesim.training.parts import Dtype, Parts
from drivesim.training.schedule import Schedule, require
from drivesim.training.stage import Batch

#: Bounds of the ratio of gradients, as the authors of VQGAN have them.
LEAST_GRADIENT, LARGEST_BALANCE = 1e-4, 1e4


class ClipPatchDiscriminator(nn.Module):
    """Clips (N, 3, T, H, W) to logits (N, 1, T / 4, H / 8, W / 8), each of 17 frames and 38 pixels where the clip has them.

    PatchGAN's with three strides (Isola et al. 2017) in three dimensions. With ``sees_time`` False each frame is judged by
    itself, as in two dimensions: T logits.
    """

    def __init__(self, width: int, *, sees_time: bool = True) -> None:
        super().__init__()
        span, stride = (3, 2) if sees_time else (1, 1)

        def layer(before: int, after: int, time_stride: int) -> nn.Module:
            kernel, padding = (span, 4, 4), (span // 2, 1, 1)
            return spectral_norm(nn.Conv3d(before, after, kernel, stride=(time_stride, 2, 2), padding=padding))

        # Time is not halved at first: what changes between two frames is what a clip has beyond its frames.
        self.layers = nn.ModuleList(
            [layer(3, width, 1), layer(width, 2 * width, stride), layer(2 * width, 4 * width, stride)]
        )
        self.out = spectral_norm(nn.Conv3d(4 * width, 1, (span, 3, 3), padding=(span // 2, 1, 1)))

    def forward(self, clips: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits in float32, and the features after each layer."""
        return layer_by_layer(clips.to(next(self.parameters()).dtype), self.layers, self.out)


class ClipGanStage(AdversarialStage, ClipCodingStage):
    """Trains the decoder of a finished autoencoder of clips against patch discriminators; subclasses name the family."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        schedule: Schedule = Schedule(learning_rate=1e-4, warmup_steps=30, average_decay=0.99),
        recoloured_share: float = 0.3,
        squared_weight: float = 1.0,
        latent_noise: float = 0.03,
        clip_discriminator: bool = True,
        frame_discriminator: bool = False,
        discriminator_width: int = 32,
        adversarial_weight: float = 0.1,
        adaptive: bool = False,
        matching_weight: float = 1.0,
        start_step: int = 0,
        max_norm: float = 1.0,
    ) -> None:
        """``clip_discriminator`` sees clips, ``frame_discriminator`` each frame by itself; at least one of them is needed.

        For what their opinion counts see :class:`~drivesim.training.adversarial.Opposition`. ``adaptive`` multiplies
        ``adversarial_weight`` by the ratio of the gradients that reconstruction and hinge send to the decoder's last layer (Esser
        et al. 2021). Raises InputError for settings with which nothing is learnt.
        """
        if not (clip_discriminator or frame_discriminator):
            raise InputError(
                "model.clip_discriminator and model.frame_discriminator are both off: expected one at least"
            )
        require("discriminator_width", discriminator_width, least=1)
        parts = Parts(Path(work), initial, dtype, self.family)
        network = parts.finished("autoencoder").train()
        for name, module in network.named_children():
            module.requires_grad_(name not in network.ENCODER)
        super().__init__(
            network,
            parts,
            schedule,
            recoloured_share=recoloured_share,
            squared_weight=squared_weight,
            latent_noise=latent_noise,
        )
        self.adaptive = adaptive
        torch.manual_seed(1)
        kinds = [sees_time for sees_time, there in ((True, clip_discriminator), (False, frame_discriminator)) if there]
        judges: Any = nn.ModuleList([ClipPatchDiscriminator(discriminator_width, sees_time=kind) for kind in kinds])
        opposition = Opposition(
            adversarial_weight=adversarial_weight,
            matching_weight=matching_weight,
            start_step=start_step,
            max_norm=max_norm,
        )
        # In float32: the gradient of a 3D convolution's weights in bfloat16 holds, with torch 2.13 on CPUs and strides as here, what
        # nobody has written.
        self.oppose(judges, opposition)

    def draw_judged(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Judged]:
        """The loss of reconstruction, and whole clips."""
        decoded = self.decoded(batch, generator).float()
        return self.reconstruction(decoded, batch), Judged(decoded, batch["clips"], batch["weights"])

    def balance(self, plain: Tensor, hinge: Tensor) -> Tensor | float:
        """The ratio of the two losses' gradients at the decoder's last layer, where the stage is adaptive."""
        if not self.adaptive:
            return 1.0
        last = self.network.last_weight
        kept, pushed = (torch.autograd.grad(loss, last, retain_graph=True)[0].float().norm() for loss in (plain, hinge))
        return (kept / (pushed + LEAST_GRADIENT)).clamp(max=LARGEST_BALANCE).detach()
