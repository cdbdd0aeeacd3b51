"""Calls of another length than trained: what a model takes, and that runs keep it when they are resumed, replayed and branched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conformance import some_controls
from tiny_pvdm import tiny_pvdm
from tiny_video_ldm import EMPTY_ROAD, save_toy
from typer.testing import CliRunner, Result

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.options import Options, Threads
from drivesim.replay import replay
from drivesim.run_spec import decide
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import loads
from drivesim.simulate import make

HOW = ("--dtype", "float32", "--threads", "1")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("models") / "toy", steps=1)


def _drivesim(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@torch.inference_mode()
def test_a_call_of_another_length_continues_the_same_state(toy: Path) -> None:
    trained = load_model(toy, device="cpu", dtype="float32")
    assert trained.world_model.spec.chunk_frames == 6
    past = torch.zeros(1, 3, 512, 1024)
    packed = trained.world_model.pack_state(trained.world_model.begin(past, some_controls(1)))
    for frames in (2, 13):
        model = load_model(toy, device="cpu", dtype="float32", frames_per_call=frames).world_model
        assert (
            model.spec.chunk_frames == frames and model.spec.weights_sha256 == trained.world_model.spec.weights_sha256
        )
        chunk, after = model.step(model.unpack_state(packed), some_controls(frames), NoiseStream(1))
        assert len(chunk.latents) == frames and torch.isfinite(chunk.latents).all()
        assert torch.equal(after.context, chunk.latents[-2:])
        assert len(model.step(after, some_controls(frames), NoiseStream(2))[0].latents) == frames
    same = load_model(toy, device="cpu", dtype="float32", frames_per_call=6).world_model
    made = [
        each.step(each.unpack_state(packed), some_controls(6), NoiseStream(1))[0].latents
        for each in (same, trained.world_model)
    ]
    assert torch.equal(*made)


def test_what_a_model_cannot_take_is_refused_with_the_reason(toy: Path, tmp_path: Path) -> None:
    for frames in (0, 1, 14, 10**9):
        message = rf"frames per call is {frames}: expected 2 to 13 \('toy' itself makes 6\).* 2 frames .* 16 places, 3 of them"
        with pytest.raises(InputError, match=message):
            load_model(toy, device="cpu", frames_per_call=frames)
    tiny_pvdm().save_pretrained(tmp_path / "planes")
    with pytest.raises(
        InputError, match=r"frames per call is 8: expected 4\. A model of the family 'pvdm' makes whole clips"
    ):
        load_model(tmp_path / "planes", device="cpu", frames_per_call=8)
    assert load_model(tmp_path / "planes", device="cpu", frames_per_call=4).world_model.spec.chunk_frames == 4
    (tmp_path / "empty.yaml").write_text(EMPTY_ROAD)
    refused = _drivesim(
        "rollout", tmp_path / "empty.yaml", "--frames-per-call", 14, "--model", toy, "--out", tmp_path / "run"
    )
    assert refused.exit_code == 2 and "expected 2 to 13" in " ".join(refused.stderr.split())
    assert not (tmp_path / "run").exists()


class _Stopped(Exception):
    """What ends the run between two chunks."""


@pytest.mark.usefixtures("known_speed", "played_anew")
def test_a_run_is_resumed_replayed_and_branched_with_its_own_number(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text(EMPTY_ROAD)
    asked = ("rollout", tmp_path / "empty.yaml", "--model", toy, *HOW)
    begun = _drivesim(*asked, "--seconds", "0.1", "--frames-per-call", 4, "--out", tmp_path / "begun")
    assert begun.exit_code == 0, begun.output
    manifest = RunFolder(tmp_path / "begun").manifest()
    assert manifest.timeline.chunk_frames == 4 and manifest.identity()["frames per chunk"] == 4

    def stop(future: int, count: int, found: bool) -> None:
        if list((tmp_path / "stopped/futures/f00/segments").glob("*.json")):
            raise _Stopped

    model = load_model(toy, dtype="float32", frames_per_call=4)
    one = Options(threads=Threads(denoise=1, decode=1, overlap=False))
    decided = decide(model, loads(EMPTY_ROAD)[0], num_frames=18, seed=0, options=one)
    with pytest.raises(_Stopped):
        make(decided, tmp_path / "stopped", indices=[0], listener=stop)
    assert not (tmp_path / "stopped/f00.mp4").exists()
    asked = (*asked, "--seconds", "1.8", "--out", tmp_path / "stopped", "--resume")
    refused = _drivesim(*asked)
    assert refused.exit_code == 2 and "frames per chunk: the run has 4, this command asks for 6" in refused.stderr
    resumed = _drivesim(*asked, "--frames-per-call", 4)
    assert resumed.exit_code == 0, resumed.output

    # Made again in one go it is what it was, so it does not show that it was stopped.
    again = _drivesim("replay", tmp_path / "stopped", "--model", toy)
    assert again.exit_code == 0 and "equal byte for byte" in again.stdout, again.output
    with pytest.raises(InputError, match=r"made with 4 frames per call, .* makes 6; load it with frames_per_call=4"):
        replay(load_model(toy, dtype="float32"), tmp_path / "stopped", out=tmp_path / "other")

    branch = (
        "futures",
        "--from",
        tmp_path / "stopped",
        "--at",
        "0.8",
        "--futures",
        1,
        "--seconds",
        "0.3",
        "--model",
        toy,
        *HOW,
    )
    for name, words, frames in (("own", (), 4), ("longer", ("--frames-per-call", 5), 5)):
        made = _drivesim(*branch, *words, "--out", tmp_path / name)
        assert made.exit_code == 0, made.output
        assert RunFolder(tmp_path / name).manifest().timeline.chunk_frames == frames
    first, second = ((tmp_path / name / "start.png").read_bytes() for name in ("own", "longer"))
    assert first == second
