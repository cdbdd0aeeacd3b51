"""Trains the smoke recipe's codec in processes of their own that may be killed: a line of WORK, STORE, STEPS (tabs between) starts one.

All are forked from this one, which imports the training once; the number of each is answered when it begins, its exit code
(negative for a signal) when it has ended.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from drivesim.training.chain import run_chain
from drivesim.training.recipe import read_recipe


def train(work: str, store: str, steps: str) -> None:
    settings = [
        f"--data.path={store}", f"--trainer.max_steps={steps}", "--trainer.val_check_interval=4",
        "--checkpoint.steps=3", "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu",
        "--model.dtype=float32",  # CPUs without bfloat16 instructions take ten times as long in it
    ]  # fmt: skip
    run_chain(read_recipe("smoke"), Path(work), stages=["codec"], initial=None, overrides=settings, say=str)


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the answers' own line
            try:
                train(*line.rstrip("\n").split("\t"))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
