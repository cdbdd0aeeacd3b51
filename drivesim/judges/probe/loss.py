"""Losses of the probe: pure functions of outputs and targets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.judges.probe.network import SEMANTIC_CLASSES, ProbeOutputs
from drivesim.judges.probe.targets import ProbeTargets

#: What each loss counts for in the total.
LOSS_WEIGHTS: dict[str, float] = {
    "heatmap": 1.0,
    "size": 1.0,
    "offset": 0.5,
    "distance": 0.5,
    "semantic": 1.0,
    "attributes": 0.5,
    "motion": 0.5,
}

#: Small classes weigh more, as a share of pixels says little about how much they matter.
_HEAVY = {
    "lane_paint": 4.0,
    "pedestrian": 4.0,
    "two_wheeler": 4.0,
    "static_object": 4.0,
    "car": 2.0,
    "large_vehicle": 2.0,
}


def probe_loss(outputs: ProbeOutputs, targets: ProbeTargets) -> dict[str, Tensor]:
    """Each loss as a scalar, and their weighted sum as ``total``; motion only where the outputs hold it.

    Labels that are not known do not count, nor do the cells of boxes that do not count.
    """
    where = targets.is_centre
    losses = {
        "heatmap": focal_loss(outputs.heatmap, targets.heatmap, targets.heat_weight),
        "size": centre_loss(outputs.size, targets.size, where),
        "offset": centre_loss(outputs.offset, targets.offset, where),
        "distance": centre_loss(outputs.log_distance, targets.log_distance, where),
        "semantic": semantic_loss(outputs.semantic, targets.semantic, targets.semantic_known),
        "attributes": attribute_loss(outputs.attributes, targets.attributes, targets.attributes_known),
    }
    if outputs.motion is not None:
        losses["motion"] = motion_loss(outputs.motion, targets.motion, targets.motion_known)
    weighted = [LOSS_WEIGHTS[name] * value for name, value in losses.items()]
    return {**losses, "total": torch.stack(weighted).sum()}


def focal_loss(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """Penalty-reduced focal loss of CenterNet (Zhou et al. 2019, equation 1), alpha 2 and beta 4, per centre.

    ``logits`` and ``heat`` (N, C, h, w), ``weight`` (N, 1, h, w).
    """
    is_peak = (heat >= 1.0 - 1e-6).float()
    chance = torch.sigmoid(logits)
    hits = is_peak * (1.0 - chance) ** 2 * F.softplus(-logits)
    misses = (1.0 - is_peak) * (1.0 - heat) ** 4 * chance**2 * F.softplus(logits)
    count = (is_peak * weight).sum().clamp(min=1.0)
    return ((hits + misses) * weight).sum() / count


def centre_loss(values: Tensor, wanted: Tensor, is_centre: Tensor) -> Tensor:
    """Mean absolute error at the centres of boxes; 0 without any."""
    return ((values - wanted).abs() * is_centre).sum() / (is_centre.sum() * values.shape[1]).clamp(min=1.0)


def semantic_loss(logits: Tensor, shares: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy with the shares of the classes (N, 16, h, w), small classes weighted up; 0 where not known."""
    weights = torch.tensor([_HEAVY.get(name, 1.0) for name in SEMANTIC_CLASSES], device=logits.device)
    per_cell = -(weights[:, None, None] * shares * F.log_softmax(logits, dim=1)).sum(1)
    return _mean_of_known(per_cell.mean((1, 2)), known)


def attribute_loss(logits: Tensor, attributes: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy above its floor (targets between 0 and 1 have one), mean over attributes (N, 11)."""
    floor = F.binary_cross_entropy(attributes, attributes, reduction="none")
    above = F.binary_cross_entropy_with_logits(logits, attributes, reduction="none") - floor
    return _mean_of_known(above.mean(1), known)


def motion_loss(motion: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Huber loss of motion (N, 2) in MOTION_UNITS."""
    return _mean_of_known(F.smooth_l1_loss(motion, wanted, beta=0.1, reduction="none").mean(1), known)


def _mean_of_known(per_frame: Tensor, known: Tensor) -> Tensor:
    return (per_frame * known).sum() / known.sum().clamp(min=1.0)
