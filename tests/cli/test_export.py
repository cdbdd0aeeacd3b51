"""``drivesim export`` and ``import``: every format of a finished run, what is kept and what is refused, and ``outputs:``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from osc_files import CROSSING, REAR, write
from tiny_exports import make_run
from tiny_video_ldm import save_toy
from typer.testing import CliRunner, Result

from drivesim.cli import exporting
from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.exports.formats import FORMATS, WITHOUT_BOXES
from drivesim.exports.run import export_run
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import check


def drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    """The run with every format of its futures below it."""
    boxed = [name for name in FORMATS if name not in WITHOUT_BOXES]
    options = [part for name in boxed for part in ("--to", name)]
    made = []
    for asked in (options, ["--to", "video", "--fps", 25]):
        done = drivesim("export", run, *asked, "--json", "-q")
        assert done.exit_code == 0, done.output
        made += json.loads(done.stdout)["exports"]
    assert [each["format"] for each in made] == [*boxed, "video"] == list(FORMATS)
    assert all(each["futures"] == ["tiny-cut-in/v000/f00", "tiny-cut-in/v000/f01"] for each in made)
    *seen, resampled = (each["notes"][0] for each in made)
    assert all("the judges see 256x512" in note for note in seen)  # the tiny model's video is smaller
    assert resampled.startswith("resampled from 10 to 25 frames a second: nearest earlier frame")
    return run / "exports"


def test_every_format_lies_below_the_run_and_nothing_half_written(exported: Path, run: Path) -> None:
    assert sorted(path.name for path in exported.iterdir()) == sorted(FORMATS)
    assert sorted(path.name for path in (exported / "mcap").iterdir()) == [
        "f00.mcap",
        "f01.mcap",
        "foxglove-layout.json",
    ]
    assert sorted(path.name for path in (exported / "xosc").iterdir()) == [
        "f00.xosc", "f01.xosc", "provenance.json", "road.xodr", "scenario.xosc",
    ]  # fmt: skip
    assert sorted(path.name for path in (exported / "video").iterdir()) == [
        "f00-25fps.json", "f00-25fps.mp4", "f01-25fps.json", "f01-25fps.mp4",
    ]  # fmt: skip
    assert (exported / "coco/annotations/conditioned.json").is_file() and (exported / "frames/f01/000011.jpg").is_file()
    assert not [path for path in exported.rglob("*") if path.suffix in (".part", ".unfinished", ".replaced")]
    assert RunFolder(run).manifest().synthetic
    RunFolder(run).refuse_foreign()


def test_every_file_of_text_says_synthetic_or_lies_beside_one_that_does(exported: Path) -> None:
    beside = {path.parent for path in exported.rglob("provenance.json")}
    for path in exported.rglob("*"):
        if path.is_dir() or path.stat().st_size == 0:
            continue
        says = b"synthetic" in path.read_bytes()
        told = any(folder in beside for folder in path.parents)
        assert says or (told and path.suffix in (".csv", ".json", ".png")), path


def test_what_is_there_is_kept_replaced_or_refused(exported: Path, run: Path, tmp_path: Path) -> None:
    again = drivesim("export", run, "--to", "mcap", "--no-measure")
    assert again.exit_code == 2 and "--overwrite" in again.stderr and "--resume" in again.stderr
    kept = drivesim("export", run, "--to", "mcap", "--to", "coco", "--resume", "--no-measure", "--json", "-q")
    assert [len(each["kept"]) for each in json.loads(kept.stdout)["exports"]] == [2, 2]
    before = (exported / "mcap/f00.mcap").stat().st_mtime_ns
    assert drivesim("export", run, "--to", "mcap", "--future", 1, "--overwrite", "--no-measure").exit_code == 0
    assert (exported / "mcap/f00.mcap").stat().st_mtime_ns == before, "future 0 was not asked for"
    other = drivesim("export", run, "--to", "coco", "--future", 1, "--resume", "--no-measure")
    assert other.exit_code == 2 and "holds tiny-cut-in/v000/f00" in other.stderr
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    for name in ("mcap", "coco"):
        refused = drivesim("export", run, "--to", name, "-o", tmp_path / "mine", "--overwrite", "--no-measure")
        assert refused.exit_code == 2 and "letter.txt, which no export wrote" in refused.stderr
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_a_killed_writer_leaves_nothing_under_the_name(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drivesim.exports import frame_folder

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(frame_folder, "_write_json", stop)
    with pytest.raises(KeyboardInterrupt):
        export_run(run, "frames", out=tmp_path / "frames")
    assert not (tmp_path / "frames/f00").exists()
    monkeypatch.undo()
    assert export_run(run, "frames", out=tmp_path / "frames", resume=True).kept == ()
    assert (tmp_path / "frames/f01/camera.json").is_file()


@pytest.mark.parametrize(
    ("name", "module"), [("mcap", "mcap"), ("mcap", "foxglove_schemas_protobuf"), ("xosc", "scenariogeneration")]
)
def test_a_missing_package_gives_the_line_that_installs_it(
    name: str, module: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = drivesim("export", run, "--to", "coco", "--to", name, "-o", tmp_path / "out")
    assert done.exit_code == 4 and f'pip install "drivesim[{name}]"' in done.stderr
    assert not (tmp_path / "out").exists(), "nothing is written before all packages are there"


def broken_runs(folder: Path, run: Path) -> dict[str, tuple[list[object], str]]:
    """What is asked for, and what the message has to say."""
    import shutil

    (folder / "empty").mkdir()
    unfinished = folder / "unfinished"
    shutil.copytree(run, unfinished)
    shutil.rmtree(unfinished / "exports", ignore_errors=True)
    for record in unfinished.rglob("future.json"):
        record.unlink()
    damaged = folder / "damaged"
    shutil.copytree(run, damaged, ignore=shutil.ignore_patterns("exports"))
    video = bytearray((damaged / "f00.mp4").read_bytes())
    video[len(video) // 2] ^= 255
    (damaged / "f00.mp4").write_bytes(video)
    edited = folder / "edited"
    shutil.copytree(run, edited, ignore=shutil.ignore_patterns("exports"))
    (edited / "scenario.yaml").write_text((edited / "scenario.yaml").read_text() + "# more\n")
    (folder / "file").write_text("x")
    coco = ["--to", "coco", "-o", folder / "out", "--no-measure"]
    return {
        "no folder": ([folder / "nowhere", *coco], "no drivesim run"),
        "an empty folder": ([folder / "empty", *coco], "no drivesim run"),
        "nothing finished": ([unfinished, *coco], "no finished future"),
        "a damaged video": ([damaged, *coco], "is not what this run wrote"),
        "an edited scenario": ([edited, *coco], "was changed since the run began"),
        "no such future": ([run, *coco, "--future", 7], "no finished future 7; it has 0, 1"),
        "a file for a folder": ([run, "--to", "coco", "-o", folder / "file"], "a file stands where a folder is needed"),
        "both ways": ([run, *coco, "--overwrite", "--resume"], "one replaces what is there, the other keeps it"),
        "judges that may not look": ([run, *coco, "--judges", folder], "nothing would look at the video"),
        "judges that cannot look": ([run, "--to", "coco", "--judges", folder], "the judges see 256x512"),
        "judges without boxes": ([run, "--to", "video", "--fps", 25, "--judges", folder], "nothing would look at"),
        "a rate for boxes": ([run, *coco, "--fps", 25], "--fps 25 has no meaning for coco"),
        "a rate for some": ([run, "--to", "video", *coco, "--fps", 25], "export it by itself: --to video --fps 25"),
        "no rate": ([run, "--to", "video"], "needs the frame rate that is wanted (--fps)"),
        "no usable rate": ([run, "--to", "video", "--fps", 0], "greater than or equal to 0.5 (got '0')"),
        "no format": ([run, "--to", "rosbag"], "rosbag"),
    }


def test_what_cannot_be_exported_is_said_in_one_message(run: Path, tmp_path: Path) -> None:
    for name, (arguments, message) in broken_runs(tmp_path, run).items():
        done = drivesim("export", *arguments)
        assert done.exit_code == 2, (name, done.output)
        shown = " ".join(done.stderr.split())
        assert message.replace("no drivesim run", "is not a drivesim run") in shown, (name, shown)
        assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no format 'bag'; there are mcap, nuscenes"):
        export_run(run, "bag")


OUTPUTS = """\
drivesim: 1
id: with-outputs
video: {duration: 2 s}
outputs: [mp4, coco, mcap]
scene:
  road: {type: rural, lanes: 1}
  ego: {speed: 15 m/s}
  traffic: {density: none}
