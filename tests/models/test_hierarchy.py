"""The hierarchical rollout of the Video LDM: key frames, then what lies between; the world-model contract kept."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conformance import WorldModelConformance, some_controls, some_past
from tiny_video_ldm import hierarchical_networks, save_toy, tiny_networks

from drivesim.controls import Control, Controls
from drivesim.diffusion.sampler import SamplerConfig
from drivesim.errors import InputError, ModelError
from drivesim.models.hashes import write_hashes
from drivesim.models.latent import LatentWorldModel, RolloutConfig
from drivesim.models.load import load_model
from drivesim.models.video_ldm.hierarchy import HierarchicalWorldModel, sparse_controls
from drivesim.models.video_ldm.known import KnownFrames
from drivesim.models.video_ldm.load import VideoLDM, VideoLDMConfig, assemble, save_networks
from drivesim.noise import NoiseStream
from drivesim.world_model import WorldModelSpec

SHOWN = (512, 1024)
QUICK = SamplerConfig(steps=1)
CPU = torch.device("cpu")


def hierarchical(networks: VideoLDM, **rollout: Any) -> HierarchicalWorldModel:
    config = RolloutConfig(
        **{"sampler": QUICK, "mode": "hierarchical", "free_factor": 1, "free_guidance": 1.0, **rollout}
    )
    model = assemble(networks, VideoLDMConfig(rollout=config), "0" * 64, CPU).world_model
    assert isinstance(model, HierarchicalWorldModel)
    return model


@pytest.fixture(scope="module")
def networks() -> VideoLDM:
    return hierarchical_networks(strides=(1, 2), key_frames=2)


@pytest.fixture(scope="module")
def model(networks: VideoLDM) -> HierarchicalWorldModel:
    return hierarchical(networks)


class TestConformance(WorldModelConformance):
    """The whole contract of a world model."""


class LineCodec:
    """Frames are their own latents, (T, 1, 2, 2)."""

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        return frames[:, :1]

    def draw(self, latents: torch.Tensor, controls: Controls) -> torch.Tensor:
        return latents

    def finish(self, drawn: torch.Tensor, controls: Controls, previous: torch.Tensor | None = None) -> torch.Tensor:
        return drawn


@dataclasses.dataclass
class LineDenoiser:
    """Knows exactly that every frame lies ``speed`` times their distance in time further than the one before."""

    speed: float
    stride: int = 1
    asked: list[tuple[KnownFrames, tuple[int, ...]]] = dataclasses.field(default_factory=list)

    def at(self, stride: int) -> LineDenoiser:
        return LineDenoiser(self.speed, stride, self.asked)

    def prepare(self, context: Controls, new: Controls) -> int:
        return context.num_frames + new.num_frames

    def without_context(self, prepared: int, num_context: int) -> int:
        return prepared - num_context

    def intervals(self, prepared: int, new: Controls, stride: int, ratio: int) -> int:
        assert prepared == new.num_frames + 1
        return new.num_frames // (stride * ratio)

    def denoise(self, noisy: torch.Tensor, sigma: torch.Tensor, num_context: int, prepared: int) -> torch.Tensor:
        return self.denoise_clips(noisy[None], sigma[None], KnownFrames(num_context, stride=self.stride), prepared)[0]

    def denoise_clips(
        self, noisy: torch.Tensor, sigma: torch.Tensor, known: KnownFrames, prepared: int
    ) -> torch.Tensor:
        self.asked.append((known, tuple(noisy.shape[:2])))
        if known.last:
            assert len(noisy) == prepared
            share = torch.linspace(0.0, 1.0, noisy.shape[1])[None, :, None, None, None]
            return noisy[:, :1] * (1.0 - share) + noisy[:, -1:] * share
        if known.first == 0:
            return torch.zeros_like(noisy)
        steps = torch.arange(noisy.shape[1])[None, :, None, None, None] - (known.first - 1)
        return noisy[:, known.first - 1 : known.first] + self.speed * known.stride * steps


def on_a_line(strides: tuple[int, ...], keys: int, **config: Any) -> tuple[HierarchicalWorldModel, LineDenoiser]:
    apart = strides[-1]
    spec = WorldModelSpec(
        name="line", height=2, width=2, fps=10.0, context_frames=apart + 1, chunk_frames=keys * apart,
        controls=frozenset(Control), weights_sha256="",
    )  # fmt: skip
    denoiser = LineDenoiser(0.05)
    quiet = RolloutConfig(**{"sampler": QUICK, "context_noise": 0.0, "anchor_pull": 0.0, **config})
    return HierarchicalWorldModel(spec, LineCodec(), denoiser, quiet, strides), denoiser


@pytest.mark.parametrize(("strides", "keys"), [((1, 2, 4), 4), ((1, 4, 16), 2), ((1, 4), 3)])
def test_frames_come_in_order_and_lie_between_the_key_frames(strides: tuple[int, ...], keys: int) -> None:
    model, denoiser = on_a_line(strides, keys)
    told = some_controls(model.spec.chunk_frames)
    state = model.begin(torch.zeros(1, 3, 2, 2), some_controls(1))
    frames = []
    for number in range(2):
        chunk, state = model.step(state, told, NoiseStream(number))
        frames.append(model.decode(chunk, torch.zeros(3, 2, 2)))
    line = torch.cat(frames)[:, 0, 0, 0]
    assert len(line) == 2 * keys * strides[-1]
    assert torch.allclose(line, 0.05 * torch.arange(1, len(line) + 1), atol=1e-4)
    ratios = [b // a for a, b in pairwise(strides)]
    expected, intervals = [(KnownFrames(1, stride=strides[-1]), (1, keys + 1))], keys
    for stride, ratio in reversed(list(zip(strides, ratios, strict=False))):
        expected.append((KnownFrames(1, 1, stride), (intervals, ratio + 1)))
        intervals *= ratio
    assert denoiser.asked[: len(expected)] == expected, "all intervals of a level are one batch"
    assert denoiser.asked[len(expected)] == (KnownFrames(2, stride=strides[-1]), (1, keys + 2))


def test_filling_in_leaves_the_key_frames_as_they_were_drawn() -> None:
    model, _ = on_a_line((1, 2, 4), 3, context_noise=0.3)
    state = model.begin(torch.zeros(1, 3, 2, 2), some_controls(1))
    chunk, after = model.step(state, some_controls(12), NoiseStream(1))
    assert torch.equal(chunk.latents[[7, 11]], after.context)
    keys, _ = model.keys.step(state, some_controls(3), NoiseStream(1).child(0))
    assert torch.equal(chunk.latents[3::4], keys.latents)


def test_a_longer_past_gives_two_key_frames() -> None:
    model, _ = on_a_line((1, 2, 4), 2)
    past = torch.arange(6.0)[:, None, None, None].expand(-1, 3, 2, 2)
    controls = some_controls(6)
    assert model.begin(past, controls).context[:, 0, 0, 0].tolist() == [1.0, 5.0]
    assert model.begin(past[:4], controls.window(0, 4)).context[:, 0, 0, 0].tolist() == [3.0]


def test_controls_of_key_frames_are_told_with_the_way_between_them() -> None:
    controls = some_controls(8)
    sparse = sparse_controls(controls, [3, 7], 4)
    assert np.array_equal(sparse.actors, controls.actors[[3, 7]]) and sparse.flow is None
    ahead, aside, turn, speed = sparse.motion[1, :4]
    assert turn == pytest.approx(0.01) and speed == pytest.approx(12.0)
    assert ahead == pytest.approx(1.2 * np.cos(0.01 * np.arange(4)).mean()) and aside > 0.0
    assert sparse_controls(controls.without(Control.MOTION), [3, 7], 4).motion is None


@torch.inference_mode()
def test_every_clip_between_is_told_of_its_own_frames(networks: VideoLDM) -> None:
    model = hierarchical(networks)
    told = some_controls(4)
    told.attributes[:, 0] = [0.1, 0.2, 0.3, 0.4]
    prepared = model.denoiser.prepare(some_controls(1), told)
    inside = model.denoiser.intervals(prepared, told, 1, 2).controls
    assert inside.attributes[:, 0].tolist() == pytest.approx([0.5, 0.1, 0.2, 0.2, 0.3, 0.4])
    assert inside.motion_given.tolist() == [0.0, 1.0, 1.0] * 2
    assert inside.motion[1, 0] == pytest.approx(1.2) and not inside.motion[0].any()
    assert len(model.denoiser.intervals(prepared, told, 1, 2).layout_features) == 6


def test_context_guides_told_chunks_too() -> None:
    drawn = {}
    for scale in (1.0, 2.0):
        model, denoiser = on_a_line((1, 2), 2, context_guidance=scale)
        state = model.begin(torch.ones(1, 3, 2, 2), some_controls(1))
        drawn[scale] = model.step(state, some_controls(4), NoiseStream(1))[0].latents[:, 0, 0, 0]
        # Key frames are also asked for without context; what lies between is not.
        assert [known.first for known, _ in denoiser.asked] == ([1, 1] if scale == 1.0 else [1, 0, 1])
    # Without context the toy knows nothing and makes zeros: twice as far from there is twice as much.
    assert torch.allclose(drawn[1.0], torch.tensor([1.05, 1.1, 1.15, 1.2]))
    assert torch.allclose(drawn[2.0][[1, 3]], torch.tensor([2.2, 2.4]))


def test_states_of_the_two_modes_are_told_apart(networks: VideoLDM) -> None:
    keys = hierarchical(networks)
    onward = assemble(networks, VideoLDMConfig(), "0" * 64, CPU).world_model
    assert isinstance(onward, LatentWorldModel)
    past, told = some_past(*SHOWN), some_controls(1)
    with pytest.raises(ValueError, match="hierarchical rollout"):
        onward.unpack_state(keys.pack_state(keys.begin(past, told)))
    with pytest.raises(ValueError, match="frames 1 apart, this model's key frames are 2 apart"):
        keys.unpack_state(onward.pack_state(onward.begin(past, told)))


def test_one_folder_is_rolled_out_both_ways(networks: VideoLDM, tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    save_networks(networks, VideoLDMConfig(name="toy"), folder)
    write_hashes(folder)
    own = load_model(folder, device="cpu", dtype="float32").world_model.spec
    assert (own.chunk_frames, own.context_frames, own.mode) == (6, 2, None)
    keys = load_model(folder, device="cpu", dtype="float32", mode="hierarchical").world_model.spec
    assert (keys.chunk_frames, keys.context_frames, keys.mode) == (4, 3, "hierarchical")
    assert load_model(folder, device="cpu", dtype="float32", mode="frame-wise").world_model.spec == own


def test_a_mode_that_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    toy = save_toy(tmp_path / "toy")
    with pytest.raises(InputError, match="'toy' were trained on neighbouring frames only"):
        load_model(toy, device="cpu", mode="hierarchical")
    with pytest.raises(InputError, match="mode is 'sideways': expected hierarchical or frame-wise"):
        load_model(toy, device="cpu", mode="sideways")  # type: ignore[arg-type]
    rollout = RolloutConfig(mode="hierarchical")
    save_networks(tiny_networks(), VideoLDMConfig(name="toy", rollout=rollout), toy)
    write_hashes(toy)
    with pytest.raises(ModelError, match=r"'strides' is .*expected .* for a rollout of mode hierarchical"):
        load_model(toy, device="cpu")


def test_more_key_frames_than_the_layers_have_places_for_are_refused(tmp_path: Path) -> None:
    networks = hierarchical_networks(strides=(1, 2), key_frames=14)
    save_networks(networks, VideoLDMConfig(), tmp_path)
    write_hashes(tmp_path)
    with pytest.raises(ModelError, match="'key_frames' is 14, expected 2 to 13"):
        load_model(tmp_path, device="cpu")


@torch.inference_mode()
def test_the_label_of_the_stride_decides_frames(networks: VideoLDM) -> None:
    state = hierarchical(networks).begin(some_past(*SHOWN), some_controls(1))
    told = some_controls(4, seed=1)
    before, _ = hierarchical(networks).step(state, told, NoiseStream(1))
    other = hierarchical_networks(strides=(1, 2), key_frames=2)
    with torch.no_grad():
        other.temporal.rate.weight[0] += 1.0
    after, _ = hierarchical(other).step(state, told, NoiseStream(1))
    assert torch.equal(after.latents[[1, 3]], before.latents[[1, 3]]), "key frames are of the other stride"
    assert not torch.allclose(after.latents[[0, 2]], before.latents[[0, 2]], atol=1e-4)
