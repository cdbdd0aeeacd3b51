"""The decoder's network per pixel: what it learns from, that it learns, and that a trained decoder stays what it was."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from striped_dataset import StripedDataset
from tiny_video_ldm import save_toy

from drivesim.controls import Control
from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.store import ClipStore
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, planes_named
from drivesim.models.video_ldm.decoder import LIGHT
from drivesim.packing import pack
from drivesim.training import PointsStage
from drivesim.training.points_stage import (
    CERTAIN,
    COLOURS,
    COLUMNS,
    PIXELS,
    _halved,
    kept_pixels,
    open_gate,
    refit_readers,
)
from drivesim.training.stage import NothingToLearn
from drivesim.training.stream import Draw


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Two single frames of 512x1024."""
    folder = tmp_path_factory.mktemp("store") / "full.zarr"
    pack(ProceduralDataset(num_samples=2, num_frames=1, height=512, width=1024), folder)
    return ClipStore(folder)


@pytest.fixture
def stage(tmp_path: Path) -> PointsStage:
    return PointsStage(tmp_path / "work", str(save_toy(tmp_path)), pixels=256)


def test_a_pixel_is_kept_with_the_block_of_the_picture_that_it_covers(full: ClipStore) -> None:
    kept = kept_pixels(full, 1)
    assert kept.shape == (PIXELS, COLUMNS) and kept.dtype == np.uint8
    assert np.array_equal(kept, kept_pixels(full, 1))
    is_actor = kept[:, planes_named(Control.ACTORS, ("shade",))[0]] > 0
    assert 0.5 < is_actor.mean() < 0.9
    planes = np.concatenate([full.read(name, 1, 0) for name in ("map", "scenery", "actors")])
    picture = full.read("rgb", 1, 0)
    for row in kept[:: PIXELS // 7]:
        rows, columns = np.nonzero((planes == row[: len(planes), None, None]).all(axis=0))
        blocks = [picture[4 * r : 4 * r + 4, 4 * c : 4 * c + 4] for r, c in zip(rows, columns, strict=True)]
        assert any(np.array_equal(block.transpose(2, 0, 1).ravel(), row[-COLOURS:]) for block in blocks)
    assert (kept[:, len(planes) : NUM_LAYOUT_PLANES] == 255).all()
    light = np.append(full.read("attributes", 1, 0), 1.0).clip(0.0, 1.0)
    assert np.abs(kept[0, NUM_LAYOUT_PLANES : NUM_LAYOUT_PLANES + LIGHT] - 255.0 * light).max() <= 0.5


def test_the_painter_is_held_against_means_of_two_by_two_pixels() -> None:
    block = np.random.default_rng(0).random((4, 4, 3), dtype=np.float32)
    small = block.reshape(2, 2, 2, 2, 3).mean((1, 3)).transpose(2, 0, 1).ravel()
    assert np.allclose(_halved(torch.from_numpy(block.transpose(2, 0, 1).ravel()[None]))[0], small)


def test_it_learns_what_the_picture_shows(stage: PointsStage, full: ClipStore) -> None:
    folder = stage.parts.work / "points"
    stage.prepare(full, folder)
    batches = stage.batches(full, folder)
    assert len(batches) == 2
    batch = batches([Draw(0, 0), Draw(1, 1)])
    assert batch["pixels"].shape == (2, 256, COLUMNS)
    optimizer = torch.optim.Adam([p for p in stage.network.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(60):
        loss = stage.loss(batch, torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_only_points_their_readers_and_the_gate_change_in_the_codec(stage: PointsStage, full: ClipStore) -> None:
    stage.prepare(full, stage.parts.work / "points")
    before = copy.deepcopy(stage.network.codec.state_dict())
    with torch.no_grad():
        for parameter in stage.network.codec.decoder.layout.points.parameters():
            parameter.add_(0.1)
    stage.finish(full)
    changed = {
        name for name, value in stage.trained().state_dict().items() if not torch.equal(value, before[name].to(value))
    }
    gate = ("decoder.painter.gate_of_picture.bias", "decoder.painter.gate_of_layout.weight")
    parts = ("decoder.layout.points.", "decoder.meet.weight", "decoder.join.0.")
    assert changed and all(name.startswith((*parts, *gate)) for name in changed)
    assert changed.issuperset(gate)


def test_the_gate_is_open_where_the_painter_is_right(stage: PointsStage) -> None:
    codec = stage.network.codec
    width = codec.decoder.layout.point_width
    features = torch.randn(400, width, generator=torch.Generator().manual_seed(0))
    right = features[:, 0] > 0.5
    with torch.no_grad():
        open_gate(codec, features, right)
        gate = codec.decoder.painter.gate_of_layout.weight[0, :, 0, 0]
        share = features @ gate[-width:] + codec.decoder.painter.gate_of_picture.bias
    assert not gate[:-width].any()
    assert 0.3 * CERTAIN < share[right].mean() < CERTAIN and -CERTAIN < share[~right].mean() < -0.3 * CERTAIN


def test_what_reads_the_features_sees_what_it_saw_before(stage: PointsStage) -> None:
    codec = stage.network.codec
    generator = torch.Generator().manual_seed(0)
    width = codec.decoder.layout.point_width
    before = torch.randn(400, width, generator=generator)
    turned, _ = torch.linalg.qr(torch.randn(width, width, generator=generator))
    after = before @ turned
    with torch.no_grad():
        codec.decoder.join[0].weight.normal_(generator=generator)
        wanted = [before @ layer.weight[:, -width:, 0, 0].T for layer in (codec.decoder.join[0], codec.decoder.meet)]
        refit_readers(codec, after, before)
        made = [after @ layer.weight[:, -width:, 0, 0].T for layer in (codec.decoder.join[0], codec.decoder.meet)]
    for seen, as_before in zip(made, wanted, strict=True):
        assert torch.allclose(seen, as_before, atol=0.05 * float(as_before.std()))


def test_a_store_without_large_pictures_teaches_nothing(stage: PointsStage, tmp_path: Path) -> None:
    pack(StripedDataset(2, bare=(0, 1)), tmp_path / "small.zarr")
    with pytest.raises(NothingToLearn, match="Pack with --height 512 --width 1024"):
        stage.prepare(ClipStore(tmp_path / "small.zarr"), stage.parts.work / "points")
