"""The head: from a sentence's embedding to the words of a scene that the sentence says, each with its probability.

It is one layer: multinomial logistic regression for each group of words, with "not spoken of" among the answers. Beside the
embedding, which knows what is alike, it sees which words of the phrasings the sentence has, and so tells light rain from heavy. It is fitted to
sentences made from phrasings (:mod:`drivesim.text.sentences`) where an encoder is first used, and kept in the cache: so any encoder
has one, and the package ships none. The loss is convex and the way to its least begins at zero, so another machine finds the same
head but for rounding.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from drivesim.errors import NotKeptWarning
from drivesim.geometry import FloatArray
from drivesim.storage import cache_folder, kept_if_possible, make_folder, write_atomic
from drivesim.text.encoder import TextEncoder
from drivesim.text.phrases import GROUPS, SceneWord
from drivesim.text.sentences import LabelledSentence, sentences

#: Sentences that a head is fitted to, and the seed that they are drawn by.
NUM_SENTENCES, SEED = 2000, 0
#: Weight of the squared weights in the loss.
PENALTY = 2e-4
#: Length of the part of the inputs that says which words a text has; that of the embedding is the root of its dimension, about 20.
WORDS_SCALE = 8.0
#: A kind of word counts as said from this probability on.
SAID_FROM = 0.5
#: A piece of a text says something of a group from this probability on; alone it has little to say what it is about.
PIECE_SAYS_FROM = 0.8
_WORD = re.compile(r"[\w'-]+")
_BETWEEN = re.compile(r"[,;:.!?]\s+|\band\b|\bwhile\b", re.IGNORECASE)
_MOST_STEPS = 300
_KEY = "weights"


@dataclass(frozen=True, eq=False)
class TextHead:
    """Weights float64 (rows, F): for each group a row for "not spoken of", then one for each word; inputs are of :func:`inputs_of`."""

    weights: FloatArray

    def probabilities(self, inputs: FloatArray) -> dict[str, FloatArray]:
        """Of each group (N, 1 + its words), the first for "not spoken of"; inputs are (N, F)."""
        scores = inputs @ self.weights.T
        return {group: _softmax(scores[:, rows]) for group, rows in _rows()}

    def read(self, inputs: FloatArray) -> dict[str, float]:
        """The words that a text says, with the probability of their kind: the likeliest of each group that is spoken of.

        Inputs are (1 + P, F): of the text, then of its P pieces. A kind counts from ``SAID_FROM`` on, so that
        rain is said where light and heavy rain are as likely; a piece counts where it is surer of that than the whole.
        """
        found: dict[str, float] = {}
        for group, shares in self.probabilities(inputs).items():
            spoken = 1.0 - shares[:, 0]
            spoken[1:] = np.where(spoken[1:] >= PIECE_SAYS_FROM, spoken[1:], 0.0)
            word, probability = _likeliest(GROUPS[group], shares[int(np.argmax(spoken)), 1:])
            if probability >= SAID_FROM:
                found[word.name] = probability
        return found


def understand(text: str, encoder: TextEncoder) -> dict[str, float]:
    """The words of the scene that a text says, with their probabilities; none where it speaks of something else.

    Raises InputError for a text that is too long for the encoder.
    """
    return head_of(encoder).read(inputs_of([text, *pieces(text)], encoder))


def pieces(text: str) -> list[str]:
    """A text's parts between commas, stops and "and": in the embedding of a long text each of its statements is faint."""
    return [piece.strip() for piece in re.split(_BETWEEN, text) if piece.strip(" .!?")]


def inputs_of(texts: Sequence[str], encoder: TextEncoder) -> FloatArray:
    """What a head sees of texts (N, F): the embedding, numbers of about 1; which words of the phrasings they have; and a 1."""
    embeddings = encoder.encode(texts)
    places = _places()
    words = np.zeros((len(texts), len(places)))
    for row, text in zip(words, texts, strict=True):
        row[[places[word] for word in _WORD.findall(text.lower()) if word in places]] = 1.0
    words *= WORDS_SCALE / np.maximum(np.linalg.norm(words, axis=1, keepdims=True), 1.0)
    return np.concatenate([embeddings * np.sqrt(embeddings.shape[1]), words, np.ones((len(texts), 1))], axis=1)


def head_of(encoder: TextEncoder) -> TextHead:
    """The head of an encoder: of the cache, or fitted now and kept there. The cache is a mere cache: what is wrong with it is made
    anew, and where nothing can be kept a NotKeptWarning says so.
    """
    try:
        place = _place(encoder)
    except RuntimeError:  # no home folder
        said = "what reads sentences is not kept (no home folder; XDG_CACHE_HOME names another); fitted again the next time."
        warnings.warn(said, NotKeptWarning, stacklevel=2)
        return fit_head(encoder)
    with suppress(OSError, ValueError, KeyError):
        return _kept(place)
    head = fit_head(encoder)
    with kept_if_possible(place, "what reads sentences"):
        _keep(head, place)
    return head


def fit_head(encoder: TextEncoder, number: int = NUM_SENTENCES) -> TextHead:
    """The head that reads ``number`` made sentences best, by L-BFGS from zero."""
    made = sentences(number, SEED)
    return TextHead(_fitted(inputs_of([one.text for one in made], encoder), made))


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


@lru_cache(maxsize=1)
def _places() -> dict[str, int]:
    """The words that the sentences of the fit have, each with its place."""
    made = {word for one in sentences(NUM_SENTENCES, SEED) for word in _WORD.findall(one.text.lower())}
    return {word: place for place, word in enumerate(sorted(made))}


def _softmax(scores: FloatArray) -> FloatArray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _likeliest(words: Sequence[SceneWord], shares: FloatArray) -> tuple[SceneWord, float]:
    """The likeliest word of the likeliest kind, and the probability of that kind."""
    of_kind: dict[str, float] = {}
    for word, share in zip(words, shares, strict=True):
        of_kind[word.kind] = of_kind.get(word.kind, 0.0) + float(share)
    kind = max(of_kind, key=lambda name: of_kind[name])
    best = max((index for index, word in enumerate(words) if word.kind == kind), key=lambda index: float(shares[index]))
    return words[best], of_kind[kind]


@lru_cache(maxsize=1)
def _recipe() -> str:
    """Of all that a head is made by, beside its encoder."""
    made = "\n".join(f"{one.text} {sorted(one.says.items())}" for one in sentences(NUM_SENTENCES, SEED))
    return hashlib.sha256(f"{PENALTY} {WORDS_SCALE} {_MOST_STEPS} {made}".encode()).hexdigest()


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
