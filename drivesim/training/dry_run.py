"""What a recipe would cost: parameters, memory per device, steps per second and hours, before anything is trained.

Parameters are counted. Arithmetic and stored activations are measured on one real step with one sample on this machine, and
scaled by the batch; the time on this machine comes from the same step.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from drivesim.training.recipe import Recipe
from drivesim.training.stage import Stage
from drivesim.training.stage_cli import build_stage

#: Bytes per trained parameter beside the network's own: gradient (as the network), master, average, two moments.
STATE_BYTES = 4 * 4


@dataclass(frozen=True, kw_only=True)
class StageCost:
    """What one stage takes. ``flops`` of a step and ``activation_bytes`` are per process."""

    trained: int
    frozen: int
    batch: int
    processes: int
    state_bytes: int
    activation_bytes: int
    flops: float
    seconds_per_step: float


def dry_run(
    recipe: Recipe, work: Path, *, stages: list[str], initial: str | None, overrides: list[str]
) -> Iterator[str]:
    """Lines of text, stage by stage. Raises InputError for settings that cannot be used."""
    yield f"recipe {recipe.name}: {recipe.about}"
    with tempfile.TemporaryDirectory() as scratch:
        # Later stages need the parts of earlier ones: those that are trained, else new ones of the recipe's sizes.
        if (work / "model").is_dir():
            shutil.copytree(work / "model", Path(scratch) / "model")
        for stage in stages:
            config = recipe.stage_config(stage, Path(scratch), initial)
            with redirect_stderr(StringIO()):
                cli = build_stage(config, _one_process(overrides))
                module: Stage = cli.model
                cost = measure(module, cli.datamodule.batch_size, _processes(config, overrides))
                module.parts.save(module.part, module.trained())
            yield from _lines(stage, cost, _steps(config, overrides, cost))


def measure(module: Stage, batch_size: int, processes: int) -> StageCost:
    """Run one sample through a stage's loss and back."""
    trained = [p for p in module.network.parameters() if p.requires_grad]
    frozen = sum(p.numel() for p in module.network.parameters() if not p.requires_grad)
    stored: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        stored[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = module.example_batch(1)
    weights = {p.untyped_storage().data_ptr() for p in module.network.parameters()}
    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        module.loss(batch, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    activations = sum(size for pointer, size in stored.items() if pointer not in weights)
    started = time.perf_counter()
    module.loss(batch, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    seconds = time.perf_counter() - started
    own = sum(p.numel() * p.element_size() for p in module.network.parameters())
    gradients = sum(p.numel() * p.element_size() for p in trained)
    count = sum(p.numel() for p in trained)
    return StageCost(
        trained=count,
        frozen=frozen,
        batch=batch_size,
        processes=processes,
        state_bytes=own + gradients + STATE_BYTES * count,
        activation_bytes=activations * batch_size,
        flops=float(counter.get_total_flops()) * batch_size,
        seconds_per_step=seconds * batch_size,
    )


def _one_process(overrides: list[str]) -> list[str]:
    """Build the trainer for one CPU: a cluster's devices are not here."""
    return [
        *overrides,
        *"--trainer.accelerator=cpu --trainer.devices=1 --trainer.num_nodes=1 --trainer.strategy=auto".split(),
    ]


def _processes(config: dict[str, Any], overrides: list[str]) -> int:
    return _number(config, overrides, "devices", 1) * _number(config, overrides, "num_nodes", 1)


def _number(config: dict[str, Any], overrides: list[str], name: str, default: int) -> int:
    value = config.get("trainer", {}).get(name, default)
    for before, after in zip([*overrides, ""], [*overrides[1:], ""], strict=False):
        if before == f"--trainer.{name}":
            value = after
        elif before.startswith(f"--trainer.{name}="):
            value = before.partition("=")[2]
    return int(value) if str(value).lstrip("-").isdigit() else default


def _steps(config: dict[str, Any], overrides: list[str], cost: StageCost) -> tuple[int, float]:
    """Steps, and hours on this machine; from max_steps, or from max_time."""
    steps = _number(config, overrides, "max_steps", -1)
    limit = config.get("trainer", {}).get("max_time")
    accumulated = _number(config, overrides, "accumulate_grad_batches", 1)
    if steps > 0:
        return steps, steps * accumulated * cost.seconds_per_step / 3600.0
    if limit:
        days, hours, minutes, seconds = (int(value) for value in str(limit).split(":"))
        span = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return int(span / (accumulated * cost.seconds_per_step)), span / 3600.0
    return 0, 0.0


def _lines(stage: str, cost: StageCost, planned: tuple[int, float]) -> Iterator[str]:
    steps, hours = planned
    memory = (cost.state_bytes + cost.activation_bytes) / 1e9
    yield f"{stage}:"
    yield f"  parameters     {cost.trained / 1e6:.1f} M trained, {cost.frozen / 1e6:.1f} M frozen"
    yield (
        f"  memory         {memory:.1f} GB per process ({cost.state_bytes / 1e9:.1f} weights and optimiser, "
        f"{cost.activation_bytes / 1e9:.1f} activations at batch {cost.batch})"
    )
    yield f"  arithmetic     {cost.flops / 1e12:.2f} TFLOP a step and process, {cost.batch * cost.processes} samples a step in all"
    yield f"  this machine   {1.0 / cost.seconds_per_step:.3g} steps/s, {steps} steps in {hours:.1f} h"
    at_40 = steps * cost.flops / 40e12 / 3600.0
    yield f"  at 40 TFLOP/s  {40e12 / cost.flops:.3g} steps/s, {at_40:.1f} h (what each of {cost.processes} process(es) reaches decides)"
