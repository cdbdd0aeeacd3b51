"""Every stage can say what a batch of it looks like, and its loss takes that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_video_ldm import save_toy

from drivesim.training import (
    CodecStage,
    DecoderGanStage,
    DecoderStage,
    FeatureStage,
    ImageStage,
    PointsStage,
    ProbeStage,
    VideoStage,
)
from drivesim.training.decoder_stage import DecoderTask
from drivesim.training.dry_run import measure

SIZES = {"widths": [8, 8, 8, 8]}
SETTINGS: dict[Any, dict[str, Any]] = {
    CodecStage: {"crop": (64, 128), "leaves_share": 0.0},
    ImageStage: {},
    VideoStage: {"num_frames": 4},
    DecoderStage: {"task": DecoderTask(crop=(64, 128))},
    DecoderGanStage: {"task": DecoderTask(crop=(64, 128))},
    PointsStage: {"pixels": 16},
    ProbeStage: {"network": {**SIZES, "features": 8, "motion_widths": [4, 4]}},
    FeatureStage: {"network": SIZES},
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_the_loss_takes_the_example(kind: Any, toy: Path, tmp_path: Path) -> None:
    stage = kind(tmp_path, initial=str(toy), dtype="float32", **SETTINGS[kind])
    batch = stage.example_batch(2)
    assert {len(value) for value in batch.values() if value.ndim} == {2}
    loss = stage.loss(batch, torch.Generator().manual_seed(0))
    assert torch.isfinite(loss)
    loss.backward()
    left_out = [
        name for name, weights in stage.network.named_parameters() if weights.requires_grad and weights.grad is None
    ]
    assert kind.leaves_weights_out or not left_out, "DDP waits for the gradient of every weight unless a stage says so"


def test_a_dry_run_measures_a_judge(toy: Path, tmp_path: Path) -> None:
    cost = measure(FeatureStage(tmp_path, dtype="float32", network=SIZES), batch_size=3, processes=1)
    assert cost.trained > 0 and cost.flops > 0.0 and cost.batch == 3
