"""LVDM's stages: what is given and asked in a batch, the loss by its formula, and a chain that ends in a loadable model."""

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
from drivesim.training import FactorisedDenoiserStage
from drivesim.training.chain import run_chain
from drivesim.training.clip_stages import told_controls
from drivesim.training.lvdm_stages import given_of
from drivesim.training.recipe import read_recipe
from drivesim.training.stream import Draw
from drivesim.world_model import next_frames

RECIPE = """\
recipe: sequences
trainer: {max_steps: 2, val_check_interval: 2, log_every_n_steps: 1, enable_progress_bar: false}
data: {batch_size: 2, validation_batches: 1, validation_share: 0.3}
stages:
  autoencoder:
    model:
      class_path: drivesim.training.ClipAutoencoder3DStage
      init_args: {network: {height: 32, width: 64, num_frames: 2, hidden: 4, time_factor: 1, groups: 4}}
  gan:
    model: {class_path: drivesim.training.ClipGan3DStage, init_args: {discriminator_width: 4}}
    trainer: {max_steps: 4, gradient_clip_val: null}
  denoiser:
    model:
      class_path: drivesim.training.FactorisedDenoiserStage
      init_args: {network: {base_width: 8, multipliers: [1, 2], attention_levels: [1], heads: 2, groups: 4, layout_features: 4}, window_stride: 1}
"""


@pytest.fixture(scope="module")
def trained(small_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chain of two steps a stage."""
    work = tmp_path_factory.mktemp("sequences")
    (work / "sequences.yaml").write_text(RECIPE)
    recipe = read_recipe(str(work / "sequences.yaml"))
    run_chain(recipe, work, stages=list(recipe.stages), initial=None, overrides=[f"--data.path={small_clips}"], say=str)
    return work


@pytest.fixture(scope="module")
def stage(trained: Path) -> FactorisedDenoiserStage:
    return FactorisedDenoiserStage(trained, dtype="float32", initial=str(trained / "model"), window_stride=1)


def test_the_chain_ends_in_a_model_that_continues_a_video(trained: Path, small_clips: Path) -> None:
    model = load_model(trained / "model", device="cpu", dtype="float32", steps=1)
    assert (trained / "gan/done.json").exists()
    assert model.config.name == "sequences" and model.world_model.spec.chunk_frames == 4
    frame = torch.zeros(1, 3, 512, 1024)
    state = model.world_model.begin(frame, some_controls(1))
    frames, _ = next_frames(model.world_model, state, some_controls(4), NoiseStream(1), frame[0])
    assert frames.shape == (4, 3, 512, 1024) and torch.isfinite(frames).all()
    config = model.networks["autoencoder"].config
    assert config.latent_mean is not None and min(config.latent_std) > 0.0
    latents = np.load(next((trained / "latents").glob("windows-*.npy")))
    assert latents.shape == (3, 2, 5, 4, 2, 4, 8)
    assert 0.7 < latents[:, 0].std() < 1.3, "latents are standardised"


def test_batches_hold_the_three_tasks_on_sparse_and_neighbouring_frames(
    stage: FactorisedDenoiserStage, trained: Path, small_clips: Path
) -> None:
    stage.prepare(ClipStore(small_clips), trained / "denoiser")
    batches = stage.batches(ClipStore(small_clips), trained / "denoiser")
    latents = batches.latents
    assert batches.after_frame == [1, 2] and batches.after_clip == [2]
    kinds: dict[tuple[tuple[float, ...], int], int] = {}
    for position in range(150):
        clip = position % 3
        batch = batches([Draw(position, clip)])
        mask, sparse = tuple(batch["mask"][0].tolist()), int(batch["sparse"][0])
        kinds[mask, sparse] = kinds.get((mask, sparse), 0) + 1
        known = batch["known"][0].tolist()
        assert known[1:] == [1.0, 1.0]
        matches = []
        for start in (1, 2):
            for before in (latents.still(clip, start), latents.of(clip, start - 2) if start == 2 else None):
                if before is not None:
                    whole = np.concatenate(
                        [before[:, -1:], latents.of(clip, start), latents.of(clip, start + 2)], axis=1
                    )
                    places = [[0, 2, 4]] if sparse else [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
                    matches += [(start, p) for p in places if np.array_equal(whole[:, p], batch["latents"][0].numpy())]
        assert matches
        start, places = matches[0]
        assert known[0] == float(places[0] > 0)
        frames = [start + max(place, 1) - 1 for place in places]
        assert np.array_equal(batch["motion"][0].numpy(), latents.store.read("motion", clip)[frames])
        assert mask != (1.0, 0.0, 1.0) or places in ([0, 1, 2], [2, 3, 4]), "infilling lies between key frames"
    free, ahead, between = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 1.0)
    assert set(kinds) == {(free, 0), (free, 1), (ahead, 0), (ahead, 1), (between, 0)}
    assert kinds[between, 0] > 30 and kinds[ahead, 0] > 20 and kinds[ahead, 1] > 20


@torch.no_grad()
def test_the_loss_is_that_of_what_is_not_given(stage: FactorisedDenoiserStage) -> None:
    batch = stage.example_batch(3)
    batch["latents"] = torch.randn(batch["latents"].shape, generator=torch.Generator().manual_seed(3))
    batch["mask"] = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    loss = stage.loss(batch, torch.Generator().manual_seed(5))
    again = torch.Generator().manual_seed(5)
    level = torch.randint(1000, (3,), generator=again)
    perturbation = torch.randint(251, (3,), generator=again)
    noise = torch.randn(batch["latents"].shape, generator=again)
    controls = told_controls(batch, again, stage.dropout)
    told = stage.network.read(controls, 3, batch["known"])
    kept = torch.cumprod(1.0 - torch.linspace(0.0015**0.5, 0.0155**0.5, 1000).square(), 0)
    noisy = torch.empty_like(noise)
    for row in range(3):
        for slot in range(3):
            share = kept[perturbation[row] if batch["mask"][row, slot] else level[row]]
            noisy[row, :, slot] = (
                share.sqrt() * batch["latents"][row, :, slot] + (1 - share).sqrt() * noise[row, :, slot]
            )
    given = given_of(batch, perturbation)
    assert given.noised.tolist() == [0, int(perturbation[1]) + 1, int(perturbation[2]) + 1]
    error = (stage.network(noisy, level, given, told) - noise).square().mean((1, 3, 4))
    asked = [error[0, 0], error[0, 1], error[0, 2], error[1, 1], error[1, 2], error[2, 1]]
    assert loss == pytest.approx(float(torch.stack(asked).mean()), rel=1e-4)


def test_a_sparseness_that_makes_no_whole_clips_is_refused(trained: Path) -> None:
    with pytest.raises(InputError, match="9 latent frames, which are no whole clips of 2"):
        FactorisedDenoiserStage(trained, network={"sparseness": 3})
