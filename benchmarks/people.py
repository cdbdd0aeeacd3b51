"""People near the camera: how well single frames show them, encoded and decoded with their layout, and drawn from it alone.

python benchmarks/people.py --picture docs/walkers.jpg

Held-out towns in which people walk and ride about (``--crowd-share`` of the procedural world). Of each frame the nearest person
who is seen whole is cut out; differences are mean absolute ones in 8-bit units to the rendered picture, within that cut.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning import build_controls
from drivesim.conditioning.projection import ImageBox, image_boxes
from drivesim.controls import Controls
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.renderer.world import ProceduralWorld

FRAME = 6
LEAST_ROWS = 90.0
CUT = 192


@dataclass(frozen=True, eq=False)
class Near:
    """A rendered frame uint8 (512, 1024, 3), what is told of it, and where somebody near is in it."""

    seed: int
    rgb: np.ndarray
    controls: Controls
    box: ImageBox

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """What a picture shows of him, uint8 (192, 192, 3): his box with a little around it, enlarged."""
        half = 0.55 * (self.box.y_max - self.box.y_min)
        middle = 0.5 * (self.box.x_min + self.box.x_max), 0.5 * (self.box.y_min + self.box.y_max)
        moved = np.array([[1.0, 0.0, half - middle[0]], [0.0, 1.0, half - middle[1]]]) * (0.5 * CUT / half)
        return cv2.warpAffine(picture, moved, (CUT, CUT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)

    def error(self, picture: np.ndarray) -> float:
        """Mean difference to the rendered picture within his box."""
        rows = slice(round(self.box.y_min), round(self.box.y_max))
        columns = slice(round(self.box.x_min), round(self.box.x_max))
        return float(np.abs(picture[rows, columns].astype(float) - self.rgb[rows, columns]).mean())


def nearest(scene, frame: int) -> ImageBox | None:
    """The nearest walker or rider who is seen whole and large."""
    people = [
        box
        for box in image_boxes(scene, frame)
        if box.category in ("pedestrian", "bicycle", "motorcycle")
        and box.visible_share > 0.9
        and not box.truncated
        and box.y_max - box.y_min > LEAST_ROWS
    ]
    return min(people, key=lambda box: box.depth_m, default=None)


def gathered(count: int) -> list[Near]:
    """The first ``count`` held-out frames with somebody near."""
    found: list[Near] = []
    seed = HELD_OUT_SEED + 20_000
    while len(found) < count:
        scene = sample_scene(seed, FRAME + 1, crowd_share=1.0)
        box = nearest(scene, FRAME)
        if box is not None:
            rgb = ProceduralWorld(scene, seed).render(FRAME).rgb
            found.append(Near(seed, rgb, build_controls(scene, FRAME, FRAME + 1), box))
        seed += 1
    return found


def main() -> None:
    """Print the differences and write the cuts: rendered, then of each model decoded and drawn from the layout alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["default"])
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--columns", type=int, default=7, help="people in the picture")
    arguments = parser.parse_args()
    people = gathered(arguments.people)
    rows = [[near.cut(near.rgb) for near in people]]
    for name in arguments.model:
        model = load_model(name)
        codec, image = model.world_model.codec, model.start_frame_model
        decoded, drawn = [], []
        for near in track(people, description=name[-32:]):
            latents = codec.encode(frames_to_tensor(near.rgb[None]))
            decoded.append(tensor_to_frames(codec.decode(latents, near.controls))[0])
            drawn.append(tensor_to_frames(image.sample(near.controls, NoiseStream(near.seed)))[0])
        for kind, pictures in (("decoded", decoded), ("drawn from the layout", drawn)):
            errors = [near.error(picture) for near, picture in zip(people, pictures, strict=True)]
            print(f"{name[-32:]:32} {kind:24} {np.mean(errors):6.1f} ± {np.std(errors) / len(errors) ** 0.5:.1f}")
            rows.append([near.cut(picture) for near, picture in zip(people, pictures, strict=True)])
    if arguments.picture:
        sheet = np.concatenate([np.concatenate(row[: arguments.columns], axis=1) for row in rows])
        cv2.imwrite(str(arguments.picture), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
