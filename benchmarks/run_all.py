"""Speed and memory of the default model beside what else a user could run on this machine, in one run of minutes.

    python benchmarks/run_all.py --write docs/benchmark.md

Every row is measured in a process of its own, one after the other, on ``--threads`` threads. The default model makes real
rollouts of 10 s and 1 min (``--long``: 5 min too). Of each peer one pass of the network and one decoding are timed over a few
frames, scaled to the published number of frames by their counted arithmetic, and multiplied by the passes of a sampling.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cost import predicted
from measuring import machine, put_between_marks, separately, significant, table

#: Frames a second of the default's video; what a model makes is compared per second of video at this rate.
FPS = 10.0

#: Frames that one timed pass of a peer's denoiser and of its decoder cover: about a minute each on two cores.
PEER_FRAMES = {"svd": (4, 1), "animatediff": (4, 1), "ltx": (25, 9)}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one model takes: seconds and GFLOP per frame of video, seconds to its first frame, peak memory in GB."""

    name: str
    seconds_per_frame: float
    gflop_per_frame: float
    first_frame_s: float
    peak_gb: float


def peer_figures(name: str, threads: int, frames: tuple[int, int]) -> tuple[Figures, str]:
    """The figures of a peer, and a line that says what was timed."""
    from peers import PEERS

    peer = PEERS[name]
    common = ("peers.py", name, "--threads", threads)
    denoiser = separately(*common, "--part", "denoiser", "--frames", frames[0], threads=threads)
    decoder = separately(*common, "--part", "decoder", "--frames", frames[1], threads=threads)
    return combined(peer.title, peer.frames, peer.steps * peer.passes, denoiser, decoder)


def combined(
    title: str, frames: int, passes: int, denoiser: dict[str, Any], decoder: dict[str, Any]
) -> tuple[Figures, str]:
    """One sampling of ``frames`` frames from one timed pass and one timed decoding.

    Seconds grow with the counted arithmetic; memory is the larger of the two processes' and a lower bound, as fewer
    frames were held. All frames of a sampling come together, so the first comes with the last.
    """
    pass_s = denoiser["seconds"] * denoiser["published_gflop"] / denoiser["gflop"]
    decode_s = decoder["seconds"] * decoder["published_gflop"] / decoder["gflop"]
    total_s = passes * pass_s + decode_s
    gflop = passes * denoiser["published_gflop"] + decoder["published_gflop"]
    figures = Figures(
        name=title,
        seconds_per_frame=total_s / frames,
        gflop_per_frame=gflop / frames,
        first_frame_s=total_s,
        peak_gb=max(denoiser["peak_gb"], decoder["peak_gb"]),
    )
    return figures, (
        f"{title}: {denoiser['parameters'] / 1e6:,.0f} M parameters; one pass over {denoiser['frames']} frames took "
        f"{denoiser['seconds']:.1f} s, decoding {decoder['frames']} took {decoder['seconds']:.1f} s."
    ).replace(",", " ", 1)


def rollout_row(seconds: float, actors: str, threads: int, scratch: Path) -> dict[str, Any]:
    """A real rollout through the command line, in a process of its own that reports when its first frames were there."""
    halves = f"{max(1, threads // 2)}+{max(1, threads // 2)}" if threads > 1 else "1"
    # A first run with new settings measures the machine for its plan; the benchmark is of what follows.
    predicted("default", "highway-cut-in", seconds, actors, halves, scratch)
    return separately(
        "one_rollout.py",
        "--seconds",
        seconds,
        "--actors",
        actors,
        "--threads",
        halves,
        "--cache",
        scratch,
        "--out",
        scratch / f"{actors}-{seconds:g}",
        threads=threads,
    )


def phase_table(found: dict[str, Any]) -> str:
    """Milliseconds and GFLOP of each phase, and its share of a video's time."""
    rows = [
        (name, f"{values['ms']:.1f}", f"{values['gflop']:.1f}" if values["gflop"] else "no torch")
        for name, values in found["phases"].items()
    ]
    return table(("phase, one thread", "ms per frame", "GFLOP per frame"), rows)


