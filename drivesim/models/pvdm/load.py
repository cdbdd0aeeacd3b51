"""A model folder of PVDM: model.json, and ``autoencoder/`` and ``denoiser/`` as diffusers folders, safetensors only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drivesim.controls import Controls
from drivesim.diffusion.ddim import DDIMConfig, ddim_sample, steered
from drivesim.models.clip_family import ClipSampling, LoadedClipModel, assembled, with_steps
from drivesim.models.clip_model import FRAME_SIZE
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.kept_parts import load_parts, read_card
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.config import PVDMConfig
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.models.pvdm.format import FORMAT_VERSION, PARTS, check_files, older_values, read_config
from drivesim.noise import NoiseStream


class PlanePredictor:
    """Draws the planes of the clip after one (PVDM's algorithm 1)."""

    num_clips = 1

    def __init__(self, network: PlaneDenoiser, sampling: ClipSampling, device: torch.device) -> None:
        self.network: Any = network  # diffusers does not say that its modules can be called
        self.sampling = sampling
        self.device = device

    @torch.inference_mode()
    def predict(self, context: Tensor, controls: Controls, noise: NoiseStream, *, first: bool) -> Tensor:
        """Latents (1, C, places) after those of one clip."""
        told = self.network.read(ControlTensors.from_controls(controls).to(self.device, self.network.dtype), batch=1)
        known = context.to(self.device)

        def after(known: Tensor) -> Any:
            return lambda noisy, level: self.network(noisy, level, known, told)

        predict = steered(after(known), after(torch.zeros_like(known)), self.sampling.guidance)
        config = DDIMConfig(steps=self.sampling.steps(first), eta=self.sampling.eta)
        start = noise.child(0).normal(*context.shape).to(self.device)
        latents = ddim_sample(
            predict, start, lambda index: noise.child(1, index).normal(*context.shape), self.network.schedule, config
        )
        return latents.cpu()


def assemble(
    autoencoder: PlaneAutoencoder,
    denoiser: PlaneDenoiser,
    config: PVDMConfig,
    weights_sha256: str,
    device: torch.device,
    card: str | None = None,
    frame_size: tuple[int, int] = FRAME_SIZE,
) -> LoadedClipModel:
    """Give the networks their roles on a device."""
    networks: dict[str, Any] = {"autoencoder": autoencoder.to(device), "denoiser": denoiser.to(device)}
    predictor = PlanePredictor(networks["denoiser"], config.sampling, device)
    return assembled(
        "pvdm",
        FORMAT_VERSION,
        networks,
        config,
        predictor,
        weights_sha256=weights_sha256,
        device=device,
        card=card,
        frame_size=frame_size,
    )


def load_folder(
    folder: Path, *, dtype: torch.dtype, device: torch.device, steps: int | None, sha256: str
) -> LoadedClipModel:
    """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version."""
    check_files(folder)
    networks = load_parts(folder, PARTS, dtype, {name: older_values(folder, name) for name in PARTS})
    config = with_steps(read_config(folder), steps)
    return assemble(**networks, config=config, weights_sha256=sha256, device=device, card=read_card(folder))


__all__ = ["PlanePredictor", "assemble", "load_folder"]