"""


@pytest.mark.usefixtures("known_speed")
def test_outputs_of_a_scenario_are_written_and_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.yaml").write_text(OUTPUTS)
    given = (
        "--model",
        save_toy(tmp_path / "toy", steps=1),
        "--seconds",
        "0.2",
        "--out",
        tmp_path / "run",
        "--threads",
        "1",
    )
    measured: list[bool] = []
    real = exporting.export_all

    def unmeasured(*arguments: object, **options: object) -> object:
        measured.append(bool(options.get("measure", True)))
        return real(*arguments, **{**options, "measure": False})  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "export_all", unmeasured)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "mcap", None)
        refused = drivesim("rollout", tmp_path / "s.yaml", *given)
        assert refused.exit_code == 4 and 'pip install "drivesim[mcap]"' in refused.stderr
        assert not (tmp_path / "run").exists(), "refused before anything is made"
    made = drivesim("rollout", tmp_path / "s.yaml", *given, "--json", "-q")
    assert made.exit_code == 0, made.output
    assert set(json.loads(made.stdout.splitlines()[-1])["exports"]) == {"mcap", "coco"} and all(measured)
    more = drivesim("rollout", tmp_path / "s.yaml", *given, "--resume", "--futures", 2, "-q", "--actors", "scripted")
    assert more.exit_code == 0, more.output
    assert (tmp_path / "run/exports/mcap/f01.mcap").is_file()
    told = json.loads((tmp_path / "run/exports/coco/provenance.json").read_text())
    assert [one["future"] for one in told] == ["with-outputs/v000/f00", "with-outputs/v000/f01"]


def test_import_writes_a_scenario_with_what_was_lost_on_top(tmp_path: Path) -> None:
    path = write(tmp_path, CROSSING)
    done = drivesim("import", path, "--set", "v_kph=50", "-o", tmp_path / "crossing.yaml", "--id", "crossing")
    assert done.exit_code == 0, done.output
    assert "taken for something simpler" in done.stderr and "gathers speed is not kept" in done.stderr
    text = (tmp_path / "crossing.yaml").read_text()
    assert "# Simpler: " in text and "id: crossing" in text and check(tmp_path / "crossing.yaml").ok
    again = drivesim("import", path, "-o", tmp_path / "crossing.yaml")
    assert again.exit_code == 2 and "--overwrite" in again.stderr
    unread = "<GlobalAction><InfrastructureAction/></GlobalAction><GlobalAction><TrafficAction/></GlobalAction></Actions></Init>"
    lossy = write(tmp_path, REAR.replace("</Actions></Init>", unread))
    strict = drivesim("import", lossy, "--strict", "-o", tmp_path / "rear.yaml")
    assert strict.exit_code == 2 and "2 things were left out" in strict.stderr and not (tmp_path / "rear.yaml").exists()
    wrong = drivesim("import", path, "--set", "v_kph", "-o", tmp_path / "x.yaml")
    assert wrong.exit_code == 2 and "expected parameter=value" in wrong.stderr
    assert drivesim("import", path, "-o", tmp_path).exit_code == 2


def test_a_file_name_is_a_comment_and_no_part_of_what_is_imported(tmp_path: Path) -> None:
    path = write(tmp_path, CROSSING)
    odd = path.rename(path.with_name("a\nscene: {}\x85id: b\u2028\x1b[31m.xosc"))
    done = drivesim("import", odd, "-o", tmp_path / "crossing.yaml", "--id", "crossing")
    assert done.exit_code == 0, done.output
    first, *_ = (tmp_path / "crossing.yaml").read_text().splitlines()
    assert first.startswith("# From a scene: {}\\x85id: b\\u2028\\x1b[31m.xosc (OpenSCENARIO)")
    assert check(tmp_path / "crossing.yaml").ok
