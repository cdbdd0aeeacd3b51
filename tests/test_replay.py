"""One future of a stored run made again, alone: equal byte for byte, or what differs and why."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from tiny_video_ldm import EMPTY_ROAD, hierarchical_networks, save_toy
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.diffusion.sampler import SamplerConfig
from drivesim.errors import InputError
from drivesim.models import load_model
from drivesim.models.hashes import write_hashes
from drivesim.models.latent import RolloutConfig
from drivesim.models.video_ldm.config import VideoLDMConfig
from drivesim.models.video_ldm.load import save_networks
from drivesim.options import Options, Threads
from drivesim.replay import Replayed, replay
from drivesim.runs.recorder import finished_record
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import loads
from drivesim.simulate import branch, futures, open_run
from drivesim.storage import sha256_of

pytestmark = pytest.mark.usefixtures("played_anew")

ONE = Options(threads=Threads(denoise=1, decode=1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    futures(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_futures=3, seconds=2.0, seed=7, out=folder, options=ONE)
    return folder


def test_a_future_is_made_again_alone_and_equal(run: Path) -> None:
    again = replay(TinyLoaded(), run, 2)
    assert again == Replayed(future=again.future, different=(), changes=())
    assert again.future.folder.name == "run-replay-f02" and again.future.index == 2
    assert again.future.video.read_bytes() == (run / "f02.mp4").read_bytes() != (run / "f01.mp4").read_bytes()
    assert [one.index for one in open_run(again.future.folder)] == [2]
    with pytest.raises(InputError, match="already holds a run"):
        replay(TinyLoaded(), run, 2)


@pytest.mark.parametrize("actors", ["simulated", "scripted", "free"])
def test_a_future_of_a_branch_is_made_again_equal(tmp_path: Path, run: Path, actors: str) -> None:
    options = dataclasses.replace(ONE, actors=actors)
    branch(TinyLoaded(), run, at_s=1.0, future=1, num_futures=2, seconds=1.5, out=tmp_path / "later", options=options)
    shutil.rmtree(run.with_name("run-replay-f02"), ignore_errors=True)
    assert replay(TinyLoaded(), tmp_path / "later", 1).is_equal


def test_a_picture_that_is_no_longer_there_is_not_needed(tmp_path: Path, run: Path) -> None:
    frame = open_run(run)[0].frame_at(1.0)
    folder = tmp_path / "given"
    futures(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_futures=1, seconds=1.0, start=frame, out=folder, options=ONE)
    assert replay(TinyLoaded(), folder).is_equal


def test_what_differs_is_named_with_what_changed_since(tmp_path: Path, run: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    folder = RunFolder(copy)
    record = finished_record(folder, 0)
    assert record is not None
    shutil.copy(copy / "f01.mp4", copy / "f00.mp4")  # as another machine's arithmetic would have made it
    stored = dataclasses.replace(record.videos["f00.mp4"], sha256=sha256_of(copy / "f00.mp4"))
    folder.future(0).record_path.write_text(dataclasses.replace(record, videos={"f00.mp4": stored}).to_json())
    manifest = folder.manifest()
    older = dataclasses.replace(manifest, versions={**manifest.versions, "torch": "1.0"}, dtype="bfloat16")
    folder.manifest_path.write_text(older.to_json())
    again = replay(TinyLoaded(), copy, 0)
    assert again.different == ("f00.mp4",) and not again.is_equal
    assert again.changes == (
        "dtype bfloat16 then, float32 now",
        f"torch 1.0 then, {manifest.versions['torch']} now",
    )


def test_a_replay_needs_the_run_as_it_was(tmp_path: Path, run: Path) -> None:
    with pytest.raises(InputError, match=r"no finished future 9 .*finished: 0, 1, 2"):
        replay(TinyLoaded(), run, 9)
    for name in ("f01.mp4", "scenario.yaml", "start.png", "futures/f01/tracks.csv"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(run, copy)
        damaged = copy / name
        damaged.write_bytes(damaged.read_bytes()[:-7] + b"another")
        with pytest.raises(InputError, match=str(damaged.name)):
            replay(TinyLoaded(), copy, 1)
        assert not (tmp_path / f"{copy.name}-replay-f01").exists()
    with pytest.raises(InputError, match="is not a drivesim run"):
        replay(TinyLoaded(), tmp_path, 0)


@pytest.mark.usefixtures("known_speed")
def test_the_command_says_equal_and_takes_dtype_and_steps_from_the_run(tmp_path: Path) -> None:
    toy, out = save_toy(tmp_path / "toy"), tmp_path / "run"
    common = ["--model", str(toy)]
    (tmp_path / "empty.yaml").write_text(EMPTY_ROAD)
    made = CliRunner().invoke(
        app, ["futures", str(tmp_path / "empty.yaml"), "--futures", "2", "--seconds", "0.3", "--steps", "3", "--dtype", "float32", "--threads", "1+1",
              "--out", str(out), *common],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    result = CliRunner().invoke(app, ["replay", str(out), "--future", "1", *common])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"{tmp_path / 'run-replay-f01' / 'f01.mp4'}: equal byte for byte"
    missing = CliRunner().invoke(app, ["replay", str(out), "--future", "5", *common])
    assert missing.exit_code == 2 and "no finished future 5" in missing.stderr


@pytest.mark.usefixtures("known_speed")
def test_a_hierarchical_run_is_made_again_in_its_mode_and_in_no_other(tmp_path: Path) -> None:
    toy, out = tmp_path / "toy", tmp_path / "run"
    quick = VideoLDMConfig(name="toy", rollout=RolloutConfig(sampler=SamplerConfig(steps=1)))
    save_networks(hierarchical_networks(strides=(1, 2), key_frames=2), quick, toy)
    write_hashes(toy)
    (tmp_path / "empty.yaml").write_text(EMPTY_ROAD)
    words = ["--mode", "hierarchical", "--seconds", "0.3", "--dtype", "float32", "--threads", "1", "--model", str(toy)]
    made = CliRunner().invoke(app, ["rollout", str(tmp_path / "empty.yaml"), "--out", str(out), *words])
    assert made.exit_code == 0, made.output
    manifest = RunFolder(out).manifest()
    assert manifest.mode == "hierarchical" and manifest.timeline.chunk_frames == 4
    result = CliRunner().invoke(app, ["replay", str(out), "--model", str(toy)])
    assert result.exit_code == 0 and "equal byte for byte" in result.stdout, result.output
    other = CliRunner().invoke(app, ["replay", str(out)])
    assert other.exit_code == 2 and "was made by model 'toy'" in other.stderr, other.output
    with pytest.raises(InputError, match="was made in mode hierarchical, this goes on in the model's own mode"):
        replay(load_model(toy, device="cpu", dtype="float32"), out, out=tmp_path / "other")
