"""The probe's network: shapes, sizes, dtypes, storing, and the correlation of two frames."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from drivesim.evaluation.probe import ProbeNetwork
from drivesim.evaluation.probe.blocks import correlation

TINY = {"widths": (8, 8, 16, 16), "num_blocks": (1, 1, 1, 1), "features": 8, "motion_width": 8, "motion_radius": 2}


@pytest.fixture
def tiny() -> ProbeNetwork:
    torch.manual_seed(0)
    return ProbeNetwork(**TINY).eval()


def test_the_default_fits_eight_megabytes() -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in ProbeNetwork().parameters()) <= 4_000_000


@torch.inference_mode()
def test_shapes_of_all_outputs(tiny: ProbeNetwork) -> None:
    frames = torch.rand(2, 3, 256, 512) * 2.0 - 1.0
    outputs = tiny(frames)
    assert outputs.heatmap.shape == (2, 10, 64, 128) and outputs.semantic.shape == (2, 16, 64, 128)
    assert outputs.size.shape == outputs.offset.shape == (2, 2, 64, 128)
    assert outputs.log_distance.shape == (2, 1, 64, 128) and outputs.attributes.shape == (2, 11)
    assert outputs.motion is None
    assert tiny(frames, frames.flip(0)).motion.shape == (2, 2)


@torch.inference_mode()
def test_a_row_of_a_batch_is_the_same_alone(tiny: ProbeNetwork) -> None:
    frames = torch.rand(2, 3, 256, 512) * 2.0 - 1.0
    assert torch.allclose(tiny(frames, frames).heatmap[1:], tiny(frames[1:], frames[1:]).heatmap, atol=1e-5)


@torch.inference_mode()
def test_larger_frames_are_averaged_and_others_refused(tiny: ProbeNetwork) -> None:
    frames = torch.rand(1, 3, 512, 1024) * 2.0 - 1.0
    assert torch.allclose(tiny(frames).semantic, tiny(F.avg_pool2d(frames, 2)).semantic, atol=1e-5)
    for height, width in ((256, 500), (128, 256), (384, 768)):
        with pytest.raises(ValueError, match=f"frames of {height}x{width}; the probe sees 256x512"):
            tiny(torch.zeros(1, 3, height, width))


@torch.inference_mode()
def test_bfloat16_gives_nearly_the_same(tiny: ProbeNetwork) -> None:
    frames = torch.rand(1, 3, 256, 512) * 2.0 - 1.0
    whole = tiny(frames, frames)
    half = torch.nn.Module.to(tiny, torch.bfloat16)(frames, frames)
    assert half.heatmap.dtype is torch.float32
    assert (half.heatmap - whole.heatmap).abs().max() < 0.1


@torch.inference_mode()
def test_stored_and_loaded(tiny: ProbeNetwork, tmp_path: Path) -> None:
    tiny.save_pretrained(tmp_path)
    loaded = ProbeNetwork.from_pretrained(tmp_path, use_safetensors=True)
    frames = torch.rand(1, 3, 256, 512)
    assert torch.equal(loaded(frames).size, tiny(frames).size)


def test_correlation_is_the_cosine_with_each_neighbour() -> None:
    first, second = torch.randn(2, 8, 6, 9), torch.randn(2, 8, 6, 9)
    found = correlation(first, second, 1)
    padded = F.pad(F.normalize(first, dim=1), [1] * 4)
    slow = [(F.normalize(second, dim=1) * padded[..., y : y + 6, x : x + 9]).sum(1) for y in range(3) for x in range(3)]
    assert torch.allclose(found, torch.stack(slow, dim=1), atol=1e-6)
    assert (correlation(first, first.roll(1, dims=-1), 1).argmax(1)[:, 1:-1, 1:-1] == 3).all(), "one to the left"
