"""Places that may not be written to and files that may not be read: one line with a way out, and nothing is changed."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from damage import flipped
from striped_dataset import StripedDataset
from tiny_model import TinyWorldModel
from typer.testing import CliRunner
from unprivileged import unprivileged

from drivesim.cli.main import app
from drivesim.cli.terminal import saying_what_is_not_kept
from drivesim.errors import InputError
from drivesim.metrics.estimate import exact
from drivesim.models.hashes import verify_folder, write_hashes
from drivesim.packing import pack
from drivesim.report import Figure, Report, Section
from drivesim.report.files import write_report
from drivesim.runs.cost import Cost, remember_cost, remembered_cost
from drivesim.runs.future import open_run
from drivesim.runs.inspection import inspect_run
from drivesim.storage import kept_if_possible

sys.path.append(str(Path(__file__).resolve().parents[1] / "runs"))

from make_tiny_run import make_tiny_run, tiny_manifest


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a store, a report, and small files of each kind that commands read."""
    folder = tmp_path_factory.mktemp("whole")
    make_tiny_run(folder / "run", manifest=tiny_manifest(TinyWorldModel(), num_frames=13))
    pack(StripedDataset(length=2), folder / "s.zarr", shard_size=2)
    figure = Figure(key="a.b", label="A", value=exact(1.0))
    write_report(
        Report(title="T", subject="S", sections=(Section(title="A", about="B", figures=(figure,)),)), folder / "r"
    )
    for name in ("a.yaml", "a.xosc", "plan.csv", "model/model.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "suite").mkdir()
    (folder / "videos/inner").mkdir(parents=True)
    (folder / "videos/a.mp4").write_bytes(b"x")
    return folder


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = shutil.copytree(whole, tmp_path / "place")
    monkeypatch.chdir(copy)
    return Path(copy)


def answers(commands: list[list[str]]) -> list[tuple[int, str]]:
    """Exit code and what is said of each command, given by somebody whom permissions bind."""

    def ask() -> list[tuple[int, str]]:
        found = []
        for words in commands:
            result = CliRunner().invoke(app, words)
            assert isinstance(result.exception, SystemExit | None), (words, repr(result.exception))
            found.append((result.exit_code, result.output))
        return found

    return [(code, said) for code, said in unprivileged(ask)]


#: What is made unreadable, the command that meets it, and its exit code.
UNREADABLE: dict[str, tuple[list[str], int]] = {
    "a.yaml": (["check", "a.yaml"], 2),
    "a.xosc": (["import", "a.xosc"], 2),
    "r/report.json": (["compare", "r", "r"], 2),
    "r": (["compare", "r", "r"], 2),
    "plan.csv": (["rollout", "empty-road", "--ego-plan", "plan.csv"], 2),
    "model/model.json": (["check", "empty-road", "--model", "model"], 4),
    "suite": (["check", "suite/a.yaml"], 2),
    "videos/a.mp4": (["data", "check", "videos"], 2),
    "videos/inner": (["data", "check", "videos"], 2),
    "videos": (["data", "check", "videos"], 2),
    "s.zarr/zarr.json": (["data", "info", "s.zarr"], 2),
    "s.zarr/shards": (["data", "check", "s.zarr"], 2),
    "s.zarr": (["data", "info", "s.zarr"], 2),
    "run/manifest.json": (["doctor", "run"], 2),
    "run/f00.mp4": (["doctor", "run"], 2),
    "run/futures/f00/future.json": (["doctor", "run"], 2),
    "run/futures/f00": (["doctor", "run"], 2),
    "run/futures": (["doctor", "run"], 2),
    "run": (["doctor", "run"], 2),
}


def test_what_may_not_be_read_is_said_and_not_taken_for_nothing(place: Path) -> None:
    wrong = {}
    for name, (words, code) in UNREADABLE.items():
        mode = (place / name).stat().st_mode
        (place / name).chmod(0)
        ((got, said),) = answers([words])
        (place / name).chmod(mode)
        named = Path(name).name in said
        if (
            got != code
            or "Errno" in said
            or not named
            or not any(w in said.lower() for w in ("permission", "rights", "not readable"))
        ):
            wrong[name] = (got, said)
    assert not wrong, "\n".join(f"{name}: {one}" for name, one in wrong.items())


def test_a_protected_run_is_read_and_never_written_to(place: Path) -> None:
    run = place / "run"
    for path in (*run.rglob("*"), run):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    def read() -> list[object]:
        return [[fate.fate for fate in inspect_run(run)], len(open_run(run)), len(open_run(run)[0].frames())]

    fates, futures, frames = unprivileged(read)
    assert set(fates) == {"good"} and (futures, frames) == (1, 13)
    for words in (
        ["export", "run", "--to", "coco", "--no-measure"],
        ["score", "run"],
        ["score", "run", "--junit", "run/j.xml", "--out", "o"],
    ):
        ((code, said),) = answers([words])
        assert code == 2 and "is write-protected. Choose another folder with --out" in said, said
    ((code, said),) = answers([["doctor", "run"]])
    assert code == 0 and "run is what it was" in said

    def go_on() -> str:
        try:
            make_tiny_run(run, manifest=tiny_manifest(TinyWorldModel(), num_frames=13), resume=True)
        except InputError as error:
            return str(error)
        return "nothing"

    assert "is write-protected" in unprivileged(go_on) or "Permission denied" in unprivileged(go_on)
    for path in (run, *run.rglob("*")):
        path.chmod(0o755)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_protected_cache_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    manifest = tiny_manifest(TinyWorldModel())
    given = {field.name: 1.5 for field in dataclasses.fields(Cost)}
    cost = Cost(**{**given, "chunk_frames": 4, "overlap": True})

    def remember() -> list[object]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            remember_cost(manifest, cost)
        return [remembered_cost(manifest) is None, *(str(one.message) for one in said)]

    place = tmp_path / "cache/drivesim/cost.json"
    said = (
        f"speed of this machine not kept in {place} (permission denied; mend its rights); measured again the next time."
    )
    assert unprivileged(remember) == [True, said]
    (tmp_path / "cache").chmod(0)
    assert unprivileged(remember) == [True, said]


def test_what_could_not_be_kept_is_said_in_one_line_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(FutureWarning, match="something else"), saying_what_is_not_kept():
        for _ in range(2):
            with kept_if_possible(Path("a\nb"), "rows"):
                raise OSError(28, "No space left on device", "a")
            warnings.warn("something else", FutureWarning, stacklevel=1)
    err = capsys.readouterr().err
    assert [line for line in err.splitlines() if "rows" in line] == [
        "note: rows not kept in a b (No space left on device); measured again the next time."
    ]


def test_a_part_of_a_model_that_may_not_be_read_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part/config.json").write_text("{}")
    write_hashes(tmp_path)
    assert len(verify_folder(tmp_path)) == 64
    (tmp_path / "part").chmod(0)

    def why() -> str:
        try:
            return verify_folder(tmp_path)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    assert "ModelError" in (said := unprivileged(why)) and "part: may not be read" in said
    (tmp_path / "part").chmod(0o755)
    flipped(tmp_path / "part/config.json")
    assert "damaged or foreign" in why()
