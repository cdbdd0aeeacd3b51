"""One definition of the options of a run: the library's dataclass is what the command line and the page show."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from drivesim.cli.grouped import flattened
from drivesim.cli.main import LazyCommands
from drivesim.options import Options

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
HELPED = {f"--{one.name.replace('_', '-')}": one.metadata["help"] for one in fields(Options) if one.metadata}


@pytest.mark.parametrize("command", ["rollout", "futures"])
def test_the_fields_of_options_are_the_options_of_the_command(command: str) -> None:
    shown = {one.opts[0]: getattr(one, "help", None) for one in LazyCommands()[command].params}
    assert {name: shown.get(name) for name in HELPED} == HELPED


def test_the_page_names_every_option_of_a_run() -> None:
    assert HELPED.keys() <= set(re.findall(r"`(--[a-z-]+)", PAGE))


@dataclass(frozen=True, kw_only=True)
class Group:
    size: Annotated[int, typer.Option(help="How large.")] = 3
    kept: str = "as it is"


def test_a_group_is_built_from_its_options() -> None:
    seen = []

    def command(name: str, group: Group) -> None:
        """Say."""
        seen.append((name, group))

    app = typer.Typer()
    app.command()(flattened(command))
    assert CliRunner().invoke(app, ["a", "--size", "5"]).exit_code == 0
    assert CliRunner().invoke(app, ["b", "--kept", "x"]).exit_code == 2
    assert seen == [("a", Group(size=5))]


def test_two_options_of_one_name_are_a_mistake_in_the_program() -> None:
    def command(group: Group, size: int = 1) -> None: ...

    with pytest.raises(TypeError, match="two options of one name"):
        flattened(command)
