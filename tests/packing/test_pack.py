"""Packing: bit-equal however it was interrupted, done once, and damaged samples left out and named."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from full_disk import largest_file
from striped_dataset import StripedDataset

from drivesim.conditioning import build_controls
from drivesim.datasets.first_samples import FirstSamples
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED, ProceduralDataset
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.datasets.store import ClipStore, StoreFiles, check_store
from drivesim.errors import InputError
from drivesim.packing import pack
from drivesim.packing.pack import problems_of
from drivesim.renderer.world import ProceduralWorld

sys.path.append(str(Path(__file__).resolve().parent.parent / "datasets" / "store"))

TINY = ProceduralDataset(num_samples=5, num_frames=2, height=32, width=64)


def content(url: Path) -> dict[str, bytes]:
    return {name: (url / name).read_bytes() for name in StoreFiles(url).names()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny procedural world, packed in one go by one worker."""
    url = tmp_path_factory.mktemp("undisturbed") / "s.zarr"
    report = pack(TINY, url, shard_size=1)
    assert (report.found_samples, report.nothing_to_do) == (0, False)
    return url


def test_procedural_samples_are_the_rendered_scene(undisturbed: Path) -> None:
    seed = 3
    rng = np.random.default_rng([seed, 77])
    start = int(rng.uniform(0.0, 6.0) * 10.0)
    scene = sample_scene(seed, start + 2)
    world = ProceduralWorld(scene, appearance_seed=seed)
    store = ClipStore(undisturbed)
    expected = build_controls(scene, start, start + 2)
    assert start > 0
    np.testing.assert_array_equal(store.read("rgb", seed, 1), world.render(start + 1, 64, 32).rgb)
    np.testing.assert_array_equal(store.read("semantic", seed, 1), world.render(start + 1, 64, 32).semantic)
    np.testing.assert_array_equal(store.read("large", seed), world.render_rgb(start, 128, 64))
    for kind in ("map", "scenery", "actors", "attributes"):
        np.testing.assert_array_equal(store.read(kind, seed), getattr(expected, kind))
    np.testing.assert_allclose(store.read("motion", seed, 1), expected.motion[1], atol=1e-6)
    assert store.read("times_us", seed).tolist() == [start * 100_000, (start + 1) * 100_000]


def test_held_out_scenes_are_not_mixed_with_training_scenes(tmp_path: Path) -> None:
    assert len(ProceduralDataset(first_seed=HELD_OUT_SEED, num_samples=10)) == 10
    with pytest.raises(InputError, match="mix training scenes and held-out ones; stay below 1000000"):
        ProceduralDataset(first_seed=HELD_OUT_SEED - 5, num_samples=10)
    with pytest.raises(InputError, match="0 frames, expected at least 1"):
        ProceduralDataset(num_frames=0)
    with pytest.raises(
        InputError, match=r"num_frames is 100001, expected 1 to 100000; width is 0, expected 1 to 16384\."
    ):
        ProceduralDataset(num_frames=100_001, width=0)
    with pytest.raises(InputError, match="shards of 65537 samples, expected 1 to 65536"):
        pack(ProceduralDataset(num_samples=1), str(tmp_path / "x.zarr"), shard_size=65_537)


def test_killed_and_continued_is_bit_equal_and_leaves_no_worker_behind(undisturbed: Path, tmp_path: Path) -> None:
    url = tmp_path / "s.zarr"
    options = "--samples 5 --frames 2 --height 32 --width 64 --shard-size 1 --workers 2".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "drivesim", "data", "pack", "procedural", str(url), *options],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: any(url.glob("shards/*.json")), 120.0)
    process.kill()
    process.wait()
    wait_for(lambda: not group_lives(process.pid), 30.0)
    packed = len(list(url.glob("shards/*.json")))
    assert 1 <= packed < 5 and not (url / "finished.json").exists()
    (url / "rgb" / "0.1234.partial").write_bytes(b"what a killed writer leaves")
    assert pack(TINY, url, shard_size=1).found_samples == packed
    assert content(url) == content(undisturbed)


@pytest.mark.slow
def test_ctrl_c_ends_all_workers_in_one_line(tmp_path: Path) -> None:
    url = tmp_path / "s.zarr"
    options = "--samples 90 --frames 4 --shard-size 1 --workers 2".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "drivesim", "data", "pack", "procedural", str(url), *options],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(url.glob("shards/*.json")), 120.0)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60.0)
    lines = [
        line for line in said.splitlines() if not line.startswith("packing: ")
    ]  # progress, where the machine is slow
    assert (process.returncode, lines) == (130, ["stopped"])
    wait_for(lambda: not group_lives(process.pid), 30.0)
    assert not list(url.rglob("*.partial"))


