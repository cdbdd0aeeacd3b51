"""Places where nothing can be written or read: said in one line before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.runs.storage import make_folder, require_folder


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sample", "empty-road", "--out", "{file}"], "a file stands where a folder is needed"),
        (["sample", "empty-road", "--out", "{file}/below/it"], "a file stands where a folder is needed"),
        (["preview", "empty-road", "--out", "{file}/x.png"], "a file stands where a folder is needed"),
        (["render", "empty-road", "--out", "{file}/x.mp4"], "a file stands where a folder is needed"),
        (["score", "{folder}", "--out", "{file}"], "a file stands where a folder is needed"),
        (["score", "{folder}", "--junit", "{file}/junit.xml"], "a file stands where a folder is needed"),
        (["evaluate", "--out", "{file}"], "a file stands where a folder is needed"),
        (["sample", "empty-road", "--out", "{loop}"], "a file stands where a folder is needed"),
        (["import", ""], "is a folder. Name the .xosc file in it."),
        (["import", "{folder}"], "is a folder. Name the .xosc file in it."),
        (["sample", "empty-road", "--out", "{folder}/" + "x" * 300], "File name too long"),
    ],
)
def test_odd_places_are_said_in_one_line(tmp_path: Path, command: list[str], message: str) -> None:
    file, folder, loop = tmp_path / "a file.txt", tmp_path / "f\u00fcr mich", tmp_path / "loop"
    file.write_text("mine")
    folder.mkdir()
    loop.symlink_to(loop)
    result = CliRunner().invoke(app, [part.format(file=file, folder=folder, loop=loop) for part in command])
    assert result.exit_code == 2, result.output
    assert message in result.stderr and result.stderr.count("error:") == 1 and "Errno" not in result.stderr
    assert file.read_text() == "mine" and not list(folder.iterdir())


def test_a_folder_that_is_not_there_yet_is_made_where_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InputError, match="is write-protected"):
        require_folder(tmp_path / "a" / "c")
