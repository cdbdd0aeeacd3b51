"""The decoder's stages: what their batches hold, what is withheld, and that a frame carries on the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from striped_dataset import StripedDataset
from tiny_video_ldm import tiny_networks

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.store import ClipStore
from drivesim.models.carry import Past, carried
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES
from drivesim.models.hashes import write_hashes
from drivesim.models.video_ldm.load import VideoLDMConfig, save_networks
from drivesim.packing import pack
from drivesim.training import DecoderGanStage, DecoderStage, estimates
from drivesim.training.adversarial import Judged
from drivesim.training.decoder_stage import DecoderBatches, DecoderTask, unsteadiness
from drivesim.training.stage import NothingToLearn
from drivesim.training.stream import Draw

DRAWS = [Draw(position, position % 2) for position in range(2)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Two clips of three frames of 512x1024."""
    folder = tmp_path_factory.mktemp("store") / "full.zarr"
    pack(ProceduralDataset(num_samples=2, num_frames=3, height=512, width=1024), folder)
    return ClipStore(folder)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> DecoderStage:
    """Behind a toy model, with its image LDM's estimates."""
    model = tmp_path_factory.mktemp("model") / "toy"
    save_networks(tiny_networks(), VideoLDMConfig(name="toy"), model)
    write_hashes(model)
    work = tmp_path_factory.mktemp("work")
    return DecoderStage(work, str(model), "float32", task=DecoderTask(crop=(64, 128)))


@pytest.fixture(scope="module")
def batches(stage: DecoderStage, full: ClipStore) -> DecoderBatches:
    folder = stage.parts.work / "decoder"
    stage.prepare(full, folder)
    return stage.batches(full, folder)


def test_a_batch_holds_crops_of_one_place_in_all_frames(batches: DecoderBatches, full: ClipStore) -> None:
    batch = batches(DRAWS)
    assert batch["latents"].shape == (2, 3, 19, 4, 8) and batch["pictures"].shape == (2, 3, 3, 128, 256)
    assert batch["actors"].shape == (2, 3, 29, 32, 64) and batch["flow"].shape == (2, 3, 3, 32, 64)
    assert batch["weights"].shape == (2, 3, 1, 128, 256) and batch["weights"].max() > 1.0
    assert batch["map_given"].tolist() == batch["flow_given"].tolist() == [1.0, 1.0]
    frames = torch.from_numpy(full.read("rgb", 0)).permute(0, 3, 1, 2) / 127.5 - 1.0
    places = frames[0].unfold(1, 128, 32).unfold(2, 256, 32)
    found = [(r, c) for r in range(13) for c in range(25) if torch.equal(places[:, r, c], batch["pictures"][0, 0])]
    assert len(found) == 1
    row, column = found[0]
    assert torch.equal(frames[:, :, 32 * row : 32 * row + 128, 32 * column : 32 * column + 256], batch["pictures"][0])
    raster = torch.from_numpy(full.read("map", 0))[..., 8 * row : 8 * row + 32, 8 * column : 8 * column + 64]
    assert torch.equal(batch["map"][0], raster)


def test_a_share_of_the_latents_is_what_the_image_ldm_makes_of_them(
    stage: DecoderStage, full: ClipStore, batches: DecoderBatches
) -> None:
    assert batches.estimates is not None and batches.estimates.shape == (2, 3, 19, 16, 32)
    many = batches([Draw(position, 0) for position in range(40)])
    assert 0.2 < many["is_estimate"].float().mean() < 0.6
    clean, estimates = batches.clips.read("latents", 0, slice(0, 3)), batches.estimates[0]
    rows = [row for row in range(40) if many["is_estimate"][row]]
    cells = {float(value) for value in estimates[0, 0].ravel()}
    assert all(float(many["latents"][row, 0, 0, 0, 0]) in cells for row in rows)
    assert np.abs(clean - estimates).mean() > 0.01


def test_boxes_are_estimated_blindly_and_what_is_around_them_is_not(
    full: ClipStore, batches: DecoderBatches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "BLIND_SHARE", 1.0)
    # A network that leaves all noise where it is shows how much there was.
    monkeypatch.setattr(estimates, "image_denoiser", lambda network, told: lambda noisy, sigma: noisy)
    estimates.prepare_estimates(tiny_networks().image, batches.clips, tmp_path / "made.npy")
    made = np.load(tmp_path / "made.npy").astype(np.float32)
    for clip in range(2):
        layers = [full.read("actors", clip)[:, :5], full.read("scenery", clip)[:, :4]]
        boxed = np.concatenate(layers, axis=1).max(axis=1).reshape(3, 16, 8, 32, 8).max(axis=(2, 4)) > 0
        assert 0.05 < boxed.mean() < 0.95
        left = made[clip] - batches.clips.read("latents", clip, slice(0, 3)).astype(np.float32)
        inside, outside = (np.moveaxis(left, 1, -1)[where].std() for where in (boxed, ~boxed))
        assert 0.9 * estimates.BLIND_SIGMA < inside < 1.1 * estimates.BLINDEST_SIGMA
        assert outside < 1.1 * estimates.STRONGEST_START
        assert outside < 0.9 * inside


