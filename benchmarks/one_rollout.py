"""One rollout through the command line, timed from the start of the process: the first frame on disk, the end, memory.

python benchmarks/one_rollout.py --seconds 10 --out runs/one
"""

from __future__ import annotations

import time

STARTED = time.monotonic()

import argparse  # noqa: E402 - the clock above counts the imports below
import contextlib  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import threading  # noqa: E402
from pathlib import Path  # noqa: E402

from measuring import report  # noqa: E402

from drivesim.cli.main import app  # noqa: E402


def watched(folder: Path, found: dict[str, float], ended: threading.Event) -> None:
    """Note when the first segment of the video, or the finished video, is there."""
    while not ended.wait(0.02):
        if next(folder.glob("**/*.mp4"), None) is not None:
            found["first_frame_s"] = time.monotonic() - STARTED
            return


def main() -> None:
    """Report one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--scenario", default="highway-cut-in")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--actors", choices=["free", "scripted"], default="free")
    parser.add_argument("--threads", help="as of drivesim rollout, such as 1+1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="where the cost that a plan measured is remembered")
    arguments = parser.parse_args()
    if arguments.cache:
        os.environ["XDG_CACHE_HOME"] = str(arguments.cache)
    found: dict[str, float] = {}
    ended = threading.Event()
    threading.Thread(target=watched, args=(arguments.out, found, ended), daemon=True).start()
    command = ["rollout", arguments.scenario, "--seconds", str(arguments.seconds), "--actors", arguments.actors]
    command += ["--model", arguments.model, "--out", str(arguments.out), "--quiet"]
    command += ["--threads", arguments.threads] if arguments.threads else []
    with contextlib.redirect_stdout(io.StringIO()):
        app(command, standalone_mode=False)
    ended.set()
    report({**found, "made_s": time.monotonic() - STARTED, "video_s": arguments.seconds, "actors": arguments.actors})


if __name__ == "__main__":
    main()
