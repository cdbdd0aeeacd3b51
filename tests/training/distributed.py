"""Run by torchrun, one process a rank: trains the smoke recipe's codec and writes what each rank ended with.

WORK STORE STEPS RECORDS: rank r writes RECORDS/rank-r.json with a hash of its parameters and the draws it took.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import torch
from pytorch_lightning.callbacks import Callback

from drivesim.training.recipe import read_recipe
from drivesim.training.stage_cli import build_stage, fit


class Draws(Callback):
    """Notes the positions of every training batch of this process."""

    def __init__(self) -> None:
        self.positions: list[list[int]] = []

    def on_train_batch_start(self, trainer: object, module: object, batch: dict[str, torch.Tensor], index: int) -> None:
        self.positions.append(batch["position"].tolist())


def main(work: str, store: str, steps: str, records: str) -> None:
    world = int(os.environ["WORLD_SIZE"])
    settings = [
        f"--data.path={store}", f"--trainer.max_steps={steps}", "--trainer.val_check_interval=2",
        "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", f"--trainer.devices={world}",
        f"--trainer.strategy={'ddp' if world > 1 else 'auto'}", "--data.batch_size=1", "--data.validation_share=0.34",
        "--model.dtype=float32",  # CPUs without bfloat16 instructions take ten times as long in it
    ]  # fmt: skip
    cli = build_stage(read_recipe("smoke").stage_config("codec", Path(work), None), settings)
    draws = Draws()
    cli.trainer.callbacks.append(draws)
    fit(cli)
    digest = hashlib.sha256(b"".join(p.detach().float().numpy().tobytes() for p in cli.model.network.parameters()))
    stream = cli.datamodule.train_dataloader().sampler
    taken = [stream.draw(position).sample for batch in draws.positions for position in batch]
    record = {
        "parameters": digest.hexdigest(), "positions": draws.positions, "samples": taken, "draws_seen": cli.model.draws_seen,
    }  # fmt: skip
    Path(records, f"rank-{os.environ['RANK']}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
