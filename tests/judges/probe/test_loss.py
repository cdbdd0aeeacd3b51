"""Losses: zero for perfect outputs, blind to what is unknown, and falling when a small network learns two frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.clip import frames_to_tensor
from drivesim.conditioning import scene_attributes
from drivesim.conditioning.projection import image_boxes
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.judges.probe import (
    FrameLabels,
    ProbeNetwork,
    ProbeOutputs,
    ProbeTargets,
    build_targets,
    probe_loss,
    scene_labels,
)
from drivesim.judges.probe.loss import attribute_loss, focal_loss, semantic_loss
from drivesim.renderer.world import ProceduralWorld


@pytest.fixture(scope="module")
def rendered() -> tuple[torch.Tensor, ProbeTargets]:
    """Two frames (2, 3, 256, 512) of a busy scene and their targets."""
    scene = sample_scene(2_000_004, 2)
    world = ProceduralWorld(scene, 0)
    drawn = [world.render(frame, 512, 256) for frame in range(2)]
    labels = scene_labels(
        scene,
        [image_boxes(scene, frame) for frame in range(2)],
        semantic=np.stack([frame.semantic for frame in drawn]),
        attributes=np.repeat(scene_attributes(scene)[None], 2, axis=0),
    )
    return frames_to_tensor(np.stack([frame.rgb for frame in drawn])), build_targets(labels)


def guess(targets: ProbeTargets, certainty: float = 1.0 - 1e-6) -> ProbeOutputs:
    """Outputs that state the targets with a certainty."""
    return ProbeOutputs(
        heatmap=torch.logit(targets.heatmap.clamp(1.0 - certainty, certainty)),
        size=targets.size,
        offset=targets.offset,
        log_distance=targets.log_distance,
        semantic=targets.semantic.clamp(min=1e-9).log(),
        attributes=torch.logit(targets.attributes.clamp(1.0 - certainty, certainty)),
        motion=targets.motion,
    )


def test_perfect_outputs_cost_nothing_but_the_mixed_cells(rendered: tuple[torch.Tensor, ProbeTargets]) -> None:
    _, targets = rendered
    losses = probe_loss(guess(targets), targets)
    assert targets.is_centre.sum() >= 4
    for name in ("size", "offset", "distance", "attributes", "motion"):
        assert losses[name] == pytest.approx(0.0, abs=1e-4), name
    assert losses["heatmap"] < 0.3 * probe_loss(guess(targets, 0.6), targets)["heatmap"]


def test_a_small_network_learns_two_frames(rendered: tuple[torch.Tensor, ProbeTargets]) -> None:
    frames, targets = rendered
    torch.manual_seed(0)
    network = ProbeNetwork(widths=(16, 16, 24, 24), num_blocks=(1, 1, 1, 1), features=16, motion_widths=(8, 8))
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    curves: list[dict[str, float]] = []
    for _ in range(20):
        losses = probe_loss(network(frames, frames.roll(1, 0)), targets)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        curves.append({name: value.item() for name, value in losses.items()})
    first, last = curves[0], curves[-1]
    assert last["total"] < 0.4 * first["total"]
    for name, value in first.items():
        assert last[name] < 0.8 * value or name == "offset", name


def test_what_is_not_known_teaches_nothing() -> None:
    targets = build_targets([FrameLabels()])
    torch.manual_seed(0)
    outputs = ProbeOutputs(
        heatmap=torch.randn(1, 10, 64, 128),
        size=torch.randn(1, 2, 64, 128),
        offset=torch.randn(1, 2, 64, 128),
        log_distance=torch.randn(1, 1, 64, 128),
        semantic=torch.randn(1, 16, 64, 128),
        attributes=torch.randn(1, 11),
        motion=torch.randn(1, 2),
    )
    assert {name: float(value) for name, value in probe_loss(outputs, targets).items()} == dict.fromkeys(
        [*"heatmap size offset distance semantic attributes motion total".split()], 0.0
    )


def test_one_unknown_frame_does_not_weaken_the_others() -> None:
    known, logits, attributes = torch.tensor([1.0, 0.0]), torch.randn(2, 11), torch.rand(2, 11)
    alone = attribute_loss(logits[:1], attributes[:1], known[:1])
    assert torch.isclose(attribute_loss(logits, attributes, known), alone)
    maps, shares = torch.randn(2, 16, 4, 4), torch.softmax(torch.randn(2, 16, 4, 4), 1)
    assert torch.isclose(semantic_loss(maps, shares, known), semantic_loss(maps[:1], shares[:1], known[:1]))


def test_focal_loss_by_hand() -> None:
    heat = torch.tensor([1.0, 0.5, 0.0]).reshape(1, 1, 1, 3)
    logits = torch.zeros(1, 1, 1, 3)
    log_half = float(np.log(2.0))
    wanted = 0.25 * log_half + 0.5**4 * 0.25 * log_half + 0.25 * log_half
    assert focal_loss(logits, heat, torch.ones(1, 1, 1, 3)).item() == pytest.approx(wanted, rel=1e-5)
    masked = focal_loss(logits, heat, torch.tensor([1.0, 1.0, 0.0]).reshape(1, 1, 1, 3))
    assert masked.item() == pytest.approx(wanted - 0.25 * log_half, rel=1e-5)
