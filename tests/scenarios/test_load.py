"""Reading scenario files: the three of the format's description, suites, hostile files, places in messages."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.errors import printable
from drivesim.scenarios import ScenarioError, check, check_text, load, loads

SUITE = (Path(__file__).parent / "suite.yaml").read_text(encoding="utf-8")
ONE = "drivesim: 1\nid: one\nscene: {}\n"
#: The suite with one variation of each scenario: all that are looked at are played through, wherever a mistake leaves it good.
ONE_EACH = (
    SUITE.replace("variations: 8", "variations: 1")
    .replace("[8 m, 14 m, 20 m]", "[8 m]")
    .replace("[moderate, heavy]", "[heavy]")
)


def test_the_suite_of_the_format_loads() -> None:
    cut_in, night, merge = loads(SUITE)
    assert [s.id for s in (cut_in, night, merge)] == ["highway-cut-in", "night-pedestrian", "rain-merge"]
    assert cut_in.vary["gap"].uniform == (20.0, 40.0)
    assert cut_in.sampling_settings.seed == 7 and cut_in.outputs == ("mp4", "frames")
    assert merge.video_settings.duration == 90.0 and merge.video_settings.height == 512
    assert merge.sampling_settings.method == "grid" and merge.sampling_settings.seed == 7
    assert merge.sampling_settings.futures == 32 and cut_in.sampling_settings.futures == 16
    assert night.scene.ego.speed == pytest.approx(40 / 3.6)
    assert night.scene.environment.time_of_day == "22:30"
    assert merge.num_variations == 6 and night.num_variations == 8


def test_the_suite_has_no_errors_and_no_warnings(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE, encoding="utf-8")
    report = check(path)
    assert report.ok and report.warnings == ()
    assert load(path) == loads(SUITE)


def test_times_and_yes_stay_text() -> None:
    text = "drivesim: 1\nid: one\ntitle: no\nscene: {environment: {time_of_day: 22:30}}\n"
    scenario = loads(text)[0]
    assert scenario.title == "no"
    assert scenario.scene.environment.time_of_day == "22:30"


def test_anchors_and_aliases_are_read() -> None:
    text = "drivesim: 1\nid: one\nscene:\n  actors:\n    - {id: a, class: car, lane: ego, gap: &g 30 m}\n"
    text += "    - {id: b, class: car, lane: left, gap: *g}\n"
    first, second = loads(text)[0].scene.actors
    assert first.gap == second.gap == 30.0


def test_byte_order_mark_and_windows_line_ends() -> None:
    assert loads(b"\xef\xbb\xbf" + ONE.replace("\n", "\r\n").encode()) == loads(ONE)


def test_missing_file_folder_and_long_name(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    cases = {
        tmp_path / "nowhere.yaml": "there is no such file. Check the path, or name a library scenario. [DS001]",
        tmp_path / "folder.yaml": "this is a folder. Name a scenario .yaml file in it. [DS002]",
        tmp_path / ("x" * 300): "the file cannot be read (file name too long). Check its name and permissions. [DS002]",
        Path(
            "null\0byte.yaml"
        ): "the file cannot be read (embedded null byte). Check its name and permissions. [DS002]",
    }
    for path, text in cases.items():
        assert [str(p) for p in check(path).errors] == [f"{printable(str(path))} — {text}"]
        with pytest.raises(ScenarioError):
            load(path)


def test_a_big_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(10_000_000_000)
    message = f"{path} — 10000.0 MB is too large for a scenario file (at most 256 KiB). Split the suite. [DS003]"
    assert [str(p) for p in check(path).errors] == [message]


def test_start_image_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"jpeg")
    path = tmp_path / "one.yaml"
    path.write_text(ONE + "start: {image: photo.jpg}\n", encoding="utf-8")
    start = load(path)[0].start
    assert start is not None and Path(start.image) == (tmp_path / "photo.jpg").resolve()


def test_errors_come_in_the_order_of_the_file_and_all_at_once() -> None:
    text = (
        SUITE.replace("gap: 70 m", "gap: 70 kg")
        .replace("class: pedestrian", "class: alien")
        .replace("28 m/s]", "28 m]")
    )
    errors = check_text(text, "suite.yaml").errors
    lines = text.split("\n")
    assert [e.line for e in errors] == sorted(e.line for e in errors)
    assert {e.path for e in errors} >= {"scenarios[0].scene.actors[1].gap", "scenarios[1].scene.actors[1].class"}
    for error in errors:
        assert lines[error.line - 1][error.column - 1 :].strip()


def test_defaults_are_reported_once() -> None:
    text = "drivesim: 1\ndefaults: {video: {fps: fast}}\nscenarios:\n  - {id: a, scene: {}}\n  - {id: b, scene: {}}\n"
    assert [p.path for p in check_text(text).errors] == ["defaults.video.fps"]


def test_warnings_do_not_stop_loading() -> None:
    actors = "[{id: fast, class: car, lane: ego, gap: 30, speed: 90}, {id: tail, class: car, lane: ego, gap: -15}]"
    text = ONE.replace("{}", f"{{ego: {{speed: 20}}, actors: {actors}}}") + "vary: {unused: {uniform: [1, 2]}}\n"
    report = check_text(text, "w.yaml")
    assert report.ok
    assert str(report.warnings[0]) == (
        "w.yaml:3:86  scene.actors[0].speed — warning: speed 90 m/s of 'fast' is 324 km/h. Did you mean '90 km/h'? [DS063]"
    )
    assert {p.code for p in report.warnings} == {"DS041", "DS061", "DS063"}
    assert len(loads(text)) == 1


WARNINGS = {
    "{id: a, class: car, lane: ego, gap: -20}": "'a' is 23 m behind the camera at t = 0: the start frame cannot show it. "
    "It will be measured only if it appears. [DS061]",
    "{id: a, class: car, at: {x: 8, y: 30}, allow_overlap: true}": "'a' is left of the picture at t = 0: the start frame "
    "cannot show it. It will be measured only if it appears. [DS061]",
    "{id: a, class: pedestrian, at: {x: 62, y: 0}}": "pedestrian 'a' at 62 m covers 8×24 px at 512×1024; training boxes end "
    "near 40 m. Expect it to be ignored. [DS064]",
    "{id: a, class: car, lane: ego, gap: 20, size: {length: 1.9, width: 4.6}}": "actor 'a': length 1.9 m, width 4.6 m. "
    "Swapped? nuScenes writes w,l,h; here sizes are named. [DS062]",
    "{id: a, class: car, at: {x: 60, y: -25}, parked: true}": "'a' stands off the road (y = -25.0 m). y counts to the left; "
    "the right kerb has negative y. [DS066]",
}


@pytest.mark.parametrize("actor", WARNINGS)
def test_warning_messages(actor: str) -> None:
    text = f"drivesim: 1\nid: one\nscene: {{road: {{curvature: 0}}, ego: {{speed: 20}}, actors: [{actor}]}}\n"
    report = check_text(text, "w.yaml")
    assert report.ok
    assert WARNINGS[actor] in [str(p).split("warning: ")[1] for p in report.warnings]


def test_a_cut_in_that_comes_too_late() -> None:
    text = SUITE.replace("start: {time: 2 s}", "start: {time: 30 s}").replace("within: 8 s", "within: 40 s")
    report = check_text(text, "suite.yaml")
    assert report.ok and [p.code for p in report.warnings] == ["DS065"]
    assert "of the parameter space the ego is already past 'challenger' when 'cut_in' starts" in report.warnings[0].text


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_report(content: bytes) -> None:
    assert not check_text(content).ok


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(ONE_EACH) - 1), st.text(alphabet="{}[]:,-&*!|>'\"%@` \n\t$#x1", min_size=1, max_size=3))
def test_any_typing_error_ends_in_a_report(position: int, inserted: str) -> None:
    report = check_text(ONE_EACH[:position] + inserted + ONE_EACH[position + 1 :])
    assert all(problem.text and problem.code for problem in (*report.errors, *report.warnings))


def test_hostile_files_are_refused_fast() -> None:
    hostile = [
        "[" * 200_000,
        "{a: " * 50_000,
        "a: " + "'" * 200_001,
        "- " * 100_000,
        "&a " * 20_000,
        "? " * 50_000,
        "x: |\n" + " y\n" * 60_000,
    ]
    start = time.process_time()
    for text in hostile:
        assert not check_text(text).ok
    assert time.process_time() - start < 20.0


def test_checking_never_imports_torch() -> None:
    code = "import sys, drivesim.scenarios, drivesim.scenarios.library as l; l.library(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_outputs_that_nothing_writes_are_refused() -> None:
    report = check_text("drivesim: 1\nid: told\noutputs: [mp4, rosbag]\nscene: {}\n", "told.yaml")
    assert [str(error) for error in report.errors] == [
        "told.yaml:3:16  outputs[1] — 'rosbag' is not one of: mp4, frames, mcap, nuscenes, coco, xosc. [DS024]"
    ]
