"""How well sentences are read: shares of words right, on phrasings held out of the fit and on sentences written by hand.

    python benchmarks/text_reading.py [--encoder FOLDER]

Needs the extra ``text``, or an encoder's folder. The sentences below were written before the first head was fitted, and none was
changed or taken out since.
"""

from __future__ import annotations

import argparse
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
from drivesim.text.head import SEED, fit_head, inputs_of, pieces
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

#: The same, of sentences in freer words than those that templates have.
FREE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("We crawl along in murk so thick that tail lights vanish after two car lengths.", ("dense fog",)),
    ("The wipers can barely keep up and headlights are on although it is only three in the afternoon", ("heavy rain", "day")),
    ("Skyscrapers, neon signs, nobody about: it is half past one", ("urban", "night")),
    ("Cows graze to the left and right of the asphalt ribbon", ("rural",)),
    ("six lanes, no intersections, everybody doing 130", ("motorway",)),
    ("The moon is up and stars twinkle over the village street", ("night", "clear sky", "urban")),
    ("Everything is white and more is coming down by the minute", ("heavy snow",)),
    ("Tokyo, where the steering wheel is on the other side, at lunch time", ("urban", "left-hand traffic", "day")),
    ("first rays of sun above the wheat", ("dawn", "rural")),
    ("Autumn storm with sheets of water across the carriageway", ("heavy rain", "flooded road")),
    ("scorching summer noon without a single cloud", ("day", "clear sky")),
    ("The lamps along the avenue have just been switched on", ("street lights", "dusk", "urban")),
    ("wet leaves on a lane through the woods", ("wet road", "rural")),
    ("a leaden sky above the ring road", ("overcast",)),
    ("It spits a little, nothing serious", ("light rain",)),
    ("commuters at eight o'clock, bumper to bumper between office blocks", ("morning", "urban")),
    ("Nobody lit this stretch; beyond the headlights there is only black", ("no street lights", "night")),
    ("A veil of mist lies over the valley road at first light", ("haze", "rural", "dawn")),
    ("powdery flakes dance in the beam of the headlights", ("light snow", "night")),
    ("The shower is over, the tarmac steams and dries", ("damp road", "no precipitation")),
    ("going home after work, the sun low and orange in front of us", ("dusk",)),
    ("Route 66 in the glare of midday", ("day", "rural")),
    ("the toll road near Lyon, dull and dreary", ("motorway", "overcast")),
    ("shopping street, Saturday, glorious weather", ("urban", "clear sky")),
    ("the river has burst its banks and the high street is knee-deep", ("flooded road", "urban")),
    ("a van reverses out of a driveway", ()),
    ("the lead vehicle brakes at 6 m/s2 and the ego must react", ()),
    ("an ordinary Tuesday", ()),
    ("please render this with the small model", ()),
    ("a child runs after a ball", ()),
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


def labelled(listed: Sequence[tuple[str, tuple[str, ...]]]) -> list[LabelledSentence]:
    """Sentences of above."""
    return [LabelledSentence(text=text, says={GROUP_OF[word]: word for word in words}) for text, words in listed]


def asked() -> dict[str, list[LabelledSentence]]:
    """All that is measured on, by what it is."""
    return {
        "held-out phrasings": list(sentences(NUM_HELD_OUT, SEED + 1, held_out=True)),
        "by hand": labelled(WRITTEN),
        "by hand, freer": labelled(FREE),
    }


def no_words(folder: Path) -> TextEncoder:
    """An encoder that knows no word: what is left to the head is which words of the phrasings a text has."""
    from safetensors.numpy import save_file

    (folder / "vocab.txt").write_text("", encoding="utf-8")
    save_file({"vectors": np.zeros((1, 1), dtype=np.float32)}, folder / "vectors.safetensors")
    return load_encoder(folder)


def report(encoder: TextEncoder, name: str, *, mistakes: bool = False) -> None:
    """Print the rows of an encoder and, where asked for, what of the sentences by hand was not read as meant."""
    began = time.perf_counter()
    head = fit_head(encoder)
    print(f"{name}: head fitted in {time.perf_counter() - began:.0f} s")
    for about, some in asked().items():
        seen = (inputs_of([one.text, *pieces(one.text)], encoder) for one in some)
        read = [{GROUP_OF[word]: word for word in head.read(rows)} for rows in seen]
        print(scores([one.says for one in some], read).row(f"{name}, {about} ({len(some)})"))
        for one, found in zip(some, read, strict=True):
            if mistakes and about.startswith("by hand") and one.says != found:
                print(f"    {one.text!r}: {_listed(found)}; meant: {_listed(one.says)}")


def _listed(says: dict[str, str]) -> str:
    return ", ".join(says.values()) or "nothing"


def main() -> None:
    """Print the table, and the sentences by hand that were not read as meant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", help="a folder or hub id; by default that of the extra")
    encoder = load_encoder(parser.parse_args().encoder)
    print("| sentences | word right | kind right | read where unsaid | whole right | attribute error |")
    print("|---|---|---|---|---|---|")
    for about, some in asked().items():
        print(scores([one.says for one in some], [{} for _ in some]).row(f"nothing read, {about} ({len(some)})"))
    with tempfile.TemporaryDirectory() as folder:
        report(no_words(Path(folder)), "words alone")
    report(encoder, encoder.name, mistakes=True)


if __name__ == "__main__":
    main()
