"""What is packed is read back: exactly, lazily, from any place, and only by readers of this version."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr
from striped_dataset import FRAMES, HEIGHT, WIDTH, StripedDataset

from drivesim.conditioning import build_controls
from drivesim.controls import Control
from drivesim.datasets.sample import Sample
from drivesim.datasets.store import STORE_VERSION, ClipStore, count_given, inspect
from drivesim.datasets.store.files import StoreFiles
from drivesim.errors import InputError
from drivesim.packing import pack

ARRAYS = ("rgb", "semantic", "map", "scenery", "actors", "flow", "motion", "attributes", "times_us", "large")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven samples, of which number 2 is broken and number 4 bare, in shards of three."""
    url = tmp_path_factory.mktemp("store") / "striped.zarr"
    pack(StripedDataset(broken=(2,), bare=(4,)), url, shard_size=3)
    return url


@pytest.fixture
def store(packed: Path) -> ClipStore:
    return ClipStore(packed)


def test_only_valid_samples_count(store: ClipStore) -> None:
    assert len(store) == 6
    assert (store.frames_per_clip, store.fps) == (FRAMES, 10.0)
    assert [store.sample(index).id for index in range(6)] == [f"striped-{row}" for row in (0, 1, 3, 4, 5, 6)]


@pytest.mark.parametrize("name", ARRAYS)
def test_zarr_itself_reads_the_same(packed: Path, store: ClipStore, name: str) -> None:
    with_zarr = zarr.open_array(packed, path=name, mode="r")[:][[0, 1, 3, 4, 5, 6]]
    np.testing.assert_array_equal(store.read_all(name), with_zarr)
    for index in range(len(store)):
        np.testing.assert_array_equal(store.read(name, index), with_zarr[index])
        if name != "large":
            np.testing.assert_array_equal(store.read(name, index, 1), with_zarr[index, 1])
            np.testing.assert_array_equal(store.read(name, index, slice(1, None)), with_zarr[index, 1:])
            np.testing.assert_array_equal(store.read(name, index, -1), with_zarr[index, -1])


def test_a_sample_comes_back_as_it_was(store: ClipStore) -> None:
    for index, row in enumerate((0, 1, 3, 4, 5, 6)):
        assert_same(store.sample(index), StripedDataset(bare=(4,))[row])


def assert_same(found: Sample, expected: Sample) -> None:
    assert (found.id, found.source, found.licence, found.known) == (
        expected.id, expected.source, expected.licence, expected.known,
    )  # fmt: skip
    np.testing.assert_array_equal(found.clip.frames, expected.clip.frames)
    np.testing.assert_array_equal(found.times_us, expected.times_us)
    assert (found.semantic is None) == (expected.semantic is None)
    assert (found.large is None) == (expected.large is None)
    scene, original = found.scene, expected.scene
    assert (scene.name, scene.fps, scene.seed) == (original.name, original.fps, original.seed)
    assert (scene.camera, scene.environment) == (original.camera, original.environment)
    np.testing.assert_array_equal(scene.ego.positions, original.ego.positions)
    assert [actor.id for actor in scene.actors] == ["lead"]  # the other one is present on no frame
    for frame in range(len(scene)):
        assert [box for _, box in scene.boxes(frame)] == [box for _, box in original.boxes(frame)]
    assert scene.actors[0].colour == original.actors[0].colour


def test_controls_are_those_of_inference_and_the_unknown_ones_are_withheld(store: ClipStore) -> None:
    assert store.given(0) == {Control.ACTORS, Control.MOTION}
    expected = build_controls(StripedDataset()[0].scene, with_flow=True)
    np.testing.assert_array_equal(store.read("flow", 0), expected.flow.astype(np.float16))
    np.testing.assert_array_equal(store.read("actors", 0), expected.actors)
    np.testing.assert_array_equal(store.read("motion", 0), expected.motion)
    for name in ("map", "scenery", "attributes"):
        assert not store.has(name)
        assert not store.read(name, 0).any()
    bare = 3
    assert store.given(bare) == frozenset()
    assert not store.gives("semantic", bare)
    assert store.has("semantic") and store.has("rgb") and not store.has("latents")
    assert store.read("large", bare).shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert count_given(store.info) == {"actors": 5, "motion": 5, "flow": 5, "semantic": 5, "large": 5}


