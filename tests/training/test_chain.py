"""A whole chain at toy size ends in a loadable model; what is finished is not trained again; a broken loss stops."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.errors import InputError
from drivesim.folder_lock import FolderInUseError, locked_file
from drivesim.models import load_model
from drivesim.scenarios import load
from drivesim.scenarios.library import find
from drivesim.simulate import start_frame
from drivesim.training.callbacks import read_curve
from drivesim.training.chain import run_chain
from drivesim.training.codec_stage import CodecStage
from drivesim.training.encode import encode_store
from drivesim.training.parts import Parts, encoder_hash
from drivesim.training.recipe import Recipe, read_recipe

QUIET = "--trainer.enable_progress_bar=false"
SMALL = "--data.batch_size=1"
SHORT = ["--trainer.max_steps=4", "--trainer.val_check_interval=2", QUIET]


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The smoke recipe with two steps a stage (four for the one of two optimisers, which both count) and one validation."""
    text = resources.files("drivesim.training").joinpath("recipes/smoke.yaml").read_text(encoding="utf-8")
    for long, few in (
        ("max_steps: 12, val_check_interval: 6", "max_steps: 2, val_check_interval: 2"),
        ("max_steps: 24", "max_steps: 4"),
    ):
        assert text.count(long) == 1
        text = text.replace(long, few)
    path = tmp_path_factory.mktemp("recipe") / "smoke.yaml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(str(path))


