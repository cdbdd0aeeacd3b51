"""How well sentences are read: shares of words right, on phrasings held out of the fit and on sentences written by hand.

    python benchmarks/text_reading.py [--encoder FOLDER]

Needs the extra ``text``, or an encoder's folder. The sentences below were written before the first head was fitted, and none was
changed or taken out since.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.conditioning.attributes import attributes_of
from drivesim.geometry import FloatArray
from drivesim.scenarios import Scenario
from drivesim.scenarios.concrete import environment_of
from drivesim.scenarios.scene_text import KEY_OF_WORD
from drivesim.text.encoder import TextEncoder, load_encoder
from drivesim.text.head import NUM_SENTENCES, SEED, fit_head
from drivesim.text.phrases import GROUPS, WORDS
from drivesim.text.sentences import LabelledSentence, sentences

NUM_HELD_OUT = 400
GROUP_OF = {word.name: word.group for word in WORDS}
KIND_OF = {word.name: word.kind for word in WORDS}

#: A sentence, and what it says; what is not listed is not spoken of.
WRITTEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("a rainy night in a town, wet road", ("rain", "night", "urban", "wet road")),
    ("sunny afternoon on the highway", ("clear sky", "day", "motorway")),
    ("Thick fog on a country lane early in the morning", ("dense fog", "rural", "morning")),
    ("It's snowing hard and already dark outside.", ("heavy snow", "night")),
    ("A grey, cloudy day downtown", ("overcast", "day", "urban")),
    ("motorway at night in pouring rain", ("motorway", "night", "heavy rain")),
    ("The sun goes down over the fields as we head home on a small rural road.", ("dusk", "rural")),
    ("city centre, noon, blue skies", ("urban", "day", "clear sky")),
    ("light drizzle on an overcast morning commute", ("light rain", "overcast", "morning")),
    ("A pedestrian steps onto the road", ()),
    ("foggy motorway", ("fog", "motorway")),
    ("snow-covered countryside with snowflakes still falling", ("snow", "rural")),
    ("Midnight. Street lamps. Wet asphalt.", ("night", "street lights", "wet road")),
    ("driving through London on the left-hand side of the road", ("urban", "left-hand traffic")),
    ("Torrential rain has flooded the street", ("heavy rain", "flooded road")),
    ("dusk, the freeway is dry and clear", ("dusk", "motorway", "dry road")),
    ("a misty dawn among the meadows", ("haze", "dawn", "rural")),
    ("an unlit country road at 2 am", ("no street lights", "rural", "night")),
    ("bright midday sun, dry road", ("clear sky", "day", "dry road")),
    ("winter night with a blizzard on the interstate", ("heavy snow", "night", "motorway")),
    ("a truck brakes hard in front of us", ()),
    ("It has rained and there are puddles everywhere, but it is dry now.", ("wet road", "no precipitation")),
    ("evening rush hour in the city", ("dusk", "urban")),
    ("the highway just before sunrise, slightly hazy", ("motorway", "dawn", "haze")),
    ("Residential street under bright lamps after dark", ("urban", "street lights", "night")),
    ("Heavy clouds, no rain", ("overcast", "no precipitation")),
    ("gloomy weather on a highway", ("overcast", "motorway")),
    ("rain", ("rain",)),
    ("at night", ("night",)),
    ("a village-free road between farms under a clear sky", ("rural", "clear sky")),
    ("sleepy suburb, sun shining", ("urban", "clear sky")),
    ("wet roads after a shower in the afternoon", ("wet road", "day")),
    ("a few flakes of snow drift down on Main Street", ("light snow", "urban")),
    ("You can hardly see the car ahead in this fog.", ("dense fog",)),
    ("night-time drive through the city with all the street lights on", ("night", "urban", "street lights")),
    ("the morning sun over an empty autobahn", ("morning", "clear sky", "motorway")),
    ("stormy night", ("heavy rain", "night")),
    ("a damp road in the countryside, grey sky", ("damp road", "rural", "overcast")),
    ("Australia, where cars keep left, on a sunny day", ("left-hand traffic", "clear sky", "day")),
    ("The committee will publish its report next week.", ()),
    ("my cat sleeps on the sofa", ()),
    ("it is about to get dark and it starts to snow", ("dusk", "snow")),
    ("wet and dark motorway", ("wet road", "night", "motorway")),
    ("a clear night", ("clear sky", "night")),
    ("Rainy town at dusk with lit lamps", ("rain", "urban", "dusk", "street lights")),
    ("deep standing water on the road", ("flooded road",)),
    ("hard to see anything in the mist", ("fog",)),
    ("Cars queue behind a broken-down bus downtown", ("urban",)),
    ("daylight, dry, motorway, light haze", ("day", "dry road", "motorway", "haze")),
    ("pitch-dark rural road in a snowstorm", ("night", "rural", "heavy snow")),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Shares of the words that are said, of the groups that are not, and of the sentences; and the mean error of the 13 attributes."""

    word_right: float
    kind_right: float
    read_where_unsaid: float
    whole_right: float
    attribute_error: float

    def row(self, name: str) -> str:
        """A line of a Markdown table."""
        shares = (self.word_right, self.kind_right, self.read_where_unsaid, self.whole_right)
        return f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} | {self.attribute_error:.3f} |"


