"""Networks while they are trained: the parts of a model in ``work``/model/<part>, else those of an initial model; networks
that belong to no model in ``work``/networks/<part>.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from drivesim.errors import InputError
from drivesim.judges.features import FeatureNetwork
from drivesim.judges.probe import ProbeNetwork
from drivesim.models.enlarging import OPTIONAL_PARTS
from drivesim.models.kept_parts import SHARD_SIZE, forget_origin
from drivesim.models.load import choose_dtype, family_files, family_of, model_folder
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.storage import writing

#: Networks that are no part of a model: what measures models must not be of their making.
FURTHER_NETWORKS: dict[str, Any] = {"probe": ProbeNetwork, "features": FeatureNetwork}

#: What networks compute in while they learn. "auto" is bfloat16 where the processor or GPU multiplies in it natively, else float32: in
#: emulated bfloat16 a CPU takes ten to a hundred times as long. Weights proper and files are the same either way.
Dtype = Literal["auto", "bfloat16", "float32"]


@dataclass(frozen=True)
class Parts:
    """Where networks come from and go to.

    ``work`` is the folder of the whole training, ``initial`` a model (packaged name or folder) whose weights a stage
    starts from and whose parts stand in for those that are not trained. It has none of FURTHER_NETWORKS. ``family`` is
    that of the model.
    """

    work: Path
    initial: str | None = None
    dtype: Dtype = "auto"
    family: str = "video_ldm"

    @property
    def computes_in(self) -> torch.dtype:
        """The dtype of the networks while they learn."""
        return choose_dtype(encoding_device(), None if self.dtype == "auto" else self.dtype)

    @property
    def needed(self) -> dict[str, Any]:
        """The parts that a model folder cannot be without, with their classes."""
        return family_files(self.family).PARTS

    @property
    def of_model(self) -> dict[str, Any]:
        """The parts that a model folder may consist of, with their classes."""
        return self.needed | OPTIONAL_PARTS

    def _class_of(self, part: str) -> Any:
        return (self.of_model | FURTHER_NETWORKS)[part]

    def initial_folder(self) -> Path:
        """The folder of the initial model. Raises InputError when it is of another family."""
        assert self.initial is not None
        folder = model_folder(self.initial)
        found = family_of(folder)
        if found != self.family:
            raise InputError(
                f"{self.initial} is a model of the family {found!r}, this stage trains {self.family!r}; start from another "
                "with --initial, or take it out of the recipe"
            )
        return folder

    def fresh(self, part: str, settings: dict[str, Any], seed: int = 0) -> Any:
        """The network that a stage begins with: the initial model's, else a new one of these ``settings`` and ``seed``.

        Raises InputError when ``settings`` contradict the initial model or name what the network does not take.
        """
        kind = self._class_of(part)
        if self.initial_has(part):
            network = self._read(self.initial_folder() / part, kind)
            _compare(network, settings, f"{self.initial}/{part}")
        else:
            torch.manual_seed(seed)
            try:
                network = kind(**settings)
            except TypeError as error:
                raise InputError(
                    f"model.network of the stage '{part}': {error}; known settings: {_known(kind)}"
                ) from error
            except ValueError as error:
                raise InputError(f"model.network of the stage '{part}': {error}") from error
        return self.placed(network).train().requires_grad_(True)

    def continued(self, part: str, settings: dict[str, Any], seed: int = 0) -> Any:
        """The network that an earlier stage has trained, to be trained on; without one that of :meth:`fresh`.

        Raises InputError when ``settings`` contradict it.
        """
        if not self.is_trained(part):
            return self.fresh(part, settings, seed)
        network = self._read(self.folder(part), self._class_of(part))
        _compare(network, settings, str(self.folder(part)))
        return self.placed(network).train().requires_grad_(True)

    def finished(self, part: str) -> Any:
        """A part that another stage has trained, frozen. Raises InputError when there is none."""
        return self.placed(self._read(self._finished_folder(part), self._class_of(part))).eval().requires_grad_(False)

    def has(self, part: str) -> bool:
        """Whether :meth:`finished` finds the part."""
        return self.is_trained(part) or self.initial_has(part)

    def initial_has(self, part: str) -> bool:
        """Whether the initial model, where there is one, has the part."""
        if self.initial is None or part not in self.of_model:
            return False
        return part in self.needed or (self.initial_folder() / part).is_dir()

    def is_trained(self, part: str) -> bool:
        """Whether a stage has saved the part into ``work``."""
        return (self.folder(part) / "config.json").exists()

    def folder(self, part: str) -> Path:
        """Where a trained part is saved: ``work``/model/<part> or ``work``/networks/<part>."""
        return self.work / ("model" if part in self.of_model else "networks") / part

    def save(self, part: str, network: nn.Module) -> None:
        """Write a part in bfloat16 into its folder; whole or not at all."""
        target = self.folder(part)
        unfinished = target.with_name(part + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        cast(network, torch.bfloat16).save_pretrained(unfinished, safe_serialization=True, max_shard_size=SHARD_SIZE)
        forget_origin(unfinished / "config.json")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(unfinished, target)

    def _finished_folder(self, part: str) -> Path:
        if self.is_trained(part):
            return self.folder(part)
        if part not in self.of_model:
            raise InputError(
                f"{self.folder(part)}: there is nothing; train the stage '{part}' first with the same --work"
            )
        if self.initial is None:
            raise InputError(
                f"{self.folder(part)}: this stage needs the part '{part}'; train that stage first with the same --work, "
                "or start from a model that has it with --initial"
            )
        return self.initial_folder() / part

    def _read(self, folder: Path, kind: Any) -> Any:
        older = family_files(self.family).older_values(folder.parent, folder.name)
        return kind.from_pretrained(
            folder, torch_dtype=self.computes_in, use_safetensors=True, low_cpu_mem_usage=False, **older
        )

    def placed(self, network: Any) -> Any:
        """A network in the training's dtype and memory format."""
        network = cast(network, self.computes_in)
        if any(parameter.ndim == 5 for parameter in network.parameters()):
            return network  # 3D convolutions have no such format
        return network.to(memory_format=torch.channels_last)


