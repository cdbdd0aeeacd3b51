"""Saving a loaded model: the same bytes, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from conformance import some_controls
from safetensors import SafetensorError

from drivesim.errors import InputError, ModelError
from drivesim.models import load_model, verify_folder
from drivesim.models.load import PRETRAINED
from drivesim.models.saving import save_whole
from drivesim.noise import NoiseStream


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_saved_copy_of_the_default_is_the_default(tmp_path: Path) -> None:
    model = load_model(device="cpu")
    model.save_pretrained(tmp_path / "copy")
    assert content(tmp_path / "copy") == content(PRETRAINED / "default")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    copy = load_model(tmp_path / "copy", device="cpu")
    assert copy.world_model.spec.weights_sha256 == model.world_model.spec.weights_sha256


def test_a_saved_copy_makes_the_same_frames(model_folder: Path, tmp_path: Path) -> None:
    (model_folder / "README.md").write_text("# A toy\n")
    model = load_model(model_folder, device="cpu", dtype="float32")
    model.save_pretrained(tmp_path / "copy")
    assert model.networks.image.dtype is torch.float32, "saving leaves the model in use as it was"
    assert content(tmp_path / "copy") == content(model_folder)
    copy = load_model(tmp_path / "copy", device="cpu", dtype="float32")
    frames = [m.start_frame_model.sample(some_controls(1), NoiseStream(5)) for m in (model, copy)]
    assert torch.equal(*frames)


def test_changed_weights_are_saved_as_they_are_now(model_folder: Path, tmp_path: Path) -> None:
    model = load_model(model_folder, device="cpu")
    model.networks.image.conv_out.bias.fill_(0.25)
    model.save_pretrained(tmp_path / "tuned")
    assert (load_model(tmp_path / "tuned").networks.image.conv_out.bias == 0.25).all()
    assert verify_folder(tmp_path / "tuned") != verify_folder(model_folder)


def test_saving_over_an_older_model_replaces_all_of_it(model_folder: Path, tmp_path: Path) -> None:
    model = load_model(model_folder, device="cpu")
    model.save_pretrained(tmp_path / "copy")
    (tmp_path / "copy" / "codec" / "old.safetensors").write_bytes(b"0")
    model.save_pretrained(tmp_path / "copy")
    assert content(tmp_path / "copy") == content(model_folder)


def test_something_else_in_the_way_is_left_alone(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    model = load_model(model_folder, device="cpu")
    with pytest.raises(ModelError, match="thesis: already there, and no drivesim model"):
        model.save_pretrained(tmp_path / "thesis")
    assert content(tmp_path / "thesis") == {"chapter.txt": b"years of work"}
    with pytest.raises(ModelError, match="already there"):
        model.save_pretrained(tmp_path / "thesis" / "chapter.txt")


def test_a_failed_save_leaves_the_older_model(model_folder: Path) -> None:
    before = content(model_folder)

    def half(folder: Path) -> None:
        (folder / "model.json").write_text("{}")
        raise OSError(28, "No space left on device")

    def copies(folder: Path) -> None:
        raise shutil.Error([("a", str(folder / "a"), f"[Errno 28] No space left on device: 'a' -> '{folder}'")])

    def weights(folder: Path) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    for write in (half, copies, weights):
        with pytest.raises(InputError) as caught:
            save_whole(model_folder, write)
        assert "cannot be written (No space left on device)" in str(caught.value)
    assert content(model_folder) == before
    assert len(list(model_folder.parent.iterdir())) == 1
