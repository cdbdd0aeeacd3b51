"""The moving picture of the README: some futures of one run side by side, as an animated GIF.

python benchmarks/moving_picture.py runs/eight --out docs/futures.gif --futures 0 1 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from drivesim.runs.future import open_run


def main() -> None:
    """Write the GIF."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--futures", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--width", type=int, default=384, help="width of one future in pixels")
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    chosen = [future for future in open_run(arguments.run) if future.index in arguments.futures]
    size = (arguments.width, arguments.width // 2)
    columns = []
    for future in chosen:
        frames = future.frames(0.0, arguments.seconds)[::2]
        columns.append(np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]))
    joined = np.concatenate(columns, axis=2)
    pictures = [Image.fromarray(frame).quantize(128, method=Image.Quantize.MEDIANCUT) for frame in joined]
    pictures[0].save(arguments.out, save_all=True, append_images=pictures[1:], duration=200, loop=0, optimize=True)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, {len(pictures)} frames")


if __name__ == "__main__":
    main()
