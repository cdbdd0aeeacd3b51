"""A manifest that was edited or damaged is refused in one line that names the field; a whole one comes back as it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import flipped
from tiny_model import TinyWorldModel

from drivesim.errors import DriveSimError, InputError
from drivesim.runs.branch import branch_point
from drivesim.runs.future import open_run
from drivesim.runs.manifest import Manifest
from drivesim.runs.run_folder import RunFolder

sys.path.append(str(Path(__file__).parent))

from make_tiny_run import make_tiny_run, tiny_manifest


def unsealed() -> dict[str, Any]:
    """The tiny manifest's values without the hash of itself, as older files are."""
    values = json.loads(tiny_manifest(TinyWorldModel()).to_json())
    del values["sha256"]
    return values


def text_with(**changes: Any) -> str:
    """The tiny manifest with fields changed; ``threads__denoise`` names one of a part."""
    values = unsealed()
    for name, value in changes.items():
        *parts, last = name.split("__")
        inner = values
        for part in parts:
            inner = inner[part]
        inner[last] = value
    return json.dumps(values)


def test_what_is_written_is_read() -> None:
    manifest = tiny_manifest(TinyWorldModel())
    assert Manifest.from_json(manifest.to_json(), "manifest.json") == manifest


def test_turns_of_before_the_ego_was_part_of_them_are_read() -> None:
    read = Manifest.from_json(text_with(turns=[[0, 5], [20, 6, True]]), "manifest.json")
    assert read.turns == ((0, 5, False), (20, 6, True))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fps": "x"}, "fps"),
        ({"fps": 0}, "fps: Input should be greater than 0"),
        ({"threads__denoise": 0}, r"threads\.denoise"),
        ({"seed": "7"}, "seed"),
        ({"variation": -1}, "variation"),
        ({"stream_key": ["a"]}, r"stream_key\.0"),
        ({"timeline__chunk_frames": 0}, "timeline"),
        ({"actors": "wild"}, "actors"),
        ({"lossless": 1}, "lossless"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"turns": [7]}, r"turns\.0"),
        ({"parameters": {"gap": 1e999}}, "it was edited|Infinity|parameters"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=rf"manifest\.json is damaged or was edited since the run began \(.*({named})"):
        Manifest.from_json(text_with(**change), "manifest.json")


@pytest.mark.parametrize("text", ["", "[]", "null", "7", "{}", '{"drivesim_manifest": 1}', "[" * 100_000])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"manifest\.json"):
        Manifest.from_json(text, "manifest.json")


def test_a_run_whose_manifest_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="it is not UTF-8"):
        RunFolder(tmp_path).manifest()


def test_an_edited_manifest_stops_a_branch(tmp_path: Path) -> None:
    make_tiny_run(tmp_path / "run")
    path = tmp_path / "run" / "manifest.json"
    whole = path.read_text()
    for change, named in (({"stream_key": "abc"}, "stream_key"), ({"variation": 1}, "was edited since the run began")):
        values = json.loads(whole) | change
        if named == "stream_key":
            del values["sha256"]
        path.write_text(json.dumps(values))
        with pytest.raises(DriveSimError, match=named):
            branch_point(tmp_path / "run", 2.0, future=0, seed=None)


def test_a_video_that_is_gone_is_made_again(tmp_path: Path) -> None:
    (future,) = make_tiny_run(tmp_path / "run")
    frames = future.frames()
    future.video.unlink()
    (again,) = make_tiny_run(tmp_path / "run", resume=True)
    assert np.array_equal(again.frames(), frames)


def test_a_branch_names_the_video_scenario_or_state_that_was_changed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    make_tiny_run(run)
    state = sorted((run / "futures/f00/states").glob("*.state"))[1]
    for path in (state, run / "f00.mp4"):
        whole = path.read_bytes()
        flipped(path)
        with pytest.raises(InputError, match=path.name.replace(".", r"\.")):
            branch_point(run, 2.0, future=0, seed=None)
        path.write_bytes(whole)
    branch_point(run, 2.0, future=0, seed=None)
    (run / "scenario.yaml").write_text("drivesim: 1\nid: other\n")
    with pytest.raises(InputError, match=r"scenario\.yaml was changed since the run began"):
        RunFolder(run).scenario_text()


def test_a_moment_outside_of_the_video_is_refused(tmp_path: Path) -> None:
    (future,) = make_tiny_run(tmp_path / "run")
    assert future == open_run(tmp_path / "run")[0]
    last = future.frame_at(future.duration_s)
    assert np.array_equal(last, future.frames()[-1])
    for time_s in (-1.0, 1e9, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"has 6\.1 s of video; .* is not inside it"):
            future.frame_at(time_s)
