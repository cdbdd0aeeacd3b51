"""The probe's network: shapes, sizes, dtypes, storing, and the flow between two frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from drivesim.judges.features import FeatureNetwork, frame_features
from drivesim.judges.probe import ProbeNetwork, ego_motion
from drivesim.judges.probe.ego_motion import FLOW_GRID, FLOW_PLANES, flow_map
from drivesim.judges.probe.reading import read_frames

TINY = {"widths": (8, 8, 16, 16), "num_blocks": (1, 1, 1, 1), "features": 8, "motion_widths": (4, 4)}


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


def test_flow_maps_say_where_pixels_were() -> None:
    rng = np.random.default_rng(0)
    before = cv2.GaussianBlur(rng.integers(0, 256, (256, 512, 3)).astype(np.uint8), (0, 0), 2.0)
    moved = np.roll(before, 3, axis=1)
    found = flow_map(before, moved)
    assert found.shape == (FLOW_PLANES, *FLOW_GRID)
    assert np.abs(np.median(found[0]) + 3.0) < 0.1 and np.abs(np.median(found[1])) < 0.1
    still = flow_map(before, before)
    assert np.abs(still[:2]).max() < 0.05 and still[3].max() < 0.5
    assert flow_map(before, rng.permutation(moved)).mean(axis=(1, 2))[3] > 4.0 * found.mean(axis=(1, 2))[3]


def test_flow_of_a_video_is_found_once_for_both_judges(tiny: ProbeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (4, 256, 512, 3)).astype(np.uint8)
    features = FeatureNetwork(widths=(4, 8, 8, 8)).eval()
    alone = frame_features(features, frames)
    asked: list[np.ndarray] = []

    def counted(previous: np.ndarray, frame: np.ndarray) -> np.ndarray:
        asked.append(frame)
        return flow_map(previous, frame)

    monkeypatch.setattr(ego_motion, "flow_map", counted)
    monkeypatch.setattr(ego_motion, "_recent", ego_motion._RecentMaps(4))
    read_frames(tiny, frames, 10.0)
    assert len(asked) == 4  # frame 0 has none before it, and is read beside itself
    np.testing.assert_array_equal(frame_features(features, frames), alone)
    assert len(asked) == 4
    # The oldest goes when there are more than are remembered, and other pixels are another pair.
    frame_features(features, 255 - frames[:2])
    frame_features(features, frames[1:])
    assert len(asked) == 5
    read_frames(tiny, frames[:1], 10.0)
    assert len(asked) == 6
    with torch.enable_grad():
        ego_motion.flow_maps(*(torch.zeros(1, 3, 256, 512) for _ in range(2)))
        ego_motion.flow_maps(*(torch.zeros(1, 3, 256, 512) for _ in range(2)))
    assert len(asked) == 8  # not in training
