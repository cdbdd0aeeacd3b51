"""Every flipped byte and every lost file is found and named; a reader stops at damaged data instead of using it."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from striped_dataset import StripedDataset

from drivesim.datasets.store import ClipStore, StoreFiles, check_store, inspect, write_latents
from drivesim.datasets.store.layout import Finished, Skipped, read_sealed, write_sealed
from drivesim.errors import InputError
from drivesim.packing import pack
from drivesim.pictures.store_sheet import spread, store_sheet

ENCODER = "ab" * 32


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    url = tmp_path_factory.mktemp("sound") / "s.zarr"
    pack(StripedDataset(length=5), url, shard_size=2)
    write_latents(url, ENCODER, lambda frames: frames[:, None, ::8, ::8, 0])
    return url


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "s.zarr"))


def flip(path: Path, at: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3 if at is None else at] ^= 0x10
    path.write_bytes(content)


def test_a_sound_store(store: Path) -> None:
    assert check_store(store) == []


def test_a_flipped_byte_is_found_in_every_file_and_the_file_is_named(store: Path) -> None:
    for name in sorted(StoreFiles(store).names() - {"zarr.json"}):
        original = (store / name).read_bytes()
        flip(store / name)
        problems = check_store(store)
        (store / name).write_bytes(original)
        assert any(name in problem for problem in problems), f"{name}: {problems}"


def test_array_shard_and_samples_are_named(store: Path) -> None:
    flip(store / "rgb/c/1/0/0/0/0")
    (problem,) = check_store(store)
    assert problem.startswith("rgb/c/1/0/0/0/0 (array rgb, samples 2 to 3): damaged (sha256 ")
    assert "remove shards/00001.json" in problem


def test_what_it_says_mends_it(store: Path) -> None:
    flip(store / "rgb/c/1/0/0/0/0")
    (store / "shards/00001.json").unlink()
    (store / "finished.json").unlink()
    assert pack(StripedDataset(length=5), store, shard_size=2).found_samples == 3
    assert check_store(store) == []


def test_a_lost_file_is_named(store: Path) -> None:
    (store / "motion/c/2/0/0").unlink()
    (store / "scenes/00000.json.gz").unlink()
    problems = check_store(store)
    assert [problem.partition(":")[0] for problem in problems] == [
        "scenes/00000.json.gz (array scenes, samples 0 to 1)",
        "motion/c/2/0/0 (array motion, samples 4 to 4)",
    ]


@pytest.mark.parametrize("at", [40, -30])
def test_reading_damaged_frames_stops(store: Path, at: int) -> None:
    """A byte of a chunk, and a byte of the shard's index."""
    path = store / "rgb/c/1/0/0/0/0"
    flip(path, at)
    reader = ClipStore(store)
    with pytest.raises(InputError, match=r"rgb/c/1/0/0/0/0 \(array rgb, samples 2 to 3\) is damaged"):
        for index in range(len(reader)):
            reader.read("rgb", index)
    with pytest.raises(InputError, match="is damaged"):
        reader.read_all("rgb")


def test_reading_a_lost_or_short_file_stops(store: Path) -> None:
    (store / "rgb/c/0/0/0/0/0").unlink()
    (store / "rgb/c/1/0/0/0/0").write_bytes(b"short")
    reader = ClipStore(store)
    with pytest.raises(InputError, match="the file is missing"):
        reader.read("rgb", 0)
    with pytest.raises(InputError, match="the file is cut short"):
        reader.read("rgb", 2)
    assert reader.read("rgb", 4).any()


def test_damaged_scenes(store: Path) -> None:
    flip(store / "scenes/00001.json.gz")
    reader = ClipStore(store)
    assert reader.sample(0).id == "striped-0"
    with pytest.raises(InputError, match=r"scenes/00001\.json\.gz: missing or damaged"):
        reader.sample(2)


def test_latents_carry_their_encoder(store: Path) -> None:
    reader = ClipStore(store)
    assert reader.info.encoder == ENCODER
    np.testing.assert_array_equal(reader.read("latents", 3, 1)[0], reader.read("rgb", 3, 1)[::8, ::8, 0])
    assert reader.read_all("latents").shape == (5, 3, 1, 2, 4)
    assert not write_latents(store, ENCODER, lambda frames: frames[:, None, ::8, ::8, 0])


def test_other_latents_replace_them_and_a_stopped_encoding_continues(store: Path) -> None:
    calls = []

    def encode(frames: np.ndarray) -> np.ndarray:
        calls.append(len(frames))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return frames[:, None, ::4, ::4, 1]

    with pytest.raises(KeyboardInterrupt):
        write_latents(store, "cd" * 32, encode)
    assert ClipStore(store).info.encoder is None
    assert any("latents are not complete" in problem for problem in check_store(store))
    assert write_latents(store, "cd" * 32, encode)
    # One call finds the shape; of five clips, two were encoded before and are not encoded again.
    assert len(calls) == 5 + 1 + 3
    reader = ClipStore(store)
    assert reader.info.encoder == "cd" * 32
    np.testing.assert_array_equal(reader.read("latents", 4, 2)[0], reader.read("rgb", 4, 2)[::4, ::4, 1])
    assert check_store(store) == []


def test_a_layout_that_was_edited_is_said_before_anything_is_read_by_it(store: Path) -> None:
    text = (store / "zarr.json").read_text()
    (store / "zarr.json").write_text(text.replace('"samples":5', '"samples":100000000'))
    assert text != (store / "zarr.json").read_text()
    for read in (inspect, ClipStore):
        with pytest.raises(InputError, match=r"zarr\.json: damaged or edited \(sha256"):
            read(store)
    (problem,) = check_store(store)
    assert problem.startswith("zarr.json (about the whole store): damaged")


@pytest.mark.parametrize("name", ["valid/c/0", "given/c/0/0"])
def test_a_lost_chunk_is_not_a_chunk_of_zeros(store: Path, name: str) -> None:
    (store / name).unlink()
    with pytest.raises(InputError, match=f"{name}: missing"):
        ClipStore(store)
    assert any(name in problem for problem in check_store(store))


def test_a_store_without_a_sample_says_why(store: Path) -> None:
    (store / "valid/c/0").write_bytes(b"\0" * 5)
    finished = read_sealed(Finished, (store / "finished.json").read_bytes())
    sha256 = {**finished.sha256, "valid/c/0": hashlib.sha256(b"\0" * 5).hexdigest()}
    skipped = tuple(Skipped(sample, f"drive-{sample}.mp4: cut short") for sample in range(5))
    (store / "finished.json").write_bytes(
        write_sealed(dataclasses.replace(finished, valid=0, skipped=skipped, sha256=sha256))
    )
    reader = ClipStore(store)
    with pytest.raises(InputError, match=r"holds no sample that can be used \(drive-0\.mp4: cut short; drive-1"):
        store_sheet(reader, spread(6, len(reader)))