def scores(said: Sequence[dict[str, str]], read: Sequence[dict[str, str]]) -> Scores:
    """``said`` and ``read`` have the word of each group that is spoken of, sentence by sentence."""
    words = [(truth[group], found.get(group)) for truth, found in zip(said, read, strict=True) for group in truth]
    unsaid = [group in found for truth, found in zip(said, read, strict=True) for group in GROUPS if group not in truth]
    errors = [np.abs(attributes(truth) - attributes(found)) for truth, found in zip(said, read, strict=True)]
    return Scores(
        word_right=float(np.mean([truth == found for truth, found in words])),
        kind_right=float(np.mean([found is not None and KIND_OF[truth] == KIND_OF[found] for truth, found in words])),
        read_where_unsaid=float(np.mean(unsaid)),
        whole_right=float(np.mean([truth == found for truth, found in zip(said, read, strict=True)])),
        attribute_error=float(np.mean(errors)),
    )


def attributes(says: dict[str, str]) -> FloatArray:
    """Attributes (13,) of a scenario in which exactly this is written."""
    keys: dict = {}
    for word in says.values():
        (*path, last), value = KEY_OF_WORD[word]
        holder = keys
        for part in path:
            holder = holder.setdefault(part, {})
        holder[last] = value
    scenario = Scenario("told", **keys)
    return attributes_of(environment_of(scenario), scenario.scene.road.type, scenario.traffic == "left_hand")


def written() -> list[LabelledSentence]:
    """The sentences above."""
    return [LabelledSentence(text=text, says={GROUP_OF[word]: word for word in words}) for text, words in WRITTEN]


def bag_of_words(folder: Path) -> TextEncoder:
    """What an encoder that knows nothing of language makes of it: an axis for each word that sentences of the fit have."""
    from safetensors.numpy import save_file

    made = " ".join(one.text.lower() for one in sentences(NUM_SENTENCES, SEED))
    words = sorted(set(re.findall(r"[\w'-]+", made)))
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    save_file({"vectors": np.eye(len(words), dtype=np.float32)}, folder / "vectors.safetensors")
    return load_encoder(folder)


def report(encoder: TextEncoder, name: str) -> list[LabelledSentence]:
    """Print the rows of an encoder; returns the sentences written by hand as they were read."""
    began = time.perf_counter()
    head = fit_head(encoder)
    print(f"{name}: head fitted in {time.perf_counter() - began:.0f} s")
    asked = written()
    for about, some in (
        ("held-out phrasings", list(sentences(NUM_HELD_OUT, SEED + 1, held_out=True))),
        ("by hand", asked),
    ):
        vectors = encoder.encode([one.text for one in some])
        read = [{GROUP_OF[word]: word for word in head.read(vector)} for vector in vectors]
        print(scores([one.says for one in some], read).row(f"{name}, {about} ({len(some)})"))
    return [LabelledSentence(text=one.text, says=found) for one, found in zip(asked, read, strict=True)]


def main() -> None:
    """Print the table, and the sentences that were not read as meant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", help="a folder or hub id; by default that of the extra")
    encoder = load_encoder(parser.parse_args().encoder)
    print("| sentences | word right | kind right | read where unsaid | whole right | attribute error |")
    print("|---|---|---|---|---|---|")
    for about, some in (
        ("held-out phrasings", sentences(NUM_HELD_OUT, SEED + 1, held_out=True)),
        ("by hand", written()),
    ):
        print(scores([one.says for one in some], [{} for _ in some]).row(f"nothing read, {about} ({len(some)})"))
    with tempfile.TemporaryDirectory() as folder:
        report(bag_of_words(Path(folder)), "bag of words")
    found = report(encoder, encoder.name)
    for one, truth in zip(found, written(), strict=True):
        if one.says != truth.says:
            print(
                f"{one.text!r}: {', '.join(one.says.values()) or 'nothing'}; meant: {', '.join(truth.says.values()) or 'nothing'}"
            )


if __name__ == "__main__":
    main()
