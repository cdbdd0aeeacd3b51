"""The diffusion upsampler: its network, frames drawn in pieces and in windows, and as a part of models of every family."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import WorldModelConformance, some_controls, some_past
from tiny_pvdm import SHOWN, TOY, tiny_autoencoder, tiny_denoiser, tiny_pvdm
from tiny_upsampler import GaussianFrames, tiny_upsampler
from tiny_video_ldm import save_toy, tiny_networks

from drivesim.clip import tensor_to_frames
from drivesim.errors import ModelError
from drivesim.models import load_model
from drivesim.models.clip_family import LoadedClipModel
from drivesim.models.clip_model import ClipWorldModel
from drivesim.models.hashes import write_hashes
from drivesim.models.pvdm.load import assemble
from drivesim.models.upsampler.network import VideoUpsampler
from drivesim.models.upsampler.sampling import UpsamplingConfig, enlarged, upsample
from drivesim.models.video_ldm.load import VideoLDMConfig, save_networks
from drivesim.models.video_ldm.parts import layout_of
from drivesim.noise import NoiseStream
from drivesim.options import Threads
from drivesim.runs.engine import LAST_FRAME, DecodedChunk, generate, unpacked_frame
from drivesim.runs.timeline import Timeline
from drivesim.world_model import next_frames

QUICK = UpsamplingConfig(steps=2, window_rows=64, window_columns=64, overlap=16)


def _small(frames: int = 4, height: int = 32, width: int = 64, seed: int = 0) -> torch.Tensor:
    smooth = torch.rand(frames, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8
    return torch.nn.functional.interpolate(smooth, size=(height, width), mode="bicubic")


def test_a_network_that_learnt_nothing_enlarges_bicubically() -> None:
    network, small = VideoUpsampler(factor=2, widths=(8, 12), embedding=16), _small()
    config = dataclasses.replace(QUICK, augmentation=0.0, sigma_min=1e-4, steps=40)
    with torch.inference_mode():
        frames = upsample(network, small, None, NoiseStream(0), config)
    # Without output the estimate is the preconditioning's: normal about the bicubic frames with the deviation of the residuals.
    spread = (frames - enlarged(small, 2)).std()
    assert abs(float(spread) / network.config.residual_std - 1.0) < 0.1


@torch.inference_mode()
def test_alpha_one_is_the_upsampler_of_single_frames() -> None:
    network, low = tiny_upsampler(), _small(3, 16, 32)
    noisy, sigma, level = low + 0.1 * torch.randn(low.shape), torch.full((3,), 0.1), torch.full((3,), 0.05)
    alone = torch.cat(
        [network.denoised(*(one[None] for one in row), 1) for row in zip(noisy, low, sigma, level, strict=True)]
    )
    assert not torch.allclose(network.denoised(noisy, low, sigma, level, 3), alone, atol=1e-5)
    for layer in network.temporal:
        layer.mix.fill_(100.0)
    assert torch.allclose(network.denoised(noisy, low, sigma, level, 3), alone, atol=1e-6)
    fresh = VideoUpsampler(factor=2, widths=(8, 12), embedding=16)
    torch.nn.init.normal_(fresh.image.leave.weight)
    together = fresh.denoised(noisy, low, sigma, level, 3)
    alone = torch.cat(
        [fresh.denoised(*(one[None] for one in row), 1) for row in zip(noisy, low, sigma, level, strict=True)]
    )
    assert torch.allclose(together, alone, atol=1e-5), "fresh layers over time change nothing"


@torch.inference_mode()
def test_every_level_of_noise_and_every_frame_is_heard() -> None:
    network, low = tiny_upsampler(), _small(3, 16, 32)
    noisy, sigma, level = low + 0.1, torch.full((3,), 0.1), torch.full((3,), 0.05)
    base = network.denoised(noisy, low, sigma, level, 3)
    assert not torch.allclose(network.denoised(noisy, low, sigma, level + 0.1, 3), base, atol=1e-5)
    assert not torch.allclose(
        network(noisy - low, low, sigma * 2, level, 3), network(noisy - low, low, sigma, level, 3), atol=1e-5
    )
    other = noisy.clone()
    other[0] += 0.3
    assert not torch.allclose(network.denoised(other, low, sigma, level, 3)[2], base[2], atol=1e-6)


@torch.inference_mode()
def test_many_steps_draw_the_gaussian_of_an_exact_denoiser() -> None:
    small = _small(8)
    config = UpsamplingConfig(
        steps=200, sigma_min=1e-3, sigma_max=10.0, augmentation=0.0, window_rows=32, window_columns=64, overlap=8
    )
    frames = upsample(GaussianFrames(0.05), small, None, NoiseStream(1), config)
    residual = frames - enlarged(small, 2)
    assert abs(float(residual.mean())) < 5e-4
    assert abs(float(residual.std()) / 0.05 - 1.0) < 0.02
    assert abs(float((residual[1:] * residual[:-1]).mean())) < 1e-5, "every frame has noise of its own"


@torch.inference_mode()
def test_a_video_enlarged_in_pieces_is_the_whole_bit_by_bit() -> None:
    network, small, past = tiny_upsampler(), _small(6), some_past(64, 128)[0]
    whole = upsample(network, small, past, NoiseStream(7), QUICK)
    for cuts in ((2,), (4,), (2, 4)):
        pieces, shown = [], past
        for first, last in zip((0, *cuts), (*cuts, 6), strict=True):
            pieces.append(upsample(network, small[first:last], shown, NoiseStream(7), QUICK, first_frame=first))
            shown = pieces[-1][-1]
        assert torch.equal(torch.cat(pieces), whole)
    assert not torch.equal(upsample(network, small, None, NoiseStream(7), QUICK)[:2], whole[:2]), (
        "it carries on the past"
    )
    assert not torch.equal(upsample(network, small, past, NoiseStream(8), QUICK), whole)


@torch.inference_mode()
def test_no_seam_shows_with_random_weights() -> None:
    network, small = tiny_upsampler(), torch.zeros(2, 3, 32, 96)
    network.image.leave.weight.mul_(5.0)  # so that what the network says outweighs the noise it begins with
    odd = {}
    for overlap in (0, 24):
        config = dataclasses.replace(QUICK, overlap=overlap)
        frames = torch.cat([upsample(network, small, None, NoiseStream(seed), config) for seed in range(4)])
        steps = frames.diff(dim=-1).square().mean((0, 1, 2)).sqrt()
        windows = config.windows(network.grid).windows(64, 192)
        edges = {at for _, columns in windows for at in (columns.start, columns.stop)} - {0, 192}
        # Beside those between the same two places of a fold.
        others = [float(steps[at - 1]) for at in range(4, 192, 4) if at not in edges]
        odd[overlap] = max(abs(float(steps[at - 1]) / (sum(others) / len(others)) - 1.0) for at in edges)
    assert odd[0] > 0.12, "windows side by side differ where they meet, so the measure can see it"
    assert odd[24] < 0.08


def _with_upsampler(config: UpsamplingConfig | None = QUICK) -> LoadedClipModel:
    networks = {"autoencoder": tiny_autoencoder(), "denoiser": tiny_denoiser(), "upsampler": tiny_upsampler()}
    settings = dataclasses.replace(TOY, upsampling=config)
    return assemble(networks, settings, "0" * 64, torch.device("cpu"), frame_size=SHOWN)


@pytest.fixture(scope="module")
def model() -> ClipWorldModel:
    return _with_upsampler().world_model


class TestConformance(WorldModelConformance):
    """The whole contract of a world model, whose frames an upsampler enlarges."""


@torch.inference_mode()
def test_frames_of_a_chunk_carry_on_the_frame_before_and_draw_from_the_chunk(model: ClipWorldModel) -> None:
    state = model.begin(some_past(*SHOWN), some_controls(1))
    chunk, _ = model.step(state, some_controls(4), NoiseStream(1))
    plain, _ = tiny_pvdm().world_model.step(state, some_controls(4), NoiseStream(1))
    assert torch.equal(chunk.latents, plain.latents), "latents are those without an upsampler"
    drawn = model.draw(chunk)
    assert drawn.drawn is not None and drawn.drawn.shape == (4, 3, 32, 64)
    frames = model.decode(drawn, some_past(*SHOWN)[0])
    assert not torch.equal(model.decode(drawn, -some_past(*SHOWN)[0]), frames)
    assert not torch.equal(model.decode(dataclasses.replace(drawn, noise=NoiseStream(5)), some_past(*SHOWN)[0]), frames)


def test_a_resumed_future_goes_on_bit_equal(model: ClipWorldModel) -> None:
    plan = Timeline.plan(num_frames=17, chunk_frames=4, fps=10.0, segment_s=0.8, state_s=0.8)
    told, frame = some_controls(plan.control_frames), tensor_to_frames(some_past(*SHOWN))[0]
    start = model.begin(some_past(*SHOWN), some_controls(1))

    def made(state: object, previous: np.ndarray, stream: NoiseStream, first: int, overlap: bool) -> list[DecodedChunk]:
        threads = Threads(denoise=1, decode=1, overlap=overlap)
        return list(generate(model, state, told, stream, plan, previous=previous, threads=threads, first_chunk=first))

    whole = made(start, frame, NoiseStream(3), 0, False)
    again = made(start, frame, NoiseStream(3), 0, True)
    assert all(np.array_equal(one.frames, other.frames) for one, other in zip(whole, again, strict=True))
    kept = whole[1].state
    assert kept is not None
    resumed = made(model.unpack_state(kept), unpacked_frame(kept[LAST_FRAME]), NoiseStream(3), 2, False)
    assert all(np.array_equal(one.frames, other.frames) for one, other in zip(whole[2:], resumed, strict=True))
    other = made(model.unpack_state(kept), unpacked_frame(kept[LAST_FRAME]), NoiseStream(4), 2, False)
    assert not np.array_equal(other[0].frames, whole[2].frames)


def test_a_folder_may_hold_an_upsampler(tmp_path: Path) -> None:
    _with_upsampler().save_pretrained(tmp_path / "toy")
    tiny_pvdm().save_pretrained(tmp_path / "plain")
    assert "upsampling" not in json.loads((tmp_path / "plain/model.json").read_text())
    loaded = load_model(tmp_path / "toy", device="cpu", dtype="float32")
    assert loaded.config.upsampling == QUICK
    loaded.save_pretrained(tmp_path / "again")
    hashes = [json.loads((tmp_path / name / "hashes.json").read_text()) for name in ("toy", "again")]
    assert hashes[0] == hashes[1] and "upsampler/config.json" in hashes[0]
    assert loaded.world_model.codec.enlarger is not None
    state = loaded.world_model.begin(some_past(512, 1024), some_controls(1))
    frames, _ = next_frames(loaded.world_model, state, some_controls(4), NoiseStream(1), some_past(512, 1024)[0])
    assert frames.shape == (4, 3, 512, 1024)


def _changed(folder: Path, file: str, change: dict[str, object]) -> None:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    write_hashes(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "'upsampling: steps' is 0, expected 1 or more"),
        ({"augmentation": 0.4}, "'upsampling: augmentation' is 0.4, expected at most 0.3"),
        ({"new_frames": 3}, "'upsampling: new_frames' is 3, expected a divisor of 4"),
        ({"window_rows": 60}, "'upsampling: window_rows' is 60, expected a multiple of 8"),
        ({"overlap": 60}, "'upsampling: window_columns' is 64, expected a multiple of 8, .* of at least 68"),
        ({"overlap": 64}, r"'upsampling: overlap' is 64, expected 0 to less than a window's shorter side \(64\)"),
        ({"strides": 1}, "'strides' is not known to this version"),
    ],
)
def test_upsampling_that_cannot_be_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    _with_upsampler().save_pretrained(tmp_path / "toy")
    _changed(tmp_path / "toy", "model.json", {"upsampling": {**dataclasses.asdict(QUICK), **change}})
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "toy", device="cpu")


def test_settings_without_an_upsampler_are_refused(tmp_path: Path) -> None:
    tiny_pvdm(dataclasses.replace(TOY, upsampling=QUICK)).save_pretrained(tmp_path / "toy")
    with pytest.raises(ModelError, match="'upsampling' says how, but there is no part upsampler/"):
        load_model(tmp_path / "toy", device="cpu")


def test_an_upsampler_of_another_factor_or_grid_is_refused(tmp_path: Path) -> None:
    config = VideoLDMConfig(name="toy", upsampling=QUICK)
    save_networks(dataclasses.replace(tiny_networks(), upsampler=tiny_upsampler(4)), config, tmp_path / "toy")
    write_hashes(tmp_path / "toy")
    with pytest.raises(ModelError, match=r"'factor' is 4, which makes 1024x2048 .*small frames \(256x512\); 512x1024"):
        load_model(tmp_path / "toy", device="cpu")
    coarse = dataclasses.replace(tiny_networks(), upsampler=tiny_upsampler(2, fold=3))
    save_networks(coarse, config, tmp_path / "toy")
    write_hashes(tmp_path / "toy")
    with pytest.raises(ModelError, match="the enlarged frames have 512x1024 pixels, expected multiples of 6"):
        load_model(tmp_path / "toy", device="cpu")


def test_a_video_ldm_has_its_last_doubling_from_its_upsampler(tmp_path: Path) -> None:
    plain = load_model(save_toy(tmp_path / "plain", steps=1), device="cpu", dtype="float32").world_model
    config = dataclasses.replace(
        load_model(tmp_path / "plain", device="cpu").config,
        upsampling=dataclasses.replace(QUICK, steps=1, new_frames=1, window_rows=512, window_columns=1024),
    )
    save_networks(dataclasses.replace(tiny_networks(), upsampler=tiny_upsampler()), config, tmp_path / "toy")
    write_hashes(tmp_path / "toy")
    model = load_model(tmp_path / "toy", device="cpu", dtype="float32").world_model
    past, told = some_past(512, 1024), some_controls(6)
    with torch.inference_mode():
        chunk, state = model.step(model.begin(past, some_controls(1)), told, NoiseStream(1))
        other, same = plain.step(plain.begin(past, some_controls(1)), told, NoiseStream(1))
        assert torch.equal(chunk.latents, other.latents) and torch.equal(state.context, same.context)
        drawn = model.draw(chunk).drawn[0]
        assert torch.equal(drawn, plain.codec.codec.decode(chunk.latents[:1], layout_of(told.window(0, 1))))
        one = dataclasses.replace(chunk, latents=chunk.latents[:1], controls=told.window(0, 1))
        frames = model.decode(one, past[0])
    assert frames.shape == (1, 3, 512, 1024)
    near = torch.nn.functional.avg_pool2d(frames, 2) - drawn
    assert near.abs().mean() < 0.2, "the small frame is what it is made of"
