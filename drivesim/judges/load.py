"""The networks that judge video, as they are shipped: the probe and the feature network, with their hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from drivesim.errors import ModelError
from drivesim.judges.features import FeatureNetwork
from drivesim.judges.probe import ProbeNetwork
from drivesim.models.hashes import verify_folder
from drivesim.models.kept_network import logging

#: Where the shipped judges lie: one diffusers folder for each, hashes.json over both.
SHIPPED = Path(__file__).parent / "pretrained"


Network = TypeVar("Network", ProbeNetwork, FeatureNetwork)


@dataclass(frozen=True, eq=False)
class Judges:
    """Both networks on the CPU, and the SHA-256 over their files."""

    probe: ProbeNetwork
    features: FeatureNetwork
    sha256: str


def load_judges(folder: Path = SHIPPED, dtype: torch.dtype | None = None) -> Judges:
    """Load ``folder``/probe and ``folder``/features, safetensors only, every file checked against hashes.json.

    ``dtype`` is bfloat16 where the processor computes in it natively, else float32. Raises ModelError for what is missing
    or damaged.
    """
    from drivesim.models.load import choose_dtype

    if not (folder / "hashes.json").is_file():
        raise ModelError(
            f"{folder}: no judges here; expected probe/, features/ and hashes.json, as 'drivesim train probe' makes them"
        )
    sha256 = verify_folder(folder)
    chosen = choose_dtype(torch.device("cpu"), None) if dtype is None else dtype
    logging.disable_progress_bar()
    try:
        probe = _read(ProbeNetwork, folder / "probe", chosen)
        features = _read(FeatureNetwork, folder / "features", chosen)
    except (TypeError, KeyError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder}: written by another version or damaged: {error}") from error
    return Judges(probe=probe, features=features, sha256=sha256)


def _read(kind: type[Network], folder: Path, dtype: torch.dtype) -> Network:
    loaded: tuple[Network, dict[str, list[str]]] = kind.from_pretrained(  # type: ignore[no-untyped-call]
        folder,
        torch_dtype=dtype,
        use_safetensors=True,
        low_cpu_mem_usage=False,
        local_files_only=True,
        output_loading_info=True,
    )
    found: dict[str, list[str]] = loaded[1]
    # The library only warns of weights that it did not find, and leaves them at random.
    if strange := [*found["missing_keys"], *found["unexpected_keys"]]:
        raise ValueError(f"{folder.name} lacks or has besides {', '.join(sorted(strange)[:4])}")
    return loaded[0].eval().requires_grad_(False).to(memory_format=torch.channels_last)
