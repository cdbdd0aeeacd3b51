"""Every file of a finished run that is flipped, cut, replaced or edited is named, by doctor and by whoever would use it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from damage import emptied, flipped, truncated
from tiny_model import TinyWorldModel
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.runs.future import open_run
from drivesim.runs.inspection import inspect_run
from drivesim.runs.run_folder import RunFolder

sys.path.append(str(Path(__file__).parent))

from make_tiny_run import make_tiny_run, tiny_manifest

FILES = (
    "manifest.json",
    "scenario.yaml",
    "start.png",
    "tracks.csv",
    "f00.mp4",
    "futures/f00/future.json",
    "futures/f00/segments/000001.json",
    "futures/f00/states/000002.state",
    "futures/f00/frames/000003.png",
)


def replaced(path: Path) -> None:
    """A sound file of the same kind stands in its place: what another run wrote."""
    shutil.copy(OTHER[path.name], path)


#: The files of another run by name.
OTHER: dict[str, Path] = {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with tracks and PNG frames; beside it another one, to replace files with."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("run", 7), ("other", 8)):
        manifest = replace(tiny_manifest(TinyWorldModel(), num_frames=25, seed=seed), png_frames=True)
        make_tiny_run(
            folder / name, manifest=manifest, tracks=f"frame,t_s\n{seed},0.0\n", scenario_note=f"# seed {seed}\n"
        )
    OTHER.update({Path(name).name: folder / "other" / name for name in FILES})
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def resume(run: Path) -> None:
    manifest = replace(tiny_manifest(TinyWorldModel(), num_frames=25), png_frames=True)
    make_tiny_run(run, manifest=manifest, resume=True, tracks="frame,t_s\n7,0.0\n", scenario_note="# seed 7\n")


def doctor(run: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["doctor", str(run), *options])


def contents(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_whole_run_is_what_it_was(run: Path) -> None:
    result = doctor(run)
    assert result.exit_code == 0, result.output
    assert f"{run} is what it was: " in result.output
    names = {fate.name for fate in inspect_run(run)}
    assert names == set(contents(run)) - {"lock"}, "each file once"
    assert {fate.fate for fate in inspect_run(run)} == {"good"}
    assert "futures/f00/frames/ (25 files)" in result.output and "000003.png" not in result.output


@pytest.mark.parametrize("damage", [flipped, truncated, emptied, replaced])
@pytest.mark.parametrize("name", FILES)
def test_each_damaged_file_is_named_and_nothing_is_overwritten(
    run: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(run / name)
    before = contents(run)
    result = doctor(run)
    assert result.exit_code == 2
    faults = [line.split()[1] for line in result.output.splitlines() if line.startswith("FAIL")]
    if damage is replaced and name == "manifest.json":  # a sound manifest of another run: nothing here is what it wrote
        assert {"scenario.yaml", "start.png", "tracks.csv"} <= set(faults)
    else:
        assert faults == [name], result.output
    assert f"{run} is not what it was" in result.output
    if not name.endswith(".png") or name == "start.png":  # PNGs are many: only doctor reads them all
        with pytest.raises(InputError, match=Path(name).name if damage is not replaced else "run"):
            resume(run)
    assert contents(run) == before, "nothing is overwritten"


def test_doctor_as_json(run: Path) -> None:
    flipped(run / "f00.mp4")
    (run / "notes.txt").write_text("mine")
    found = json.loads(doctor(run, "--json").stdout)
    fates = {entry["file"]: entry["fate"] for entry in found["files"]}
    assert found["good"] is False and fates["f00.mp4"] == "damaged" and fates["notes.txt"] == "beside"
    assert fates["manifest.json"] == "good"


def test_what_is_gone_is_made_again_or_said(run: Path) -> None:
    for name in ("f00.mp4", "tracks.csv"):
        whole = (run / name).read_bytes()
        (run / name).unlink()
        result = doctor(run)
        assert result.exit_code == 2 and f"FAIL  {name}" in result.output and "--resume makes it again" in result.output
        resume(run)
        assert (run / name).read_bytes() == whole and doctor(run).exit_code == 0
    (run / "futures/f00/states/000002.state").unlink()
    assert "branches start at other moments" in doctor(run).output
    (run / "futures/f00/segments/000001.json").unlink()
    with pytest.raises(InputError, match=r"000001\.json is missing"):
        resume(run)


def test_a_run_under_way_is_no_fault(run: Path) -> None:
    (run / "futures/f00/future.json").unlink()
    (run / "f00.mp4").unlink()
    result = doctor(run)
    # The segments' videos went when they were joined, so here they are missing, and made again.
    assert "futures/f00/segments/000000.mp4" in result.output and "futures/f00/segments/000000.json" in result.output
    assert "unfinished" in result.output


def test_a_run_of_before_there_were_hashes_is_told_apart(run: Path) -> None:
    path = run / "manifest.json"
    values = json.loads(path.read_text())
    del values["sha256"], values["files"]
    path.write_text(json.dumps(values))
    result = doctor(run)
    assert result.exit_code == 0, result.output
    assert "warn  manifest.json" in result.output and "kept no hash of it" in result.output
    assert "warn  tracks.csv" in result.output and "ok    start.png" in result.output


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = doctor(tmp_path)
    assert result.exit_code == 2 and "is not a drivesim run" in result.output


def test_edited_tracks_are_not_used(run: Path) -> None:
    (future,) = open_run(run)
    RunFolder(run).shared_tracks_path.write_text("frame,t_s\n8,0.0\n")
    with pytest.raises(InputError, match=r"tracks\.csv is not what this run wrote"):
        _ = future.tracks


def test_what_somebody_put_among_the_futures_is_none(run: Path) -> None:
    for name in ("f00 (copy)", "f", "f0", "fff", "f99999999"):
        shutil.copytree(run / "futures/f00", run / "futures" / name)
    (run / "futures/f01").write_text("a file")
    (run / "futures/f02").symlink_to(run / "futures/f02")
    assert [future.index for future in open_run(run)] == [0]
    result = doctor(run)
    assert result.exit_code == 0 and "f00 (copy)/future.json" in result.output, result.output
