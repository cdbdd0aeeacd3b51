"""PVDM: planes and attention against their formulas, published sizes, the rollout's algorithm, the world-model contract."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conformance import WorldModelConformance, some_controls, some_past
from tiny_pvdm import SHOWN, TOY, tiny_autoencoder, tiny_denoiser, tiny_pvdm
from tiny_video_ldm import save_toy

from drivesim.controls import Control
from drivesim.errors import InputError, ModelError
from drivesim.models import load_model
from drivesim.models.clip_model import ClipWorldModel
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.hashes import write_hashes
from drivesim.models.load import video_of
from drivesim.models.pvdm.autoencoder import PlaneAutoencoder
from drivesim.models.pvdm.blocks import SelfAttention, frame_angles, grid_angles, turned
from drivesim.models.pvdm.denoiser import PlaneDenoiser
from drivesim.models.pvdm.planes import PlaneSizes, joined, spread
from drivesim.noise import NoiseStream
from drivesim.options import RolloutMode
from drivesim.training.recipe import read_recipe


@pytest.fixture(scope="module")
def model() -> ClipWorldModel:
    return tiny_pvdm().world_model


class TestConformance(WorldModelConformance):
    """The whole contract of a world model."""


def test_planes_are_one_row_and_each_lacks_an_axis() -> None:
    sizes = PlaneSizes(4, 2, 3)
    row = torch.arange(2 * 5 * sizes.places, dtype=torch.float32).reshape(2, 5, sizes.places)
    planes = sizes.split(row)
    assert [tuple(plane.shape[-2:]) for plane in planes] == [(2, 3), (4, 3), (4, 2)]
    assert torch.equal(joined(planes), row)
    cube = spread(planes)
    for t, h, w in ((0, 0, 0), (3, 1, 2), (2, 1, 0)):
        expected = planes[0][..., h, w] + planes[1][..., t, w] + planes[2][..., t, h]
        assert torch.equal(cube[..., t, h, w], expected)


def test_published_planes_hold_2048_places() -> None:
    assert PlaneSizes(16, 32, 32).places == 2048


def test_rotary_angles_make_attention_see_distances_only() -> None:
    query, key = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    angles = frame_angles(12, 16)

    def score(at: int, other: int) -> float:
        return float(turned(query[None], angles[at : at + 1])[0] @ turned(key[None], angles[other : other + 1])[0])

    assert score(3, 1) == pytest.approx(score(9, 7), abs=1e-5)
    assert score(3, 1) != pytest.approx(score(3, 2), abs=1e-3)
    assert turned(query[None], angles[5:6]).norm() == pytest.approx(float(query.norm()), rel=1e-6)
    grid = grid_angles(3, 5, 16).unflatten(0, (3, 5))
    assert torch.equal(grid[1, :, :4], grid[1, :1, :4].expand(5, -1)), "a row's angles do not depend on the column"
    assert torch.equal(grid[:, 2, 4:], grid[:1, 2, 4:].expand(3, -1))


@torch.inference_mode()
def test_attention_is_torchs_for_short_and_long_rows() -> None:
    layer = SelfAttention(16, 2, 8)
    for length in (5, 80):
        x = torch.randn(3, length, 16, generator=torch.Generator().manual_seed(length))
        query, key, value = layer.to_qkv(layer.norm(x)).reshape(3, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        angles = frame_angles(length, 8)
        seen = F.scaled_dot_product_attention(turned(query, angles), turned(key, angles), value)
        expected = layer.to_out(seen.permute(0, 2, 1, 3).reshape(3, length, 16))
        assert torch.allclose(layer(x, angles), expected, atol=1e-5)


@torch.inference_mode()
def test_the_autoencoder_sums_up_along_each_axis() -> None:
    network = tiny_autoencoder()
    clips = torch.rand(2, 3, 4, 32, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = network.encode(clips)
    assert latents.shape == (2, *network.latent_shape) == (2, 4, 80)
    assert latents.abs().max() < 1.0
    decoded = network.decode(latents)
    assert decoded.shape == clips.shape and decoded.abs().max() < 1.0
    assert torch.allclose(network.encode(clips[1:]), latents[1:], atol=1e-5), "clips of a batch do not see each other"


def _told(network: PlaneDenoiser, *withheld: Control) -> object:
    return network.read(ControlTensors.from_controls(some_controls(4).without(*withheld)), 1)


@torch.inference_mode()
def test_planes_share_weights_and_meet_in_attention_alone() -> None:
    network = tiny_denoiser()
    generator = torch.Generator().manual_seed(0)
    planes = [torch.randn(1, 12, *shape, generator=generator) for shape in network.sizes.shapes]
    embedding = torch.randn(1, 32, generator=generator)

    def apart(index: int, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        return maps

    together = network.unet(planes, embedding, apart)
    for plane, output in zip(planes, together, strict=True):
        assert torch.allclose(network.unet([plane], embedding, apart)[0], output, atol=1e-5)
    mixed = network.unet(planes, embedding, network._mix)
    other = network.unet([planes[0] + 1.0, *planes[1:]], embedding, network._mix)
    assert not torch.allclose(mixed[1], together[1], atol=1e-3)
    assert not torch.allclose(mixed[2], other[2], atol=1e-4)


@torch.inference_mode()
def test_attention_across_planes_is_attention_over_all_their_places() -> None:
    network = tiny_denoiser()
    generator = torch.Generator().manual_seed(1)
    planes = [torch.randn(1, 8, *shape, generator=generator) for shape in network.sizes.shapes]
    layer = network.across[0]
    row = joined(planes)
    tokens = F.group_norm(row, 4, layer.group_norm.weight, layer.group_norm.bias, 1e-5).transpose(1, 2)
    heads = [part(tokens).reshape(1, -1, 2, 4).transpose(1, 2) for part in (layer.to_q, layer.to_k, layer.to_v)]
    scores = torch.softmax(heads[0] @ heads[1].transpose(-1, -2) / 2.0, dim=-1) @ heads[2]
    expected = row + layer.to_out[0](scores.transpose(1, 2).reshape(1, -1, 8)).transpose(1, 2)
    assert torch.allclose(joined(network._mix(0, planes)), expected, atol=1e-5)


@torch.inference_mode()
def test_context_level_and_every_control_change_the_prediction() -> None:
    network = tiny_denoiser()
    generator = torch.Generator().manual_seed(2)
    noisy, context = torch.randn(2, 1, 4, 80, generator=generator)
    level = torch.tensor([300])
    base = network(noisy, level, context, _told(network))
    assert not torch.allclose(network(noisy, level, torch.zeros_like(context), _told(network)), base, atol=1e-4)
    assert not torch.allclose(network(noisy, level + 400, context, _told(network)), base, atol=1e-4)
    for kind in Control:
        assert not torch.allclose(network(noisy, level, context, _told(network, kind)), base, atol=1e-5), kind


def _published(part: str) -> dict[str, object]:
    return read_recipe("pvdm-paper").stages[part]["model"]["init_args"]["network"]


def test_the_published_denoiser_has_the_published_size() -> None:
    with torch.device("meta"):
        large = PlaneDenoiser(**{"height": 32, "width": 32, "num_frames": 16, **_published("denoiser")})
    count = sum(parameter.numel() for parameter in large.parameters())
    assert abs(count / 528e6 - 1.0) < 0.05, count


@pytest.mark.slow
@torch.inference_mode()
def test_the_published_sizes_run() -> None:
    with torch.device("meta"):
        coder = PlaneAutoencoder(**{**_published("autoencoder"), "width": 256})
        large = PlaneDenoiser(**{"height": 32, "width": 32, "num_frames": 16, **_published("denoiser")})
    coder, large = (network.to_empty(device="cpu") for network in (coder, large))
    for network in (coder, large):
        for parameter in network.parameters():
            parameter.data = torch.zeros_like(parameter, dtype=torch.bfloat16)
    latents = coder.encode(torch.zeros(1, 3, 16, 256, 256))
    assert latents.shape == (1, 4, 2048)
    told = large.read(ControlTensors.from_controls(some_controls(16)).to("cpu", torch.bfloat16), 1)
    assert large(latents, torch.tensor([500]), latents, told).shape == (1, 4, 2048)


def test_a_video_begins_with_its_frame_standing_still(model: ClipWorldModel) -> None:
    frame = some_past(*SHOWN)
    once = model.begin(frame, some_controls(1))
    assert torch.equal(once.context, model.begin(frame.expand(4, -1, -1, -1), some_controls(4)).context)
    moving = torch.cat([frame, -frame, frame, -frame, frame])
    assert torch.equal(model.begin(moving, some_controls(5)).context, model.begin(moving[1:], some_controls(4)).context)


def test_the_first_clip_takes_its_steps_and_later_ones_theirs(model: ClipWorldModel) -> None:
    calls: list[int] = []
    network = model.predictor.network
    handle = network.register_forward_hook(lambda *_: calls.append(1))
    state = model.begin(some_past(*SHOWN), some_controls(1))
    counts = []
    for index in range(3):
        calls.clear()
        _, state = model.step(state, some_controls(4), NoiseStream(1, (index,)))
        counts.append(len(calls))
    handle.remove()
    assert counts == [3, 2, 2]


def test_guidance_asks_without_context_too() -> None:
    sampling = dataclasses.replace(TOY.sampling, guidance=2.0)
    plain, guided = tiny_pvdm().world_model, tiny_pvdm(dataclasses.replace(TOY, sampling=sampling)).world_model
    state = plain.begin(some_past(*SHOWN), some_controls(1))
    drawn = [each.step(state, some_controls(4), NoiseStream(1))[0].latents for each in (plain, guided)]
    assert not torch.allclose(*drawn, atol=1e-3)


def test_a_state_of_another_shape_is_refused(model: ClipWorldModel) -> None:
    packed = model.pack_state(model.begin(some_past(*SHOWN), some_controls(1)))
    with pytest.raises(ValueError, match=r"shape \(1, 4, 79\), expected \(1, 4, 80\)"):
        model.unpack_state({**packed, "context": packed["context"][..., 1:]})


def test_the_codec_takes_any_number_of_frames(model: ClipWorldModel) -> None:
    frames = some_past(*SHOWN, 6)
    latents = model.codec.encode(frames)
    assert latents.shape == (2, 4, 80)
    assert model.codec.decode(latents, some_controls(6)).shape == frames.shape


def test_a_folder_is_saved_loaded_and_lends_start_frames(tmp_path: Path) -> None:
    lender = save_toy(tmp_path / "lender")
    tiny_pvdm(dataclasses.replace(TOY, start_frame_model=str(lender))).save_pretrained(tmp_path / "toy")
    assert video_of(tmp_path / "toy") == (512, 1024, 10.0)
    model = load_model(tmp_path / "toy", device="cpu", dtype="float32", steps=1)
    assert model.steps == 1 and model.world_model.spec.chunk_frames == 4
    assert model.world_model.spec.controls == frozenset(Control)
    frame = model.start_frame_model.sample(some_controls(1), NoiseStream(3))
    expected = load_model(lender, device="cpu", dtype="float32").start_frame_model.sample(
        some_controls(1), NoiseStream(3)
    )
    assert torch.equal(frame, expected)
    load_model(tmp_path / "toy", device="cpu").save_pretrained(tmp_path / "again")
    hashes = [json.loads((tmp_path / name / "hashes.json").read_text()) for name in ("toy", "again")]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("model.json", {"version": 4}, "written by a newer drivesim"),
        ("model.json", {"fps": 0.0}, "'fps' is 0.0, expected more than 0"),
        ("model.json", {"mirrors": 1}, "'mirrors' is not known to this version"),
        (
            "model.json",
            {"sampling": {"first_steps": 0, "later_steps": 1, "eta": 2.0, "guidance": 0.0}},
            r"first_steps' is 0, expected 1 or more(.|\n)*eta' is 2.0, expected 0 to 1",
        ),
        ("denoiser/config.json", {"height": 8}, "denoiser/config.json: 'height' is 8, expected 4, the autoencoder's"),
        ("denoiser/config.json", {"num_frames": 5}, "no network can be built from these values .*5 frames of 4x8"),
    ],
)
def test_a_folder_that_differs_says_how(file: str, change: dict[str, object], message: str, tmp_path: Path) -> None:
    tiny_pvdm().save_pretrained(tmp_path / "toy")
    path = tmp_path / "toy" / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    write_hashes(tmp_path / "toy")
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "toy", device="cpu")


@pytest.mark.parametrize("mode", ["hierarchical", "frame-wise"])
def test_another_way_to_go_on_is_refused(mode: RolloutMode, tmp_path: Path) -> None:
    tiny_pvdm(TOY).save_pretrained(tmp_path / "toy")
    with pytest.raises(InputError, match=f"mode {mode}: models of the family of .* Leave --mode out"):
        load_model(tmp_path / "toy", device="cpu", mode=mode)