@pytest.fixture(scope="module")
def trained(short: Recipe, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short chain."""
    work = tmp_path_factory.mktemp("chain")
    overrides = [QUIET, f"--data.path={store}", SMALL]
    run_chain(short, work, stages=list(short.stages), initial=None, overrides=overrides, say=str)
    return work


def test_the_chain_ends_in_a_model_that_makes_a_start_frame(trained: Path) -> None:
    model = load_model(trained / "model")
    assert model.config.name == "smoke"
    (scenario,) = load(find("empty-road"))
    frame = start_frame(model, scenario.video(duration=1), seed=1)
    assert frame.shape == (512, 1024, 3) and frame.std() > 1.0


def test_card_curves_and_pictures_are_there(trained: Path) -> None:
    card = (trained / "model" / "README.md").read_text()
    for stage in read_recipe("smoke").stages:
        assert f"| {stage} |" in card
    assert "drivesim procedural world" in card or "procedural" in card
    assert (trained / "model" / "curves.png").stat().st_size > 5000
    for stage in ("codec", "image", "video", "decoder", "gan"):
        assert list((trained / stage / "samples").glob("step-*.png")), stage
        assert list((trained / stage / "tensorboard").glob("events*")), stage
        names = {name for _, name, _ in read_curve(trained / stage / "metrics.csv")}
        assert {"loss", "validation_loss"} <= names, stage


def test_later_stages_used_the_parts_of_earlier_ones(trained: Path) -> None:
    model = load_model(trained / "model", dtype="float32")
    assert tuple(model.start_frame_model.network.config.widths) == (16, 24, 32)
    assert model.start_frame_model.codec.codec.config.latent_std is not None
    for name in ("latents", "estimates"):
        assert np.load(next((trained / "latents").glob(f"{name}-*.npy"))).shape == (6, 4, 19, 16, 32)


def test_a_finished_stage_is_skipped_and_says_so(trained: Path, short: Recipe, store: Path) -> None:
    said: list[str] = []
    before = (trained / "codec" / "last.ckpt").stat().st_mtime_ns
    settings = [QUIET, f"--data.path={store}", SMALL]
    run_chain(short, trained, stages=["codec"], initial=None, overrides=settings, say=said.append)
    assert said[0].startswith("codec: finished before, skipped")
    assert (trained / "codec" / "last.ckpt").stat().st_mtime_ns == before


def test_latents_in_the_store_are_read_instead_of_encoding_again(trained: Path, store: Path, tmp_path: Path) -> None:
    encoded = tmp_path / "encoded.zarr"
    shutil.copytree(store, encoded)
    assert encode_store(Parts(trained).finished("codec"), encoded)
    overrides = [*SHORT, f"--data.path={encoded}", "--trainer.max_steps=2", SMALL]
    settings = {"stages": ["image"], "initial": str(trained / "model"), "overrides": overrides, "say": str}
    run_chain(read_recipe("smoke"), tmp_path / "work", **settings)
    assert not (tmp_path / "work" / "latents").exists()
    plain = [*overrides, f"--data.path={store}"]
    run_chain(read_recipe("smoke"), tmp_path / "plain", **{**settings, "overrides": plain})
    assert (tmp_path / "plain" / "latents").exists()
    curves = [read_curve(tmp_path / name / "image" / "metrics.csv") for name in ("work", "plain")]
    assert curves[0] == curves[1]


def test_reading_in_a_worker_changes_nothing(trained: Path, store: Path, tmp_path: Path) -> None:
    overrides = [*SHORT, f"--data.path={store}", "--trainer.max_steps=2", SMALL]
    for workers in ("0", "1"):
        run_chain(
            read_recipe("smoke"), tmp_path / workers, stages=["video"], initial=str(trained / "model"),
            overrides=[*overrides, f"--data.num_workers={workers}"], say=str,
        )  # fmt: skip
    curves = [read_curve(tmp_path / workers / "video" / "metrics.csv") for workers in ("0", "1")]
    assert curves[0] and curves[0] == curves[1]


def test_starting_from_a_trained_model_needs_no_other_stage(trained: Path, store: Path, tmp_path: Path) -> None:
    recipe = read_recipe("smoke")
    overrides = [*SHORT, f"--data.path={store}", "--trainer.max_steps=1", SMALL]
    run_chain(recipe, tmp_path, stages=["decoder"], initial=str(trained / "model"), overrides=overrides, say=str)
    hashes = [json.loads((w / "model" / "hashes.json").read_text()) for w in (trained, tmp_path)]
    same = {name for name in hashes[0] if hashes[0][name] == hashes[1].get(name) and name.endswith("safetensors")}
    assert {name.split("/")[0] for name in same} == {"image", "temporal"}
    encoders = [encoder_hash(Parts(work).finished("codec")) for work in (trained, tmp_path)]
    assert encoders[0] == encoders[1]


def test_a_broken_loss_stops_with_the_batch_saved(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        CodecStage, "loss", lambda self, batch, generator: self.network.decoder.enter.weight.sum() * torch.nan
    )
    with pytest.raises(FloatingPointError, match=r"the loss became nan at step 0; the batch is saved as .*nan_batch"):
        run_chain(
            read_recipe("smoke"), tmp_path, stages=["codec"], initial=None,
            overrides=[*SHORT, f"--data.path={store}"], say=str,
        )  # fmt: skip
    saved = torch.load(tmp_path / "codec" / "nan_batch_rank0.pt", weights_only=False)
    assert saved["batch"]["frames"].shape == (4, 3, 128, 256)
    assert not (tmp_path / "codec" / "last.ckpt").exists()


def test_two_trainings_in_one_folder_are_one_too_many(trained: Path, store: Path) -> None:
    settings = [*SHORT, f"--data.path={store}"]
    with (
        locked_file(trained / "lock"),
        pytest.raises(FolderInUseError, match=r"another drivesim process is writing to .* choose another --work\."),
    ):
        run_chain(read_recipe("smoke"), trained, stages=["codec"], initial=None, overrides=settings, say=str)


def test_a_full_disk_is_said_and_leaves_no_half_checkpoint(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", "/tmp/elsewhere")

    monkeypatch.setattr("pytorch_lightning.Trainer.save_checkpoint", full)
    settings = [*SHORT, "--trainer.max_steps=1", f"--data.path={store}", SMALL, "--model.crop=[64,64]"]
    with pytest.raises(InputError, match=r"work: cannot be written \(No space left on device\). Free some space"):
        run_chain(
            read_recipe("smoke"), tmp_path / "work", stages=["codec"], initial=None, overrides=settings, say=str
        )  # fmt: skip
    assert not list(tmp_path.rglob("last.*"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--data.path=nowhere.zarr"], "nowhere.zarr: there is nothing"),
        (["--data.validation_share=0.9"], "data.validation_share is 0.9"),
        (["--data.batch_size=0"], "data.batch_size is 0"),
        (["--model.crop=[1000,2000]"], "model.crop 1000x2000 is larger than the frames of 256x512"),
        (["--trainer.max_steps=-1"], "the stage has no end"),
        (["--trainer.presicion=16"], "presicion"),
    ],
)
def test_wrong_settings_are_one_clear_message(overrides: list[str], message: str, store: Path, tmp_path: Path) -> None:
    settings = [*SHORT, f"--data.path={store}", *overrides]
    with pytest.raises(InputError) as caught:
        run_chain(read_recipe("smoke"), tmp_path, stages=["codec"], initial=None, overrides=settings, say=str)
    assert message in str(caught.value)


def test_dry_run_and_list_on_the_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    listed = runner.invoke(app, ["train", "--list"])
    assert listed.exit_code == 0 and "small-gpu" in listed.output
    shown = runner.invoke(app, ["train", "smoke", "--dry-run", "--work", str(tmp_path), "--data.batch_size", "2"])
    assert shown.exit_code == 0, shown.output
    for words in ("video:", "M trained", "GB per process", "steps/s", " h"):
        assert words in shown.output
    assert not any(tmp_path.iterdir())
    wrong = runner.invoke(app, ["train", "smoke", "--stage", "codek"])
    assert wrong.exit_code == 2 and "no stage 'codek'" in wrong.output
