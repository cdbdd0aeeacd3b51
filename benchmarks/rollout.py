"""Speed and memory of a rollout on this machine: frames/s and peak memory at two lengths, as ratios to the targets.

python benchmarks/rollout.py --scenario highway-cut-in --seconds 30 300
python benchmarks/rollout.py --model checkpoints/lvdm-small/model --actors scripted --steps 4
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from measuring import ended_well

TARGET_FRAMES_PER_SECOND = 5.0
TARGET_MEMORY_GB = 3.0


def measure(scenario: str, seconds: float, out: Path, extra: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident memory in GB of one rollout in a process of its own."""
    code = (
        "import resource, sys; from drivesim.cli.main import main\n"
        "try: main()\n"
        "finally: print('peak_kb', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "rollout", scenario, "--seconds", str(seconds), "--out", str(out), *extra]
    started = time.monotonic()
    done = ended_well(command)
    wall = time.monotonic() - started
    peak_kb = next(int(line.split()[1]) for line in done.stderr.splitlines() if line.startswith("peak_kb"))
    return wall, peak_kb / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="highway-cut-in")
    parser.add_argument("--seconds", type=float, nargs="+", default=[30.0, 300.0])
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--actors", choices=["free", "scripted"], default="free")
    parser.add_argument("--model", default="default")
    parser.add_argument(
        "--steps", type=int, help="steps of the sampler instead of the model's own; memory does not depend on them"
    )
    arguments = parser.parse_args()
    extra = ["--actors", arguments.actors, "--model", arguments.model]
    extra += ["--steps", str(arguments.steps)] if arguments.steps else []
    folders = {seconds: arguments.out / f"{arguments.actors}-{seconds:.0f}s" for seconds in arguments.seconds}
    for folder in folders.values():
        if folder.exists():
            parser.exit(2, f"error: {folder} is there already. Remove it, or choose another folder with --out.\n")
    print(f"{'length s':>9} {'frames':>7} {'wall s':>8} {'frames/s':>9} {'x target':>9} {'peak GB':>8} {'x limit':>8}")
    peaks = []
    for seconds, out in folders.items():
        wall, peak = measure(arguments.scenario, seconds, out, extra)
        rate = 10.0 * seconds / wall
        peaks.append(peak)
        print(
            f"{seconds:9.0f} {10 * seconds:7.0f} {wall:8.1f} {rate:9.2f} {rate / TARGET_FRAMES_PER_SECOND:9.2f} "
            f"{peak:8.2f} {peak / TARGET_MEMORY_GB:8.2f}"
        )
    if len(peaks) > 1:
        print(f"peak memory of the longest to the shortest: {peaks[-1] / peaks[0]:.3f} (bar 1.10)")


if __name__ == "__main__":
    main()
