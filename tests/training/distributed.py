"""Two ranks as torchrun's agent starts them: sharded steps of a small codec, then the smoke recipe's codec under DDP, then
LVDM's autoencoder and its adversarial phase.

WORK STORE STEPS RECORDS: rank r writes RECORDS/rank-r.json with a hash of its parameters and the draws it took, and
RECORDS/adversarial-r.json with hashes of decoder and discriminators; rank 0 what sharded training ends with. The ranks are forks of one process, as importing takes longer than both trainings.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

sys.path.append(str(Path(__file__).parent))
from sharded import trained

from drivesim.training.chain import run_chain
from drivesim.training.recipe import read_recipe
from drivesim.training.stage_cli import build_stage, fit


class Draws(Callback):
    """Notes the positions of every training batch of this process."""

    def __init__(self) -> None:
        self.positions: list[list[int]] = []

    def on_train_batch_start(self, trainer: object, module: object, batch: dict[str, torch.Tensor], index: int) -> None:
        self.positions.append(batch["position"].tolist())


def train(work: str, store: str, steps: str, records: str) -> None:
    """The codec of the recipe, by as many processes as the environment says."""
    cli = build_stage(read_recipe("smoke").stage_config("codec", Path(work), None), _settings(store, steps))
    draws = Draws()
    cli.trainer.callbacks.append(draws)
    fit(cli)
    stream = cli.datamodule.train_dataloader().sampler
    taken = [stream.draw(position).sample for batch in draws.positions for position in batch]
    record = {
        "parameters": _digest(cli.model.network), "positions": draws.positions, "samples": taken, "draws_seen": cli.model.draws_seen,
    }  # fmt: skip
    Path(records, f"rank-{os.environ['RANK']}.json").write_text(json.dumps(record))


def _settings(store: str, steps: str) -> list[str]:
    world = int(os.environ["WORLD_SIZE"])
    return [
        f"--data.path={store}", f"--trainer.max_steps={steps}", "--trainer.val_check_interval=2",
        "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", f"--trainer.devices={world}",
        f"--trainer.strategy={'ddp' if world > 1 else 'auto'}", "--data.batch_size=1", "--data.validation_share=0.34",
        "--model.dtype=float32",  # CPUs without bfloat16 instructions take ten times as long in it
    ]  # fmt: skip


def _digest(network: torch.nn.Module) -> str:
    return hashlib.sha256(b"".join(p.detach().float().numpy().tobytes() for p in network.parameters())).hexdigest()


def train_adversarial(work: str, store: str, records: str) -> None:
    """One step of LVDM's autoencoder, then two against discriminators, of which the first is the discriminators' alone."""
    recipe, folder = read_recipe("lvdm-smoke"), Path(work, "clips")
    run_chain(recipe, folder, stages=["autoencoder"], initial=None, overrides=_settings(store, "1"), say=str)
    cli = build_stage(recipe.stage_config("gan", folder, None), [*_settings(store, "4"), "--model.start_step=1"])
    fit(cli)
    record = {"decoder": _digest(cli.model.network), "discriminators": _digest(cli.model.discriminators)}
    Path(records, f"adversarial-{os.environ['RANK']}.json").write_text(json.dumps(record))


def rank(work: str, store: str, steps: str, records: str) -> None:
    """What each process does; Lightning takes the group that is there."""
    dist.init_process_group("gloo")
    tensors = trained(mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    if dist.get_rank() == 0:
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, Path(records, "sharded.safetensors"))
    train(work, store, steps, records)
    train_adversarial(work, store, records)


if __name__ == "__main__":
    world = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0", start_method="fork"
    )  # fmt: skip
    elastic_launch(world, rank)(*sys.argv[1:])
