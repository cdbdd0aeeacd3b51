"""Start frames against the renderer's picture of the same layout: colour error inside boxes, told and withheld.

python benchmarks/start_frame.py --model default --picture docs/start_frames.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from drivesim.clip import tensor_to_frames
from drivesim.conditioning import LAYOUT, build_controls
from drivesim.conditioning.projection import image_boxes
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.box_colour import box_colour_error
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.renderer.world import ProceduralWorld

SMALLEST_BOX_PX = 24.0


def main() -> None:
    """Print the errors and write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--layouts", type=int, default=64)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    model = load_model(arguments.model).start_frame_model
    told, withheld, pairs = [], [], []
    seed = HELD_OUT_SEED + 10_000
    progress = iter(track(range(arguments.layouts), description="start frames"))
    while len(pairs) < arguments.layouts:
        scene = sample_scene(seed, 12)
        seed += 1
        boxes = [
            (box.x_min, box.y_min, box.x_max, box.y_max)
            for box in image_boxes(scene, 0)
            if box.y_max - box.y_min > SMALLEST_BOX_PX
            and box.visible_share > 0.5
            and scene.actors[box.actor_index].colour is not None
        ]
        if not boxes:
            continue
        next(progress)
        truth = ProceduralWorld(scene, seed).render(0).rgb
        controls = build_controls(scene, 0, 1)
        drawn = tensor_to_frames(model.sample(controls, NoiseStream(seed)))[0]
        blind = tensor_to_frames(model.sample(controls.without(*LAYOUT), NoiseStream(seed)))[0]
        told.append(box_colour_error(drawn, truth, boxes))
        withheld.append(box_colour_error(blind, truth, boxes))
        pairs.append(np.concatenate([truth, drawn], axis=1))
    told_error, withheld_error = np.concatenate(told), np.concatenate(withheld)
    print(f"layouts {arguments.layouts}, boxes {len(told_error)} taller than {SMALLEST_BOX_PX:.0f} px")
    print(f"colour error inside boxes, layout told      {told_error.mean():6.2f} (8-bit units)")
    print(f"colour error inside boxes, layout withheld  {withheld_error.mean():6.2f}")
    print(f"ratio                                       {told_error.mean() / withheld_error.mean():6.2f} (bar: 0.50)")
    if arguments.picture:
        _write_sheet(arguments.picture, pairs)


def _write_sheet(path: Path, pairs: list[np.ndarray], columns: int = 4) -> None:
    small = [cv2.resize(pair, (480, 120), interpolation=cv2.INTER_AREA) for pair in pairs]
    framed = [cv2.copyMakeBorder(pair, 2, 2, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for pair in small]
    rows = [np.concatenate(framed[i : i + columns], axis=1) for i in range(0, len(framed) - columns + 1, columns)]
    cv2.imwrite(str(path), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
