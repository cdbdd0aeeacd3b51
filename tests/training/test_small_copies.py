"""Small copies of a store: what is read from them is what the store's own arrays are when shrunk."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from drivesim.datasets.store import ClipStore
from drivesim.training import small_copies
from drivesim.training.small_copies import SmallCopies, raster_sizes

SIZES = {"rgb": (32, 64), "semantic": (32, 64), **raster_sizes(16, 32)}


@pytest.fixture
def copies(small_clips: Path, tmp_path: Path) -> SmallCopies:
    return SmallCopies(ClipStore(small_clips), tmp_path / "latents", SIZES)


def test_copies_hold_what_shrinking_gives(copies: SmallCopies) -> None:
    before = {name: copies.read(name, 2, slice(1, 4)) for name in SIZES}
    assert not copies.folder.exists()
    copies.make()
    assert len(list(copies.folder.glob("*.npy"))) == len(SIZES) == 5
    passed_on = pickle.loads(pickle.dumps(copies))
    for name in SIZES:
        np.testing.assert_array_equal(copies.read(name, 2, slice(1, 4)), before[name])
        np.testing.assert_array_equal(passed_on.read(name, 2, slice(1, 4)), before[name])


def test_what_is_shrunk_is_the_mean_of_pictures_and_planes_and_one_pixel_of_classes(copies: SmallCopies) -> None:
    store = copies.store
    frame = store.read("rgb", 1, slice(3, 4))[0]
    expected = cv2.resize(frame, (64, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(copies.read("rgb", 1, slice(3, 4))[0], expected)
    assert set(np.unique(copies.read("semantic", 1))) <= set(np.unique(store.read("semantic", 1)))
    planes = torch.from_numpy(store.read("map", 1)).float()
    assert planes.max() == 255.0
    means = F.adaptive_avg_pool2d(planes, (16, 32))
    assert (torch.from_numpy(copies.read("map", 1)).float() - means).abs().max() <= 0.5
    np.testing.assert_array_equal(copies.read("motion", 1), store.read("motion", 1))


def test_copies_that_would_be_too_large_are_not_made(copies: SmallCopies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_copies, "MOST_BYTES", 1000)
    copies.make()
    assert not copies.folder.exists()
    assert copies.read("rgb", 0).shape == (6, 32, 64, 3)


def test_rasters_are_left_alone_where_cells_are_no_whole_pixels_or_single_ones() -> None:
    assert set(raster_sizes(32, 64)) == {"map", "scenery", "actors"}
    assert raster_sizes(128, 256) == {} and raster_sizes(48, 96) == {} and raster_sizes(256, 512) == {}
