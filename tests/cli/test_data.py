"""drivesim data: one line for every mistake, a report of what was left out, and pictures of what is in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest
from striped_dataset import StripedDataset
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.datasets.store import ClipStore
from drivesim.packing import pack

TINY = ["--samples", "3", "--frames", "2", "--height", "32", "--width", "64", "--shard-size", "2", "--workers", "1"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    url = tmp_path_factory.mktemp("cli") / "p.zarr"
    result = run("pack", "procedural", url, *TINY)
    assert result.exit_code == 0, result.output
    assert f"{url}: 3 samples of 2 frames, 32x64 at 10 frames a second, " in result.output
    return url


@pytest.fixture
def store(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "p.zarr"))


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with samples left out."""
    url = tmp_path_factory.mktemp("lossy") / "l.zarr"
    pack(StripedDataset(broken=(1, 2), bare=(4,), problems=["drive-9.mp4: empty"]), url, shard_size=4)
    return url


@pytest.mark.parametrize("command", ["pack", "info", "check", "view", "encode"])
def test_every_command_of_the_group_teaches_itself(command: str) -> None:
    assert command in run("--help").output
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "xample" in result.output


def test_packing_again_does_nothing_and_says_so(store: Path) -> None:
    result = run("pack", "procedural", store, *TINY)
    assert result.exit_code == 0
    assert f"{store} is packed already; nothing to do." in result.output


def test_continuing_says_what_was_there(store: Path) -> None:
    (store / "finished.json").unlink()
    (store / "shards/00001.json").unlink()
    assert "Continued: 2 of 3 samples were packed before." in run("pack", "procedural", store, *TINY).output


def test_other_settings_are_named(store: Path) -> None:
    result = run("pack", "procedural", store, *TINY, "--first-seed", "9")
    assert result.exit_code == 2
    assert "dataset.first_seed is 0 in the store and 9 now" in result.output


def test_info_for_people_and_for_programs(packed: Path) -> None:
    text = run("info", packed).output
    assert "samples   3 of 3" in text
    assert "given     map 3, scenery 3, actors 3, motion 3, attributes 3, flow 3, semantic 3, large 3" in text
    assert "licence Apache-2.0" in text
    row = json.loads(run("info", packed, "--json").output)
    assert (row["num_valid"], row["layout"]["shard_size"], row["encoder"]) == (3, 2, None)


def test_what_was_left_out_is_repeated(lossy: Path) -> None:
    text = run("info", lossy).output
    assert "samples   5 of 7" in text
    assert "left out (2):\n  sample 1: drive-1.mp4: cut short\n" in text
    assert "problems of the source (1):\n  drive-9.mp4: empty\n" in text


def test_a_good_store_and_a_flipped_byte(store: Path) -> None:
    result = run("check", store)
    assert (result.exit_code, result.output) == (0, f"{store} is good.\n")
    path = store / "actors/c/1/0/0/0/0"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    result = run("check", store)
    assert result.exit_code == 2
    assert "actors/c/1/0/0/0/0 (array actors, samples 2 to 2): damaged" in result.output
    assert f"{store}: 1 problem\n" in result.output


def test_a_source_is_checked_before_it_is_packed(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"no video")
    result = run("check", tmp_path / "videos")
    assert result.exit_code == 2
    assert "a.mp4" in result.output
    (tmp_path / "nuscenes" / "v1.0-mini").mkdir(parents=True)
    (tmp_path / "nuscenes" / "v1.0-mini" / "scene.json").write_text('[{"token": ')
    result = run("check", tmp_path / "nuscenes")
    assert result.exit_code == 2
    assert "v1.0-mini/scene.json" in result.output


def test_a_page_of_samples(packed: Path, lossy: Path, tmp_path: Path) -> None:
    for url, rows in ((packed, 2), (lossy, 3)):
        out = tmp_path / "pages" / f"{rows}.png"
        result = run("view", url, "--samples", rows, "--out", out)
        assert (result.exit_code, result.output) == (0, f"{out}\n")
        page = cv2.imread(str(out))
        assert page.shape == (rows * (22 + 192), 3 * 390 if rows == 2 else 4 * 390, 3)
        assert page.std() > 20


def test_a_page_is_a_png(packed: Path) -> None:
    result = run("view", packed, "--out", "page.gif")
    assert result.exit_code == 2
    assert "--out page.gif: name a .png picture." in result.output


def test_encoding_writes_latents_once(store: Path) -> None:
    result = run("encode", store, "--device", "cpu")
    assert (result.exit_code, result.output) == (0, f"{store}: latents written.\n")
    opened = ClipStore(store)
    assert opened.read_all("latents").shape == (3, 2, 19, 2, 4)
    assert f"by encoder {opened.info.encoder[:12]}" in run("info", store).output
    assert "has these latents already" in run("encode", store, "--device", "cpu").output
    assert run("check", store).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pack", "nowhere/", "x.zarr"), "nowhere/: there is no such file or folder. Give a nuScenes folder"),
        (("pack", "procedural", "x.zarr", "--split", "val"), "procedural is the procedural world: --split does not"),
        (("pack", "procedural", "x.zarr", "--fps", "5", "--licence", "MIT"), "--fps, --licence does not apply"),
        (("pack", "procedural", "x.zarr", "--first-seed", "999999"), "mix training scenes and held-out ones"),
        (("pack", "procedural", "-"), "cannot write -: nothing is written to standard output by this name."),
        (("pack", "procedural", " "), "a name of nothing but spaces"),
        (("pack", "procedural", "~/x.zarr"), "the shell has not put your home folder in place of ~"),
        (("info", "x.zarr"), "x.zarr: there is nothing. Pack data first"),
        (("check", "x.zarr"), "x.zarr: there is nothing. Pack data first"),
        (("view", "x.zarr"), "x.zarr: there is nothing. Pack data first"),
        (("encode", "x.zarr"), "x.zarr: there is nothing. Pack data first"),
        (("info", "s4://bucket/x.zarr"), "no file system for this address"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.startswith("error: ") and result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "bounds"),
    [
        (["--samples=0"], ["'--samples': Input should be greater than or equal to 1 (got '0')"]),
        ([f"--height={'9' * 18}"], ["'--height': Input should be less than or equal to 16384"]),
        ([f"--frames={'9' * 18}"], ["'--frames': Input should be less than or equal to 100000"]),
        (["--shard-size=4294967296"], ["'--shard-size': Input should be less than or equal to 65536"]),
        (["--fps=0", "--width=0"], ["'--fps': Input should be greater than or equal to 0.001", "'--width'"]),
        (["--fps=1e308"], ["'--fps': Input should be less than or equal to 500 (got '1e308')"]),
        (["--crowd-share=2", "--junction-share=-1"], ["'--crowd-share'", "'--junction-share'"]),
    ],
)
def test_numbers_that_nobody_means_are_refused_before_the_source_is_looked_at(
    options: list[str], bounds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("pack", "nowhere/", "x.zarr", *options)
    assert result.exit_code == 2 and all(bound in result.output for bound in bounds), result.output
    assert "there is no such file or folder" not in result.output and not list(tmp_path.iterdir())
