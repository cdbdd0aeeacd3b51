"""``drivesim compare``: reports from files and folders, a page, JSON, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.metrics.estimate import share_of
from drivesim.report import COMPARED, Figure, Report, Section
from drivesim.report.files import write_report


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two reports of one figure that differ clearly, measured on different seeds."""
    made = (tmp_path / "a", tmp_path / "b")
    for folder, hits, seed in zip(made, (300, 700), ("1", "2"), strict=True):
        figure = Figure(key="obedience.recall", label="Recall", value=share_of(hits, 1000), better="higher")
        section = Section(title="Obedience", about="Boxes.", figures=(figure,))
        write_report(Report(title="T", subject=folder.name, sections=(section,), settings={"seed": seed}), folder)
    return made


def test_folders_and_files_give_the_same_answer(folders: tuple[Path, Path]) -> None:
    result = run(*folders)
    assert result.exit_code == 0, result.output
    assert "warning: A and B were not measured alike" in result.output and "seed: 1 / 2" in result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("  Recall ")]
    assert line.split()[-2:] == ["0.4", "better"]
    assert run(*(folder / "report.json" for folder in folders)).output == result.output


def test_a_page_and_json(folders: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "new" / "compare.html"
    result = run(*folders, "--out", page, "--json")
    assert result.exit_code == 0, result.output
    figure = Report.from_json(result.output, "output").figures()["obedience.recall"]
    assert figure.value is not None and figure.value.value == 0.7
    assert figure.references[COMPARED].value == 0.3
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert f"wrote {page}" in run(*folders, "--out", page).output


def test_what_cannot_be_compared_is_refused_with_exit_code_2(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    for wrong, says in (
        ("nowhere", "there is no file"),
        ("empty", "has no report.json"),
        ("broken.json", "damaged or no drivesim report"),
        ("binary.json", "it is not UTF-8"),
    ):
        result = run(folders[0], tmp_path / wrong)
        assert result.exit_code == 2 and says in result.output, result.output
        assert wrong in result.output and result.output.count("\n") == 1
    result = run(*folders, "--out", tmp_path / "page.pdf")
    assert result.exit_code == 2 and "ends in .html" in result.output
