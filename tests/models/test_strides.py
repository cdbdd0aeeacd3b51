"""Clips of several strides: the temporal layers are told the rate, and frames between two known ones see both."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conformance import some_controls
from tiny_video_ldm import tiny_image, woken

from drivesim.diffusion.edm import Preconditioning
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.known import KnownFrames, stride_ratios, strided_motion
from drivesim.models.video_ldm.standing import moved
from drivesim.models.video_ldm.temporal import TemporalLayers, with_strides
from drivesim.models.video_ldm.video_unet import FITTED, VideoUNet, temporal_layers_for

BETWEEN = KnownFrames(1, 1)


def layers(*, strides: tuple[int, ...], moved_context: bool = False) -> TemporalLayers:
    torch.manual_seed(0)
    fitting = {name: temporal_layers_for(tiny_image()).config[name] for name in FITTED}
    torch.manual_seed(0)
    return TemporalLayers(**fitting, strides=strides, moved_context=moved_context)


@pytest.fixture(scope="module")
def video() -> VideoUNet:
    return VideoUNet(tiny_image(), woken(layers(strides=(1, 2, 4)), 2)).eval()


def clip(num_frames: int = 3) -> tuple[torch.Tensor, torch.Tensor, ControlTensors]:
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(1, num_frames, 19, 16, 32, generator=generator)
    sigma = 0.1 + torch.rand(1, num_frames, generator=generator)
    return noisy, sigma, ControlTensors.from_controls(some_controls(num_frames))


@torch.inference_mode()
def test_a_fresh_label_changes_nothing_and_a_trained_one_tells_the_strides_apart() -> None:
    plain, told = woken(layers(strides=(1,)), 2), layers(strides=(1, 2, 4))
    missing = told.load_state_dict(plain.state_dict(), strict=False)
    assert missing.missing_keys == ["rate.weight"] and not missing.unexpected_keys
    image, (noisy, sigma, controls) = tiny_image(), clip()
    expected = VideoUNet(image, plain)(noisy, sigma, 1, controls)
    fresh = VideoUNet(image, told.eval())
    outputs = [fresh(noisy, sigma, KnownFrames(1, stride=stride), controls) for stride in (1, 2, 4)]
    assert all(torch.equal(output, expected) for output in outputs)
    woken(told, 5)
    first, second, third = (fresh(noisy, sigma, KnownFrames(1, stride=stride), controls) for stride in (1, 2, 4))
    assert not torch.allclose(first, second, atol=1e-4) and not torch.allclose(second, third, atol=1e-4)


@torch.inference_mode()
def test_a_frame_between_two_known_ones_sees_both_and_their_order(video: VideoUNet) -> None:
    noisy, sigma, controls = clip()
    base = video(noisy, sigma, BETWEEN, controls)[0, 1]
    for end in (0, 2):
        other = noisy.clone()
        other[:, end] += 1.0
        assert not torch.allclose(video(other, sigma, BETWEEN, controls)[0, 1], base, atol=1e-4), end
    swapped = noisy[:, [2, 1, 0]]
    assert not torch.allclose(video(swapped, sigma[:, [2, 1, 0]], BETWEEN, controls)[0, 1], base, atol=1e-4)


@torch.inference_mode()
def test_what_is_known_is_heard(video: VideoUNet) -> None:
    noisy, sigma, controls = clip()
    between, behind = (video(noisy, sigma, known, controls)[0, 1] for known in (BETWEEN, KnownFrames(1)))
    assert not torch.allclose(between, behind, atol=1e-4)


@torch.inference_mode()
def test_with_every_alpha_at_image_each_stride_is_the_image_network() -> None:
    video = VideoUNet(tiny_image(), woken(layers(strides=(1, 4), moved_context=True), 2)).eval()
    noisy, sigma, controls = clip()
    scalings = Preconditioning()
    expected = video.image(noisy[0] * scalings.input_scale(sigma[0]), scalings.noise_condition(sigma[0]), controls)
    known = KnownFrames(1, 1, stride=4)
    assert not torch.allclose(video(noisy, sigma, known, controls)[0], expected, atol=1e-3)
    for layer in video.temporal.layers:
        layer.mix.fill_(1e4)
    assert torch.equal(video(noisy, sigma, known, controls)[0], expected)


@torch.inference_mode()
def test_known_frames_are_told_as_they_are_and_new_ones_get_the_earlier_one_moved() -> None:
    video = VideoUNet(tiny_image(), layers(strides=(1, 2), moved_context=True)).eval()
    scaled, _, controls = clip()
    context = video._context(scaled, KnownFrames(1, 1, stride=2), controls)
    own, mask, newest = context[:, :19], context[:, 19], context[:, 20:39]
    assert torch.equal(own[0], scaled[0, 0]) and torch.equal(own[2], scaled[0, 2])
    assert torch.equal(own[1], moved(scaled[:, 0], controls, 1, 2)[0, 1])
    assert mask[:, 0, 0].tolist() == [1.0, 0.0, 1.0]
    assert all(torch.equal(frame, scaled[0, 2]) for frame in newest)


def test_what_stands_still_moves_as_far_in_one_long_step_as_in_short_ones() -> None:
    newest = torch.randn(1, 2, 16, 32, generator=torch.Generator().manual_seed(0))
    told = some_controls(5)
    motion = strided_motion(told.motion, [0, 4], 4)
    kinds = {"map": told.map[:2], "motion": motion}
    short = moved(newest, ControlTensors.from_controls(told), 1)[0, 4]
    long = moved(newest, ControlTensors.assemble(2, kinds, {}), 1, stride=4)[0, 1]
    assert torch.allclose(short, long, atol=1e-3)


def test_motion_over_several_frames_is_put_together() -> None:
    # A quarter circle to the left in two steps of 45 degrees, each straight on first.
    step = [1.0, 0.0, np.pi / 4, 10.0, 0.1, 0.1]
    motion = np.array([[9.0, 9.0, 9.0, 9.0, 9.0, 9.0], step, [*step[:3], 20.0, 0.3, 0.1]], np.float32)
    across = strided_motion(motion, [0, 2], 2)
    assert across[0].tolist() == pytest.approx([9.0] * 6), "before the first frame nothing is counted"
    half = np.sqrt(0.5)
    assert across[1].tolist() == pytest.approx([(1 + half) / 2, half / 2, np.pi / 4, 15.0, 0.2, 0.1])
    assert np.array_equal(strided_motion(motion, range(3), 1), motion)


@pytest.mark.parametrize("strides", [(), (2, 4), (1, 1), (1, 2, 3), (1, 4, 2), (1, 0)])
def test_strides_that_are_no_ladder_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of each other"):
        stride_ratios(strides)
    assert stride_ratios((1, 4, 16)) == (4, 4) and stride_ratios((1,)) == ()


@torch.inference_mode()
def test_layers_may_learn_strides_later_but_not_others(video: VideoUNet) -> None:
    plain = woken(layers(strides=(1,)), 2)
    told = with_strides(plain, (1, 2))
    assert told.strides == (1, 2) and with_strides(told, (1, 2)) is told
    noisy, sigma, controls = clip()
    image = tiny_image()
    expected = VideoUNet(image, plain)(noisy, sigma, 1, controls)
    assert torch.equal(VideoUNet(image, told.eval())(noisy, sigma, KnownFrames(1, stride=2), controls), expected)
    with pytest.raises(ValueError, match=r"were trained at \[1, 2\]"):
        with_strides(told, (1, 4))
    with pytest.raises(ValueError, match=r"stride 3, but these temporal layers know \[1, 2, 4\]"):
        video(noisy, sigma, KnownFrames(1, stride=3), controls)
