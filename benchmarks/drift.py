"""Drift over minutes: curves of finished videos between the ranges that held-out rendered videos span.

    python benchmarks/drift.py --video free=runs/free/futures/f00/f00.mp4 --video scripted=... --picture docs/drift.png

The last 10 s of every video are compared with the 1-99 % range of held-out rendered 10 s stretches (mean luma, contrast,
saturation, sharpness); its motion with half of that of its own first 10 s. "Usable until" is when the first of them leaves
its range for two seconds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from rich.progress import track

from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.appearance import appearance
from drivesim.metrics.drift import Drift, Range, allowed_ranges, drift_of, usable_until
from drivesim.renderer.world import ProceduralWorld
from drivesim.runs.video import iterate_frames

CURVES = ("luma", "contrast", "saturation", "sharpness", "motion")
WINDOW_S, FPS = 10.0, 10.0


def rendered_ranges(num_videos: int) -> dict[str, Range]:
    """1 % and 99 % quantiles of the mean of each curve over held-out rendered stretches of 10 s (3 moments of each)."""
    means: dict[str, list[float]] = {name: [] for name in CURVES}
    for seed in track(range(HELD_OUT_SEED + 20_000, HELD_OUT_SEED + 20_000 + num_videos), description="rendering"):
        world = ProceduralWorld(sample_scene(seed, round(WINDOW_S * FPS)), seed)
        pairs = [np.stack([world.render_rgb(at), world.render_rgb(at + 1)]) for at in (10, 50, 90)]
        curves = [appearance(pair) for pair in pairs]
        for name in CURVES:
            means[name].append(float(np.mean([getattr(curve, name).mean() for curve in curves])))
    return {name: (float(np.quantile(v, 0.01)), float(np.quantile(v, 0.99))) for name, v in means.items()}


def main() -> None:
    """Print the table and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--rendered", type=int, default=120, help="held-out rendered videos for the ranges")
    parser.add_argument("--ranges", type=Path, help="keep the measured ranges in this file and read them from it")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--fps", type=float, default=10.0)
    arguments = parser.parse_args()
    if arguments.ranges and arguments.ranges.exists():
        ranges = {name: tuple(pair) for name, pair in json.loads(arguments.ranges.read_text()).items()}
    else:
        ranges = rendered_ranges(arguments.rendered)
        if arguments.ranges:
            arguments.ranges.write_text(json.dumps(ranges))
    # Motion depends on the drive: a video is held to its own beginning, not to what rendered drives span.
    judged = {name: ranges[name] for name in CURVES if name in ranges and name != "motion"}
    paths = dict(item.split("=", 1) for item in arguments.video)
    videos = {name: drift_of(iterate_frames(Path(path)), arguments.fps) for name, path in paths.items()}
    print(f"{'video':12} {'quantity':11} {'first 10 s':>10} {'last 10 s':>10} {'allowed':>17}  verdict")
    for video, drift in videos.items():
        _print_table(video, drift, allowed_ranges(drift, judged))
    if arguments.picture:
        draw(arguments.picture, videos, judged)


def _print_table(video: str, drift: Drift, ranges: dict[str, Range]) -> None:
    first, change = drift.windows(WINDOW_S), drift.change(WINDOW_S)
    for name, (low, high) in ranges.items():
        last = first[name][0] + change[name]
        verdict = "inside" if low <= last <= high else "OUTSIDE"
        print(f"{video:12} {name:11} {first[name][0]:10.2f} {last:10.2f} {f'{low:.2f}-{high:.2f}':>17}  {verdict}")
    usable = usable_until(drift, ranges)
    why = "its end" if usable.broken_by is None else usable.broken_by
    print(f"{video:12} usable until {usable.until_s:.1f} s of {usable.length_s:.1f} s ({why})")


def draw(path: Path, videos: dict[str, Drift], ranges: dict[str, Range]) -> None:
    """The curves of some videos by minute, on what rendered videos span."""
    figure, axes = plt.subplots(2, 3, figsize=(14, 6), sharex=True)
    for axis, name in zip(axes.flat, (*CURVES, "colour_shift"), strict=True):
        if name in ranges:
            axis.axhspan(*ranges[name], color="0.9", label="rendered 1-99 %")
        for video, drift in videos.items():
            axis.plot(drift.times_s / 60.0, drift.smoothed(name, 3.0), label=video, linewidth=1.2)
        axis.set_title(name.replace("_", " "))
        axis.set_xlabel("minutes")
    axes.flat[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
