"""The Video LDM: image path recovered exactly, context and controls heard, the world-model contract kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conformance import WorldModelConformance, some_controls
from tiny_video_ldm import tiny_codec, tiny_image, tiny_networks, woken

from drivesim.controls import RASTER_CHANNELS, Control, Controls
from drivesim.diffusion.edm import Preconditioning
from drivesim.diffusion.sampler import SamplerConfig
from drivesim.models.carry import Past
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.latent import LatentChunk, LatentWorldModel, RolloutConfig
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.decoder import LARGEST_SHARE, PAST_LEEWAY
from drivesim.models.video_ldm.image_unet import ImageUNet, with_scenery
from drivesim.models.video_ldm.load import VideoLDMConfig, assemble
from drivesim.models.video_ldm.temporal import TemporalConvolution, TemporalLayers
from drivesim.models.video_ldm.video_unet import FITTED, VideoUNet, temporal_layers_for
from drivesim.noise import NoiseStream


def _clip(num_frames: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, ControlTensors]:
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(1, num_frames, 19, 16, 32, generator=generator)
    sigma = 0.1 + torch.rand(1, num_frames, generator=generator)
    return noisy, sigma, ControlTensors.from_controls(some_controls(num_frames))


@pytest.fixture
def video() -> VideoUNet:
    image = tiny_image()
    fitting = {name: temporal_layers_for(image).config[name] for name in FITTED}
    temporal = woken(TemporalLayers(**fitting, moved_context=True, reach=1), 2)
    return VideoUNet(image, temporal).eval()


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_with_every_alpha_at_image_the_video_network_is_the_image_network(video: VideoUNet, dtype: torch.dtype) -> None:
    noisy, sigma, controls = _clip()
    video, controls = video.to(dtype), controls.to(torch.device("cpu"), dtype)
    scalings = Preconditioning()
    scaled = (noisy[0] * scalings.input_scale(sigma[0])).to(dtype)
    expected = video.image(scaled, scalings.noise_condition(sigma[0]), controls)
    mixed = video(noisy, sigma, 2, controls)[0]
    assert not torch.allclose(mixed, expected, atol=1e-3)
    for layer in video.temporal.layers:
        layer.mix.fill_(1e4)
    assert torch.equal(video(noisy, sigma, 2, controls)[0], expected)


@torch.inference_mode()
def test_fresh_temporal_layers_leave_the_image_network_as_it_is() -> None:
    image = tiny_image()
    video = VideoUNet(image, temporal_layers_for(image)).eval()
    noisy, sigma, controls = _clip()
    scalings = Preconditioning()
    expected = image(noisy[0] * scalings.input_scale(sigma[0]), scalings.noise_condition(sigma[0]), controls)
    assert torch.allclose(video(noisy, sigma, 1, controls)[0], expected, atol=1e-5)


@torch.inference_mode()
def test_fresh_reach_changes_nothing_and_trained_reach_carries_what_moves() -> None:
    torch.manual_seed(0)
    pointwise, reaching = TemporalConvolution(4), TemporalConvolution(4, reach=1)
    missing = reaching.load_state_dict(pointwise.state_dict(), strict=False)
    assert missing.missing_keys == ["spread.weight"]
    clip = torch.randn(3, 4, 6, 8)
    assert torch.equal(reaching(clip, 3), pointwise(clip, 3))
    assert reaching.spread is not None
    torch.nn.init.zeros_(reaching.spread.weight)
    reaching.spread.weight[:4, 0, 1, 0] = 1.0  # of the frame before, each channel's neighbour to the left
    torch.nn.init.zeros_(reaching.mix.bias)
    reaching.mix.weight.copy_(torch.eye(12)[:4, :, None, None])
    assert torch.allclose(reaching(clip, 3)[1:, :, :, 1:], clip[:-1, :, :, :-1])


@torch.inference_mode()
def test_context_motion_and_layout_change_the_new_frames(video: VideoUNet) -> None:
    noisy, sigma, controls = _clip()
    base = video(noisy, sigma, 2, controls)[0, 2:]
    other_context = noisy.clone()
    other_context[:, 1] += 1.0
    assert not torch.allclose(video(other_context, sigma, 2, controls)[0, 2:], base, atol=1e-4)
    for kind in Control:
        withheld = ControlTensors.from_controls(some_controls(5).without(kind))
        assert not torch.allclose(video(noisy, sigma, 2, withheld)[0, 2:], base, atol=1e-4), kind


@torch.inference_mode()
def test_a_network_that_gets_a_stem_for_scenery_goes_on_where_it_was() -> None:
    sizes = {"widths": (32, 32, 64), "blocks_per_level": 1, "layout_features": 8, "embedding": 32, "head_width": 16}
    torch.manual_seed(0)
    older = woken(ImageUNet(**sizes), 1)
    wider = with_scenery(older)
    assert wider.config.scenery and not older.config.scenery
    assert with_scenery(wider) is wider
    noisy, level = torch.randn(2, 19, 16, 32), torch.zeros(2)
    told = ControlTensors.from_controls(some_controls(2))
    assert torch.equal(older(noisy, level, told), wider(noisy, level, told))
    woken(wider, 2)
    withheld = ControlTensors.from_controls(some_controls(2).without(Control.SCENERY))
    assert not torch.allclose(wider(noisy, level, withheld), wider(noisy, level, told), atol=1e-4)


@torch.inference_mode()
def test_the_number_of_context_frames_is_heard(video: VideoUNet) -> None:
    noisy, sigma, controls = _clip()
    outputs = [video(noisy, sigma, count, controls)[0, 2:] for count in (0, 1, 2)]
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-4)
    assert not torch.allclose(outputs[1], outputs[2], atol=1e-4)


@torch.inference_mode()
def test_clips_of_a_batch_do_not_see_each_other(video: VideoUNet) -> None:
    first, first_sigma, controls = _clip(seed=1)
    second, second_sigma, _ = _clip(seed=2)
    both = video(torch.cat([first, second]), torch.cat([first_sigma, second_sigma]), 1, controls.followed_by(controls))
    assert torch.allclose(both[0], video(first, first_sigma, 1, controls)[0], atol=1e-4)


def test_gradients_reach_every_temporal_weight_and_no_frozen_one(video: VideoUNet) -> None:
    video.train()
    video.image.requires_grad_(False)
    noisy, sigma, controls = _clip()
    video(noisy.contiguous(), sigma, 2, controls).square().mean().backward()
    assert all(parameter.grad is not None for parameter in video.temporal.layers.parameters())
    assert all(parameter.grad is None for parameter in video.image.parameters())


def test_withheld_controls_are_flagged_and_zero() -> None:
    told = ControlTensors.from_controls(some_controls(2))
    withheld = ControlTensors.from_controls(Controls(num_frames=2))
    assert told.actors_given.tolist() == [1.0, 1.0] and withheld.actors_given.tolist() == [0.0, 0.0]
    assert told.actors.any() and not withheld.layout_planes().any()
    without = ControlTensors.from_controls(some_controls(2).without(Control.ACTORS)).layout_planes()
    changed = (without != told.layout_planes()).flatten(2).any(-1)[0]
    assert not changed[:25].any() and changed[25:54].any() and changed[54:].tolist() == [False, False, True]
    assert not withheld.motion_features().any() and not withheld.attribute_features().any()


@torch.inference_mode()
def test_codec_speaks_standardised_latents() -> None:
    codec = tiny_codec()
    frames = torch.rand(3, 3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    raw = codec.read(frames)
    before = codec.decode(codec.encode(frames))
    codec.set_statistics(raw.mean((0, 2, 3)), raw.std((0, 2, 3)))
    latents = codec.encode(frames)
    assert latents.shape == (3, 19, 4, 8)
    assert latents.mean((0, 2, 3)).abs().max() < 1e-3
    assert (latents.std((0, 2, 3)) - 1.0).abs().max() < 1e-3
    assert torch.allclose(codec.decode(latents), before, atol=1e-4)


@pytest.fixture(scope="module")
def model() -> LatentWorldModel:
    """The toy networks at full frame size."""
    return assemble(tiny_networks(), VideoLDMConfig(name="toy"), "0" * 64, torch.device("cpu")).world_model


class TestConformance(WorldModelConformance):
    """The whole contract of a world model."""


@torch.inference_mode()
def test_start_frames_follow_layout_and_seed() -> None:
    loaded = assemble(tiny_networks(), VideoLDMConfig(name="toy"), "0" * 64, torch.device("cpu"))
    sampler = loaded.start_frame_model
    first = sampler.sample(some_controls(1), NoiseStream(1))
    assert first.shape == (1, 3, 512, 1024) and first.abs().max() <= 1.0
    assert torch.equal(first, sampler.sample(some_controls(1), NoiseStream(1)))
    assert not torch.equal(first, sampler.sample(some_controls(1), NoiseStream(2)))
    assert not torch.equal(first, sampler.sample(some_controls(1).without(*RASTER_CHANNELS), NoiseStream(1)))
    with pytest.raises(ValueError, match="controls of one frame, got 2"):
        sampler.sample(some_controls(2), NoiseStream(1))


@torch.inference_mode()
def test_layout_may_be_told_of_the_start_frame_only(model: LatentWorldModel) -> None:
    past = torch.zeros(1, 3, 512, 1024)
    free = some_controls(6).without(*RASTER_CHANNELS)
    chunk, state = model.step(model.begin(past, some_controls(1)), free, NoiseStream(1))
    assert chunk.latents.shape == (6, 19, 16, 32)
    assert state.controls.actors is None and len(state.context) == 2
    assert np.isfinite(chunk.latents.numpy()).all()


@torch.inference_mode()
def test_where_actors_are_withheld_a_chunk_takes_more_steps_from_more_noise() -> None:
    networks, begun = tiny_networks(), torch.zeros(1, 3, 512, 1024)

    def latents(controls: Controls, steps: int, sigma_max: float, **free: Any) -> torch.Tensor:
        rollout = RolloutConfig(sampler=SamplerConfig(steps=steps, sigma_max=sigma_max), **free)
        config = VideoLDMConfig(name="toy", rollout=rollout)
        model = assemble(networks, config, "0" * 64, torch.device("cpu")).world_model
        return model.step(model.begin(begun, some_controls(1)), controls, NoiseStream(1))[0].latents

    plain = {"free_factor": 1, "free_sigma_max": None, "free_guidance": 1.0}
    unguided = {"free_factor": 3, "free_sigma_max": 80.0, "free_guidance": 1.0}
    told, free = some_controls(6), some_controls(6).without(Control.ACTORS)
    assert torch.equal(latents(told, 1, 20.0, **unguided), latents(told, 1, 20.0, **plain))
    more = latents(free, 1, 20.0, **unguided)
    assert torch.equal(more, latents(free, 3, 80.0, **plain))
    assert not torch.equal(more, latents(free, 3, 20.0, **plain))
    assert not torch.equal(more, latents(free, 1, 80.0, **plain))


@torch.inference_mode()
def test_where_actors_are_withheld_a_chunk_is_guided_by_its_context() -> None:
    networks, begun = tiny_networks(), torch.zeros(1, 3, 512, 1024)

    def first_chunk(controls: Controls, **free: Any) -> tuple[torch.Tensor, torch.Tensor]:
        once = SamplerConfig(steps=1, sigma_max=5.0)
        rollout = RolloutConfig(sampler=once, free_factor=1, free_sigma_max=None, anchor_pull=0.0, **free)
        config = VideoLDMConfig(name="toy", rollout=rollout)
        model = assemble(networks, config, "0" * 64, torch.device("cpu")).world_model
        state = model.begin(begun, some_controls(1))
        return model.step(state, controls, NoiseStream(1))[0].latents, state.context[-1]

    told, free = some_controls(6), some_controls(6).without(Control.ACTORS)
    assert torch.equal(first_chunk(told, free_guidance=3.0)[0], first_chunk(told, free_guidance=1.0)[0])
    (plain, newest), (guided, _) = first_chunk(free, free_guidance=1.0), first_chunk(free, free_guidance=3.0)
    noisy = 5.0 * NoiseStream(1).child(0).normal(6, 19, 16, 32)
    video = VideoUNet(networks.image, networks.temporal)
    alone = video.denoised(noisy[None], torch.full((1, 6), 5.0), 0, ControlTensors.from_controls(free))[0]
    assert not torch.allclose(plain, alone, atol=1e-3)
    assert not torch.allclose(guided, plain, atol=1e-3)
    beyond = alone + 3.0 * (plain - alone)
    assert torch.allclose(guided, beyond.clamp(torch.minimum(plain, newest), torch.maximum(plain, newest)), atol=1e-4)
    assert torch.equal(first_chunk(free, free_guidance=3.0, free_guidance_low=5.1)[0], plain)


def test_context_guides_a_told_chunk_at_every_level_and_without_bounds() -> None:
    networks, told = tiny_networks(), some_controls(6)

    def first_chunk(**guidance: Any) -> torch.Tensor:
        once = SamplerConfig(steps=1, sigma_max=0.5)
        config = VideoLDMConfig(name="toy", rollout=RolloutConfig(sampler=once, anchor_pull=0.0, **guidance))
        model = assemble(networks, config, "0" * 64, torch.device("cpu")).world_model
        return model.step(model.begin(torch.zeros(1, 3, 512, 1024), some_controls(1)), told, NoiseStream(1))[0].latents

    plain, guided = first_chunk(), first_chunk(context_guidance=2.0)
    noisy = 0.5 * NoiseStream(1).child(0).normal(6, 19, 16, 32)
    video, read = VideoUNet(networks.image, networks.temporal), ControlTensors.from_controls(told)
    with torch.inference_mode():
        alone = video.denoised(noisy[None], torch.full((1, 6), 0.5), 0, read)[0]
    assert not torch.allclose(guided, plain, atol=1e-3)
    assert torch.allclose(guided, (alone + 2.0 * (plain - alone)).clamp(-8.0, 8.0), atol=1e-4)
    both = RolloutConfig(context_guidance=2.5)
    scales = [both.guidance_for(controls, 1) for controls in (told, told.without(Control.ACTORS))]
    assert scales == [2.5, 2.5] and both.guidance_for(told.without(Control.ACTORS), 0) == 3.0


@torch.inference_mode()
def test_guidance_by_the_context_halves_from_chunk_to_chunk_until_actors_are_told_again() -> None:
    rollout = RolloutConfig(sampler=SamplerConfig(steps=1), free_factor=1, free_guidance=3.0)
    told, free = some_controls(6), some_controls(6).without(Control.ACTORS)
    assert [rollout.guidance_for(free, chunks) for chunks in range(6)] == [3.0, 2.0, 1.5, 1.0, 1.0, 1.0]
    assert rollout.guidance_for(told, 0) == 1.0
    config = VideoLDMConfig(name="toy", rollout=rollout)
    model = assemble(tiny_networks(), config, "0" * 64, torch.device("cpu")).world_model
    state = model.begin(torch.zeros(1, 3, 512, 1024), some_controls(1))
    counts = []
    for number, controls in enumerate((free, free, told, free)):
        _, state = model.step(state, controls, NoiseStream(number))
        counts.append(state.free_chunks)
        packed = model.unpack_state(model.pack_state(state))
        again = model.step(packed, free, NoiseStream(9))[0].latents
        assert torch.equal(again, model.step(state, free, NoiseStream(9))[0].latents)
    assert counts == [1, 2, 0, 1]
    fresh = dataclasses.replace(state, free_chunks=0)
    assert not torch.equal(again, model.step(fresh, free, NoiseStream(9))[0].latents)


@torch.inference_mode()
def test_cells_have_the_colour_that_their_latents_carry() -> None:
    codec = tiny_codec()
    colours = torch.tensor([0.8, -0.2, -0.6])[None, :, None, None]
    frames = colours.expand(1, 3, 64, 128).contiguous()
    drawn = codec.draw(codec.read(frames))
    assert torch.allclose(drawn.mean((2, 3)), colours[:, :, 0, 0], atol=0.02)


def _told(num_frames: int, *withheld: Control) -> ControlTensors:
    return ControlTensors.from_controls(some_controls(num_frames).without(*withheld))


@torch.inference_mode()
def test_the_decoder_hears_every_raster_and_each_may_be_absent() -> None:
    codec = tiny_codec()
    latents = torch.randn(1, 19, 16, 32, generator=torch.Generator().manual_seed(0))
    told, nothing = (codec.finished(codec.drawing(latents, each)) for each in (_told(1), None))
    assert told.shape == (1, 3, 512, 1024) and not torch.allclose(told, nothing, atol=1e-3)
    for kind in RASTER_CHANNELS:
        withheld = codec.finished(codec.drawing(latents, _told(1, kind)))
        assert torch.isfinite(withheld).all() and not torch.allclose(withheld, told, atol=1e-3), kind


@torch.inference_mode()
def test_an_untrained_layout_changes_nothing() -> None:
    sizes = {"encoder_blocks": (1, 1, 1, 1), "decoder_blocks": (1, 1, 1, 1)}
    codec = FrameCodec(widths=(8, 8, 16, 16), **sizes).eval()
    codec.decoder.painter.gate_of_picture.bias.fill_(-30.0)
    codec.decoder.trust.bias.fill_(
        30.0
    )  # else the colours are believed a little less from the start, so that it can be learned
    latents = torch.randn(1, 19, 16, 32, generator=torch.Generator().manual_seed(0))
    small, large = codec.draw_both(codec.raw(latents), _told(1))
    assert torch.allclose(small, codec.draw(codec.raw(latents)), atol=1e-6)
    assert torch.allclose(large, F.interpolate(small, scale_factor=2.0, mode="bilinear"), atol=1e-5)


@torch.inference_mode()
def test_the_frame_before_counts_at_most_its_share_and_stays_within_the_colours_around() -> None:
    codec = tiny_codec()
    codec.decoder.large.bias[48:] = 30.0
    raw = codec.raw(torch.randn(1, 19, 16, 32, generator=torch.Generator().manual_seed(0)))
    alone = codec.draw_both(raw, _told(1))[1]
    seen = torch.zeros(1, 1, 128, 256)
    seen[..., 128:] = 1.0

    def carrying(picture: torch.Tensor) -> torch.Tensor:
        return codec.draw_both(raw, _told(1), Past(picture=picture, seen=seen))[1]

    assert torch.equal(carrying(torch.ones_like(alone))[..., :512], alone[..., :512]), (
        "what was not seen is not carried on"
    )
    near = codec.draw_both(raw, _told(1))[0]
    near = F.interpolate(near, scale_factor=2.0, mode="nearest") + 0.5 * PAST_LEEWAY
    expected = alone + LARGEST_SHARE * (near - alone)
    assert torch.allclose(carrying(near)[..., 512:], expected[..., 512:], atol=1e-4)
    far = carrying(torch.full_like(alone, 50.0))[..., 512:] - alone[..., 512:]
    assert far.max() < 10.0, "a colour that is nowhere near is not carried on"


@torch.inference_mode()
def test_a_chunk_carries_on_the_frame_before_where_the_flow_is_told(model: LatentWorldModel) -> None:
    controls = dataclasses.replace(some_controls(6), flow=np.zeros((6, 3, 128, 256), np.float32))
    controls.flow[:, 2, :, 128:] = 1.0
    chunk, _ = model.step(model.begin(torch.zeros(1, 3, 512, 1024), some_controls(1)), controls, NoiseStream(1))
    dark, light = (model.decode(chunk, torch.full((3, 512, 1024), shade)) for shade in (-0.5, 0.5))
    assert (dark - light).abs()[0, :, :, 600:].mean() > 0.005
    assert torch.equal(dark[0, :, :, :400], light[0, :, :, :400])
    unmoved = LatentChunk(chunk.latents, dataclasses.replace(controls, flow=None))
    assert torch.equal(
        model.decode(unmoved, torch.zeros(3, 512, 1024)), model.decode(unmoved, torch.ones(3, 512, 1024))
    )
    one_by_one, shown = [], torch.full((3, 512, 1024), 0.5)
    for index in range(6):
        shown = model.decode(LatentChunk(chunk.latents[index : index + 1], controls.window(index, index + 1)), shown)[0]
        one_by_one.append(shown)
    assert torch.equal(torch.stack(one_by_one), light)
    drawn = model.draw(chunk)
    assert len(drawn.drawn) == 6 and model.draw(drawn) is drawn and chunk.drawn is None
    assert torch.equal(model.decode(drawn, torch.full((3, 512, 1024), 0.5)), light)
