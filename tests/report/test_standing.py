"""Digits of numbers, and what the references say about a figure."""

from __future__ import annotations

import math

import pytest

from drivesim.metrics.estimate import NOTHING, Estimate, exact
from drivesim.report import Figure
from drivesim.report.document import Better
from drivesim.report.formatting import decimals_for, full_text, interval_text, number_text
from drivesim.report.standing import Level, standing_of
from drivesim.report.strip import strip_of


def about(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, count=40, method="bootstrap")


def figure(value: Estimate | None, better: Better, unit: str = "", **references: Estimate) -> Figure:
    return Figure(key="a.b", label="A", value=value, better=better, unit=unit, references=references, note="why")


@pytest.mark.parametrize(("width", "decimals"), [(0.04, 2), (0.012, 3), (0.3, 2), (3.0, 1), (80.0, 0), (1e-12, 6)])
def test_the_interval_decides_the_digits(width: float, decimals: int) -> None:
    assert decimals_for(width) == decimals


def test_numbers_in_words() -> None:
    assert full_text(about(0.81234, 0.021), "m/s") == "0.81 m/s [0.79, 0.83]"
    assert full_text(exact(38.0), "s") == "38 s"
    assert full_text(NOTHING) == full_text(None) == "not computed"
    assert interval_text(exact(0.5)) == ""
    known = {
        0.0: "0",
        0.12345: "0.123",
        -0.31: "-0.31",
        1e-9: "1.0e-09",
        66.3: "66.3",
        123456.0: "123 456",
        0.9996: "1",
    }
    assert {value: number_text(value) for value in known} == known
    assert [number_text(value) for value in (math.nan, math.inf, -math.inf)] == ["–", "∞", "-∞"]


CEILING, FLOOR = about(0.9), about(0.3)


@pytest.mark.parametrize(
    ("one", "level", "words"),
    [
        (figure(about(0.6), "higher", codec=CEILING, frozen=FLOOR), "short", "50 % of the way from frozen to codec"),
        (figure(about(0.89), "higher", codec=CEILING, frozen=FLOOR), "good", "level with codec"),
        (figure(about(0.97), "higher", codec=CEILING, frozen=FLOOR), "good", "level with codec"),
        (figure(about(0.31), "higher", codec=CEILING, frozen=FLOOR), "bad", "no better than frozen"),
        (figure(about(0.1), "higher", codec=CEILING, frozen=FLOOR), "bad", "no better than frozen"),
        (
            figure(about(0.6), "higher", codec=CEILING, frozen=FLOOR, shifted=about(0.6)),
            "bad",
            "no better than shifted",
        ),
        (figure(about(0.6, 0.4), "higher", codec=CEILING, frozen=FLOOR), "open", "interval too wide"),
        (figure(about(0.6), "higher", rendered=CEILING), "short", "worse than rendered"),
        (figure(about(0.6), "higher", frozen=FLOOR), "open", "better than frozen"),
        (figure(about(0.6), "lower", codec=FLOOR, frozen=CEILING), "short", "50 % of the way from frozen to codec"),
        (figure(about(0.95), "lower", codec=FLOOR, frozen=CEILING), "bad", "no better than frozen"),
        # A frozen picture does not flicker at all: it is no floor there.
        (figure(about(0.31), "lower", rendered=FLOOR, frozen=exact(0.0)), "good", "level with rendered"),
        (figure(about(0.91), "near", rendered=CEILING, frozen=FLOOR), "good", "as in rendered video"),
        (figure(about(1.2), "near", "m", rendered=CEILING, frozen=FLOOR), "short", "0.3 m above rendered video"),
        (figure(about(1.8), "near", rendered=CEILING, frozen=FLOOR), "bad", "no nearer to rendered than frozen"),
        (figure(None, "higher", codec=CEILING), "missing", "not computed"),
        (figure(NOTHING, "none"), "missing", "not computed"),
    ],
)
def test_references_decide(one: Figure, level: Level, words: str) -> None:
    standing = standing_of(one)
    assert standing is not None
    assert (standing.level, words in standing.words) == (level, True), standing


def test_without_references_or_direction_nothing_is_said() -> None:
    assert standing_of(figure(about(0.5), "higher")) is None
    assert standing_of(figure(about(0.5), "none", codec=CEILING)) is None
    assert standing_of(figure(about(0.5), "near", codec=CEILING)) is None
    assert standing_of(figure(about(0.5), "higher", codec=NOTHING)) is None


def test_a_strip_keeps_the_order_of_its_numbers() -> None:
    strip = strip_of(figure(about(0.6), "higher", codec=CEILING, frozen=FLOOR))
    assert strip is not None and strip.zone is not None
    codec, frozen = strip.references
    assert (codec.name, frozen.name) == ("codec", "frozen")
    assert 0 < frozen.at < strip.value.low < strip.value.at < strip.value.high < codec.at < 100
    assert strip.zone == (frozen.at, codec.at)
    assert (strip.start, strip.end) == ("0", "1")
    assert strip.value.at == pytest.approx(3 + 94 * 0.6)
    assert "0.60 [0.58, 0.62]" in strip.words and "codec 0.90" in strip.words


def test_a_strip_is_logarithmic_over_wide_ranges_and_absent_without_company() -> None:
    wide = strip_of(figure(about(10.0, 1), "lower", "m", rendered=about(1.0, 0), frozen=about(100.0, 0)))
    assert wide is not None and wide.logarithmic
    assert wide.value.at == pytest.approx(50)
    small = figure(about(0.02, 0.002), "lower", codec=about(0.01, 0.001), frozen=about(0.04, 0.004))
    strip = strip_of(small)
    assert strip is not None and strip.value.at - strip.references[0].at > 15
    assert strip_of(figure(about(10.0), "lower", "m")) is None
    assert strip_of(figure(exact(10.0), "lower", "m", frozen=exact(10.0))) is None
    assert strip_of(figure(NOTHING, "lower", codec=CEILING)) is None
    assert strip_of(figure(exact(math.inf), "lower", codec=CEILING)) is None
