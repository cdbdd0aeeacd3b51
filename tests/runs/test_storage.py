"""A full disk, a folder without permission, an exhausted file size limit: one clear line and nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from forking import ForkServer

from drivesim.errors import InputError
from drivesim.storage import write_atomic, writing

sys.path.append(str(Path(__file__).parent))
from make_tiny_run import make_tiny_run

PROGRAM = Path(__file__).with_name("make_tiny_run.py")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    (future,) = make_tiny_run(tmp_path_factory.mktemp("undisturbed") / "run")
    return future.frames()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with ForkServer(PROGRAM, tmp_path_factory.mktemp("said")) as started:
        yield started


def run_program(folder: Path, prefix: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*prefix, sys.executable, str(PROGRAM), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def assert_one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr


@pytest.mark.parametrize("limit_kilobytes", [12, 60])
def test_a_write_that_the_system_refuses_leaves_nothing_half_written(
    tmp_path: Path, undisturbed: np.ndarray, server: ForkServer, limit_kilobytes: int
) -> None:
    """A limit on file sizes: 12 kB stops at the start frame or a state, 60 kB only at the joined video."""
    folder = tmp_path / "run"
    result = server.run(folder, limit_bytes=limit_kilobytes * 1000)
    assert_one_clear_line(result, "could not write", "no file may be that large here", "ulimit -f", "--resume")
    assert not list(folder.rglob("*.part"))
    assert not list(folder.glob("*.mp4"))
    (resumed,) = make_tiny_run(folder, resume=True)
    assert np.array_equal(resumed.frames(), undisturbed)


def mounted(disk: Path, options: str, afterwards: str) -> list[str]:
    """A command prefix that runs the rest with a small file system at ``disk``; skips the test where that is refused."""
    disk.mkdir()
    mount = f"mount -t tmpfs -o {options} none {disk}"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "sh", "-c", mount]).returncode:
        pytest.skip("this system does not let a user mount a small file system")
    return ["unshare", "-rm", "sh", "-c", f'{mount} && "$@"; code=$?; {afterwards}', "sh"]


@pytest.mark.parametrize("size_kilobytes", [64, 256])
def test_a_full_disk_ends_in_one_line_and_resumes(tmp_path: Path, undisturbed: np.ndarray, size_kilobytes: int) -> None:
    """A real small file system, mounted in a user namespace; what it holds is copied out before it vanishes."""
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    prefix = mounted(disk, f"size={size_kilobytes}k", f"cp -a {disk}/run {saved}; exit $code")
    result = run_program(disk / "run", prefix)
    assert_one_clear_line(result, "the disk is full: could not write", "MB free", "--resume")
    assert not list(saved.rglob("*.part"))
    assert not list(saved.glob("*.mp4"))
    (resumed,) = make_tiny_run(saved, resume=True)
    assert np.array_equal(resumed.frames(), undisturbed)


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(InputError, match="a file stands where a folder is needed"):
        make_tiny_run(tmp_path / "run")
    with pytest.raises(InputError, match="a file stands where a folder is needed"):
        make_tiny_run(tmp_path / "run" / "below")


def test_a_folder_without_permission(tmp_path: Path) -> None:
    prefix = mounted(tmp_path / "disk", "ro", "exit $code")
    result = run_program(tmp_path / "disk" / "run", prefix)
    assert_one_clear_line(result, "cannot write", str(tmp_path / "disk" / "run"), "--out")


def test_atomic_writing_keeps_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, "old")
    with pytest.raises(RuntimeError), writing(path) as temporary:
        temporary.write_text("half of the ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_atomic(path, "new")
    assert path.read_text() == "new"
