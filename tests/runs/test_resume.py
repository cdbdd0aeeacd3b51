"""Real processes, really killed; what is resumed must decode to the very frames of an undisturbed run."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from forking import ForkServer
from tiny_model import TinyWorldModel

from drivesim.errors import InputError
from drivesim.runs.future import open_run
from drivesim.runs.run_folder import RunFolder

sys.path.append(str(Path(__file__).parent))
from make_tiny_run import make_tiny_run, tiny_manifest

PROGRAM = Path(__file__).with_name("make_tiny_run.py")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    make_tiny_run(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with ForkServer(PROGRAM, tmp_path_factory.mktemp("said")) as started:
        yield started


def assert_same_video(folder: Path, reference: Path) -> None:
    (made,), (wanted,) = open_run(folder), open_run(reference)
    assert np.array_equal(made.frames(), wanted.frames())
    assert made.video.read_bytes() == wanted.video.read_bytes()
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize(
    ("moment", "delay_s"),
    [
        ("manifest.json", 0.0),
        ("futures/f00/segments/000000.mp4", 0.0),
        ("futures/f00/segments/000002.json", 0.3),
    ],
)
def test_killed_at_any_moment_resumes_to_equal_frames(
    tmp_path: Path, undisturbed: Path, server: ForkServer, moment: str, delay_s: float
) -> None:
    folder = tmp_path / "run"
    process = server.start(folder, "--pause", "0.2")
    process.wait_for(folder / moment)
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not open_run(folder), "the run was over before it was killed"
    make_tiny_run(folder, resume=True)
    assert_same_video(folder, undisturbed)


def test_ctrl_c_ends_with_130_and_resumes(tmp_path: Path, undisturbed: Path, server: ForkServer) -> None:
    folder = tmp_path / "run"
    process = server.start(folder, "--pause", "0.2")
    process.wait_for(folder / "futures/f00/segments/000000.json")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert not open_run(folder)
    make_tiny_run(folder, resume=True)
    assert_same_video(folder, undisturbed)


def test_two_writers_are_kept_apart(tmp_path: Path, server: ForkServer) -> None:
    folder = tmp_path / "run"
    process = server.start(folder, "--pause", "0.2")
    process.wait_for(folder / "manifest.json")
    with pytest.raises(InputError, match="another drivesim process"):
        make_tiny_run(folder, resume=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    make_tiny_run(folder, resume=True)


@pytest.fixture
def interrupted(tmp_path: Path, crashed: Path) -> Path:
    """A run of which four of five segments are stored, as a crash leaves it."""
    return shutil.copytree(crashed, tmp_path / "run")


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crashed") / "run"

    class Crash(Exception):
        pass

    class CrashingModel(TinyWorldModel):
        def step(self, state, controls, noise):  # type: ignore[no-untyped-def]
            if state.chunks == 13:
                raise Crash
            return super().step(state, controls, noise)

    with pytest.raises(Crash):
        make_tiny_run(folder, model=CrashingModel(), manifest=tiny_manifest(TinyWorldModel(), overlap=False))
    assert RunFolder(folder).future(0).complete_segments((".mp4",)) == 4
    return folder


@pytest.mark.parametrize(
    ("damaged", "whole_before"),
    [
        ("segments/000003.mp4", 3),
        ("states/000012.state", 3),
        ("segments/000001.mp4", 1),
        ("segments/000002.json", 2),
        ("states/000002.state", 0),
    ],
)
@pytest.mark.parametrize("truncate", [True, False])
def test_damaged_files_are_noticed_and_made_again(
    interrupted: Path, undisturbed: Path, damaged: str, whole_before: int, truncate: bool
) -> None:
    path = interrupted / "futures/f00" / damaged
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data[: len(data) // 2] if truncate else data)
    assert RunFolder(interrupted).future(0).complete_segments((".mp4",)) == whole_before
    make_tiny_run(interrupted, resume=True)
    assert_same_video(interrupted, undisturbed)


def test_a_finished_run_resumes_to_itself(undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.mp4")}
    make_tiny_run(undisturbed, resume=True)
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.mp4")} == before


def test_a_lost_video_is_made_again(tmp_path: Path, undisturbed: Path) -> None:
    make_tiny_run(tmp_path / "run")
    RunFolder(tmp_path / "run").video(0).unlink()
    make_tiny_run(tmp_path / "run", resume=True)
    assert_same_video(tmp_path / "run", undisturbed)


def test_resume_without_a_run_starts_one(tmp_path: Path, undisturbed: Path) -> None:
    make_tiny_run(tmp_path / "run", resume=True)
    assert_same_video(tmp_path / "run", undisturbed)


def test_resume_with_other_settings_names_what_differs(interrupted: Path) -> None:
    model = TinyWorldModel()
    with pytest.raises(InputError, match="seed: the run has 7, this command asks for 8") as refusal:
        make_tiny_run(interrupted, manifest=tiny_manifest(model, seed=8, num_frames=41), resume=True)
    assert "frames: the run has 61, this command asks for 41" in str(refusal.value)
    with pytest.raises(
        InputError, match=r"weights sha256: the run has 5feceb66ffc8, this command asks for 6b86b273ff34"
    ):
        make_tiny_run(interrupted, model=TinyWorldModel(weights_seed=1), resume=True)


def test_a_changed_start_frame_is_noticed(interrupted: Path, undisturbed: Path) -> None:
    (interrupted / "start.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"start\.png is not what this run wrote"):
        make_tiny_run(interrupted, resume=True)


def test_a_damaged_manifest_is_named(interrupted: Path) -> None:
    (interrupted / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json is damaged"):
        make_tiny_run(interrupted, resume=True)


def test_nothing_is_overwritten_without_resume(interrupted: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"already holds a run.*--resume"):
        make_tiny_run(interrupted)
    other = tmp_path / "photos"
    other.mkdir()
    (other / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="not empty and no drivesim run"):
        make_tiny_run(other)
    assert sorted(p.name for p in other.iterdir() if p.name != "lock") == ["holiday.jpg"]
