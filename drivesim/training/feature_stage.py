"""Training the network whose features distances between sets of videos are made of."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.clip import frames_to_tensor
from drivesim.judges.features import LAYOUT_GRID, FeatureOutputs
from drivesim.judges.probe.loss import attribute_loss, motion_loss
from drivesim.judges.probe.network import MOTION_UNITS
from drivesim.judges.probe.targets import ProbeTargets
from drivesim.scene import CATEGORIES
from drivesim.training.judge_stage import JudgeStage
from drivesim.training.probe_batches import unpack_targets
from drivesim.training.stage import Batch


class FeatureStage(JudgeStage):
    """Trains a feature network; settings as in :class:`JudgeStage`."""

    part = "features"

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The sum of all readouts' losses."""
        return feature_loss(self.network(batch["frames"], batch["previous"]), unpack_targets(batch), batch["boxes"])

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Loss and mean absolute errors of speed (m/s) and yaw rate (deg/s), on frames as they were."""
        clean = frames_to_tensor(batch["clean"].cpu().numpy()).to(self.device)
        targets = unpack_targets(batch)
        outputs = self.network(clean[:, 1], clean[:, 0])
        missed = (outputs.motion - targets.motion).abs() / batch["seconds"][:, None]
        metres, radians = (missed[targets.motion_known > 0].mean(0).cpu().numpy() * np.array(MOTION_UNITS)).tolist()
        return {
            "validation_loss": feature_loss(outputs, targets, batch["boxes"]),
            "validation_speed_error_mps": torch.tensor(metres),
            "validation_yaw_rate_error_dps": torch.tensor(float(np.rad2deg(radians))),
        }


def feature_loss(outputs: FeatureOutputs, targets: ProbeTargets, boxes: Tensor) -> Tensor:
    """Cross-entropy of the coarse layout and attributes, Huber losses of counts and motion, where they are known.

    ``boxes`` (N, A, 9) as :func:`drivesim.training.probe_batches.pack_boxes` gives them.
    """
    factor = targets.semantic.shape[-1] // LAYOUT_GRID[1]
    shares = F.avg_pool2d(targets.semantic, factor)
    layout = -(shares * F.log_softmax(outputs.layout, dim=1)).sum(1).mean((1, 2))
    counted = F.one_hot(boxes[..., 8].long().clamp(min=0), len(CATEGORIES)) * (boxes[..., 7:8] > 0.5)
    counts = F.smooth_l1_loss(outputs.counts, torch.log1p(counted.sum(1).float()), beta=0.1, reduction="none").mean(1)
    has_boxes = (targets.heat_weight.flatten(1).amax(1) > 0.0).float()
    losses = [
        (layout * targets.semantic_known).sum() / targets.semantic_known.sum().clamp(min=1.0),
        (counts * has_boxes).sum() / has_boxes.sum().clamp(min=1.0),
        attribute_loss(outputs.attributes, targets.attributes, targets.attributes_known),
        motion_loss(outputs.motion, targets.motion, targets.motion_known),
    ]
    return torch.stack(losses).sum()
