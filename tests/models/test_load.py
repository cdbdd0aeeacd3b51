"""Loading: strict, safetensors only, every damage named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conformance import some_controls

from drivesim.errors import ModelError
from drivesim.models import load_model, verify_folder
from drivesim.models.load import choose_device, choose_dtype
from drivesim.noise import NoiseStream


def test_a_saved_model_loads_and_runs(model_folder: Path) -> None:
    model = load_model(model_folder, device="cpu", dtype="float32", steps=2)
    assert model.config.rollout.sampler.steps == 2
    assert model.world_model.spec.weights_sha256 == verify_folder(model_folder)
    frame = model.start_frame_model.sample(some_controls(1), NoiseStream(0))
    assert frame.shape == (1, 3, 512, 1024) and torch.isfinite(frame).all()


def test_the_shards_are_safetensors_only(model_folder: Path) -> None:
    suffixes = {path.suffix for path in model_folder.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".safetensors"}


def _weights(folder: Path, part: str) -> Path:
    return next((folder / part).glob("*.safetensors"))


def test_a_flipped_byte_is_found_and_named(model_folder: Path) -> None:
    path = _weights(model_folder, "codec")
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=f"{path.name}: the file is damaged or foreign"):
        load_model(model_folder)


def test_a_truncated_file_is_found_and_named(model_folder: Path) -> None:
    path = _weights(model_folder, "image")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=f"{path.name}: the file is damaged or foreign"):
        load_model(model_folder)


def test_a_missing_file_is_named(model_folder: Path) -> None:
    path = _weights(model_folder, "temporal")
    path.unlink()
    with pytest.raises(ModelError, match=f"{path.name}: the file is missing"):
        load_model(model_folder)


def test_a_pickle_is_refused_with_the_reason(model_folder: Path, tmp_path: Path) -> None:
    pickle = tmp_path / "weights.ckpt"
    torch.save({}, pickle)
    with pytest.raises(ModelError, match=r"pickle, which can run code"):
        load_model(pickle)
    torch.save({}, model_folder / "codec" / "extra.pt")
    with pytest.raises(ModelError, match=r"extra\.pt, pickles that can run code"):
        load_model(model_folder)


def test_a_foreign_configuration_says_so(model_folder: Path) -> None:
    from drivesim.models.load import write_hashes

    path = model_folder / "model.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "frames_per_hug": 3}))
    write_hashes(model_folder)
    with pytest.raises(ModelError, match="frames_per_hug"):
        load_model(model_folder)
    path.write_text(json.dumps({**data, "family": "oracle"}))
    write_hashes(model_folder)
    with pytest.raises(ModelError, match="'oracle' is not known"):
        load_model(model_folder)


def test_weights_of_another_shape_are_refused(model_folder: Path) -> None:
    from drivesim.models.load import write_hashes

    path = model_folder / "codec" / "config.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "layout_widths": [16, 8, 8, 8]}))
    write_hashes(model_folder)
    with pytest.raises(ModelError, match="written by another version or damaged"):
        load_model(model_folder)


def test_names_and_folders_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder and no packaged model"):
        load_model("defualt")
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        load_model(tmp_path)


def test_devices_and_dtypes_are_chosen_or_refused() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_dtype(torch.device("cpu"), "float32") is torch.float32
    assert choose_dtype(torch.device("cpu"), None) in (torch.bfloat16, torch.float32)
    with pytest.raises(ModelError, match="'tpu' is not known"):
        choose_device("tpu")
    with pytest.raises(ModelError, match="'int3' is not known"):
        choose_dtype(torch.device("cpu"), "int3")
