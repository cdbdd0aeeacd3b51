"""Stages: master weights, the wall-time budget, and a continued run that equals an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drivesim.training.chain import load_average
from drivesim.training.master_weights import MasterWeights
from drivesim.training.stage import Batch, Stage, train_stage


class LineStage(Stage):
    """Fits a line; stops after ``last_step`` steps."""

    last_step = 10

    def __init__(self) -> None:
        torch.manual_seed(3)
        super().__init__(nn.Linear(4, 1).to(torch.bfloat16), learning_rate=1e-2, budget_s=600.0, decay=0.9)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        if self.global_step + 1 >= self.last_step:
            self.trainer.should_stop = True
        noise = 0.1 * torch.randn(8, 1, generator=generator)
        return (self.network(batch["x"].bfloat16()).float() - batch["y"] - noise).square().mean()

    def _rate(self) -> float:
        return self.learning_rate


def batches(index: int) -> Batch:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(index))
    return {"x": x, "y": x.sum(1, keepdim=True)}


def _train(folder: Path, last_step: int) -> LineStage:
    stage = LineStage()
    stage.last_step = last_step
    train_stage(stage, batches, folder)
    return stage


def test_a_continued_stage_equals_an_undisturbed_one(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole", 12)
    _train(tmp_path / "halves", 5)
    continued = _train(tmp_path / "halves", 12)
    assert continued.global_step == whole.global_step == 12
    for first, second in zip(whole.masters.weights, continued.masters.weights, strict=True):
        assert torch.equal(first, second)
    for first, second in zip(whole.masters.average, continued.masters.average, strict=True):
        assert torch.equal(first, second)


def test_the_checkpoint_holds_the_average_that_is_exported(tmp_path: Path) -> None:
    stage = _train(tmp_path, 6)
    network = nn.Linear(4, 1)
    load_average(network, tmp_path / "last.ckpt")
    assert torch.equal(network.weight, stage.masters.average[0])
    assert not torch.equal(network.weight, stage.masters.weights[0])


def test_the_loss_falls_and_the_budget_is_remembered(tmp_path: Path) -> None:
    stage = _train(tmp_path, 60)
    batch = batches(10_000)
    fresh = LineStage()
    after = (stage.network(batch["x"].bfloat16()).float() - batch["y"]).square().mean()
    before = (fresh.network(batch["x"].bfloat16()).float() - batch["y"]).square().mean()
    assert after < 0.7 * before
    saved = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert 0.0 < saved["elapsed_s"] < 600.0


def test_a_broken_loss_stops_with_the_batch_saved(tmp_path: Path) -> None:
    class BrokenStage(LineStage):
        def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
            return super().loss(batch, generator) * (float("nan") if self.global_step == 3 else 1.0)

    with pytest.raises(FloatingPointError, match="the loss became nan at step 3"):
        train_stage(BrokenStage(), batches, tmp_path)
    assert (tmp_path / "nan_batch.pt").exists()
    assert not (tmp_path / "last.ckpt").exists()


def test_small_updates_are_not_lost_in_bfloat16() -> None:
    network = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.ones_(network.weight)
    masters = MasterWeights(network.named_parameters(), decay=0.5)
    for _ in range(100):
        with torch.no_grad():
            masters.weights[0].add_(1e-4)
        masters.publish()
    assert masters.weights[0].item() == pytest.approx(1.01, abs=1e-4)
    assert network.weight.item() > 1.0


def test_gradients_move_to_the_masters_and_are_clipped() -> None:
    network = nn.Linear(2, 2, bias=False).to(torch.bfloat16)
    masters = MasterWeights(network.named_parameters(), decay=0.5)
    (network(torch.ones(1, 2).bfloat16()) * 100.0).sum().backward()
    norm = masters.take_gradients(max_norm=1.0)
    assert norm > 100.0
    assert masters.weights[0].grad is not None and masters.weights[0].grad.norm() == pytest.approx(1.0, abs=1e-3)
    assert network.weight.grad is None
