"""Drift over minutes: curves of finished videos between the ranges that held-out rendered videos span.

    python benchmarks/drift.py --video free=runs/free/futures/f00/f00.mp4 --video scripted=... --picture docs/drift.png

The last 10 s of every video are compared with the 1-99 % range of held-out rendered 10 s stretches (mean luma,
saturation, sharpness); its motion with half of that of its own first 10 s.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from rich.progress import track

from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.datasets.procedural.world import ProceduralWorld
from drivesim.evaluation.appearance import Appearance, appearance
from drivesim.rollout.video import iterate_frames

CURVES = ("luma", "saturation", "sharpness", "motion")
WINDOW_FRAMES = 100


def rendered_ranges(num_videos: int) -> dict[str, tuple[float, float]]:
    """1 % and 99 % quantiles of the mean of each curve over held-out rendered stretches of 10 s (3 moments of each)."""
    means: dict[str, list[float]] = {name: [] for name in CURVES}
    for seed in track(range(HELD_OUT_SEED + 20_000, HELD_OUT_SEED + 20_000 + num_videos), description="rendering"):
        world = ProceduralWorld(sample_scene(seed, WINDOW_FRAMES), seed)
        pairs = [np.stack([world.render(at).rgb, world.render(at + 1).rgb]) for at in (10, 50, 90)]
        curves = [appearance(pair) for pair in pairs]
        for name in CURVES:
            means[name].append(float(np.mean([getattr(curve, name).mean() for curve in curves])))
    return {name: (float(np.quantile(v, 0.01)), float(np.quantile(v, 0.99))) for name, v in means.items()}


def video_curves(path: Path) -> Appearance:
    """The curves of a whole video, read in pieces so that minutes fit into memory."""
    frames, parts, last = iterate_frames(path), [], None
    while piece := list(islice(frames, WINDOW_FRAMES)):
        joined = np.stack(piece if last is None else [last, *piece])
        curves = appearance(joined) if len(joined) > 1 else None
        if curves is not None:
            first = 0 if last is None else 1
            parts.append({name: getattr(curves, name)[first:] for name in CURVES})
        last = piece[-1]
    return Appearance(**{name: np.concatenate([part[name] for part in parts]) for name in CURVES})


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
    videos = {name: video_curves(Path(path)) for name, path in (item.split("=", 1) for item in arguments.video)}
    print(f"{'video':12} {'quantity':11} {'first 10 s':>10} {'last 10 s':>10} {'allowed':>17}  verdict")
    for video, curves in videos.items():
        for name in CURVES:
            values = getattr(curves, name)
            first, last = float(values[:WINDOW_FRAMES].mean()), float(values[-WINDOW_FRAMES:].mean())
            low, high = ranges[name] if name != "motion" else (0.5 * first, float("inf"))
            verdict = "inside" if low <= last <= high else "OUTSIDE"
            print(f"{video:12} {name:11} {first:10.2f} {last:10.2f} {f'{low:.2f}-{high:.2f}':>17}  {verdict}")
    if arguments.picture:
        _draw(arguments.picture, videos, ranges, arguments.fps)


def _draw(path: Path, videos: dict[str, Appearance], ranges: dict[str, tuple[float, float]], fps: float) -> None:
    figure, axes = plt.subplots(2, 2, figsize=(11, 6), sharex=True)
    for axis, name in zip(axes.flat, CURVES, strict=True):
        if name != "motion":  # judged by its own first ten seconds, not by the rendered range
            axis.axhspan(*ranges[name], color="0.9", label="rendered 1-99 %")
        for video, curves in videos.items():
            values = getattr(curves, name)
            smooth = np.convolve(values, np.ones(30) / 30, mode="valid")
            axis.plot(np.arange(len(smooth)) / fps / 60.0, smooth, label=video, linewidth=1.2)
        axis.set_title(name)
        axis.set_xlabel("minutes")
    axes.flat[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
