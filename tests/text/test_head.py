"""Sentences, and the head that is fitted to them: what they say is what they were made from, and what a head reads is that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_encoder import write_word_vectors

from drivesim.errors import NotKeptWarning
from drivesim.storage import cache_folder
from drivesim.text.encoder import TextEncoder, load_encoder
from drivesim.text.head import TextHead, head_of, inputs_of, pieces, understand
from drivesim.text.phrases import BESIDE, GROUPS, WORDS
from drivesim.text.sentences import sentences


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    return load_encoder(write_word_vectors(tmp_path_factory.mktemp("encoder") / "words"))


def test_each_word_has_phrasings_to_fit_to_and_one_to_hold_out() -> None:
    for word in WORDS:
        for form in (word.behind, word.alone, word.before):
            assert len(form) >= 3 and len(set(form)) == len(form), word.name
    assert len({word.name for word in WORDS}) == len(WORDS)
    everything = [phrase for word in WORDS for phrase in {*word.behind, *word.alone, *word.before}]
    assert len(everything) == len(set(everything))  # one phrasing, one meaning


def test_sentences_say_what_they_were_made_from() -> None:
    of = {word.name: word for word in WORDS}
    for one in sentences(300, 3):
        for group, name in one.says.items():
            word = of[name]
            assert word in GROUPS[group]
            assert any(p.lower() in one.text.lower() for form in (word.behind, word.alone, word.before) for p in form)


def test_sentences_are_a_function_of_their_seed_and_hold_phrasings_out() -> None:
    assert sentences(50, 1) == sentences(50, 1) != sentences(50, 2)
    assert sentences(20, 1) == sentences(50, 1)[:20]
    fitted = " ".join(one.text.lower() for one in sentences(2000, 0))
    for phrase in ("night has fallen", "water-covered road", "in pea-soup fog", BESIDE[-1]):
        assert phrase not in fitted
    assert any("night has fallen" in one.text.lower() for one in sentences(2000, 0, held_out=True))


def test_a_fitted_head_reads_sentences_of_other_seeds(encoder: TextEncoder) -> None:
    """Of the phrasings that it was fitted to even an encoder without any language in it leaves little to guess."""
    head, asked = head_of(encoder), sentences(200, 17)
    read = [head.read(inputs_of([one.text], encoder)) for one in asked]
    said = [(name, found) for one, found in zip(asked, read, strict=True) for name in one.says.values()]
    unsaid = [group for one, found in zip(asked, read, strict=True) for group in _groups(found) - set(one.says)]
    assert np.mean([name in found for name, found in said]) > 0.9
    assert len(unsaid) / (200 * len(GROUPS) - len(said)) < 0.03


def test_at_most_one_word_of_a_group_with_the_probability_of_its_kind() -> None:
    """Three kinds of rain that are alike together make rain certain; two kinds of light that share leave it open."""
    rows = sum(1 + len(words) for words in GROUPS.values())
    weights, row = np.full((rows, 1), -20.0), 0
    for group, words in GROUPS.items():
        of = {word.name: row + 1 + index for index, word in enumerate(words)}
        weights[row] = 0.0
        if group == "precipitation":
            weights[[of["light rain"], of["rain"], of["heavy rain"]], 0] = (2.0, 2.2, 2.0)
        if group == "time":
            weights[[of["day"], of["night"]], 0] = 0.0
        row += 1 + len(words)
    read = TextHead(weights).read(np.ones((1, 1)))
    assert list(read) == ["rain"]
    powers = np.exp([2.0, 2.2, 2.0]).sum()
    assert read["rain"] == pytest.approx(powers / (powers + 1.0), abs=1e-6)


def test_a_piece_is_heard_where_it_is_surer_than_the_whole(encoder: TextEncoder) -> None:
    text = "Foggy, and the road is wet. A child waits; at night"
    assert pieces(text) == ["Foggy", "the road is wet", "A child waits", "at night"]
    assert pieces("at 22.30, in the rain!") == ["at 22.30", "in the rain!"]
    alone = head_of(encoder).read(inputs_of([text], encoder))
    both = understand(text, encoder)
    assert {"fog", "wet road", "night"} <= set(both) and all(both[name] >= share for name, share in alone.items())


def test_a_head_is_fitted_once_and_a_damaged_one_anew(
    encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = head_of(encoder)
    (kept,) = (cache_folder() / "text").iterdir()
    written = kept.stat().st_mtime_ns
    assert np.array_equal(head_of(encoder).weights, first.weights) and kept.stat().st_mtime_ns == written
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(head_of(encoder).weights, first.weights) and kept.stat().st_size > 1000


def test_a_place_that_cannot_be_written_does_no_harm(
    encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(NotKeptWarning, match="what reads sentences not kept in"):
        assert "night" in understand("at night", encoder)


def _groups(found: dict[str, float]) -> set[str]:
    return {word.group for word in WORDS if word.name in found}
