"""What each part of the model is worth: the same held-out scenes with one part left out, judged as a report judges them.

    python benchmarks/parts.py --clips 6 --write docs/ablations.md

The start frame is the same in all rows but those that change the decoder; the probe finds boxes and reads the ego's motion,
flicker is measured under the renderer's exact flow. ``--before FOLDER`` adds a model with the weights before the adversarial phase.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import put_between_marks, table
from torch import Tensor

from drivesim.controls import Control, Controls
from drivesim.evidence.generated import SCRIPTED, frames_needed, generate_video, start_frame
from drivesim.evidence.held_out import REPORT_SEED, HeldOutClip, held_out_clip
from drivesim.evidence.measure import judged, measure
from drivesim.judges.load import Judges, load_judges
from drivesim.metrics.flicker import warped_flicker
from drivesim.metrics.obedience import pool
from drivesim.models import load_model
from drivesim.models.latent import LatentWorldModel
from drivesim.models.video_ldm.parts import LayoutCodec
from drivesim.noise import NoiseStream
from drivesim.world_model import LoadedModel

FIGURES = ("recall", "precision", "speed_error_mps")


class ChangedCodec:
    """A codec whose decoder gets other controls than it is given: ``change`` is applied to them."""

    def __init__(self, codec: LayoutCodec, change: Callable[[Controls], Controls]) -> None:
        self.codec, self.change = codec, change

    def encode(self, frames: Tensor) -> Tensor:
        """As the codec's own."""
        return self.codec.encode(frames)

    def draw(self, latents: Tensor, controls: Controls) -> Any:
        """The codec's own, told what is left."""
        return self.codec.draw(latents, self.change(controls))

    def finish(self, drawn: Any, controls: Controls, previous: Tensor | None = None) -> Tensor:
        """The codec's own, told what is left."""
        return self.codec.finish(drawn, self.change(controls), previous)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: a model, and what it is told after the first frame."""

    label: str
    model: LoadedModel
    told: frozenset[Control] = SCRIPTED


def rows_of(name: str, before: str | None) -> list[Row]:
    """The rows of the table."""
    model: Any = load_model(name)

    def decoding(change: Callable[[Controls], Controls]) -> LoadedModel:
        world = model.world_model
        changed = LatentWorldModel(world.spec, ChangedCodec(world.codec, change), world.denoiser, world.config)
        return dataclasses.replace(model, world_model=changed)

    other = 4 if model.steps == 2 else 2
    found = [
        Row(label="as shipped", model=model),
        Row(label="scenery withheld", model=model, told=SCRIPTED - {Control.SCENERY}),
        Row(label="map withheld", model=model, told=SCRIPTED - {Control.MAP}),
        Row(label="actors withheld", model=model, told=SCRIPTED - {Control.ACTORS}),
        Row(label="decoder told nothing", model=decoding(_nothing)),
        Row(label="frame before not carried on", model=decoding(lambda told: dataclasses.replace(told, flow=None))),
        Row(label=f"{other} steps instead of {model.steps}", model=load_model(name, steps=other)),
    ]
    if before is not None:
        found.append(Row(label="before the adversarial phase", model=load_model(before)))
    return found


def _nothing(told: Controls) -> Controls:
    """No raster; the flow stays, so that the frame before is carried on as ever."""
    return told.without(Control.MAP, Control.SCENERY, Control.ACTORS)


def figures_of(row: Row, scenes: Sequence[HeldOutClip], judges: Judges, rng: np.random.Generator) -> list[str]:
    """Cells of one row: recall, precision, ego speed error, flicker, sharpness."""
    fps = row.model.world_model.spec.fps
    measured, flicker = [], []
    for scene in scenes:
        noise = NoiseStream(scene.seed).named("evaluate")
        first = start_frame(row.model, scene.window, noise.child(0))
        frames = generate_video(row.model, scene.window, first, row.told, scene.num_frames, noise.child(1))
        pictures = scene.pictures()
        small = np.stack([judged(frame) for frame in frames])
        measured.append(measure(small, fps, judges, scene.labels(pictures)))
        flicker.append(float(np.nanmean(warped_flicker(small, scene.flows(pictures)))))
    summary = pool([each.obedience for each in measured if each.obedience is not None], rng)
    sharpness = float(np.mean([each.drift.curves["sharpness"].mean() for each in measured]))
    values = [*(summary.figures[name].value for name in FIGURES), float(np.mean(flicker)), sharpness]
    return [f"{value:.2f}" for value in values]


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--before", help="a model folder with the decoder before its adversarial phase")
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.3)
    parser.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    arguments = parser.parse_args()
    judges, rows = load_judges(), rows_of(arguments.model, arguments.before)
    num_frames = frames_needed(rows[0].model, round(arguments.seconds * rows[0].model.world_model.spec.fps))
    scenes = [held_out_clip(REPORT_SEED + 7_000 + index, num_frames) for index in range(arguments.clips)]
    cells = []
    for row in rows:
        cells.append([row.label, *figures_of(row, scenes, judges, np.random.default_rng(0))])
        print(*cells[-1], sep=" | ", file=sys.stderr)
    header = ["", "boxes of 24 px found", "found objects commanded", "ego speed error, m/s", "flicker", "sharpness"]
    text = f"{arguments.clips} held-out scenes of {num_frames / 10:g} s.\n\n{table(header, cells)}"
    print(text)
    if arguments.write:
        put_between_marks(arguments.write, "parts", text)


if __name__ == "__main__":
    main()
