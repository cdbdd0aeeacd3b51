"""PVDM's stages: what follows what in a batch, the joint loss by its formula, and a chain that ends in a loadable model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import some_controls

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.training import PlaneDenoiserStage
from drivesim.training.chain import run_chain
from drivesim.training.clip_batches import require_frames
from drivesim.training.clip_stages import ControlDropout, everything, told_controls
from drivesim.training.pvdm_stages import ClipPairBatches
from drivesim.training.recipe import read_recipe
from drivesim.training.stream import Draw
from drivesim.world_model import next_frames

RECIPE = """\
recipe: planes
trainer: {max_steps: 2, val_check_interval: 2, log_every_n_steps: 1, enable_progress_bar: false}
data: {batch_size: 2, validation_batches: 1, validation_share: 0.3}
stages:
  autoencoder:
    model:
      class_path: drivesim.training.PlaneAutoencoderStage
      init_args: {network: {height: 32, width: 64, num_frames: 2, dim: 16, depth: 1, heads: 2, head_width: 8, projection_depth: 1, projection_mlp: 16}}
  gan:
    model: {class_path: drivesim.training.PlaneGanStage, init_args: {discriminator_width: 4}}
    trainer: {max_steps: 4, gradient_clip_val: null}
  denoiser:
    model:
      class_path: drivesim.training.PlaneDenoiserStage
      init_args: {network: {base_width: 8, multipliers: [1, 2], attention_levels: [1], heads: 2, groups: 4, layout_features: 4}, window_stride: 1}
"""


@pytest.fixture(scope="module")
def trained(small_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chain of two steps a stage."""
    work = tmp_path_factory.mktemp("planes")
    (work / "planes.yaml").write_text(RECIPE)
    recipe = read_recipe(str(work / "planes.yaml"))
    run_chain(recipe, work, stages=list(recipe.stages), initial=None, overrides=[f"--data.path={small_clips}"], say=str)
    return work


@pytest.fixture(scope="module")
def stage(trained: Path) -> PlaneDenoiserStage:
    return PlaneDenoiserStage(trained, dtype="float32", initial=str(trained / "model"), window_stride=1)


def test_the_chain_ends_in_a_model_that_continues_a_video(trained: Path) -> None:
    model = load_model(trained / "model", device="cpu", dtype="float32", steps=1)
    assert model.config.name == "planes" and model.world_model.spec.chunk_frames == 2
    frame = torch.zeros(1, 3, 512, 1024)
    state = model.world_model.begin(frame, some_controls(1))
    frames, _ = next_frames(model.world_model, state, some_controls(2), NoiseStream(1), frame[0])
    assert frames.shape == (2, 3, 512, 1024) and torch.isfinite(frames).all()
    assert "| denoiser | 2 |" in (trained / "model" / "README.md").read_text()
    for name in ("autoencoder", "gan", "denoiser"):
        assert list((trained / name / "samples").glob("step-*.png")), name


def test_a_context_is_the_window_before_the_frame_before_or_nothing(
    stage: PlaneDenoiserStage, trained: Path, small_clips: Path
) -> None:
    stage.prepare(ClipStore(small_clips), trained / "denoiser")
    batches: ClipPairBatches = stage.batches(ClipStore(small_clips), trained / "denoiser")
    latents = batches.latents
    assert latents.starts == (0, 1, 2, 3, 4)
    seen = {"none": 0, "still": 0, "clip": 0}
    for position in range(150):
        batch = batches([Draw(position, position % 3)])
        clip = position % 3
        window = next(w for w in range(5) if np.array_equal(batch["latents"][0].numpy(), latents.of(clip, w)))
        context = batch["context"][0].numpy()
        start = latents.starts[window]
        told = batches.controls.read("actors", clip, slice(start, start + 2))
        assert np.array_equal(batch["actors"][0].numpy(), told)
        if not context.any():
            seen["none"] += 1
        elif start >= 2 and np.array_equal(context, latents.of(clip, start - 2)):
            seen["clip"] += 1
        else:
            assert start > 0 and np.array_equal(context, latents.still(clip, window))
            seen["still"] += 1
    assert 15 < seen["none"] < 50 and 20 < seen["still"] < 60 and 60 < seen["clip"] < 115, seen


@torch.no_grad()
def test_the_joint_loss_is_the_formula(stage: PlaneDenoiserStage) -> None:
    generator = torch.Generator().manual_seed(3)
    batch = stage.example_batch(4)
    batch["latents"] = torch.randn(batch["latents"].shape, generator=generator)
    batch["context"] = torch.randn(batch["context"].shape, generator=generator)
    batch["context"][2:] = 0.0
    loss = stage.loss(batch, torch.Generator().manual_seed(5))
    again = torch.Generator().manual_seed(5)
    level = torch.randint(1000, (4,), generator=again)
    noise = torch.randn(batch["latents"].shape, generator=again)
    told = stage.network.read(told_controls(batch, again, stage.dropout), 4)
    kept = torch.cumprod(1.0 - torch.linspace(0.0015**0.5, 0.0195**0.5, 1000).square(), 0)[level][:, None, None]
    noisy = kept.sqrt() * batch["latents"] + (1.0 - kept).sqrt() * noise
    error = (stage.network(noisy, level, batch["context"], told) - noise).square().mean((1, 2))
    assert loss == pytest.approx(float(0.5 * error[:2].mean() + 0.5 * error[2:].mean()), rel=1e-4)


def test_withheld_controls_are_withheld_from_whole_clips(stage: PlaneDenoiserStage) -> None:
    batch = stage.example_batch(12)
    batch |= {name: value + 1 for name, value in batch.items() if name in ("motion", "attributes")}
    shares = ControlDropout(layout_dropout=1.0, raster_dropout=0.0, motion_dropout=0.5, attribute_dropout=0.0)
    told = told_controls(batch, torch.Generator().manual_seed(0), shares)
    assert not told.map_given.any() and not told.actors_given.any() and told.attributes_given.all()
    by_clip = told.motion_given.reshape(12, -1)
    assert 1 < int(by_clip[:, 0].sum()) < 11 and torch.equal(by_clip, by_clip[:, :1].expand_as(by_clip))
    assert not told.motion.reshape(12, -1)[by_clip[:, 0] == 0].any()
    known = everything({**batch, "motion_given": torch.zeros(12)})
    assert known.actors_given.all() and not known.motion_given.any()


def test_clips_that_are_too_short_are_refused(small_clips: Path) -> None:
    with pytest.raises(InputError, match="clips of 6 frames, this stage needs 8; pack longer ones"):
        require_frames(ClipStore(small_clips), 8)


def test_a_model_of_another_family_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of the family 'video_ldm', this stage trains 'pvdm'"):
        PlaneDenoiserStage(tmp_path, initial="default")
