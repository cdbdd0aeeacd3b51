"""Temporal layers in another image network: bit-equal there, heard there, and refused where they do not fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conformance import some_controls
from tiny_pvdm import TOY, tiny_pvdm
from tiny_video_ldm import save_toy, tiny_networks

from drivesim.errors import ModelError
from drivesim.models.hashes import write_hashes
from drivesim.models.load import load_model
from drivesim.models.transfer import transfer
from drivesim.models.video_ldm.load import VideoLDMConfig, save_networks
from drivesim.noise import NoiseStream


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("models") / "toy", steps=1)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same codec and shapes, every other weight of which is another."""
    networks = tiny_networks()
    with torch.no_grad():
        for parameter in (
            *networks.image.parameters(),
            *networks.temporal.parameters(),
            *networks.codec.decoder.parameters(),
        ):
            parameter.add_(
                0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
            )
    folder = tmp_path_factory.mktemp("models") / "tuned"
    save_networks(networks, VideoLDMConfig(name="tuned"), folder)
    write_hashes(folder)
    return folder


def same_files(first: Path, second: Path) -> bool:
    names = sorted(path.name for path in first.iterdir())
    return names == sorted(path.name for path in second.iterdir()) and all(
        (first / name).read_bytes() == (second / name).read_bytes() for name in names
    )


def test_layers_are_bit_equal_in_the_other_network(toy: Path, tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "moved"
    (toy / "README.md").write_text("# toy\n")
    sha256 = transfer(toy, tuned, out)
    assert same_files(out / "temporal", toy / "temporal") and same_files(out / "codec", toy / "codec")
    assert same_files(out / "image", tuned / "image") and not same_files(out / "image", toy / "image")
    assert json.loads((out / "model.json").read_text()) == json.loads((toy / "model.json").read_text())
    assert "image network is another" in (out / "README.md").read_text()
    loaded = {
        name: load_model(folder, dtype="float32", device="cpu") for name, folder in (("toy", toy), ("moved", out))
    }
    assert loaded["moved"].world_model.spec.weights_sha256 == sha256
    chunks = {}
    for name, model in loaded.items():
        spec = model.world_model.spec
        past = torch.linspace(-1.0, 1.0, spec.width).expand(1, 3, spec.height, -1)
        state = model.world_model.begin(past, some_controls(1))
        chunks[name] = model.world_model.step(state, some_controls(spec.chunk_frames), NoiseStream(0))[0].latents
    assert not torch.allclose(chunks["toy"], chunks["moved"], atol=1e-3)


def rewritten(folder: Path, out: Path, part: str, key: str, value: object) -> Path:
    """A copy of a model with one setting of a part changed."""
    shutil.copytree(folder, out)
    path = out / part / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    write_hashes(out)
    return out


def test_another_codec_or_shape_is_refused_with_its_reason(toy: Path, tmp_path: Path) -> None:
    mean = rewritten(toy, tmp_path / "mean", "codec", "latent_mean", [0.5] * 19)
    with pytest.raises(ModelError, match=r"another encoder \(latent_mean differ\)"):
        transfer(toy, mean, tmp_path / "out")
    networks = tiny_networks()
    with torch.no_grad():
        next(networks.codec.encoder.parameters()).add_(0.5)
    other = tmp_path / "other"
    save_networks(networks, VideoLDMConfig(name="other"), other)
    write_hashes(other)
    with pytest.raises(ModelError, match="other weights of the encoder"):
        transfer(toy, other, tmp_path / "out")
    with pytest.raises(ModelError, match=r"'widths' is \[96, 160, 256\] there, \[32, 32, 64\]"):
        transfer(toy, "default", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_families_without_an_image_network_and_taken_folders_are_refused(
    toy: Path, tuned: Path, tmp_path: Path
) -> None:
    planes = tmp_path / "planes"
    renamed = tmp_path / "renamed"
    tiny_pvdm().save_pretrained(planes)
    tiny_pvdm(replace(TOY, name="renamed")).save_pretrained(renamed)
    with pytest.raises(ModelError, match="'pvdm' has no image network"):
        transfer(planes, renamed, tmp_path / "out")
    with pytest.raises(ModelError, match="are one model"):
        transfer(toy, toy, tmp_path / "out")
    with pytest.raises(ModelError, match="fit only a network of their own family"):
        transfer(toy, planes, tmp_path / "out")
    with pytest.raises(ModelError, match="is one of the two models"):
        transfer(toy, tuned, tuned)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="already there"):
        transfer(toy, tuned, tmp_path / "taken")
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"
