"""Loading a model by name or folder: device and dtype by what the machine does natively, safetensors only, hashes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from drivesim.errors import ModelError

PRETRAINED = Path(__file__).parent / "pretrained"
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".pkl", ".bin")
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


def model_folder(name: str | Path) -> Path:
    """The folder of a packaged model ("default") or of a path. Raises ModelError when there is no model."""
    packaged = PRETRAINED / str(name)
    folder = packaged if packaged.is_dir() and Path(name).name == str(name) else Path(name)
    if folder.suffix in PICKLE_SUFFIXES:
        raise ModelError(
            f"{folder}: this is a pickle, which can run code when it is loaded; drivesim reads safetensors only. "
            "Give the folder that 'drivesim train export' wrote."
        )
    if not folder.is_dir():
        raise ModelError(
            f"model {str(name)!r}: no such folder and no packaged model (packaged: {', '.join(packaged_models())})"
        )
    if not (folder / "model.json").is_file():
        raise ModelError(f"{folder}: not a drivesim model folder, model.json is missing")
    return folder


def packaged_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/model.json"))


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every weight and configuration file of a model folder, by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".safetensors", ".json"))
    names = [path for path in paths if path.name != "hashes.json"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}


def verify_folder(folder: Path) -> str:
    """Check every file against hashes.json and return the hash of the whole. Raises ModelError naming the file."""
    pickles = [path.name for path in folder.rglob("*") if path.suffix in PICKLE_SUFFIXES]
    if pickles:
        raise ModelError(
            f"{folder}: holds {', '.join(pickles)}, pickles that can run code; remove them, only safetensors are read"
        )
    recorded_file = folder / "hashes.json"
    if not recorded_file.is_file():
        raise ModelError(f"{folder}: hashes.json is missing; write the model again with 'drivesim train export'")
    recorded = json.loads(recorded_file.read_text())
    found = file_hashes(folder)
    for name, digest in recorded.items():
        if name not in found:
            raise ModelError(f"{folder / name}: the file is missing; install the package or copy the model again")
        if found[name] != digest:
            raise ModelError(
                f"{folder / name}: the file is damaged or foreign (sha256 {found[name][:12]}, expected {digest[:12]}); "
                "install the package or copy the model again"
            )
    return combined_hash(recorded)


def combined_hash(hashes: dict[str, str]) -> str:
    """One SHA-256 over the names and hashes of all files."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def choose_device(device: str | None) -> torch.device:
    """The device asked for, else CUDA, MPS or the CPU, whichever is there first. Raises ModelError if it is not there."""
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind = device.split(":")[0]
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if kind not in there:
        raise ModelError(f"device {device!r} is not known; use cpu, cuda or mps")
    if not there[kind]:
        raise ModelError(f"device {device!r} is not available on this machine; use --device cpu")
    return torch.device(device)


def choose_dtype(device: torch.device, dtype: str | None) -> torch.dtype:
    """The dtype asked for, else bfloat16 where the processor computes in it natively, else float32."""
    if dtype is not None:
        if dtype not in DTYPES:
            raise ModelError(f"dtype {dtype!r} is not known; use {', '.join(DTYPES)}")
        return DTYPES[dtype]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if device.type == "cpu" and native_bfloat16() else torch.float32


def native_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself (AVX512-BF16 or AMX) rather than by emulation."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def load_model(
    name: str | Path = "default", *, device: str | None = None, dtype: str | None = None, steps: int | None = None
) -> Any:
    """Load a model: an object with ``world_model``, ``start_frame_model`` and ``config``.

    ``steps`` overrides the sampler steps of a rollout. Raises ModelError for missing, damaged or foreign files.
    """
    folder = model_folder(name)
    weights_sha256 = verify_folder(folder)
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(chosen_device, dtype)
    data = json.loads((folder / "model.json").read_text())
    family = data.pop("family", None)
    if family != "video_ldm":
        raise ModelError(f"{folder}: model family {family!r} is not known to this version (known: video_ldm)")
    from drivesim.models.video_ldm.load import VideoLDMConfig, assemble, load_networks

    try:
        config = VideoLDMConfig.from_json(data)
        networks = load_networks(folder, chosen_dtype)
    except (TypeError, KeyError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder}: written by another version or damaged: {error}") from error
    if steps is not None:
        sampler = dataclasses.replace(config.rollout.sampler, steps=steps)
        config = dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, sampler=sampler))
    return assemble(networks, config, weights_sha256, chosen_device)
