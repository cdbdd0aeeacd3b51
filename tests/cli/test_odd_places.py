"""Places where nothing can be written or read: said in one line before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_video_ldm import save_toy
from typer.testing import CliRunner
from unprivileged import unprivileged

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.storage import make_folder, require_folder, write_atomic


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


#: Every command that writes a file, and every one that writes a folder; what each reads is not there, and is not asked for first.
FILES = {
    "schema": ["schema", "--out"],
    "preview": ["preview", "empty-road", "--out"],
    "render": ["render", "empty-road", "--out"],
    "start": ["start", "empty-road", "--out"],
    "diff": ["diff", "a.mp4", "b.mp4", "--out"],
    "compare": ["compare", "a", "b", "--out"],
    "import": ["import", "a.xosc", "--out"],
    "data view": ["data", "view", "a.zarr", "--out"],
    "junit": ["score", "{folder}", "--junit"],
}
FOLDERS = {
    "sample": ["sample", "empty-road", "--out"],
    "rollout": ["rollout", "empty-road", "--model", "{toy}", "--out"],
    "coverage": ["coverage", "a", "--out"],
    "plan": ["coverage", "a", "--plan"],
    "score": ["score", "{folder}", "--out"],
    "evaluate": ["evaluate", "--out"],
    "benchmark": ["benchmark", "default", "--data", "a.zarr", "--out"],
    "transfer": ["transfer", "a", "b", "--out"],
    "train": ["train", "smoke", "--work"],
    "test": ["test", "empty-road", "--out"],
    "sweep": ["sweep", "empty-road", "--model", "{toy}", "--out"],
}
ENDINGS = {"compare": ".html", "diff": ".mp4", "render": ".mp4", "junit": ".xml", "import": ".yaml", "schema": ".json"}
URL = "this is a URL, and only places on this machine"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model") / "toy", steps=1)


def refused(words: list[str], *, toy: Path, folder: Path) -> str:
    """The one line that answers a command whose place to write to is wrong."""
    result = CliRunner().invoke(app, [word.format(toy=toy, folder=folder) for word in words])
    assert result.exit_code == 2 and "Traceback" not in result.output, result.output
    assert result.stderr.count("error:") == 1 and "Errno" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_place_for_a_file_is_refused_before_anything_is_read(
    tmp_path: Path, toy: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, ending = tmp_path / "empty", ENDINGS.get(name, ".png")
    (folder / f"taken{ending}").mkdir(parents=True)
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"loop{ending}").symlink_to(tmp_path / f"loop{ending}")
    for place, said in {
        f"https://example.org/x{ending}": URL,
        f"s3://bucket/x{ending}": URL,
        f"~/x{ending}": "the shell has not put your home folder in place of ~",
        f"{folder}/taken{ending}": "is a folder" if name not in ("compare", "diff") else "is no name of a",
        f"pipe{ending}": "it is no ordinary file" if name not in ("import", "diff") else "",
        f"loop{ending}": "it is a link that leads nowhere",
    }.items():
        assert said in refused([*FILES[name], place], toy=toy, folder=folder), place
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", f"loop{ending}", f"pipe{ending}"]


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_no_place_for_a_folder_is_refused_before_anything_is_read(
    tmp_path: Path, toy: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    for place, said in {
        "https://example.org/x": URL,
        "~/runs": "the shell has not put your home folder in place of ~",
        "-": "nothing is written to standard output by this name",
        "  ": "a name of nothing but spaces",
        "file": "a file stands where a folder is needed",
    }.items():
        assert said in refused([*FOLDERS[name], place], toy=toy, folder=tmp_path / "empty"), place
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["rollout", "sweep"])
def test_a_folder_of_somebody_else_is_left_as_it_is(tmp_path: Path, toy: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "is not empty and" in refused([*FOLDERS[name], str(tmp_path)], toy=toy, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="it is no ordinary file"):
        write_atomic(pipe, "x")
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "{there}/file"], "it is a file, not a folder. Name a folder that 'drivesim rollout'"),
        (["replay", "{there}/nowhere"], "there is nothing. Name a folder"),
        (["export", "{there}/loop", "--to", "coco"], "it is a link that leads nowhere. Name a folder"),
        (["export", "{there}/folder", "--to", "coco"], "it has no manifest.json. Name a folder"),
        (["data", "info", "{there}/loop"], "{there}/loop: there is nothing. Pack data first"),
        (["data", "view", ""], "store '': no name. Give the folder"),
        (["benchmark", "default", "--data", " "], "store ' ': no name. Give the folder"),
    ],
)
def test_what_is_read_is_said_to_be_no_run_or_store(
    tmp_path: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = with_odd_places(tmp_path / "odd")
    before = sorted(there.iterdir())
    assert said.format(there=there) in refused(
        [word.replace("{there}", str(there)) for word in words], toy=there, folder=there
    )
    assert sorted(there.iterdir()) == before and [path.name for path in tmp_path.iterdir()] == ["odd"]


def with_odd_places(folder: Path) -> Path:
    """A folder with a file, a folder and a link to itself in it."""
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("mine")
    (folder / "loop").symlink_to(folder / "loop")
    return folder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "no name. Name a folder or a packaged model (default"), ("odd/file", "it is a file, not a folder"),
        ("odd/loop", "it is a link that leads nowhere"), ("odd/folder", "model.json is missing"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_never_asked_of_a_hub(
    tmp_path: Path, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_odd_places(tmp_path / "odd")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["test", "empty-road", "--model", name, "--out", "new"])
    assert result.exit_code == 4 and said in result.stderr and result.stderr.count("error:") == 1, result.output
    assert not (tmp_path / "new").exists()


def test_a_protected_place_is_refused_by_every_command(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "closed").mkdir(mode=0o555)
    given = {
        name: [
            word.format(toy=toy, folder=tmp_path / "run") for word in [*words, f"closed/x{ENDINGS.get(name, '.png')}"]
        ]
        for name, words in {**FILES, **FOLDERS}.items()
    }

    def ask() -> dict[str, tuple[int, str]]:
        found = {name: CliRunner().invoke(app, words) for name, words in given.items()}
        return {name: (one.exit_code, one.stderr) for name, one in found.items()}

    wrong = {name: one for name, one in unprivileged(ask).items() if one[0] != 2 or "is write-protected" not in one[1]}
    assert wrong == {} and [path.name for path in tmp_path.iterdir()] == ["closed"]
