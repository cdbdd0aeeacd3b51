"""The sentence about a scene, as a scenario holds it: as written, and once it was read, what it was understood as."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.values import Quantity, Sentence, Text


class TextReading(Model):
    """What a text was understood as: the words and their probabilities, and the encoder ``by`` which it was read.

    The keys that the words stand for are written beside it, so a scenario that was read needs no encoder any more. ``seal``
    tells whether text and reading still belong together.
    """

    by: Text
    words: dict[Text, Annotated[float, Quantity("number", 0.0, 1.0, varies=False)]]
    seal: Text


class SceneText(Model):
    """A sentence about the scene; ``encoder`` is a folder beside the scenario's file or "owner/name", by default that of the extra."""

    says: Sentence
    encoder: Text | None = None
    reading: TextReading | None = None


def seal_of(says: str, by: str, words: dict[str, float]) -> str:
    """Sixteen hexadecimal digits of a text and its reading."""
    values = [says, by, {name: float(share) for name, share in words.items()}]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()[:16]
