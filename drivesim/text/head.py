"""The head: from a sentence's embedding to the words of a scene that the sentence says, each with its probability.

It is one layer: multinomial logistic regression for each group of words, with "not spoken of" among the answers. It is fitted to
sentences made from phrasings (:mod:`drivesim.text.sentences`) where an encoder is first used, and kept in the cache: so any encoder
has one, and the package ships none. The loss is strictly convex, so that there is one best head, and another machine finds the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.storage import cache_folder, make_folder, write_atomic
from drivesim.text.encoder import TextEncoder
from drivesim.text.phrases import GROUPS, SceneWord
from drivesim.text.sentences import LabelledSentence, sentences

#: Sentences that a head is fitted to, and the seed that they are drawn by.
NUM_SENTENCES, SEED = 2000, 0
#: Weight of the squared weights in the loss.
PENALTY = 3e-4
#: A kind of word counts as said from this probability on.
SAID_FROM = 0.5
_MOST_STEPS = 300
_KEY = "weights"


@dataclass(frozen=True, eq=False)
class TextHead:
    """Weights float64 (rows, D + 1), the last column added: for each group a row for "not spoken of", then one for each word."""

    weights: FloatArray

    def probabilities(self, embeddings: FloatArray) -> dict[str, FloatArray]:
        """Of each group (N, 1 + its words), the first for "not spoken of"; embeddings are (N, D) of length 1."""
        scores = _inputs(embeddings) @ self.weights.T
        return {group: _softmax(scores[:, rows]) for group, rows in _rows()}

    def read(self, embedding: FloatArray) -> dict[str, float]:
        """The words that a text says, given its embedding (D,): the likeliest of each group, with the probability of its kind.

        A kind counts from ``SAID_FROM`` on: that it rains is said, where light and heavy are as likely.
        """
        found: dict[str, float] = {}
        for group, shares in self.probabilities(embedding[None]).items():
            words = GROUPS[group]
            of_kind: dict[str, float] = {}
            for word, share in zip(words, shares[0, 1:], strict=True):
                of_kind[word.kind] = of_kind.get(word.kind, 0.0) + float(share)
            kind = max(of_kind, key=lambda name: of_kind[name])
            if of_kind[kind] >= SAID_FROM:
                found[_likeliest(words, shares[0, 1:], kind).name] = of_kind[kind]
        return found


def understand(text: str, encoder: TextEncoder) -> dict[str, float]:
    """The words of the scene that a text says, with their probabilities; none where it speaks of something else.

    Raises InputError for a text that is too long for the encoder.
    """
    return head_of(encoder).read(encoder.encode([text])[0])


def head_of(encoder: TextEncoder) -> TextHead:
    """The head of an encoder: of the cache, or fitted now and kept there. The cache is a mere cache: what is wrong with it is made anew."""
    with suppress(OSError, RuntimeError, ValueError, KeyError):  # RuntimeError: no home folder
        return _kept(_place(encoder))
    head = fit_head(encoder)
    with suppress(OSError, RuntimeError):
        _keep(head, _place(encoder))
    return head


def fit_head(encoder: TextEncoder, number: int = NUM_SENTENCES) -> TextHead:
    """The head that reads ``number`` made sentences best, by L-BFGS from zero."""
    made = sentences(number, SEED)
    return TextHead(_fitted(_inputs(encoder.encode([one.text for one in made])), made))


def _fitted(inputs: FloatArray, made: Sequence[LabelledSentence]) -> FloatArray:
    from scipy.optimize import minimize

    groups = list(_rows())
    wanted = np.concatenate([_wanted(group, made) for group, _ in groups], axis=1)
    shape = (wanted.shape[1], inputs.shape[1])

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(shape)
        scores = inputs @ weights.T
        found = np.concatenate([_softmax(scores[:, rows]) for _, rows in groups], axis=1)
        surprise = -np.log(np.maximum(found[wanted > 0.0], 1e-300)).sum() / len(inputs)
        slope = (found - wanted).T @ inputs / len(inputs)
        # The column that is added is free: how often a word is said is no matter of the weights' size.
        slope[:, :-1] += 2.0 * PENALTY * weights[:, :-1]
        return float(surprise + PENALTY * (weights[:, :-1] ** 2).sum()), slope.ravel()

    best = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS})
    return np.asarray(best.x).reshape(shape)


def _wanted(group: str, made: Sequence[LabelledSentence]) -> FloatArray:
    """One-hot answers (sentences, 1 + words of the group)."""
    names = [None, *(word.name for word in GROUPS[group])]
    return np.eye(len(names))[[names.index(one.says.get(group)) for one in made]]


def _rows() -> Iterator[tuple[str, slice]]:
    """Each group with its rows of the weights."""
    start = 0
    for group, words in GROUPS.items():
        yield group, slice(start, start + 1 + len(words))
        start += 1 + len(words)


def _inputs(embeddings: FloatArray) -> FloatArray:
    """Scaled so that numbers are about 1 whatever the dimension, with a column of ones."""
    scaled = embeddings * np.sqrt(embeddings.shape[1])
    return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)


def _softmax(scores: FloatArray) -> FloatArray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _likeliest(words: Sequence[SceneWord], shares: FloatArray, kind: str) -> SceneWord:
    own = [index for index, word in enumerate(words) if word.kind == kind]
    return words[max(own, key=lambda index: shares[index])]


@lru_cache(maxsize=1)
def _recipe() -> str:
    """Of all that a head is made by, beside its encoder."""
    made = "\n".join(f"{one.text} {sorted(one.says.items())}" for one in sentences(NUM_SENTENCES, SEED))
    return hashlib.sha256(f"{PENALTY} {_MOST_STEPS} {made}".encode()).hexdigest()


def _place(encoder: TextEncoder) -> Path:
    name = hashlib.sha256(f"{encoder.sha256} {_recipe()}".encode()).hexdigest()[:32]
    return cache_folder() / "text" / f"{name}.safetensors"


def _keep(head: TextHead, path: Path) -> None:
    from safetensors.numpy import save

    make_folder(path.parent)
    write_atomic(path, save({_KEY: np.ascontiguousarray(head.weights)}))


def _kept(path: Path) -> TextHead:
    """Raises OSError, ValueError or KeyError where none is kept that could be used."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        weights = load(path.read_bytes())[_KEY]
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if weights.ndim != 2 or len(weights) != sum(1 + len(words) for words in GROUPS.values()):
        raise ValueError(f"weights of shape {weights.shape}")
    return TextHead(weights)