def test_what_nobody_gave_takes_no_space(packed: Path) -> None:
    assert not (packed / "attributes" / "c").exists()


def test_a_pickled_store_is_small_and_reads(store: ClipStore) -> None:
    store.read("rgb", 0)
    text = pickle.dumps(store)
    assert len(text) < 10_000
    np.testing.assert_array_equal(pickle.loads(text).read("rgb", 5), store.read("rgb", 5))


@pytest.mark.parametrize("form", ["file://{}/again.zarr", "memory://{}/again.zarr"])
def test_any_place_holds_the_same_bytes(packed: Path, tmp_path: Path, form: str) -> None:
    url = form.format(tmp_path)
    pack(StripedDataset(broken=(2,), bare=(4,)), url, shard_size=3)
    again, local = ClipStore(url), ClipStore(packed)
    names = local.files.names()
    assert again.files.names() == names
    assert [name for name in names if again.files.read(name) != local.files.read(name)] == []
    np.testing.assert_array_equal(again.read("rgb", 4, 1), local.read("rgb", 4, 1))
    assert again.files.size() == local.files.size()


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is nothing\. Pack data first"):
        ClipStore(tmp_path / "none.zarr")


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match=r"not a store, zarr\.json is missing"):
        ClipStore(tmp_path)


def test_the_description_of_the_format_is_of_this_version() -> None:
    text = (Path(__file__).parents[3] / "docs" / "store.md").read_text(encoding="utf-8")
    assert f"## Format, version {STORE_VERSION}\n" in text and f"`drivesim_store` ({STORE_VERSION})" in text


def test_a_store_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "part-0000000").mkdir()
    with pytest.raises(
        InputError, match=rf"a store of version 1 .* reads version {STORE_VERSION}\. Pack the data again"
    ):
        ClipStore(tmp_path)


def test_a_store_of_a_later_version(packed: Path, tmp_path: Path) -> None:
    root = json.loads((packed / "zarr.json").read_text())
    root["attributes"]["drivesim_store"] = STORE_VERSION + 1
    (tmp_path / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(InputError, match=f"version {STORE_VERSION + 1}, this drivesim reads version {STORE_VERSION}"):
        ClipStore(tmp_path)


def test_somebody_elses_zarr_group(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "other.zarr", attributes={"title": "ocean"})
    with pytest.raises(InputError, match="a zarr group, but not one that"):
        ClipStore(tmp_path / "other.zarr")


def test_a_store_that_is_not_finished(tmp_path: Path) -> None:
    pack(StripedDataset(), tmp_path / "s.zarr", shard_size=3)
    (tmp_path / "s.zarr" / "finished.json").unlink()
    (tmp_path / "s.zarr" / "shards" / "00001.json").unlink()
    with pytest.raises(InputError, match=r"2 of 3 shards are packed\. Repeat"):
        ClipStore(tmp_path / "s.zarr")
    info = inspect(tmp_path / "s.zarr")
    assert (info.finished, info.complete_shards, info.num_valid) == (False, 2, 4)


def test_an_unknown_file_system() -> None:
    with pytest.raises(InputError, match="no file system for this address"):
        ClipStore("nowhere://bucket/s.zarr")


def test_opening_a_store_reads_what_finished_it_once(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, read = list[str](), StoreFiles.read
    monkeypatch.setattr(StoreFiles, "read", lambda self, name, *more: names.append(name) or read(self, name, *more))
    ClipStore(packed)
    assert names.count("finished.json") == 1, names
