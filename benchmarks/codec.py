"""Codec quality: PSNR on held-out rendered frames, their layout told and withheld, and on real stills, at both sizes.

python benchmarks/codec.py --model default --stills FOLDER_OF_JPG
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning import build_controls
from drivesim.controls import Controls
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.psnr import psnr_db
from drivesim.models import load_model
from drivesim.models.video_ldm.parts import layout_of
from drivesim.picture_file import read_picture
from drivesim.renderer.world import ProceduralWorld


def still(path: Path) -> np.ndarray:
    """A real picture cropped to 2:1 around its middle and scaled to 512 x 1024, uint8 RGB."""
    picture = read_picture(path)
    height = picture.shape[1] // 2
    top = (picture.shape[0] - height) // 2
    return cv2.resize(picture[top : top + height], (1024, 512), interpolation=cv2.INTER_AREA)


#: A picture of 512 x 1024 and what is told of it.
Told = tuple[np.ndarray, Controls]


def scores(codec, picture: np.ndarray, controls: Controls) -> tuple[float, float]:
    """PSNR in dB at 256 x 512 and at 512 x 1024 of one large picture."""
    latents = codec.encode(frames_to_tensor(picture[None]))
    told = layout_of(controls)
    decoded = tensor_to_frames(
        codec.codec.decode(latents, None if told is None else told.to("cpu", codec.codec.dtype))
    )[0]
    small = cv2.resize(picture, (512, 256), interpolation=cv2.INTER_AREA)
    return psnr_db(decoded, small), psnr_db(tensor_to_frames(codec.decode(latents, controls))[0], picture)


def picture_of(codecs, stills: list[Told]) -> np.ndarray:
    """Each row a still: as it is, then as every model's codec gives it back at 512 x 1024, cut to the middle."""
    rows = []
    for picture, controls in stills:
        latents = [codec.encode(frames_to_tensor(picture[None])) for codec in codecs]
        again = [tensor_to_frames(codec.decode(one, controls))[0] for codec, one in zip(codecs, latents, strict=True)]
        rows.append(np.concatenate([shown[150:406, 200:824] for shown in (picture, *again)], axis=1))
    return np.concatenate(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", nargs="+", default=["default"], help="one or more, compared in the picture")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--stills", type=Path)
    parser.add_argument("--picture", type=Path, help="write stills (or frames) and what each model makes of them here")
    arguments = parser.parse_args()
    codecs = [load_model(model).world_model.codec for model in arguments.model]
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + arguments.frames)
    scenes = [sample_scene(seed, 20) for seed in seeds]
    rendered = [ProceduralWorld(scene, seed).render(10).rgb for scene, seed in zip(scenes, seeds, strict=True)]
    nothing = Controls(num_frames=1)
    table: dict[str, list[Told]] = {
        "rendered, told": [(one, build_controls(scene, 10, 11)) for one, scene in zip(rendered, scenes, strict=True)],
        "rendered, withheld": [(one, nothing) for one in rendered],
    }
    if arguments.stills:
        table["real stills"] = [(still(path), nothing) for path in sorted(arguments.stills.glob("*.jpg"))]
    print(f"{'':20} {'model':32} {'frames':>7} {'256x512 dB':>11} {'512x1024 dB':>12}")
    for name, pictures in table.items():
        for model, codec in zip(arguments.model, codecs, strict=True):
            if pictures:
                small, large = zip(*(scores(codec, *told) for told in pictures), strict=True)
                figures = f"{len(pictures):7d} {np.mean(small):11.2f} {np.mean(large):12.2f}"
                print(f"{name:20} {model[-32:]:32} {figures}")
    if arguments.picture:
        shown = [pictures[index] for pictures in table.values() for index in (1, 2, 4) if index < len(pictures)]
        cv2.imwrite(str(arguments.picture), cv2.cvtColor(picture_of(codecs, shown), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
