"""Loading a model by name, folder or hub id: safetensors only, hashes checked, device and dtype that fit the machine."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from drivesim.errors import ModelError
from drivesim.models.differences import read_object
from drivesim.models.family_files import Overrides
from drivesim.models.hashes import PICKLE_SUFFIXES, combined_hash, file_hashes, verify_folder, write_hashes
from drivesim.models.hub import fetch_model, is_hub_id
from drivesim.options import RolloutMode
from drivesim.storage import no_folder
from drivesim.world_model import LoadedModel

PRETRAINED = Path(__file__).parent / "pretrained"
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


class KeptModel(LoadedModel, Protocol):
    """What a family's ``load_folder`` returns: a model that can be written into a folder and sent to a hub again."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as it is now into a folder that :func:`load_model` reads. Raises ModelError."""
        ...

    def push_to_hub(
        self, repo_id: str, *, private: bool | None = ..., token: str | None = ..., commit_message: str = ...
    ) -> str:
        """Upload it to a hub repository "owner/name"; returns the commit's address. Raises ModelError."""
        ...


class Family(Protocol):
    """The module ``drivesim/models/<family>/load.py``, by which a family is known; nothing else names it."""

    def load_folder(
        self, folder: Path, *, dtype: torch.dtype, device: torch.device, overrides: Overrides, sha256: str
    ) -> KeptModel:
        """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version, InputError
        for ``overrides`` that it cannot take.
        """
        ...


class FamilyFiles(Protocol):
    """The module ``drivesim/models/<family>/format.py``: what a folder's files say, and what a new folder's would."""

    #: The parts that a folder consists of, with their classes.
    PARTS: dict[str, Any]

    def new_settings(self, name: str) -> dict[str, Any]:
        """What model.json of a new model holds."""
        ...

    def older_values(self, folder: Path, part: str) -> dict[str, Any]:
        """The keys that an older part's config.json lacks, with the values that their absence means."""
        ...

    def check_files(self, folder: Path) -> None:
        """Look whether a folder's files fit this version. Raises ModelError with every difference."""
        ...

    def video_of(self, folder: Path) -> tuple[int, int, float]:
        """Rows, columns and frames a second of what the model makes. Raises ModelError."""
        ...


def families() -> tuple[str, ...]:
    """Names of the model families: the folders here that have a ``load.py``."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/load.py")))


def family_of(folder: Path) -> str:
    """The name of the family that a folder says it is of, which must be known."""
    name = read_object(folder / "model.json").get("family")
    if name not in families():
        raise ModelError(
            f"{folder}: model family {name!r} is not known to this version (known: {', '.join(families())})"
        )
    return str(name)


def _module(family: str, part: str) -> Any:
    return importlib.import_module(f"drivesim.models.{family}.{part}")


def family_files(family: str) -> FamilyFiles:
    """What is known of a family's files."""
    files: FamilyFiles = _module(family, "format")
    return files


def model_folder(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a packaged model ("default"), of a path, or of a hub id, fetched into the cache where needed.

    Raises ModelError when there is no model.
    """
    if not str(name).strip():
        raise ModelError(
            f"model {str(name)!r}: no name. Name a folder or a packaged model ({', '.join(packaged_models())})"
        )
    if is_hub_id(name):
        return fetch_model(str(name), revision)
    if revision is not None:
        raise ModelError(f"model {str(name)!r} is on this machine and has no revision {revision!r}; leave it out")
    packaged = PRETRAINED / str(name)
    folder = packaged if packaged.is_dir() and Path(name).name == str(name) else Path(name)
    if folder.suffix in PICKLE_SUFFIXES:
        raise ModelError(
            f"{folder}: this is a pickle, which can run code when it is loaded; drivesim reads safetensors only. "
            "Give the model folder that 'drivesim train' wrote, with its model.json and hashes.json."
        )
    if os.path.lexists(folder) and not folder.is_dir():
        raise ModelError(
            f"model {str(name)!r}: {no_folder(folder)}. Give the model folder that 'drivesim train' wrote, with its model.json"
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
    name: str | Path = "default",
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    steps: int | None = None,
    frames_per_call: int | None = None,
    mode: RolloutMode | None = None,
) -> KeptModel:
    """Load a model by packaged name, folder, or hub id "owner/name", of which ``revision`` is a branch, tag or commit.

    A packaged name or a folder never touches a network. Every file is checked against hashes.json. ``steps`` overrides
    the sampler steps of a rollout, ``frames_per_call`` the frames that one call makes, where the family's networks take other
    numbers than they were trained with (docs/limits.md says what becomes of the video), ``mode`` whether it goes by key
    frames or frame by frame. Raises ModelError for missing, damaged
    or foreign files, and says what differs; InputError for numbers that cannot be, and for a
    mode that the model does not have.
    """
    overrides = Overrides(steps=steps, frames_per_call=frames_per_call, mode=mode)
    folder = model_folder(name, revision)
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(chosen_device, dtype)
    weights_sha256 = verify_folder(folder)
    family: Family = _module(family_of(folder), "load")
    with _damage(folder):
        return family.load_folder(
            folder, dtype=chosen_dtype, device=chosen_device, overrides=overrides, sha256=weights_sha256
        )


def check_folder(folder: Path) -> str:
    """The hash of a model folder whose files all fit this version, without loading its weights.

    Raises ModelError for missing, damaged or foreign files, and says what differs.
    """
    weights_sha256 = verify_folder(folder)
    family = family_files(family_of(folder))
    with _damage(folder):
        family.check_files(folder)
    return weights_sha256


def video_of(name: str | Path) -> tuple[int, int, float]:
    """Rows, columns and frames a second of what a model makes, without loading it. Raises ModelError."""
    folder = model_folder(name)
    family = family_files(family_of(folder))
    with _damage(folder):
        return family.video_of(folder)


@contextlib.contextmanager
def _damage(folder: Path) -> Iterator[None]:
    """Says of whatever a library makes of a damaged folder which folder it is."""
    try:
        yield
    except (
        TypeError,
        KeyError,
        OSError,
        ValueError,
        RuntimeError,
        IndexError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise ModelError(f"{folder}: written by another version or damaged: {error}") from error


__all__ = [
    "check_folder",
    "choose_device",
    "choose_dtype",
    "combined_hash",
    "family_files",
    "family_of",
    "file_hashes",
    "load_model",
    "model_folder",
    "packaged_models",
    "verify_folder",
    "video_of",
    "write_hashes",
]
