"""What a rollout was predicted to take, beside what it took: predictions of ``--dry-run`` over measured figures.

    python benchmarks/cost.py --write docs/benchmark.md

Every prediction and every rollout runs in a process of its own; the prediction comes first. Bar: 0.8 to 1.2.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import ended_well, machine, put_between_marks, separately, table

#: Seconds of video, who steers the actors, threads as of drivesim rollout (None: what it chooses itself).
RUNS: tuple[tuple[float, str, str | None], ...] = (
    (10.0, "free", None),
    (30.0, "free", None),
    (60.0, "free", None),
    (10.0, "scripted", None),
    (30.0, "scripted", None),
    (60.0, "scripted", None),
    (10.0, "free", "1"),
    (30.0, "scripted", "1"),
)
BAR = (0.8, 1.2)


def predicted(
    model: str, scenario: str, seconds: float, actors: str, threads: str | None, cache: Path
) -> dict[str, Any]:
    """The plan of ``drivesim rollout --dry-run --json``."""
    command = [sys.executable, "-m", "drivesim", "rollout", scenario, "--model", model, "--seconds", str(seconds)]
    command += ["--actors", actors, "--dry-run", "--json", "--out", str(cache / "never-written")]
    command += ["--threads", threads] if threads else []
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    done = ended_well(command, environment)
    plan: dict[str, Any] = json.loads(done.stdout)[0]
    return plan


def compared(plan: dict[str, Any], real: dict[str, Any]) -> tuple[float, float]:
    """Predicted over measured: wall time (from the start of the process), peak memory."""
    return plan["seconds"] / real["made_s"], plan["memory_gb"] / real["peak_gb"]


def main() -> None:
    """Predict, run, print the ratios; exit code 1 when one lies outside of the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenario", default="highway-cut-in")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of the runs, counted from 0")
    parser.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    arguments = parser.parse_args()
    rows, misses = [], 0
    for index, (seconds, actors, threads) in enumerate(RUNS):
        if arguments.only is not None and index not in arguments.only:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            plan = predicted(arguments.model, arguments.scenario, seconds, actors, threads, folder)
            options = ["--threads", threads] if threads else []
            options += ["--model", arguments.model, "--scenario", arguments.scenario, "--cache", str(folder)]
            real = separately(
                "one_rollout.py", "--seconds", seconds, "--actors", actors, "--out", folder / "run", *options
            )  # fmt: skip
        time_ratio, memory_ratio = compared(plan, real)
        misses += sum(not BAR[0] <= ratio <= BAR[1] for ratio in (time_ratio, memory_ratio))
        rows.append(
            (
                f"{seconds:g} s",
                actors,
                threads or "default",
                f"{plan['seconds']:.1f} / {real['made_s']:.1f}",
                f"{time_ratio:.2f}",
                f"{plan['memory_gb']:.2f} / {real['peak_gb']:.2f}",
                f"{memory_ratio:.2f}",
            )
        )
        print(rows[-1], plan["phases_s"], file=sys.stderr)
    header = ("length", "actors", "threads", "s, predicted / measured", "ratio", "GB, predicted / measured", "ratio")
    text = f"{table(header, rows)}\n\nMeasured on {machine()}. {misses} ratios outside {BAR[0]} to {BAR[1]}."
    print(text)
    if arguments.write:
        put_between_marks(arguments.write, "cost", text)
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
