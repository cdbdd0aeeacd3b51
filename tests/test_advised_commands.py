"""Every ``drivesim …`` command that the code advises in a message, help text or docstring exists, with its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from typer.core import TyperCommand, TyperGroup

from drivesim.cli.main import SUMMARIES, LazyCommands
from drivesim.training.recipe import packaged_recipes

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("drivesim", "conditioning", "datasets", "scenarios", "benchmarks")

#: A command stands in quotes, or on an indented line of examples; its end is the closing quote or the line's.
ADVICE = re.compile(r"(?:(?P<quote>['`]{1,2})|^ {2,})drivesim (?P<rest>[a-z][^'`\n]*)", re.MULTILINE)
A_WORD = re.compile(r"[a-z][a-z0-9-]*")


@cache
def literals() -> tuple[tuple[str, str], ...]:
    return tuple(_literals())


def _literals() -> Iterator[tuple[str, str]]:
    """Where it stands, and the text of every string in the code; of f-strings what is fixed, with … for what is not."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.JoinedStr):
                    yield where, "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield where, node.value


@cache
def command_of(name: str, following: str) -> TyperCommand | None:
    """The command that two words name; None where there is none."""
    command = LazyCommands()[name] if name in SUMMARIES else None
    if isinstance(command, TyperGroup):
        return command.commands.get(following) if following else command
    return command


def mistakes(text: str) -> list[str]:
    """What is wrong with the commands in a text."""
    found = []
    for match in ADVICE.finditer(text):
        words = match["rest"].split()
        name, following = words[0].rstrip(".,:;)"), words[1].rstrip(".,:;)") if len(words) > 1 else ""
        command = command_of(name, following)
        if command is None:
            found.append(f"drivesim {name} {following}: no such command")
            continue
        if name == "train" and A_WORD.fullmatch(following) and following not in packaged_recipes():
            found.append(f"drivesim train {following}: no such recipe")
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        asked = {
            word.split("=")[0].rstrip(".,:;)") for word in words if word.startswith("--") and "." not in word.strip(".")
        }
        if name != "train":
            found += [f"drivesim {name}: no option {option}" for option in sorted(asked - known - {"--help"})]
    return found


def test_what_is_advised_exists() -> None:
    wrong = [f"{where}: {mistake}" for where, text in literals() for mistake in mistakes(text)]
    assert wrong == []


def test_wrong_advice_is_caught() -> None:
    assert mistakes("write the model again with 'drivesim train export'") == ["drivesim train export: no such recipe"]
    assert mistakes("Look: 'drivesim doctors'") == ["drivesim doctors : no such command"]
    assert mistakes("    drivesim rollout my.yaml --minute 5") == ["drivesim rollout: no option --minute"]
    assert mistakes("`drivesim data clean`") == ["drivesim data clean: no such command"]
    assert mistakes("'drivesim rollout my.yaml --minutes 5', or 'drivesim train default'") == []


def test_there_is_advice_to_look_at() -> None:
    assert sum(len(ADVICE.findall(text)) for _, text in literals()) > 60
