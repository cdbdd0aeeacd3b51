"""The parts of a model as folders: one of diffusers' each, safetensors only; writing, reading and sending them."""

from __future__ import annotations

import copy
import json
import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from drivesim.errors import ModelError
from drivesim.models.hub import upload_model
from drivesim.models.kept_network import KeptNetwork, logging
from drivesim.models.saving import save_whole

SHARD_SIZE = "14MB"


def save_parts(networks: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> None:
    """Write copies of the networks in bfloat16, each in its own folder, and model.json; existing parts are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        small = copy.deepcopy(network).to("cpu", torch.bfloat16)
        small.save_pretrained(folder / name, safe_serialization=True, max_shard_size=SHARD_SIZE)
        forget_origin(folder / name / "config.json")
    (folder / "model.json").write_text(json.dumps(settings, indent=2))


def forget_origin(path: Path) -> None:
    """Take out of a config.json the folder that the network was loaded from, which is nobody else's business."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.pop("_name_or_path", None) is not None:
        path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_parts(
    folder: Path, parts: Mapping[str, type[KeptNetwork]], dtype: torch.dtype, older: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """The networks of a checked model folder on the CPU, in eval mode and frozen; loading is strict.

    ``older`` holds by part the keys that its file lacks, with what their absence means. Raises ModelError for weights that
    are no numbers.
    """
    logging.disable_progress_bar()  # a bar per part for half a second each only hides what the user is told
    options = {"torch_dtype": dtype, "use_safetensors": True, "low_cpu_mem_usage": False, "local_files_only": True}
    loaded: dict[str, Any] = {
        name: network.from_pretrained(folder / name, **options, **older.get(name, {}))  # type: ignore[no-untyped-call]
        for name, network in parts.items()
    }
    for name, network in loaded.items():
        _require_finite(folder / name, network)
    return {name: network.eval().requires_grad_(False) for name, network in loaded.items()}


def _require_finite(folder: Path, network: nn.Module) -> None:
    """Raise ModelError for weights that are not numbers: they would load without a word and make black video."""
    broken = [name for name, tensor in network.state_dict().items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise ModelError(
            f"{folder}: weights that are not numbers (NaN or infinite) in {broken[0]}{more}. Copy the model again, or go back to a "
            "checkpoint from before the training broke."
        )


def read_card(folder: Path) -> str | None:
    """The text of a model's card (README.md), if it has one."""
    path = folder / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else None


class Keepable:
    """What every loaded model can do with itself: be written into a folder, and sent to a hub.

    ``card`` is the text of its model card (README.md), if it has one.
    """

    card: str | None

    @abstractmethod
    def write_parts(self, folder: Path) -> None:
        """Write networks and configuration into a folder."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as it is now into a folder: parts in bfloat16, model.json, model card, hashes.json.

        The folder appears whole or not at all; an older model in it is replaced. An unchanged model keeps its hash.
        Raises ModelError when something else is in the way or the disk is full.
        """

        def write(unfinished: Path) -> None:
            self.write_parts(unfinished)
            if self.card is not None:
                (unfinished / "README.md").write_text(self.card, encoding="utf-8")

        save_whole(Path(folder), write)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str = "Upload drivesim model",
    ) -> str:
        """Upload the files of :meth:`save_pretrained` to a hub repository "owner/name"; returns the commit's address.

        The repository is made where it is missing, ``private`` or not; ``token`` defaults to the one logged in with.
        Raises ModelError without a network or without the right to write.
        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            self.save_pretrained(folder)
            return upload_model(folder, repo_id, private=private, token=token, commit_message=commit_message)