def cast(network: Any, dtype: torch.dtype) -> Any:
    """Parameters in another dtype, in place; buffers keep theirs."""
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)
    return network


def _compare(network: Any, settings: dict[str, Any], where: str) -> None:
    has = json.loads(network.to_json_string())
    wrong = [
        f"{name}: {has.get(name)} there, {value} in the recipe"
        for name, value in settings.items()
        if json.loads(json.dumps(value)) != has.get(name)
    ]
    if wrong:
        raise InputError(
            f"{where} does not have the sizes of the recipe ({'; '.join(wrong)}); take model.network out of the recipe, "
            "or --initial"
        )


def _known(kind: Any) -> str:
    names = kind.__init__.__wrapped__.__code__.co_varnames[1 : kind.__init__.__wrapped__.__code__.co_argcount]
    return ", ".join(names)


def encoder_hash(codec: FrameCodec) -> str:
    """SHA-256 of what decides a codec's latents: encoder weights and standardisation."""
    config: Any = codec.config
    return network_hash(codec.encoder, json.dumps([config.latent_mean, config.latent_std]))


def network_hash(network: nn.Module, further: str = "") -> str:
    """SHA-256 of a network's weights as they are saved, and of what ``further`` decides what it makes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        values = tensor.detach().cpu().to(torch.bfloat16).reshape(-1).contiguous().view(torch.uint8)
        digest.update(name.encode() + values.numpy().tobytes())
    digest.update(further.encode())
    return digest.hexdigest()


def encoding_device() -> torch.device:
    """Where a store is encoded, by a network that is not the one being trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def write_rows(file: Path, rows: list[np.ndarray]) -> None:
    """Write arrays as the rows of one .npy file, whole or not at all; its folder is made."""
    with writing(file) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, np.stack(rows))
