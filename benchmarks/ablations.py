"""The choices behind the default model, each as a small table: python benchmarks/ablations.py steps context-noise.

Tables of sampling (``steps``, ``context-noise``, ``guidance``, ``chunk``, ``anchor``, ``dtype``) continue the shipped weights on
held-out procedural scenes: two rendered frames are given, the layout is told on every frame, and what comes is compared
with what the renderer shows at the same moments. Tables of training (``codec-channels``, ``error-bank``) train small variants
first; see ``ablations_training.py``.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import put_between_marks, table

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning import LAYOUT, SceneControls
from drivesim.controls import Controls
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.metrics.appearance import appearance
from drivesim.metrics.psnr import psnr_db
from drivesim.models import load_model
from drivesim.models.latent import LatentWorldModel
from drivesim.models.video_ldm.parts import VideoDenoiser
from drivesim.noise import NoiseStream
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import Scene

#: Measures uint8 frames (T, H, W, 3) of a scene, frame i at the scene's step i; the figures are averaged over scenes.
Score = Callable[[np.ndarray, Scene], dict[str, float]]

#: The seconds over which beginning and end of a rollout are measured.
WINDOW_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of a table: what differs from the shipped default."""

    label: str
    rollout: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: int = 4
    chunk_frames: int = 6
    context_frames: int = 2
    guidance: float = 1.0
    dtype: str | None = None
    model: str = "default"


@dataclass(frozen=True, eq=False)
class Case:
    """A held-out scene with the rendered frames that it is begun from and compared with, by their index."""

    scene: Scene
    rendered: dict[int, np.ndarray]


class GuidedDenoiser:
    """A denoiser that is asked twice, with the layout of the new frames and without (Ho & Salimans 2022)."""

    def __init__(self, denoiser: VideoDenoiser, scale: float) -> None:
        self.denoiser, self.scale = denoiser, scale

    def prepare(self, context: Controls, new: Controls) -> Any:
        """Inputs of both passes."""
        return self.denoiser.prepare(context, new), self.denoiser.prepare(context, new.without(*LAYOUT))

    def without_context(self, prepared: Any, num_context: int) -> Any:
        """Inputs of both passes, for the new frames alone."""
        return tuple(self.denoiser.without_context(each, num_context) for each in prepared)

    def denoise(self, noisy: torch.Tensor, sigma: torch.Tensor, num_context: int, prepared: Any) -> torch.Tensor:
        """The estimate without layout, moved ``scale`` times the way to the one with it."""
        told, untold = (self.denoiser.denoise(noisy, sigma, num_context, one) for one in prepared)
        return untold + self.scale * (told - untold)


TABLES: dict[str, tuple[str, tuple[Setting, ...]]] = {
    "steps": (
        "Sampling steps",
        tuple(Setting(label=f"{steps} step{'s' * (steps > 1)}", steps=steps) for steps in (1, 2, 4, 8)),
    ),
    "context-noise": (
        "Noise on the context frames while sampling (trained with 0.02 to 0.72)",
        tuple(
            Setting(label=f"noise {level:g}", rollout={"context_noise": level}) for level in (0.0, 0.03, 0.1, 0.3, 0.6)
        ),
    ),
    "guidance": (
        "Guidance on the layout, at all noise levels",
        tuple(Setting(label=f"scale {scale:g}", guidance=scale) for scale in (1.0, 1.5, 2.5)),
    ),
    "chunk": (
        "Frames made by one call, and context frames (trained with clips of 8, of which 0 to 2 are context)",
        (
            Setting(label="6 new, 2 context"),
            Setting(label="6 new, 1 context", context_frames=1),
            Setting(label="4 new, 2 context", chunk_frames=4),
            Setting(label="10 new, 2 context", chunk_frames=10),
        ),
    ),
    "anchor": (
        "Pull of each chunk's channel statistics towards those of the start",
        tuple(Setting(label=f"pull {pull:g}", rollout={"anchor_pull": pull}) for pull in (0.0, 0.05, 0.2)),
    ),
    "dtype": (
        "Number format",
        (Setting(label="bfloat16", dtype="bfloat16"), Setting(label="float32", dtype="float32")),
    ),
}


