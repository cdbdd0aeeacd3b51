"""The moving picture of the README: some futures of one run side by side or below each other, as an animated GIF; and a still.

drivesim futures cut-out-slow-lead --futures 3 --seconds 6 --seed 7 --ego simulated --no-select --out runs/three
python benchmarks/moving_picture.py runs/three --out docs/futures.gif --stacked --width 448 --every 3 --still docs/still.jpg
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
    parser.add_argument("--every", type=int, default=2, help="take every so many frames")
    parser.add_argument("--stacked", action="store_true", help="below each other instead of side by side")
    parser.add_argument(
        "--still", type=Path, help="also write the first future's frame in the middle, at its full size"
    )
    arguments = parser.parse_args()
    chosen = [future for future in open_run(arguments.run) if future.index in arguments.futures]
    size = (arguments.width, arguments.width // 2)
    columns = []
    for future in chosen:
        frames = future.frames(0.0, arguments.seconds)[:: arguments.every]
        columns.append(np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]))
    joined = np.concatenate(columns, axis=1 if arguments.stacked else 2)
    pictures = [Image.fromarray(frame).quantize(128, method=Image.Quantize.MEDIANCUT) for frame in joined]
    pictures[0].save(
        arguments.out, save_all=True, append_images=pictures[1:], duration=100 * arguments.every, loop=0, optimize=True
    )
    if arguments.still is not None:
        middle = chosen[0].frame_at(0.5 * arguments.seconds)
        cv2.imwrite(str(arguments.still), middle[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, {len(pictures)} frames")


if __name__ == "__main__":
    main()
