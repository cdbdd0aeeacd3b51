"""Broken, foreign and newer model folders: each names the file and says what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_video_ldm import tiny_networks

from drivesim.errors import ModelError
from drivesim.models import load_model
from drivesim.models.load import write_hashes
from drivesim.models.video_ldm import format as folder_format
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.load import VideoLDMConfig, save_networks
from drivesim.models.video_ldm.video_unet import temporal_layers_for

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy model that loads."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    save_networks(tiny_networks(), VideoLDMConfig(name="toy"), folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "toy"))


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A breaking of one JSON file."""

    def apply(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        change(data)
        (folder / name).write_text(json.dumps(data))

    return apply


def tensors(part: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    """A breaking of one part's weights."""

    def apply(folder: Path) -> None:
        data = load_file(folder / part / WEIGHTS)
        change(data)
        save_file(data, folder / part / WEIGHTS, {"format": "pt"})

    return apply


def set_to(**values: Any) -> Callable[[dict[str, Any]], object]:
    """Set keys of an object."""
    return lambda data: data.update(values)


def renamed(data: dict[str, torch.Tensor]) -> None:
    data["position.heavy"] = data.pop("position.weight")


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer format": (edit("model.json", set_to(version=9)), r"written by a newer drivesim \(format 9, .* up to 8\)"),
    "older format": (
        edit("model.json", lambda d: d.pop("version")),
        r"written by an older drivesim \(format 1, this version reads 8\): its layout has other planes",
    ),
    "version in words": (edit("model.json", set_to(version="two")), "'version' is 'two', expected a whole number"),
    "unknown key": (
        edit("model.json", set_to(mirrors=2)),
        r"model\.json: 'mirrors' is not known to this version \(known: name, fps",
    ),
    "missing key": (edit("model.json", lambda d: d.pop("fps")), r"model\.json: 'fps' is missing, expected a number"),
    "missing nested key": (
        edit("model.json", lambda d: d["rollout"]["sampler"].pop("rho")),
        r"model\.json: rollout: sampler: 'rho' is missing",
    ),
    "wrong kind": (edit("model.json", set_to(fps="ten")), r"'fps' is \"ten\", expected a number"),
    "object expected": (edit("model.json", set_to(rollout=3)), "'rollout' is 3, expected an object with sampler"),
    "senseless steps": (
        edit("model.json", lambda d: d["rollout"]["sampler"].update(steps=0)),
        "'rollout: sampler: steps' is 0, expected 1 or more",
    ),
    "senseless factor": (
        edit("model.json", lambda d: d["rollout"].update(free_factor=0)),
        "'rollout: free_factor' is 0, expected 1 or more",
    ),
    "noise upside down where traffic is free": (
        edit("model.json", lambda d: d["rollout"].update(free_sigma_max=0.1)),
        r"'rollout: free_sigma_max' is 0\.1, expected more than sigma_min \(0\.1\), or null",
    ),
    "guidance away from the context": (
        edit("model.json", lambda d: d["rollout"].update(free_guidance=0.5)),
        r"'rollout: free_guidance' is 0\.5, expected 1 or more",
    ),
    "guidance below no noise": (
        edit("model.json", lambda d: d["rollout"].update(free_guidance_low=-1.0)),
        r"'rollout: free_guidance_low' is -1\.0, expected 0 or more",
    ),
    "reach below nothing": (
        edit("temporal/config.json", set_to(reach=-1)),
        r"temporal/config\.json: no network can be built from these values",
    ),
    "noise upside down": (
        edit("model.json", lambda d: d["start_frame"]["sampler"].update(sigma_max=0.001)),
        r"sigma_max' is 0\.001, expected more than sigma_min \(0\.02\)",
    ),
    "too much context": (edit("model.json", set_to(context_frames=9)), "'context_frames' is 9, expected 1 to 3"),
    "chunk beyond the positions": (
        edit("model.json", set_to(chunk_frames=40)),
        "'max_frames' is 16, expected 43 or more",
    ),
    "truncated JSON": (lambda f: (f / "model.json").write_text('{"family": '), r"model\.json: not readable as JSON"),
    "JSON of another form": (
        lambda f: (f / "model.json").write_text("[1]"),
        r"model\.json: holds \[1\], expected one obj",
    ),
    "part without config": (
        lambda f: (f / "image" / "config.json").unlink(),
        r"image/config\.json: the file is missing",
    ),
    "part of another class": (
        edit("temporal/config.json", set_to(_class_name="FrameCodec")),
        r"temporal/config\.json: '_class_name' is \"FrameCodec\", expected 'TemporalLayers'",
    ),
    "part: wrong kind": (
        edit("image/config.json", set_to(widths=[32, "wide", 64])),
        r"image/config\.json: 'widths' is \[32, \"wide\", 64\], expected a list of whole numbers",
    ),
    "part: optional of a wrong kind": (
        edit("codec/config.json", set_to(latent_mean="zero")),
        r"'latent_mean' is \"zero\", expected a list of numbers or null",
    ),
    "part: missing key": (
        edit("image/config.json", lambda d: d.pop("head_width")),
        r"image/config\.json: 'head_width' is missing, expected a whole number",
    ),
    "part: unknown key": (edit("codec/config.json", set_to(gan=True)), r"codec/config\.json: 'gan' is not known"),
    "part: no network possible": (
        edit("codec/config.json", set_to(encoder_blocks=[1])),
        r"codec/config\.json: no network can be built from these values \(IndexError",
    ),
    "part: other width": (
        edit("codec/config.json", set_to(layout_widths=[16, 8, 8, 8])),
        r"codec: \d+ tensors of another shape: .*layout\.stem\.0\.weight is \[8, \d+, 1, 1\], expected \[16, \d+, 1, 1\]",
    ),
    "part: more blocks": (
        edit("codec/config.json", set_to(finishing_blocks=2)),
        r"codec: 4 tensors missing: .*finish\.1\.body\.0\.weight \[8, 8, 3, 3\]",
    ),
    "parts of two models": (
        lambda f: temporal_layers_for(ImageUNet(widths=(32, 64), blocks_per_level=1)).save_pretrained(f / "temporal"),
        r"temporal/config\.json: 'block_channels' is \[32, 64, 64, 64, 64, 32\], expected \[32, 32, 64, .*those of the image",
    ),
    "tensor renamed": (
        tensors("temporal", renamed),
        r"1 tensors missing: position\.weight \[16, 256\](.|\n)*1 tensors unexpected: position\.heavy \[16, 256\]",
    ),
    "weights no safetensors": (
        lambda f: (f / "codec" / WEIGHTS).write_bytes(b"no weights at all"),
        "codec: safetensors not readable",
    ),
    "weights absent": (lambda f: (f / "codec" / WEIGHTS).unlink(), f"codec/{WEIGHTS}: the file is missing"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_folder_that_differs_says_how(folder: Path, name: str) -> None:
    breaking, message = CASES[name]
    breaking(folder)
    write_hashes(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(folder, device="cpu")
    assert str(folder) in str(caught.value)


def test_the_whole_folder_loads(folder: Path) -> None:
    write_hashes(folder)
    assert load_model(folder, device="cpu").config.name == "toy"


def test_all_differences_are_listed_at_once(folder: Path) -> None:
    edit("model.json", lambda d: d["rollout"].update(anchor_pull="much", hurry=1))(folder)
    write_hashes(folder)
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert all(text in str(caught.value) for text in ("rollout: 'anchor_pull' is \"much\"", "rollout: 'hurry'"))


def test_a_key_that_came_later_has_the_value_of_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit("codec/config.json", lambda d: d.pop("finishing_blocks"))(folder)
    write_hashes(folder)
    monkeypatch.setitem(folder_format.ADDED_KEYS, "codec", {"finishing_blocks": 1})
    assert load_model(folder, device="cpu").networks.codec.config.finishing_blocks == 1


def test_a_model_of_before_has_neither_reach_nor_steps_or_guidance_of_free_traffic(folder: Path) -> None:
    for key in ("free_factor", "free_sigma_max", "free_guidance", "free_guidance_low"):
        edit("model.json", lambda d, key=key: d["rollout"].pop(key))(folder)
    for key in ("reach", "moved_context"):
        edit("temporal/config.json", lambda d, key=key: d.pop(key))(folder)
    write_hashes(folder)
    loaded = load_model(folder, device="cpu")
    assert loaded.config.rollout.free_factor == 1 and loaded.config.rollout.free_sigma_max is None
    assert loaded.config.rollout.free_guidance == 1.0
    assert loaded.networks.temporal.config.reach == 0
    assert not loaded.networks.temporal.config.moved_context


def test_a_file_that_no_hash_vouches_for_is_refused(folder: Path) -> None:
    write_hashes(folder)
    (folder / "codec" / "extra.safetensors").write_bytes(b"0")
    with pytest.raises(ModelError, match=r"codec/extra\.safetensors not listed in hashes\.json"):
        load_model(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"model.json": 3}'])
def test_unreadable_hashes_are_named(folder: Path, text: str) -> None:
    (folder / "hashes.json").write_text(text)
    with pytest.raises(ModelError, match=r"hashes\.json: (not readable|expected one object)"):
        load_model(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(folder: Path, value: float) -> None:
    def break_one(data: dict[str, torch.Tensor]) -> None:
        name = next(name for name, tensor in data.items() if tensor.is_floating_point())
        data[name] = data[name].clone()
        data[name].view(-1)[0] = value

    tensors("image", break_one)(folder)
    write_hashes(folder)
    with pytest.raises(ModelError, match="weights that are not numbers"):
        load_model(folder, device="cpu")
