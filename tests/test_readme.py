"""The README and the pages of docs/ say what is true: files exist, commands parse, examples run."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup

from drivesim.cli.main import SUMMARIES, LazyCommands
from drivesim.models.video_ldm.load import LoadedVideoLDM

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(program: str) -> list[str]:
    """Lines of all console blocks that call ``program``, without comments."""
    lines = [
        line
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"), "console")
        for line in block.splitlines()
    ]
    return sorted({line.split("  #")[0].strip() for line in lines if line.startswith(f"{program} ")})


def few_steps(model: LoadedVideoLDM) -> LoadedVideoLDM:
    """The model with two steps for its start frame instead of 18."""
    begins = model.start_frame_model
    begins.config = dataclasses.replace(begins.config, sampler=dataclasses.replace(begins.config.sampler, steps=2))
    return model


def test_the_readme_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the shipped weights; shortened to one chunk of few steps and two futures."""
    (program,) = blocks(README, "python")
    assert len([line for line in program.splitlines() if line and not line.startswith(("from", "import"))]) <= 10
    short = (
        re.sub(r"seconds=\d+", "seconds=0.6", program)
        .replace("num_futures=8", "num_futures=2")
        .replace("ds.load_model()", "few_steps(ds.load_model(steps=1))")
        .replace("(4.0)", "(0.5)")
    )
    assert "few_steps" in short
    monkeypatch.chdir(tmp_path)
    exec(compile(short, "README.md", "exec"), {"few_steps": few_steps})
    shown = capsys.readouterr().out.splitlines()
    assert [Path(line.split()[1]).suffix for line in shown] == [".mp4"] * 3
    assert all(Path(line.split()[1]).is_file() for line in shown)


@pytest.mark.parametrize("page", PAGES[2:], ids=lambda page: page.name)
def test_python_and_scenarios_of_the_pages_run(page: Path) -> None:
    from drivesim.scenarios.load import check_text

    text = page.read_text(encoding="utf-8")
    for program in blocks(text, "python"):
        exec(compile(program, str(page), "exec"), {})
    for program in blocks(text, "py"):  # needs data or a network that are not here: only its syntax is checked
        compile(program, str(page), "exec")
    for scenario in blocks(text, "yaml"):
        report = check_text(scenario, page.name)
        assert not [*report.errors, *report.warnings]


@pytest.mark.parametrize("line", commands("drivesim"))
def test_every_command_line_parses(line: str) -> None:
    """Unknown options and wrong kinds of values raise here; nothing is executed."""
    name, *arguments = shlex.split(line)[1:]
    command = LazyCommands()[name]
    while isinstance(command, TyperGroup):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments).close()


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {word for line in commands("make") for word in line.split()[1:] if "=" not in word}
    assert used and used <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link for link in links if "://" not in link]
    assert not [link for link in local if not (page.parent / link).exists()]


def test_every_file_named_in_code_style_exists() -> None:
    """``tests/conformance.py`` and the like, in any page."""
    named = {
        path
        for page in PAGES
        for path in re.findall(
            r"`((?:drivesim|conditioning|datasets|scenarios|tests|docs|benchmarks)/[\w./*-]+)`", page.read_text()
        )
    }
    assert named
    assert not [path for path in named if not list(ROOT.glob(path.rstrip("/")))]


def test_tables_list_every_command_and_every_library_scenario() -> None:
    from drivesim.scenarios.library import names

    rows = set(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE))
    assert rows == set(SUMMARIES) | set(names())


def test_the_scenario_is_good_and_its_mistakes_are_answered_as_shown(tmp_path: Path) -> None:
    from drivesim.scenarios.load import check_text

    (good,) = blocks(README, "yaml")
    (answer,) = [block for block in blocks(README, "text") if block.startswith("my.yaml")]
    assert check_text(good, "my.yaml").errors == ()
    broken = good.replace("ego: {speed: 26 m/s}", "ego: {speed: 26 kg}").replace("lane: left", "lan: left")
    assert [str(problem) for problem in check_text(broken, "my.yaml").errors] == answer.splitlines()


def test_every_command_exposes_a_function_of_its_name() -> None:
    for name, command in LazyCommands().items():
        assert command.name == name
        assert command.help, f"{name} has no help"
