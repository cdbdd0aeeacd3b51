"""LVDM: factors and attention against their formulas, the hierarchy, perturbation and guidance, the world-model contract."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from conformance import WorldModelConformance, some_controls, some_past
from tiny_lvdm import SHOWN, TOY, tiny_autoencoder, tiny_denoiser, tiny_lvdm

from drivesim.controls import Control
from drivesim.errors import ModelError
from drivesim.models import load_model
from drivesim.models.clip_model import ClipWorldModel
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.hashes import write_hashes
from drivesim.models.lvdm.autoencoder import ClipAutoencoder3D
from drivesim.models.lvdm.config import LVDMConfig
from drivesim.models.lvdm.denoiser import FactorisedUNet, GivenLatents, RelativeAttention, SequenceConditions
from drivesim.noise import NoiseStream
from drivesim.training.recipe import read_recipe


@pytest.fixture(scope="module")
def model() -> ClipWorldModel:
    return tiny_lvdm().world_model


class TestConformance(WorldModelConformance):
    """The whole contract of a world model."""


def _noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _told(network: FactorisedUNet, *withheld: Control) -> SequenceConditions:
    return network.read(ControlTensors.from_controls(some_controls(6).without(*withheld)), 1)


def _given(*mask: float, level: int = 100, sparse: int = 0) -> GivenLatents:
    label = level + 1 if any(mask) else 0
    return GivenLatents(torch.tensor([mask]), torch.tensor([label]), torch.tensor([sparse]))


@torch.inference_mode()
@pytest.mark.parametrize("patch", [1, 2, 8])
def test_the_autoencoder_shrinks_time_and_space_and_standardises(patch: int) -> None:
    network = ClipAutoencoder3D(**{**tiny_autoencoder().config, "patch": patch})
    clips = torch.rand(3, 3, 4, 32, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    raw = network.encode(clips)
    assert raw.shape == (3, *network.latent_shape) == (3, 4, 2, 4, 8)
    assert raw.abs().max() < 3.0
    decoded = network.decode(raw)
    assert decoded.shape == clips.shape
    network.set_statistics(raw.mean((0, 2, 3, 4)), raw.std((0, 2, 3, 4)))
    latents = network.encode(clips)
    assert latents.mean((0, 2, 3, 4)).abs().max() < 1e-4
    assert (latents.std((0, 2, 3, 4)) - 1.0).abs().max() < 1e-4
    assert torch.allclose(network.decode(latents), decoded, atol=1e-4)
    assert torch.allclose(network.encode(clips[1:2]), latents[1:2], atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_factor": 3}, "a power of 2"),
        ({"num_frames": 6}, "clips of 6 frames of 128x256"),
        ({"patch": 3}, "patch is 3; a power of 2"),
        ({"patch": 16}, "patch is 16, more than the space_factor of 8"),
    ],
)
def test_sizes_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipAutoencoder3D(**settings)


@torch.inference_mode()
def test_attention_by_distance_is_the_formula() -> None:
    torch.manual_seed(0)
    layer = RelativeAttention(8, 2, 4, 5)
    torch.nn.init.normal_(layer.to_out.weight)
    x = _noise(2, 4, 8, seed=1)
    normed = layer.norm(x.transpose(1, 2)).transpose(1, 2)
    query, key, value = layer.to_qkv(normed).reshape(2, 4, 3, 2, 4).permute(2, 0, 3, 1, 4)
    expected = torch.zeros(2, 2, 4, 4)
    for at in range(4):
        apart = [other - at + 4 for other in range(4)]
        keys = key + layer.key_distance[apart]
        shares = torch.softmax((query[:, :, at, None] * keys).sum(-1) / 2.0, dim=-1)
        expected[:, :, at] = (shares[..., None] * (value + layer.value_distance[apart])).sum(2)
    expected = x + layer.to_out(expected.permute(0, 2, 1, 3).reshape(2, 4, 8))
    assert torch.allclose(layer(x), expected, atol=1e-5)


@torch.inference_mode()
def test_time_meets_at_each_place_alone_unless_attention_is_joint() -> None:
    index = "1"
    for joint in (False, True):
        network = tiny_denoiser(joint_attention=joint)
        channels = network.unet.mixed_channels()[int(index)]
        hidden = _noise(3, channels, 2, 4, seed=2)
        other = hidden.clone()
        other[1, :, 0, 0] += torch.linspace(0.0, 3.0, channels)
        changed = (network._over_time(int(index), other, 1) - network._over_time(int(index), hidden, 1)).abs().amax(1)
        elsewhere = changed.clone()
        elsewhere[:, 0, 0] = 0.0
        assert changed[0, 0, 0] > 1e-5 and changed[2, 0, 0] > 1e-5
        assert bool((elsewhere > 1e-6).any()) == joint


@torch.inference_mode()
def test_without_attention_over_time_latent_frames_are_pictures() -> None:
    network = tiny_denoiser()
    noisy, told, given = _noise(1, 4, 3, 4, 8, seed=3), _told(network), _given(0.0, 0.0, 0.0)
    level = torch.tensor([400])
    other = noisy.clone()
    other[:, :, 0] += _noise(1, 4, 4, 8, seed=4)
    assert not torch.allclose(network(noisy, level, given, told)[:, :, 2], network(other, level, given, told)[:, :, 2])
    network.over_time.clear()
    assert torch.allclose(
        network(noisy, level, given, told)[:, :, 1:], network(other, level, given, told)[:, :, 1:], atol=1e-6
    )


@torch.inference_mode()
def test_mask_perturbation_sparseness_and_every_control_are_heard() -> None:
    network = tiny_denoiser()
    noisy, level = _noise(1, 4, 3, 4, 8, seed=5), torch.tensor([400])
    base = network(noisy, level, _given(1.0, 0.0, 0.0), _told(network))
    for given in (
        _given(0.0, 0.0, 0.0),
        _given(1.0, 0.0, 1.0),
        _given(1.0, 0.0, 0.0, level=30),
        _given(1.0, 0.0, 0.0, sparse=1),
    ):
        assert not torch.allclose(network(noisy, level, given, _told(network)), base, atol=1e-5)
    for kind in Control:
        assert not torch.allclose(
            network(noisy, level, _given(1.0, 0.0, 0.0), _told(network, kind)), base, atol=1e-5
        ), kind


@torch.inference_mode()
def test_what_is_told_belongs_to_its_latent_frame() -> None:
    network = tiny_denoiser()
    whole = _told(network)
    unknown = network.read(ControlTensors.from_controls(some_controls(6)), 1, known=torch.tensor([[0.0, 1.0, 1.0]]))
    assert not unknown.features[:, 0].any() and torch.equal(unknown.features[:, 1:], whole.features[:, 1:])
    late = ControlTensors.from_controls(some_controls(4)).followed_by(
        ControlTensors.from_controls(some_controls(2).without(Control.ACTORS))
    )
    changed = (network.read(late, 1).features - whole.features).flatten(2).abs().amax(-1)[0]
    assert (changed[:2] < 1e-6).all() and changed[2] > 1e-4


def _calls(config: LVDMConfig) -> tuple[list[tuple[int, tuple[float, ...], int]], torch.Tensor]:
    """What the network is asked in a step of a model, in order: sparse, mask, label; and the latents that are made."""
    model = tiny_lvdm(config).world_model
    asked: list[tuple[int, tuple[float, ...], int]] = []

    def note(module: object, arguments: tuple[torch.Tensor, torch.Tensor, GivenLatents, object]) -> None:
        given = arguments[2]
        asked.append((int(given.sparse), tuple(given.mask[0].tolist()), int(given.noised)))

    handle = model.predictor.network.register_forward_pre_hook(note)
    state = dataclasses.replace(model.begin(some_past(*SHOWN), some_controls(1)), first=False)
    chunk, _ = model.step(state, some_controls(4), NoiseStream(1))
    handle.remove()
    return asked, chunk.latents


def test_the_hierarchy_predicts_sparse_frames_and_fills_in_between() -> None:
    plain = dataclasses.replace(TOY, sampling=dataclasses.replace(TOY.sampling, guidance=0.0))
    asked, latents = _calls(plain)
    assert asked == [(1, (1.0, 0.0, 0.0), 101), (0, (1.0, 0.0, 1.0), 101), (0, (1.0, 0.0, 1.0), 101)]
    assert latents.shape == (2, 4, 2, 4, 8)
    onward, _ = _calls(dataclasses.replace(plain, mode="frame-wise"))
    assert onward == [(0, (1.0, 0.0, 0.0), 101)] * 2


def test_filling_in_leaves_the_key_frames_as_they_were_drawn() -> None:
    model = tiny_lvdm().world_model
    predictor = model.predictor
    drawn: list[torch.Tensor] = []
    fill = predictor._fill

    def noted(sequence: torch.Tensor, *rest: object) -> None:
        fill(sequence, *rest)
        drawn.append(sequence.clone())

    predictor._fill = noted
    model.step(model.begin(some_past(*SHOWN), some_controls(1)), some_controls(4), NoiseStream(1))
    keys = drawn[0][:, :, [0, 2, 4]]
    assert keys.abs().sum() > 0 and not drawn[0][:, :, [1, 3]].any()
    assert all(torch.equal(later[:, :, [0, 2, 4]], keys) for later in drawn[1:])
    assert drawn[2][:, :, [1, 3]].abs().amax((1, 3, 4)).min() > 0


def test_guidance_asks_without_what_is_given_too() -> None:
    asked, guided = _calls(TOY)
    assert [label for _, _, label in asked] == [101, 0, 101, 0, 101, 0]
    _, strongly = _calls(dataclasses.replace(TOY, sampling=dataclasses.replace(TOY.sampling, guidance=2.0)))
    assert not torch.allclose(guided, strongly, atol=1e-4)


def test_the_level_of_the_perturbation_is_noised_to_and_told() -> None:
    asked, little = _calls(dataclasses.replace(TOY, perturbation=0))
    assert asked[0][2] == 1
    _, much = _calls(dataclasses.replace(TOY, perturbation=250))
    assert not torch.allclose(little, much, atol=1e-4)


def test_a_folder_is_saved_and_loaded(tmp_path: Path) -> None:
    tiny_lvdm(dataclasses.replace(TOY, mode="frame-wise")).save_pretrained(tmp_path / "toy")
    model = load_model(tmp_path / "toy", device="cpu", dtype="float32", steps=1)
    assert model.steps == 1 and model.config.mode == "frame-wise"
    assert model.world_model.spec.chunk_frames == 4 and model.world_model.spec.controls == frozenset(Control)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("model.json", {"mode": "fast"}, "'mode' is \"fast\", expected"),
        ("model.json", {"perturbation": 400}, "'perturbation' is 400, expected at most 250, the denoiser's"),
        ("denoiser/config.json", {"frames_per_latent": 4}, "'frames_per_latent' is 4, expected 1, the autoencoder's"),
        ("autoencoder/config.json", {"space_factor": 5}, "space_factor is 5; a power of 2 is needed"),
    ],
)
def test_a_folder_that_differs_says_how(file: str, change: dict[str, object], message: str, tmp_path: Path) -> None:
    tiny_lvdm().save_pretrained(tmp_path / "toy")
    path = tmp_path / "toy" / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    write_hashes(tmp_path / "toy")
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "toy", device="cpu")


@pytest.mark.slow
@torch.inference_mode()
def test_the_published_sizes_run() -> None:
    stages = read_recipe("lvdm-paper").stages
    network = {name: stages[name]["model"]["init_args"]["network"] for name in ("autoencoder", "denoiser")}
    with torch.device("meta"):
        coder = ClipAutoencoder3D(**{**network["autoencoder"], "width": 256})
        large = FactorisedUNet(**{"height": 32, "width": 32, **network["denoiser"]})
    coder, large = (each.to_empty(device="cpu") for each in (coder, large))
    for each in (coder, large):
        for parameter in each.parameters():
            parameter.data = torch.zeros_like(parameter, dtype=torch.bfloat16)
    coder.set_statistics(torch.zeros(4), torch.ones(4))
    assert coder.encode(torch.zeros(1, 3, 16, 256, 256)).shape == (1, 4, 4, 32, 32)
    told = large.read(ControlTensors.from_controls(some_controls(20)).to("cpu", torch.bfloat16), 1)
    noisy = torch.zeros(1, 4, 5, 32, 32)
    given = GivenLatents(torch.tensor([[1.0, 0, 0, 0, 1.0]]), torch.tensor([101]), torch.tensor([0]))
    assert large(noisy, torch.tensor([500]), given, told).shape == noisy.shape


def test_a_folder_that_says_autoregressive_goes_frame_by_frame(tmp_path: Path) -> None:
    tiny_lvdm(TOY).save_pretrained(tmp_path / "toy")
    settings = json.loads((tmp_path / "toy" / "model.json").read_text())
    (tmp_path / "toy" / "model.json").write_text(json.dumps({**settings, "mode": "autoregressive"}))
    write_hashes(tmp_path / "toy")
    older = load_model(tmp_path / "toy", device="cpu", dtype="float32")
    assert older.config.mode == "frame-wise" and older.world_model.spec.mode is None
    other = load_model(tmp_path / "toy", device="cpu", dtype="float32", mode="hierarchical")
    assert other.config.mode == "hierarchical" and other.world_model.spec.mode == "hierarchical"
