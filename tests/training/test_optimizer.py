"""MasterAdamW: torch's AdamW in float32, small updates in bfloat16, averages, and a state that survives a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from drivesim.training.optimizer import MasterAdamW


def _layer(dtype: torch.dtype) -> nn.Linear:
    layer = nn.Linear(4, 3).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.linspace(-1.0, 1.0, parameter.numel()).reshape(parameter.shape))
    return layer


def _train(layer: nn.Linear, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.sin(torch.arange(8.0).reshape(2, 4) + step).to(layer.weight.dtype)
        optimizer.zero_grad()
        layer(x).square().sum().backward()
        optimizer.step()


def test_in_float32_it_is_adamw() -> None:
    ours, theirs = _layer(torch.float32), _layer(torch.float32)
    settings = {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 1e-2}
    _train(ours, MasterAdamW(ours.parameters(), **settings), range(20))
    _train(theirs, torch.optim.AdamW(theirs.parameters(), **settings), range(20))
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)
    assert not torch.allclose(ours.weight, _layer(torch.float32).weight, atol=1e-2)


def test_small_updates_are_not_lost_in_bfloat16() -> None:
    layer = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.ones_(layer.weight)
    optimizer = MasterAdamW(layer.parameters(), lr=1e-4, weight_decay=0.0)
    for _ in range(100):
        layer.weight.grad = -torch.ones_like(layer.weight)
        optimizer.step()
    assert optimizer.state[layer.weight]["master"].item() == pytest.approx(1.01, abs=2e-4)
    assert layer.weight.item() > 1.0


def test_a_state_read_back_from_a_file_continues_exactly(tmp_path: Path) -> None:
    whole, first = _layer(torch.bfloat16), _layer(torch.bfloat16)
    optimizer = MasterAdamW(whole.parameters(), lr=1e-2)
    _train(whole, optimizer, range(12))
    half = MasterAdamW(first.parameters(), lr=1e-2)
    _train(first, half, range(5))
    torch.save({"network": first.state_dict(), "optimizer": half.state_dict()}, tmp_path / "half.tensors")
    saved = torch.load(tmp_path / "half.tensors", weights_only=False)
    second = _layer(torch.bfloat16)
    second.load_state_dict(saved["network"])
    continued = MasterAdamW(second.parameters(), lr=1e-2)
    continued.load_state_dict(saved["optimizer"])
    _train(second, continued, range(5, 12))
    for name in ("master", "average", "first_moment", "second_moment"):
        assert continued.state[second.weight][name].dtype == torch.float32
        assert torch.equal(continued.state[second.weight][name], optimizer.state[whole.weight][name])


def test_swapping_the_average_in_and_out_changes_nothing() -> None:
    layer = _layer(torch.bfloat16)
    optimizer = MasterAdamW(layer.parameters(), lr=1e-1, average_decay=0.9)
    _train(layer, optimizer, range(8))
    before = layer.weight.clone()
    optimizer.swap_average()
    averaged = layer.weight.clone()
    optimizer.swap_average()
    assert torch.equal(layer.weight, before)
    assert not torch.equal(averaged, before)


def test_the_average_follows_the_weights() -> None:
    layer = _layer(torch.float32)
    optimizer = MasterAdamW(layer.parameters(), lr=1e-2, average_decay=0.5)
    expected = layer.weight.detach().clone()
    for step in range(6):
        _train(layer, optimizer, range(step, step + 1))
        decay = min(0.5, (2.0 + step) / (11.0 + step))
        expected = expected * decay + layer.weight.detach() * (1.0 - decay)
    assert torch.allclose(optimizer.state[layer.weight]["average"], expected, atol=1e-6)
