"""A sentence encoder that needs no package: a vector of its own for each word of the phrasings."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from drivesim.text.phrases import WORDS


def write_word_vectors(folder: Path, seed: int = 0) -> Path:
    """A folder of word vectors (128 numbers each) of every word that phrasings have."""
    phrases = [phrase for word in WORDS for form in (word.behind, word.alone, word.before) for phrase in form]
    words = sorted({word for phrase in phrases for word in re.findall(r"[\w'-]+", phrase.lower())})
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    vectors = np.random.default_rng(seed).normal(size=(len(words), 128)).astype(np.float32)
    save_file({"vectors": vectors}, folder / "vectors.safetensors")
    return folder
