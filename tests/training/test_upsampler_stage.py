"""Training an upsampler: crops that belong together, frames first and layers over time behind them, a folder that has it at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conformance import some_controls, some_past
from safetensors.torch import load_file
from tiny_pvdm import tiny_pvdm
from tiny_video_ldm import save_toy

from drivesim.clip import frames_to_tensor
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models import load_model
from drivesim.models.upsampler.network import VideoUpsampler
from drivesim.models.upsampler.sampling import UpsamplingConfig
from drivesim.noise import NoiseStream
from drivesim.training import UpsamplerStage
from drivesim.training.callbacks import read_curve
from drivesim.training.chain import run_chain
from drivesim.training.parts import Parts
from drivesim.training.recipe import read_recipe
from drivesim.training.stage import NothingToLearn
from drivesim.training.stage_cli import averages
from drivesim.training.stream import Draw
from drivesim.training.upsampler_batches import (
    UpsamplerBatches,
    load_reconstructions,
    prepare_reconstructions,
    reconstructor,
)
from drivesim.world_model import next_frames

#: The smoke recipe for a model of 32x64 clips and a store of 64x128 frames, two steps a stage.
TOY = [
    ("size: [256, 512], crop: [64, 128]", "size: [64, 128], crop: [32, 64], reconstructed_share: 0.5"),
    ("factor: 4, widths: [16, 24], embedding: 32", "factor: 2, widths: [8, 12], embedding: 16"),
    ("max_steps: 12, val_check_interval: 6", "max_steps: 2, val_check_interval: 2, enable_progress_bar: false"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy PVDM without an upsampler."""
    folder = tmp_path_factory.mktemp("pvdm") / "model"
    tiny_pvdm().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(model: Path, small_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the smoke recipe's chain at toy size."""
    work = tmp_path_factory.mktemp("upsampler")
    text = read_recipe("upsampler-smoke").path.read_text(encoding="utf-8")
    for old, new in TOY:
        assert old in text
        text = text.replace(old, new)
    (work / "toy.yaml").write_text(text, encoding="utf-8")
    recipe = read_recipe(str(work / "toy.yaml"))
    settings = [f"--data.path={small_clips}", "--data.validation_share=0.3", "--model.dtype=float32"]
    run_chain(recipe, work, stages=list(recipe.stages), initial=str(model), overrides=settings, say=str)
    return work


def test_the_chain_adds_an_upsampler_to_a_model(trained: Path, model: Path) -> None:
    loaded = load_model(trained / "model", device="cpu", dtype="float32", steps=1)
    assert loaded.config.upsampling == UpsamplingConfig()
    assert set(loaded.networks) == {"autoencoder", "denoiser", "upsampler"}
    for part in ("autoencoder", "denoiser"):
        mine, theirs = (next((folder / part).glob("*.safetensors")) for folder in (trained / "model", model))
        assert mine.read_bytes() == theirs.read_bytes()
    world = loaded.world_model
    state = world.begin(some_past(512, 1024), some_controls(1))
    frames, _ = next_frames(world, state, some_controls(4), NoiseStream(1), some_past(512, 1024)[0])
    assert frames.shape == (4, 3, 512, 1024) and torch.isfinite(frames).all()


def test_all_that_a_validation_measures_stands_in_the_curve(trained: Path) -> None:
    single, clips = (
        {name for _, name, _ in read_curve(trained / stage / "metrics.csv")}
        for stage in ("upsampler", "upsampler-video")
    )
    assert clips - single == {"flicker", "bicubic_flicker"} and {"validation_psnr_db", "bicubic_psnr_db"} <= single


def saved_order() -> list[str]:
    """Names of the toy's weights in the optimiser's order."""
    return [name for name, _ in VideoUpsampler(factor=2, widths=(8, 12), embedding=16).named_parameters()]


def test_layers_over_time_leave_single_frames_as_they_are(trained: Path) -> None:
    saved = load_file(trained / "model/upsampler/diffusion_pytorch_model.safetensors")
    single = [name for name in saved_order() if not name.startswith("temporal")]
    learnt = averages(trained / "upsampler/last.ckpt", single)
    assert set(learnt) == {name for name in saved if not name.startswith("temporal")}
    assert all(torch.equal(learnt[name].bfloat16(), saved[name]) for name in learnt)
    moved = averages(trained / "upsampler-video/last.ckpt", [name for name in saved_order() if name not in learnt])
    assert all(torch.equal(moved[name].bfloat16(), saved[name]) for name in moved) and moved["temporal.0.mix"] != 0.0
    stage = UpsamplerStage(trained, initial=str(trained / "model"), dtype="float32", size=(64, 128), crop=(32, 64))
    saved = load_file(trained / "model/upsampler/diffusion_pytorch_model.safetensors")
    assert all(torch.equal(stage.network.state_dict()[name], weight.float()) for name, weight in saved.items())
    with pytest.raises(InputError, match=r"does not have the sizes of the recipe \(factor: 2 there, 4 in the recipe"):
        UpsamplerStage(trained, initial=str(trained / "model"), network={"factor": 4}, size=(64, 128), crop=(32, 64))


def test_small_crops_are_the_crops_or_what_the_autoencoder_makes_of_them(
    small_clips: Path, model: Path, tmp_path: Path
) -> None:
    store, parts = ClipStore(small_clips), Parts(tmp_path, str(model), "float32", "pvdm")
    prepare_reconstructions(parts, store, tmp_path)
    found = load_reconstructions(parts, store, tmp_path)
    assert found.shape == (len(store), 6, 32, 64, 3)
    codec = load_model(model, device="cpu", dtype="float32").world_model.codec
    first = torch.from_numpy(store.read("rgb", 0, slice(0, 4))).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    expected = codec.network.decode(codec.network.encode(F.avg_pool2d(first, 2).transpose(0, 1)[None]))[0].transpose(
        0, 1
    )
    again = torch.from_numpy(found[0, :2].copy()).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    assert torch.allclose(again, expected[:2].clamp(-1, 1), atol=0.01), (
        "frames 2 and 3 are of the window that ends the clip"
    )
    sizes = {"size": (64, 128), "crop": (32, 64), "num_frames": 3, "factor": 2}
    draws = [Draw(position, 0) for position in range(12)]
    plain = UpsamplerBatches(store, **sizes)(draws)
    assert plain["frames"].shape == (12, 3, 3, 32, 64) and plain["small"].shape == (12, 3, 3, 16, 32)
    assert torch.allclose(F.avg_pool2d(plain["frames"].flatten(0, 1), 2), plain["small"].flatten(0, 1), atol=1e-6)
    # Its own averages in place of reconstructions must be cut at the very same places.
    halved = np.stack([_halved(store.read("rgb", clip)) for clip in range(len(store))])
    batch = UpsamplerBatches(store, **sizes, reconstructed=halved, reconstructed_share=1.0)(draws)
    assert torch.equal(batch["frames"], plain["frames"])
    assert torch.allclose(batch["small"], plain["small"], atol=0.01)


def test_a_video_ldms_frames_are_what_its_codec_makes_of_them(store: Path, tmp_path: Path) -> None:
    toy, half = save_toy(tmp_path / "toy"), ClipStore(store)
    network, reconstruct = reconstructor(Parts(tmp_path, str(toy), "float32"))
    frames = frames_to_tensor(half.read("rgb", 0, slice(0, 1)))
    with torch.inference_mode():
        made = reconstruct(F.interpolate(frames, size=(512, 1024), mode="nearest"))
        assert torch.equal(made, network.decode(network.encode(frames)))


def _halved(frames: np.ndarray) -> np.ndarray:
    return frames.reshape(len(frames), 32, 2, 64, 2, 3).mean((2, 4)).round().astype(np.uint8)


def test_the_loss_is_the_edm_loss_of_what_is_not_given(model: Path, tmp_path: Path) -> None:
    common = {"initial": str(model), "dtype": "float32", "size": (64, 128), "crop": (32, 64)}
    network = {"factor": 2, "widths": [8, 12], "embedding": 16}
    stage = UpsamplerStage(tmp_path, **common, network=network, num_frames=3, context_share=1.0)
    batch = stage.example_batch(2)
    truth = torch.rand(2, 3, 3, 32, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    batch = {**batch, "frames": truth, "small": F.avg_pool2d(truth.flatten(0, 1), 2).unflatten(0, (2, 3))}
    # A fresh network's output is zero, so the loss is the mean square of the target, and that of a given frame does not count.
    loss = stage.loss(batch, torch.Generator().manual_seed(1))
    seen: list[torch.Tensor] = []
    handle = stage.network.register_forward_hook(lambda _, inputs, output: seen.extend([*inputs[:4], output]))
    assert torch.equal(stage.loss(batch, torch.Generator().manual_seed(1)), loss)
    handle.remove()
    residual, low, sigma, augmentation, output = seen
    assert not output.any() and augmentation.max() <= stage.network.config.max_augmentation
    assert sigma.view(2, 3)[:, 0].max() <= 0.1, "the first frame of each clip is known but for a little"
    assert torch.equal(sigma.view(2, 3)[:, 1], sigma.view(2, 3)[:, 2]), "the others are noised alike"
    scalings = stage.network.preconditioning
    target = scalings.target(truth.flatten(0, 1) - low, residual, sigma).unflatten(0, (2, 3))[:, 1:]
    assert torch.allclose(loss, target.square().mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (128, 256)}, r"model.size is 128x256: expected 64x128, 2 times the small frames of"),
        ({"crop": (30, 64)}, r"model.crop is 30x64: expected multiples of 8 within model.size, 64x128"),
        ({"crop": (72, 64)}, r"model.crop is 72x64: expected multiples of 8 within model.size, 64x128"),
        ({"network": {"factor": 2, "fold": 3, "widths": [8]}, "crop": (30, 60)}, "the enlarged frames have 64x128 pixels, expected multiples of 3"),
        ({"num_frames": 0}, "model.num_frames is 0: expected at least 1"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_are_refused(
    settings: dict[str, object], message: str, model: Path, tmp_path: Path
) -> None:
    common = {"size": (64, 128), "crop": (32, 64), "network": {"factor": 2, "widths": [8, 12], "embedding": 16}}
    with pytest.raises(InputError, match=message):
        UpsamplerStage(tmp_path, initial=str(model), **{**common, **settings})


def test_a_factor_that_goes_beyond_the_shown_size_is_refused(tmp_path: Path) -> None:
    toy = save_toy(tmp_path / "toy")
    with pytest.raises(InputError, match=r"'factor' is 4, which makes 1024x2048 .* 512x1024, the size that is shown"):
        UpsamplerStage(tmp_path / "work", initial=str(toy), network={"factor": 4}, size=(1024, 2048))


def test_single_frames_of_the_shown_size_are_a_stores_large_pictures(store: Path) -> None:
    half = ClipStore(store)
    batches = UpsamplerBatches(half, size=(512, 1024), crop=(128, 256), num_frames=1, factor=2)
    batch = batches([Draw(0, 0), Draw(1, 1)])
    assert batch["frames"].shape == (2, 1, 3, 128, 256) and batch["small"].shape == (2, 1, 3, 64, 128)
    whole = UpsamplerBatches(half, size=(512, 1024), crop=(512, 1024), num_frames=1, factor=2)([Draw(0, 0)])["frames"][
        0, 0
    ]
    picture = torch.from_numpy(half.read("large", batches.samples[0])).permute(2, 0, 1) / 127.5 - 1.0
    assert torch.equal(whole, picture) or torch.equal(whole.flip(-1), picture)
    with pytest.raises(NothingToLearn, match="the upsampler learns clips of 512x1024"):
        UpsamplerBatches(half, size=(512, 1024), crop=(128, 256), num_frames=2, factor=2)


def test_stores_and_models_that_do_not_do_are_refused(small_clips: Path, model: Path, tmp_path: Path) -> None:
    store = ClipStore(small_clips)
    with pytest.raises(
        NothingToLearn, match=r"frames of 64x128, the upsampler learns clips of 256x512\. Pack with --height"
    ):
        UpsamplerBatches(store, size=(256, 512), crop=(64, 128), num_frames=3, factor=4)
    with pytest.raises(InputError, match="clips of 6 frames, this stage needs 7"):
        UpsamplerBatches(store, size=(64, 128), crop=(32, 64), num_frames=7, factor=2)
    with pytest.raises(InputError, match="name it with --initial"):
        UpsamplerStage(tmp_path, network={"factor": 2}).prepare(store, tmp_path / "upsampler")
