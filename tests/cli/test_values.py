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


def test_all_mistakes_of_a_call_come_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    of_a_command: dict[str, list[str]] = {}
    for line, option, _ in OPTIONS:
        of_a_command.setdefault(line, []).append(option)
    assert sum(len(options) > 2 for options in of_a_command.values()) > 5
    for line, options in of_a_command.items():
        words = [word for option in options for word in (option, "nan")]
        said = refused([*line.split(), *words])
        if len(options) > 1:
            assert f"{len(options)} mistakes in this call:" in said, (line, said)
        for option in options:
            assert re.search(rf"^(  |error: |.*'){option}['\" ]", said, re.MULTILINE), (line, option, said)
    assert list(tmp_path.iterdir()) == []


AT_ONCE: dict[str, tuple[list[str], list[str]]] = {
    "a rate and a width": (
        ["data", "pack", "procedural", "x", "--fps", "nan", "--width", "0"],
        ["--fps nan: expected a finite number.", "'--width': Input should be greater than or equal to 1 (got '0')"],
    ),
    "numbers and texts": (
        ["rollout", "x", "--minutes", "-4", "--set", "gap", "--variation", "8-3", "--threads", "0", "--futures", "0"],
        ["--minutes -4: expected a time", "--set gap: expected", "--variation 8-3: expected", "--threads 0: expected", "(got '0')"],
    ),
    "bounds of figures": (
        ["score", "x", "--require", "a", "--require", "b", "--require", "ttc>=1", "--min-recall", "7"],
        ["'a' is no threshold", "'b' is no threshold", "less than or equal to 1 (got '7')"],
    ),
    "names of options": (
        ["export", "x", "--frmat", "coco", "--width=4", "--fps", "0", "--to", "bag"],
        ["No such option: --frmat", "No such option: --width", "'bag' is not one of", "to 0.5 (got '0')"],
    ),
    "places": (
        ["render", "x", "--size", "3", "--out", "a.gif", "--seconds", "one"],
        ["--size 3: expected WIDTHxHEIGHT", "--out a.gif: cannot write .gif", "--seconds: "],
    ),
    "what is missing and what is too much": (
        ["data", "view", "--samples", "0", "--out", "a.gif"],
        ["Missing argument 'STORE'", "(got '0')", "--out a.gif: name a .png picture"],
    ),
    "an argument too many": (
        ["replay", "x", "y", "--future", "-1"], ["unexpected extra argument(s) (y)", "'--future'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ONCE)
def test_mistakes_of_every_kind_come_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, expected = AT_ONCE[name]
    said = refused(words)
    assert f"{len(expected)} mistakes in this call:" in said and "Traceback" not in said
    for text in expected:
        assert text in said, (text, said)
    assert list(tmp_path.iterdir()) == []


def test_one_mistake_is_said_alone() -> None:
    assert (
        refused(["export", "x", "--to", "coco", "--bar=4"]).splitlines()[-1].startswith("Error: No such option: --bar")
    )
    assert refused(["export", "x", "--to", "bag"]).splitlines()[-1].startswith("Error: Invalid value for '--to'")
    assert refused(["rollout", "x", "--threads", "0"]).startswith("error: --threads 0: expected")
    assert refused(["replay", "x", "y"]).splitlines()[-1] == "Error: Got unexpected extra argument(s) (y)"
    behind = refused(
        ["export", "x", "--otu", "y", "--to", "coco"]
    )  # y is meant for the option, not one argument too many
    assert "No such option: --otu" in behind and "unexpected" not in behind


SPECIAL: dict[str, tuple[list[str], str]] = {
    "a limit": (["test", "empty-road", "--limit", "0", "--out", "x"], "(got '0')"),
    "accelerators of nobody": (["sweep", "empty-road", "--out", "x", "--gpus", "1"], "--gpus 1 without --ray"),
    "a future beyond": (["replay", "x", "--future", "1000001"], "(got '1000001')"),
    "lengths": (["benchmark", "a", "--data", "s", "--lengths", "9" * 5000], "expected numbers of frames with commas"),
    "negative lengths": (["benchmark", "a", "--data", "s", "--lengths=-16"], "expected numbers of frames with commas"),
    "seconds": (["evaluate", "--seconds", "1e308"], "less than or equal to 10000 (got '1e308')"),
    "minutes": (["evaluate", "--minutes", "1e-9"], "--minutes 1e-09: expected 0, or 0.05 or more"),
    "a parameter": (["rollout", "highway-cut-in", "--set", "gap=nan", "--dry-run"], "gap"),
    "variations": (["sample", "highway-cut-in", "--out", "x", "--variation", "9" * 30], "expected a number such as 3"),
    "a video of no future": (["diff", f"f{'9' * 5000}.mp4", "b.mp4", "--out", "x.mp4"], "Choose a shorter name"),
    "a picture of no kind": (["preview", "highway-cut-in", "--out", "x.jpg"], "--out x.jpg: cannot write .jpg"),
    "a video of no kind": (["render", "highway-cut-in", "--out", "film.avi"], "--out film.avi: cannot write .avi"),
    "a bound": (["score", "x", "--require", "obedience.recall>=nan"], "'nan' is no number"),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_numbers_inside_texts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, expected = SPECIAL[name]
    assert expected in refused(words)
    assert list(tmp_path.iterdir()) == []
