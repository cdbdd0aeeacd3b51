"""A model folder of PVDM: model.json, and ``autoencoder/`` and ``denoiser/`` as diffusers folders, safetensors only."""

from __future__ import annotations

from drivesim.models.pvdm.format import FAMILY

assemble, load_folder = FAMILY.assemble, FAMILY.load_folder

__all__ = ["assemble", "load_folder"]
