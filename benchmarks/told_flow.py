"""How far the flow that a model is told is off from how the renderer's pictures really move, by what they show.

python benchmarks/told_flow.py

Held-out scenes, frame 6 against frame 5, at the size of the layout. A pixel is astray where its told place in the frame before is
more than a pixel of the layout, four of the video, from its true one; those whose point either flow does not see again are left out.
"""

from __future__ import annotations

import argparse

import numpy as np
from measuring import table
from rich.progress import track

from drivesim.conditioning.flow import surface_flow
from drivesim.conditioning.surfaces import SurfacePainter, layout_flows
from drivesim.controls import LAYOUT_SIZE
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.renderer import ProceduralWorld, Semantic

FRAME = 6
#: Classes with fewer pixels than this say nothing.
LEAST_PIXELS = 200


def distances(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each pixel of one scene shows (``Semantic``), whether the renderer sees its point again, and how far its told place is off,
    in pixels of the layout, NaN where nothing is told.
    """
    scene = sample_scene(seed, FRAME + 2, 10.0)
    height, width = LAYOUT_SIZE
    world = ProceduralWorld(scene, seed)
    before, after = (world.render(frame, width, height) for frame in (FRAME - 1, FRAME))
    true = surface_flow(scene, FRAME, FRAME - 1, after, before)
    told = next(layout_flows(SurfacePainter(scene, width, height), FRAME - 1, FRAME + 1))
    apart = np.hypot(*np.moveaxis(true.displacement - told.displacement, -1, 0))
    return after.semantic, true.valid, np.where(told.valid, apart, np.nan)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=24)
    arguments = parser.parse_args()
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + arguments.scenes)
    found = [distances(seed) for seed in track(seeds, description="scenes")]
    semantic, seen, apart = (np.stack([each[part] for each in found]) for part in range(3))
    rows = []
    for kind in Semantic:
        mine = apart[(semantic == kind) & seen]
        told = mine[np.isfinite(mine)]
        if len(told) >= LEAST_PIXELS:
            shares = f"{100 * len(told) / len(mine):.1f}", f"{100 * np.mean(told > 1.0):.2f}"
            rows.append((kind.name.lower(), f"{len(mine):,}", *shares, f"{told.mean():.3f}"))
    print(table(("what is seen", "pixels", "told, %", "astray, %", "mean distance"), rows))


if __name__ == "__main__":
    main()
