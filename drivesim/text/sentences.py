"""Sentences made from words of :mod:`drivesim.text.phrases`, with what each of them says: what a head is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.text.phrases import BESIDE, ELSEWHERE, GROUPS, SceneWord

#: How phrases behind a verb are led in; the last is held out.
_LEADS = (
    "we drive", "a drive", "driving", "a car drives", "a scene", "traffic", "the ego vehicle drives", "a dashcam video",
    "somebody is on the road", "a journey",
)  # fmt: skip
#: Groups whose words can stand before the noun of a scene, in the order in which they would.
_ADJECTIVES = ("fog", "sky", "precipitation", "street lights", "time", "road")
_NOUNS = ("scene", "drive", "road", "street", "picture", "journey")
_MOST_SAID = 4


@dataclass(frozen=True, kw_only=True)
class LabelledSentence:
    """A sentence and the name of the word that it says of each group; groups that are not there are not spoken of."""

    text: str
    says: dict[str, str]


def sentences(number: int, seed: int, *, held_out: bool = False) -> tuple[LabelledSentence, ...]:
    """``number`` sentences, a pure function of the arguments. ``held_out`` makes them of the phrasings and leads that are
    left out of all others.

    A sentence speaks of none to four groups, in a list, behind a lead, as sentences, or before a noun. One in ten speaks of
    what no word stands for.
    """
    rng = np.random.default_rng(seed)
    return tuple(_sentence(rng, held_out) for _ in range(number))


def _sentence(rng: np.random.Generator, held_out: bool) -> LabelledSentence:
    if rng.random() < 0.1:
        return LabelledSentence(text=_finished(rng, _of(rng, (*ELSEWHERE, *BESIDE), held_out)), says={})
    count = int(rng.integers(1, _MOST_SAID + 1))
    groups = list(rng.permutation(list(GROUPS))[:count])
    said = {str(group): GROUPS[group][int(rng.integers(len(GROUPS[group])))] for group in groups}
    words = list(said.values())
    form = int(rng.integers(4))
    if form == 0:
        text = ", ".join(_of(rng, word.before, held_out) for word in words)
    elif form == 1:
        text = " ".join([_of(rng, _LEADS, held_out), *(_of(rng, word.behind, held_out) for word in words)])
    elif form == 2:
        text = rng.choice([". ", ", ", " and "]).join(_of(rng, word.alone, held_out) for word in words)
    else:
        text = _mixed(rng, words, held_out)
    if rng.random() < 0.25:
        text = rng.choice([", ", ". ", " while "]).join([text, _of(rng, BESIDE, held_out)])
    return LabelledSentence(text=_finished(rng, str(text)), says={group: word.name for group, word in said.items()})


def _mixed(rng: np.random.Generator, words: Sequence[SceneWord], held_out: bool) -> str:
    """Some words before a noun, the others behind it: "a rainy night drive on a motorway, the road is wet"."""
    front = [word for group in _ADJECTIVES for word in words if word.group == group][: int(rng.integers(1, 3))]
    rest = [word for word in words if word not in front]
    noun = "" if front and rng.random() < 0.3 else str(rng.choice(_NOUNS))
    text = " ".join([*(_of(rng, word.before, held_out) for word in front), noun]).strip()
    text = f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
    for word in rest:
        inside = rng.random() < 0.6
        text += f" {_of(rng, word.behind, held_out)}" if inside else f", {_of(rng, word.alone, held_out)}"
    return text


def _of(rng: np.random.Generator, options: Sequence[str], held_out: bool) -> str:
    """One of the phrasings: the last where held out, else one of the others."""
    return options[-1] if held_out else options[int(rng.integers(len(options) - 1))]


def _finished(rng: np.random.Generator, text: str) -> str:
    """With or without a capital and a full stop, as people write."""
    return text[0].upper() + text[1:] + "." if rng.random() < 0.5 else text
