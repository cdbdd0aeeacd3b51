"""The decoder's network per pixel: what it learns from, that it learns, and that a trained decoder stays what it was."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from striped_dataset import StripedDataset
from tiny_video_ldm import save_toy

from drivesim.controls import RASTER_CHANNELS, Control
from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.store import ClipStore
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, planes_named
from drivesim.models.video_ldm.decoder import LIGHT
from drivesim.packing import pack
from drivesim.renderer.semantics import Semantic
from drivesim.training import PointsStage
from drivesim.training.points_stage import (
    BODIES,
    COLOURS,
    COLUMNS,
    PIXELS,
    _classes_alike,
    _halved,
    bodies_of,
    give_gate,
    kept_pixels,
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


def test_half_of_the_pixels_of_actors_come_from_each_class_alike() -> None:
    shares = np.zeros((5, 100), np.uint8)
    shares[0, :96], shares[2, 96:] = 255, 255
    chance = _classes_alike(shares)
    assert chance.sum() == pytest.approx(1.0)
    assert chance[96:].sum() == pytest.approx(0.5 * 0.04 + 0.5 * 0.5)
    assert len(_classes_alike(shares[:, :0])) == 0


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
    optimizer = torch.optim.Adam([p for p in stage.network.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(240):
        loss = stage.loss(batch, torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_only_points_their_readers_and_the_gate_change_in_the_codec(stage: PointsStage, full: ClipStore) -> None:
    stage.prepare(full, stage.parts.work / "points")
    with torch.no_grad():
        stage.network.codec.decoder.painter.gate_of_picture.weight.fill_(1.0)
        stage.network.gate.bias.fill_(-0.5)
    before = copy.deepcopy(stage.network.codec.state_dict())
    with torch.no_grad():
        for parameter in stage.network.codec.decoder.layout.points.parameters():
            parameter.add_(0.1)
    stage.finish(full)
    changed = {
        name for name, value in stage.trained().state_dict().items() if not torch.equal(value, before[name].to(value))
    }
    gate = tuple(f"decoder.painter.gate_of_{name}" for name in ("picture.bias", "picture.weight", "layout.weight"))
    parts = ("decoder.layout.points.", "decoder.meet.weight", "decoder.join.0.")
    assert changed and all(name.startswith((*parts, *gate)) for name in changed)
    assert changed.issuperset(gate)


def test_the_share_that_was_learned_becomes_the_painters(stage: PointsStage) -> None:
    network = stage.network
    painter, width = network.codec.decoder.painter, network.gate.in_features
    features = torch.randn(400, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        painter.gate_of_picture.weight.fill_(1.0)
        network.gate.weight.normal_(generator=torch.Generator().manual_seed(1))
        network.gate.bias.fill_(-0.5)
        give_gate(network)
        gate = painter.gate_of_layout.weight[0, :, 0, 0]
        share = features @ gate[-width:] + painter.gate_of_picture.bias
        assert torch.allclose(share, network.gate(features)[:, 0], atol=1e-5)
    assert not gate[:-width].any() and not painter.gate_of_picture.weight.any()


def test_a_body_is_what_its_pixels_show_of_the_box(full: ClipStore) -> None:
    rasters = {kind: full.read(kind.value, 1, 0) for kind in RASTER_CHANNELS}
    semantic = full.read("semantic", 1, 0)
    bodies = bodies_of(rasters, semantic).reshape(128, 256, 2, 2)
    is_car = rasters[Control.ACTORS][0] == 255
    shows_car = (semantic == Semantic.CAR).reshape(128, 4, 256, 4).mean((1, 3))
    assert is_car.sum() > 50
    assert np.abs(bodies[is_car].mean((1, 2)) / 255.0 - shows_car[is_car]).max() < 0.01
    assert 0.3 < bodies[is_car].mean() / 255.0 < 1.0
    untold = (rasters[Control.ACTORS][6] == 0) & (rasters[Control.SCENERY][5] == 0)
    assert untold.any() and not bodies[untold].any()
    unknown = bodies_of(rasters, None).reshape(128, 256, 2, 2)
    assert not unknown[untold].any() and (unknown[~untold] == 255).all()


def test_what_stands_behind_a_body_is_neither_painted_nor_heard(stage: PointsStage) -> None:
    """Pixels of one box, half of which show the body; the others show anything."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.zeros(512, COLUMNS, dtype=torch.uint8)
    shade, along = planes_named(Control.ACTORS, ("shade", "along"))
    pixels[:, shade] = 255
    is_body = torch.arange(512) % 2 == 0
    pixels[:, along] = torch.where(is_body, 200, 40).to(torch.uint8)
    pixels[is_body, NUM_LAYOUT_PLANES + LIGHT : NUM_LAYOUT_PLANES + LIGHT + BODIES] = 255
    pixels[:, -COLOURS:] = torch.where(
        is_body[:, None], 230, torch.randint(0, 255, (512, COLOURS), generator=generator)
    ).to(torch.uint8)
    batch = {"pixels": pixels[None], "position": torch.zeros(1, dtype=torch.long)}
    optimizer = torch.optim.Adam([p for p in stage.network.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(300):
        loss = stage.loss(batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        painted, _, gate = stage.network(pixels.float() / 255.0)
    assert (painted[is_body] - (2.0 * 230 / 255 - 1.0)).abs().mean() < 0.1
    assert torch.sigmoid(gate[is_body]).mean() > 0.8 and torch.sigmoid(gate[~is_body]).mean() < 0.2


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
