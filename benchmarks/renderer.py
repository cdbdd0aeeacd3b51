"""Seconds of processor time per frame of the procedural renderer, on one core, against its budget.

Run: python benchmarks/renderer.py [number of scenes]
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.renderer import ProceduralWorld

BUDGET_S = {(512, 256): 0.035, (1024, 512): 0.12}
_FRAMES = 4


def seconds_per_frame(seed: int, width: int, height: int, with_labels: bool) -> float:
    """Processor seconds per frame of one sampled scene, after one frame to fill the tables."""
    world = ProceduralWorld(sample_scene(seed, _FRAMES + 1), seed)
    draw = world.render if with_labels else world.render_rgb
    draw(0, width, height)
    start = time.process_time()
    for frame in range(1, _FRAMES + 1):
        draw(frame, width, height)
    return (time.process_time() - start) / _FRAMES


def main() -> None:
    """Print one line per image size, with and without labels."""
    cv2.setNumThreads(1)
    num_scenes = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    for (width, height), budget in BUDGET_S.items():
        for with_labels in (False, True):
            spent = [seconds_per_frame(seed, width, height, with_labels) for seed in range(num_scenes)]
            mean, worst = float(np.mean(spent)), float(np.max(spent))
            what = "picture and labels" if with_labels else "picture only"
            print(
                f"{width} x {height}, {what}: mean {mean:.4f} s, worst scene {worst:.4f} s; "
                f"{mean / budget:.2f} of the {budget} s budget"
            )


if __name__ == "__main__":
    main()