def test_half_size_frames_teach_single_frames_and_nothing_larger_teaches_nothing(
    stage: DecoderStage, store: Path, tmp_path: Path
) -> None:
    half = ClipStore(store)
    stage.prepare(half, stage.parts.work / "decoder")
    batch = stage.batches(half, stage.parts.work / "decoder")(DRAWS)
    assert batch["pictures"].shape == (2, 1, 3, 128, 256) and batch["weights"].shape == (2, 1, 1, 128, 256)
    pack(StripedDataset(2, bare=(0, 1)), tmp_path / "small.zarr")
    with pytest.raises(NothingToLearn, match="Pack with --height 512 --width 1024"):
        stage.prepare(ClipStore(tmp_path / "small.zarr"), tmp_path / "decoder")


def test_later_frames_know_the_ones_before(stage: DecoderStage, batches: DecoderBatches) -> None:
    batch = batches(DRAWS)
    before = stage.task
    stage.task = replace(before, past_dropout=0.0)
    with torch.no_grad():
        drawn = stage.draw(batch, None, torch.Generator().manual_seed(0))
        stage.task = replace(before, past_dropout=1.0)
        alone = stage.draw(batch, None, torch.Generator().manual_seed(0))
    stage.task = before
    assert len(drawn) == 3 and drawn[0].large.shape == (2, 3, 128, 256)
    assert torch.equal(drawn[0].large, alone[0].large)
    assert not torch.allclose(drawn[1].large, alone[1].large, atol=1e-3)


def test_only_change_beyond_the_true_change_counts_as_unsteady() -> None:
    seen = torch.ones(1, 1, 8, 16)
    past, before = Past(torch.zeros(1, 3, 32, 64), seen), Past(torch.zeros(1, 3, 32, 64), seen)
    truth = torch.full((1, 3, 32, 64), 0.2)
    assert float(unsteadiness(truth, past, truth, before)) == 0.0
    assert float(unsteadiness(truth + 0.3, past, truth, before)) == pytest.approx(0.3)
    hidden = Past(past.picture, 0.0 * seen)
    assert float(unsteadiness(truth + 0.3, hidden, truth, before)) == 0.0


def test_the_discriminators_weigh_places_as_their_pixels_are() -> None:
    picture, weights = torch.zeros(1, 3, 8, 16), torch.ones(1, 1, 8, 16)
    weights[..., :4, :] = 3.0
    seen = Judged(picture, picture, weights)
    upper = torch.zeros(1, 1, 2, 4)
    upper[..., :1, :] = 1.0
    assert float(seen.weighted(upper)) == pytest.approx(0.75) and float(seen.weighted(1.0 - upper)) == pytest.approx(
        0.25
    )


def test_the_stored_flow_leads_from_each_frame_to_the_one_before(full: ClipStore) -> None:
    frames = torch.from_numpy(full.read("rgb", 0)).permute(0, 3, 1, 2) / 127.5 - 1.0
    flow = torch.from_numpy(full.read("flow", 0).astype(np.float32))
    assert not flow[0].any()
    past = carried(frames[1:2], flow[2:3])
    seen = torch.nn.functional.interpolate(past.seen, scale_factor=4.0) > 0.5
    moved, still = ((a - frames[2:3]).abs()[seen.expand(-1, 3, -1, -1)].mean() for a in (past.picture, frames[1:2]))
    assert seen.float().mean() > 0.7 and moved < 0.6 * still


def test_the_discriminators_see_the_layout_and_the_decoder_learns(batches: DecoderBatches, stage: DecoderStage) -> None:
    gan = DecoderGanStage(stage.parts.work, stage.parts.initial, "float32", task=DecoderTask(crop=(64, 128)))
    frames = torch.randn(1, 3, 128, 256)
    planes = torch.rand(1, NUM_LAYOUT_PLANES, 32, 64)
    for discriminator, size, count in zip(gan.discriminators, ((16, 32), (4, 8)), (3, 4), strict=True):
        logits, features = discriminator(frames, planes)
        assert logits.shape == (1, 1, *size) and len(features) == count
        assert not torch.allclose(logits, discriminator(frames, 0.0 * planes)[0], atol=1e-4)
    gan.loss(batches(DRAWS), torch.Generator().manual_seed(0)).backward()
    assert all(parameter.grad is None for parameter in gan.network.encoder.parameters())
    missing = [name for name, parameter in gan.network.decoder.named_parameters() if parameter.grad is None]
    assert not missing, missing
