"""Trains the smoke recipe's codec: WORK STORE STEPS. Run as a program by the test that kills it."""

from __future__ import annotations

import sys
from pathlib import Path

from drivesim.training.chain import run_chain
from drivesim.training.recipe import read_recipe


def main() -> None:
    work, store, steps = sys.argv[1:]
    settings = [
        f"--data.path={store}", f"--trainer.max_steps={steps}", "--trainer.val_check_interval=3", "--data.batch_size=2",
        "--checkpoint.steps=2", "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu",
        "--model.dtype=float32",  # CPUs without bfloat16 instructions take ten times as long in it
    ]  # fmt: skip
    run_chain(read_recipe("smoke"), Path(work), stages=["codec"], initial=None, overrides=settings, say=str)


if __name__ == "__main__":
    main()
