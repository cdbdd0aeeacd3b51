"""Values that do not fit an option: refused with exit code 2 and with what was got, before anything is read or made."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from drivesim.cli.grouped import flattened
from drivesim.cli.main import KEYWORDS, SUMMARIES, app

LONG = "9" * 25
"""Of more digits than a machine's word has."""


def commands() -> Iterator[tuple[list[str], Callable[..., None]]]:
    """The words of every command and the function behind it."""
    for name in SUMMARIES:
        word = KEYWORDS.get(name, name)
        found = getattr(importlib.import_module(f"drivesim.cli.{word}"), word)
        if isinstance(found, typer.Typer):
            for one in found.registered_commands:
                assert one.callback is not None
                yield [name, one.callback.__name__], one.callback
        else:
            yield [name], flattened(found)


def numeric_options() -> Iterator[tuple[str, str, list[str]]]:
    """Every option of every command that takes a number, ``int`` or ``float``, and the command line that it is added to."""
    for words, function in commands():
        parameters = inspect.signature(function, eval_str=True).parameters
        filled = list(words)
        declared = {name: one for name, one in parameters.items() if get_args(one.annotation)[1:]}
        for name, one in declared.items():
            if one.default is inspect.Parameter.empty:
                option = isinstance(get_args(one.annotation)[1], typer.models.OptionInfo)
                filled += [f"--{name}", "coco" if name == "to" else "x"] if option else ["x"]
        for name, one in declared.items():
            text = str(get_args(one.annotation)[0])
            if kind := re.search(r"\b(int|float)\b", text):
                option = next(
                    (word for word in get_args(one.annotation)[1].param_decls or () if word[:2] == "--"), None
                )
                yield option or f"--{name.replace('_', '-')}", kind[1], filled


OPTIONS = sorted((" ".join(words), option, kind) for option, kind, words in numeric_options())


def refused(words: list[str]) -> str:
    """What standard error says of a command that must not begin."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), (words, result.output, result.exception)
    return str(result.stderr)


def test_every_command_is_among_them() -> None:
    assert len(OPTIONS) > 50
    assert {"evaluate", "replay", "score", "sweep", "test", "export", "benchmark", "rollout", "futures", "data"} <= {
        line.split()[0] for line, *_ in OPTIONS
    }


@pytest.mark.parametrize("value", ["nan", LONG, "1e999", "abc"])
def test_no_option_takes_what_is_no_usable_number(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line, option, kind in OPTIONS:
        if value == LONG and kind == "float":  # a number of its own, which its own bound refuses
            continue
        said = refused([*line.split(), f"{option}={value}"])
        got = {"1e999": "(inf|1e999)", LONG: "9{25}"}.get(value, value)
        assert option in said and re.search(got, said), (line, option, said)
    assert list(tmp_path.iterdir()) == []


SPECIAL: dict[str, tuple[list[str], str]] = {
    "a limit": (["test", "empty-road", "--limit", "0", "--out", "x"], "(got '0')"),
    "accelerators of nobody": (["sweep", "empty-road", "--out", "x", "--gpus", "1"], "--gpus 1 without --ray"),
    "a future beyond": (["replay", "x", "--future", "1000001"], "(got '1000001')"),
    "lengths": (["benchmark", "a", "--data", "s", "--lengths", "9" * 5000], "expected numbers of frames with commas"),
    "negative lengths": (["benchmark", "a", "--data", "s", "--lengths=-16"], "expected numbers of frames with commas"),
    "seconds": (["evaluate", "--seconds", "1e308"], "--seconds 1e+308: expected a number of 10000 or less"),
    "minutes": (["evaluate", "--minutes", "1e-9"], "--minutes 1e-09: expected 0, or 0.05 or more"),
    "a parameter": (["rollout", "highway-cut-in", "--set", "gap=nan", "--dry-run"], "gap"),
    "variations": (["sample", "highway-cut-in", "--out", "x", "--variation", "9" * 30], "expected a number such as 3"),
    "a video of no future": (["diff", f"f{'9' * 5000}.mp4", "b.mp4", "--out", "x.mp4"], "Choose a shorter name"),
    "a bound": (["score", "x", "--require", "obedience.recall>=nan"], "'nan' is no number"),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_numbers_inside_texts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, expected = SPECIAL[name]
    assert expected in refused(words)
    assert list(tmp_path.iterdir()) == []
