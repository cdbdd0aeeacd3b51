"""What moves by itself is taken from where it was: displacement, share, noise level, and nothing where untrained."""

from __future__ import annotations

import torch
from conformance import some_controls
from tiny_video_ldm import tiny_image

from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.transport import Transport
from drivesim.models.video_ldm.video_unet import FITTED, VideoUNet, temporal_layers_for


def transport(right: float = 0.0, down: float = 0.0, gate: float = 20.0) -> Transport:
    """A transport of everything by so many cells."""
    made = Transport(4)
    with torch.no_grad():
        made.amount.fill_(1.0)
        made.head.bias.copy_(torch.tensor([right / 4.0, down / 4.0, gate]))
    return made


@torch.inference_mode()
def test_content_comes_from_where_it_was() -> None:
    newest, features = torch.randn(2, 3, 6, 8), torch.randn(10, 4, 6, 8)
    carried, share = transport(right=2.0, down=-1.0)(features, newest)
    assert carried.shape == (10, 3, 6, 8) and share.shape == (10, 1, 6, 8)
    for frame in range(10):
        assert torch.allclose(carried[frame, :, :-1, 2:], newest[frame // 5, :, 1:, :-2], atol=1e-5)
    assert torch.allclose(share, torch.ones_like(share))
    between = transport(right=0.5)(features, newest)[0]
    assert torch.allclose(between[0, :, :, 1:], (newest[0, :, :, 1:] + newest[0, :, :, :-1]) / 2.0, atol=1e-5)


@torch.inference_mode()
def test_fresh_it_has_no_share() -> None:
    _, share = Transport(4)(torch.randn(3, 4, 6, 8), torch.randn(1, 3, 6, 8))
    assert not share.any()


@torch.inference_mode()
def test_the_more_noise_the_more_is_carried_on_and_only_onto_new_frames() -> None:
    image = tiny_image()
    fitting = {name: temporal_layers_for(image).config[name] for name in FITTED}
    plain, carrying = (VideoUNet(image, TemporalLayers(**fitting, transports=which)).eval() for which in (False, True))
    head = carrying.temporal.transport
    assert head is not None
    head.amount.fill_(1.0)
    head.head.bias[2] = 20.0
    controls = ControlTensors.from_controls(some_controls(5))
    noisy = torch.randn(1, 5, 19, 16, 32, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([[0.1, 0.1, 0.5, 1.0, 20.0]])
    without, carried = (network.denoised(noisy, sigma, 2, controls) for network in (plain, carrying))
    assert torch.equal(without[:, :2], carried[:, :2])
    for frame, share in ((2, 0.2), (3, 0.5), (4, 400.0 / 401.0)):
        expected = torch.lerp(without[:, frame], noisy[:, 1], share)
        assert torch.allclose(carried[:, frame], expected, atol=1e-4), frame
    assert torch.equal(*(network.denoised(noisy, sigma, 0, controls) for network in (plain, carrying)))