def wait_for(condition, seconds: float) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def group_lives(group: int) -> bool:
    """Whether a process of the group runs; those that ended and wait for their parent do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    listed = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False)
    return any(not line.startswith("Z") for line in listed.stdout.split())


def test_a_finished_store_is_left_alone(undisturbed: Path) -> None:
    def stamps() -> dict[str, int]:
        return {name: (undisturbed / name).stat().st_mtime_ns for name in StoreFiles(undisturbed).names()}

    before = stamps()
    assert pack(TINY, undisturbed, shard_size=1).nothing_to_do
    assert stamps() == before


def test_stopped_between_the_last_shard_and_the_end(undisturbed: Path, tmp_path: Path) -> None:
    url = tmp_path / "s.zarr"
    pack(StripedDataset(), url, shard_size=2)
    before = content(url)
    (url / "finished.json").unlink()
    pack(StripedDataset(), url, shard_size=2)
    assert content(url) == before


@pytest.mark.parametrize("lost", ["shards/00001.json", "rgb/c/1/0/0/0/0", "scenes/00001.json.gz"])
def test_a_shard_with_anything_missing_is_made_again(tmp_path: Path, lost: str) -> None:
    url = tmp_path / "s.zarr"
    pack(StripedDataset(), url, shard_size=3)
    before = content(url)
    (url / "finished.json").unlink()
    (url / lost).unlink()
    assert pack(StripedDataset(), url, shard_size=3).found_samples == 4
    assert content(url) == before


def test_half_a_marker_counts_as_none(tmp_path: Path) -> None:
    url = tmp_path / "s.zarr"
    pack(StripedDataset(), url, shard_size=3)
    before = content(url)
    (url / "finished.json").unlink()
    (url / "shards" / "00000.json").write_bytes(before["shards/00000.json"][:50])
    assert pack(StripedDataset(), url, shard_size=3).found_samples == 4
    assert content(url) == before


def test_other_data_or_settings_are_refused_and_the_difference_is_named(undisturbed: Path) -> None:
    before = content(undisturbed)
    longer = dataclasses.replace(TINY, num_samples=6)
    with pytest.raises(InputError, match="samples is 5 in the store and 6 now"):
        pack(longer, undisturbed, shard_size=1)
    with pytest.raises(InputError, match="shard_size is 1 in the store and 4 now"):
        pack(TINY, undisturbed, shard_size=4)
    with pytest.raises(InputError, match=r"dataset\.kind is \"procedural\" in the store and \"striped\" now"):
        pack(StripedDataset(), undisturbed, shard_size=1)
    assert content(undisturbed) == before


def test_broken_samples_are_left_out_and_named(tmp_path: Path) -> None:
    dataset = StripedDataset(broken=(0, 4), other_size=(5,), other_rate=(6,), problems=["drive-9.mp4: empty"])
    info = pack(dataset, tmp_path / "s.zarr", shard_size=3).info
    assert info.num_valid == 3
    assert [(entry.sample, entry.reason) for entry in info.skipped] == [
        (0, "drive-0.mp4: cut short"),
        (4, "drive-4.mp4: cut short"),
        (5, "3 frames of 32x32, the store has 3 of 16x32"),
        (6, "12 frames a second, the store has 10"),
    ]
    assert info.problems == ("drive-9.mp4: empty",)
    store = ClipStore(tmp_path / "s.zarr")
    assert [store.sample(index).id for index in range(3)] == ["striped-1", "striped-2", "striped-3"]
    assert check_store(tmp_path / "s.zarr") == []


def test_a_shard_of_broken_samples_only(tmp_path: Path) -> None:
    pack(StripedDataset(broken=(3, 4, 5)), tmp_path / "s.zarr", shard_size=3)
    store = ClipStore(tmp_path / "s.zarr")
    assert store.read_all("rgb").shape[0] == len(store) == 4
    assert check_store(tmp_path / "s.zarr") == []


def test_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not one of 7 samples can be read: drive-0\.mp4: cut short; .*; and 2 more"):
        pack(StripedDataset(broken=tuple(range(7))), tmp_path / "s.zarr")
    assert not (tmp_path / "s.zarr").exists()


def test_a_place_with_other_things_in_it(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"not a store, and not empty \(it holds holiday\.jpg\)"):
        pack(StripedDataset(), tmp_path)
    with pytest.raises(InputError, match="a file stands where a folder is needed"):
        pack(StripedDataset(), tmp_path / "holiday.jpg" / "s.zarr")


def test_memory_takes_one_worker() -> None:
    with pytest.raises(InputError, match="memory is not shared between processes"):
        pack(StripedDataset(), "memory://two/s.zarr", workers=2)


def test_two_writers_keep_out_of_each_others_way(tmp_path: Path) -> None:
    pack(StripedDataset(), tmp_path / "s.zarr")
    with StoreFiles(tmp_path / "s.zarr").locked(), pytest.raises(InputError, match="another process is writing"):
        pack(StripedDataset(), tmp_path / "s.zarr")


def test_a_full_disk_is_one_line_and_the_store_continues(tmp_path: Path) -> None:
    pack(StripedDataset(), tmp_path / "good.zarr", shard_size=3)
    with largest_file(8000), pytest.raises(InputError, match=r"the disk is full\. Free some space and repeat"):
        pack(StripedDataset(), tmp_path / "s.zarr", shard_size=3)
    pack(StripedDataset(), tmp_path / "s.zarr", shard_size=3)
    assert content(tmp_path / "s.zarr") == content(tmp_path / "good.zarr")


def test_the_first_samples_of_a_dataset(tmp_path: Path) -> None:
    dataset = FirstSamples(StripedDataset(problems=["odd"]), 2)
    info = pack(dataset, tmp_path / "s.zarr").info
    assert (info.num_valid, info.layout.dataset["first_samples"], info.problems) == (2, 2, ("odd",))
    with pytest.raises(InputError, match="8 samples asked for, the source holds 7"):
        FirstSamples(StripedDataset(), 8)
    with pytest.raises(IndexError):
        dataset[2]


def test_a_store_does_not_keep_where_its_source_lay(tmp_path: Path) -> None:
    class Placed:
        root = tmp_path / "videos"
        problems = (f"{tmp_path / 'videos' / 'monday' / 'a.mp4'}: left out: empty",)

    assert problems_of(Placed()) == ("monday/a.mp4: left out: empty",)