def cases(count: int, num_frames: int) -> list[Case]:
    """Held-out scenes; rendered are the two frames of the beginning, and pairs within the first second and the last."""
    made = []
    for seed in range(HELD_OUT_SEED + 40_000, HELD_OUT_SEED + 40_000 + count):
        scene = sample_scene(seed, num_frames + 12)  # the last chunk may reach beyond the frames that are kept
        world = ProceduralWorld(scene, seed)
        wanted = (0, 1, 6, 7, num_frames // 2, num_frames // 2 + 1, num_frames - 2, num_frames - 1)
        made.append(Case(scene, {frame: world.render(frame).rgb for frame in wanted}))
    return made


def variant(setting: Setting) -> LatentWorldModel:
    """The world model of a setting."""
    loaded = load_model(setting.model, device="cpu", dtype=setting.dtype, steps=setting.steps)
    shipped = loaded.world_model
    spec = dataclasses.replace(shipped.spec, chunk_frames=setting.chunk_frames, context_frames=setting.context_frames)
    config = dataclasses.replace(shipped.config, **setting.rollout)
    guided = setting.guidance != 1.0
    denoiser = GuidedDenoiser(shipped.denoiser, setting.guidance) if guided else shipped.denoiser
    return LatentWorldModel(spec, shipped.codec, denoiser, config)


def continued(model: LatentWorldModel, case: Case, num_frames: int) -> np.ndarray:
    """Frames 0 to ``num_frames`` of a scene, uint8: two rendered, the rest the model's, with everything told."""
    controls = SceneControls(case.scene, model.spec.controls, with_flow=True)
    given = np.stack([case.rendered[0], case.rendered[1]])
    with torch.inference_mode():
        state = model.begin(frames_to_tensor(given), controls.window(0, 2))
        parts, done, chunk_index = [given], 2, 0
        while done < num_frames:
            told = controls.window(done, done + model.spec.chunk_frames)
            chunk, state = model.step(state, told, NoiseStream(0).child(chunk_index))
            parts.append(tensor_to_frames(model.decode(chunk, frames_to_tensor(parts[-1][-1:])[0])))
            done, chunk_index = done + model.spec.chunk_frames, chunk_index + 1
    return np.concatenate(parts)[:num_frames]


def drift(frames: np.ndarray, case: Case, window: int) -> dict[str, float]:
    """How frames end: distance to the rendered ones, and appearance beside that of the rendered ones."""
    last = len(frames) - 1
    curves = appearance(frames)
    rendered = appearance(np.stack([case.rendered[last - 1], case.rendered[last]]))
    ends = {
        name: float(getattr(curves, name)[-window:].mean()) for name in ("luma", "saturation", "sharpness", "motion")
    }
    truth = {name: float(getattr(rendered, name).mean()) for name in ends}
    return {
        "PSNR dB, frame 6": psnr_db(frames[6], case.rendered[6]),
        "PSNR dB, last": psnr_db(frames[last], case.rendered[last]),
        "sharpness / rendered": ends["sharpness"] / truth["sharpness"],
        "motion / rendered": ends["motion"] / max(truth["motion"], 1e-6),
        "luma − rendered": ends["luma"] - truth["luma"],
        "saturation − rendered": ends["saturation"] - truth["saturation"],
    }


def row(setting: Setting, held_out: Sequence[Case], num_frames: int, score: Score | None) -> dict[str, float]:
    """The figures of one setting: means over the scenes, and processor seconds per frame."""
    model = variant(setting)
    window = round(WINDOW_S * model.spec.fps)
    figures: list[dict[str, float]] = []
    spent = 0.0
    for case in held_out:
        started = time.process_time()
        frames = continued(model, case, num_frames)
        spent += time.process_time() - started
        more = {} if score is None else score(frames, case.scene)
        figures.append({**drift(frames, case, window), **more})
    means = {name: float(np.mean([figure[name] for figure in figures])) for name in figures[0]}
    return {"CPU s per frame": spent / (len(held_out) * (num_frames - 2)), **means}


def as_table(settings: Sequence[Setting], rows: Sequence[dict[str, float]]) -> str:
    """Markdown; processor time relative to the first row that stands for the default."""
    header = ["", *rows[0]]
    return table(
        header, [[s.label, *(f"{value:.2f}" for value in r.values())] for s, r in zip(settings, rows, strict=True)]
    )


def main(score: Score | None = None) -> None:
    """Make the tables that are named; ``score`` adds figures of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=[*TABLES, "all"])
    parser.add_argument("--scenes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--write", type=Path, help="put the tables into this page, each between its marks")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    num_frames = round(10 * arguments.seconds)
    print(f"rendering {arguments.scenes} scenes …", file=sys.stderr)
    held_out = cases(arguments.scenes, num_frames)
    for name in TABLES if "all" in arguments.tables else arguments.tables:
        title, settings = TABLES[name]
        rows = []
        for setting in settings:
            rows.append(row(dataclasses.replace(setting, model=arguments.model), held_out, num_frames, score))
            print(f"{name}: {setting.label} done", file=sys.stderr)
        size = f"{arguments.scenes} held-out scene{'s' * (arguments.scenes > 1)} of {arguments.seconds:g} s"
        text = f"{title}; {size}.\n\n{as_table(settings, rows)}"
        print(f"\n{text}")
        if arguments.write:
            put_between_marks(arguments.write, name, text)


if __name__ == "__main__":
    main()