def rollout_table(rows: list[dict[str, Any]]) -> str:
    """Real rollouts by length."""
    return table(
        ("length", "actors", "wall s", "frames/s", "first frame on disk after s", "peak GB"),
        [
            (
                f"{row['video_s']:g} s",
                row["actors"],
                f"{row['wall_s']:.1f}",
                f"{row['video_s'] * FPS / row['wall_s']:.2f}",
                f"{row['first_frame_s']:.1f}",
                f"{row['peak_gb']:.2f}",
            )
            for row in rows
        ],
    )


def comparison(default: Figures, peers: list[Figures]) -> str:
    """Each model beside the default, as ratios to it."""
    rows = []
    for figures in (default, *peers):
        ratio = figures.seconds_per_frame / default.seconds_per_frame
        rows.append(
            (
                figures.name,
                significant(figures.seconds_per_frame),
                f"{significant(ratio)} ×",
                significant(FPS * figures.gflop_per_frame),
                f"{significant(figures.gflop_per_frame / default.gflop_per_frame)} ×",
                significant(figures.first_frame_s),
                significant(figures.peak_gb),
                f"{significant(figures.peak_gb / default.peak_gb)} ×",
            )
        )
    header = (
        "model, 512×1024", "s per frame", "time", "GFLOP per 10 frames", "arithmetic", "s to the first frame", "peak GB", "memory",
    )  # fmt: skip
    return table(header, rows)


def default_figures(phases: dict[str, Any], longest: dict[str, Any]) -> Figures:
    """The default model as a whole: its longest rollout, and the arithmetic of a video's phases."""
    found = phases["phases"]
    return Figures(
        name="drivesim default",
        seconds_per_frame=longest["wall_s"] / (FPS * longest["video_s"]),
        gflop_per_frame=sum(found[name]["gflop"] for name in ("denoise", "decode")),
        first_frame_s=longest["first_frame_s"],
        peak_gb=longest["peak_gb"],
    )


def main() -> None:
    """Measure, print, and where asked write the tables into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of a peer, and for both halves of a rollout")
    parser.add_argument("--peers", nargs="*", default=list(PEER_FRAMES), choices=list(PEER_FRAMES))
    parser.add_argument("--lengths", type=float, nargs="+", default=[10.0, 60.0], help="seconds of the rollouts")
    parser.add_argument("--long", action="store_true", help="a rollout of 5 minutes too")
    parser.add_argument("--quick", action="store_true", help="peers over their fewest frames, to try the program")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between its marks")
    arguments = parser.parse_args()
    started = time.monotonic()
    lengths = [*arguments.lengths, *[300.0] * arguments.long]
    said = [f"Measured on {machine()}."]
    print(said[0], "\nstages …", file=sys.stderr)
    phases = separately("phases.py", "--threads", 1, threads=1)
    rollouts: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for seconds, actors in [*((length, "free") for length in lengths), (lengths[0], "scripted")]:
            print(f"rollout, {seconds:g} s, {actors} …", file=sys.stderr)
            rollouts.append(rollout_row(seconds, actors, arguments.threads, Path(scratch)))
    longest = max((row for row in rollouts if row["actors"] == "free"), key=lambda row: row["video_s"])
    peers = []
    for name in arguments.peers:
        print(f"{name} …", file=sys.stderr)
        smallest = (9, 9) if name == "ltx" else (1, 1)
        figures, line = peer_figures(name, arguments.threads, smallest if arguments.quick else PEER_FRAMES[name])
        peers.append(figures)
        said.append(line)
    said.append(f"The whole took {(time.monotonic() - started) / 60:.1f} min.")
    parts = [comparison(default_figures(phases, longest), peers), rollout_table(rollouts), phase_table(phases)]
    text = "\n\n".join([*parts, " ".join(said)])
    print(text)
    if arguments.write:
        put_between_marks(arguments.write, "benchmark", text)


if __name__ == "__main__":
    main()
