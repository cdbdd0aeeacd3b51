"""Choices that are made while training, at reduced size: python benchmarks/ablations_training.py error-bank --data STORE

``error-bank`` and ``trained-chunk`` train the temporal layers of the shipped model further for the same number of steps, once
per setting, and continue held-out scenes with each (the measures of ``ablations.py``). ``codec-channels`` trains small codecs
from nothing, and on each a small image network; it measures what the codec gives back and, which is the price of more channels,
what the network recovers from noisy latents. Stores are packed with ``drivesim data pack procedural``.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablations import Case, Score, Setting, as_table, cases, row
from measuring import flop_of, put_between_marks, table
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.edm import Preconditioning, add_noise
from drivesim.metrics.psnr import psnr_db
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.training.chain import run_chain
from drivesim.training.data import split
from drivesim.training.image_stage import FRAME_CONTROLS
from drivesim.training.parts import Parts
from drivesim.training.recipe import Recipe

#: Noise levels at which what an image network recovers is measured.
NOISE_LEVELS = (0.5, 1.0, 2.0)
VALIDATION_SHARE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trained:
    """A setting that temporal layers are trained with, and how they are used."""

    setting: Setting
    init_args: dict[str, Any]
    batch_size: int = 2


TEMPORAL: dict[str, tuple[str, tuple[Trained, ...]]] = {
    "error-bank": (
        "Noise on the context while training, with and without the bank of own errors",
        tuple(
            Trained(
                setting=Setting(label=f"noise to {noise:g}, bank {'on' if share else 'off'}"),
                init_args={"largest_context_noise": noise, "recycled_share": share},
            )
            for noise in (0.0, 0.7)
            for share in (0.0, 0.5)
        ),
    ),
    "trained-chunk": (
        "Frames of one call, trained and used alike (2 of the clip are context)",
        (
            Trained(setting=Setting(label="4 new", chunk_frames=4), init_args={"num_frames": 6}, batch_size=3),
            Trained(setting=Setting(label="6 new", chunk_frames=6), init_args={"num_frames": 8}, batch_size=2),
            Trained(setting=Setting(label="10 new", chunk_frames=10), init_args={"num_frames": 12}, batch_size=1),
        ),
    ),
}

CODEC_CHANNELS = (8, 16, 24)
SMALL_CODEC = {"widths": [24, 48, 80, 128], "encoder_blocks": [1, 1, 1, 1], "decoder_blocks": [1, 1, 1, 1]}
SMALL_IMAGE = {
    "widths": [48, 80, 128],
    "blocks_per_level": 1,
    "head_width": 16,
    "layout_features": 24,
    "embedding": 128,
}


def recipe(name: str, initial: str | None, data: Path, stages: dict[str, dict[str, Any]]) -> Recipe:
    """A recipe as from a file, with one validation at the end."""
    shared = {
        "data": {"path": str(data), "validation_share": VALIDATION_SHARE, "validation_batches": 2},
        "trainer": {"enable_progress_bar": False, "val_check_interval": 1_000_000, "gradient_clip_val": 1.0},
    }
    about = "a row of an ablation"
    return Recipe(name=name, about=about, initial=initial, shared=shared, stages=stages, path=Path(name))


def train_temporal(trained: Trained, data: Path, work: Path, steps: int) -> Path:
    """The folder of the shipped model with temporal layers trained further under a setting."""
    init = {"learning_rate": 4e-4, "warmup_steps": 10, "average_decay": 0.95, **trained.init_args}
    stage = {
        "model": {"class_path": "drivesim.training.VideoStage", "init_args": init},
        "data": {"batch_size": trained.batch_size},
        "trainer": {"max_steps": steps},
    }
    run_chain(
        recipe("ablation", "default", data, {"video": stage}),
        work,
        stages=["video"],
        initial="default",
        overrides=[],
        say=_tell,
    )
    return work / "model"


def temporal_table(
    name: str, data: Path, work: Path, steps: int, held_out: Sequence[Case], num_frames: int, score: Score | None
) -> str:
    """Train every setting of a table and measure it; the first row is the shipped model, untrained further."""
    title, variants = TEMPORAL[name]
    settings = [Setting(label="shipped")]
    rows = [row(settings[0], held_out, num_frames, score)]
    for index, trained in enumerate(variants):
        folder = train_temporal(trained, data, work / name / str(index), steps)
        settings.append(dataclasses.replace(trained.setting, model=str(folder)))
        rows.append(row(settings[-1], held_out, num_frames, score))
    clips = len(ClipStore(str(data)))
    size = f"{steps} further steps from the shipped weights on {clips} clips"
    return f"{title}; {size}; {len(held_out)} held-out scenes of {num_frames / 10:g} s.\n\n{as_table(settings, rows)}"


def train_codec(channels: int, data: Path, work: Path, steps: int) -> None:
    """A small codec, then a small image network on its latents."""
    codec = {
        "model": {
            "class_path": "drivesim.training.CodecStage",
            "init_args": {"network": {"latent_channels": channels, **SMALL_CODEC}, "leaves_share": 0.0, "warmup_steps": 20, "average_decay": 0.98},
        },
        "data": {"batch_size": 8},
        "trainer": {"max_steps": steps},
    }  # fmt: skip
    image = {
        "model": {
            "class_path": "drivesim.training.ImageStage",
            "init_args": {"network": {"latent_channels": channels + 3, **SMALL_IMAGE}, "warmup_steps": 20, "average_decay": 0.98},
        },
        "data": {"batch_size": 16},
        "trainer": {"max_steps": steps},
    }  # fmt: skip
    chain = recipe("ablation", None, data, {"codec": codec, "image": image})
    run_chain(chain, work, stages=["codec", "image"], initial=None, overrides=[], say=_tell)


def held_out_frames(data: Path, count: int = 24) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Frames (N, H, W, 3) of clips that were not trained on, and their layout and attributes."""
    store = ClipStore(str(data))
    _, validation = split(len(store), VALIDATION_SHARE)
    picks = [(validation[i % len(validation)], (5 * i) % store.frames_per_clip) for i in range(count)]
    controls = {name: np.stack([store.read(name, *pick) for pick in picks]) for name in FRAME_CONTROLS}
    return np.stack([store.read("rgb", *pick) for pick in picks]), controls


def codec_figures(work: Path, pictures: np.ndarray, controls: dict[str, np.ndarray]) -> dict[str, float]:
    """PSNR in dB of plain reconstruction, and of one denoising pass at each noise level; GFLOP of a decoding."""
    parts = Parts(work)
    codec, image = parts.finished("codec"), parts.finished("image")
    count = len(pictures)
    told = ControlTensors.assemble(count, controls, {}).to(torch.device("cpu"), image.dtype)
    preconditioning = Preconditioning()

    def decibel(latents: Tensor) -> float:
        drawn = tensor_to_frames(codec.decode(latents))
        return float(np.mean([psnr_db(one, other) for one, other in zip(drawn, pictures, strict=True)]))

    with torch.no_grad():
        latents = codec.encode(frames_to_tensor(pictures))
        figures = {"codec PSNR dB": decibel(latents)}
        for level in NOISE_LEVELS:
            sigma = torch.full((count,), level)
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
            noisy = add_noise(latents, noise, sigma)
            scaled = (noisy * preconditioning.input_scale(sigma)).to(image.dtype)
            raw = image(
                scaled.contiguous(memory_format=torch.channels_last), preconditioning.noise_condition(sigma), told
            )
            estimate = preconditioning.denoised(noisy, raw.float(), sigma)
            figures[f"denoised from σ = {level:g}, PSNR dB"] = decibel(estimate)
        figures["decoder GFLOP"] = flop_of(lambda: codec.decode(latents[:1])) / 1e9
    return figures


def codec_table(data: Path, work: Path, steps: int) -> str:
    """Train a codec and an image network per number of channels, and measure both."""
    pictures, controls = held_out_frames(data)
    rows = []
    for channels in CODEC_CHANNELS:
        folder = work / "codec-channels" / str(channels)
        train_codec(channels, data, folder, steps)
        figures = codec_figures(folder, pictures, controls)
        rows.append((f"{channels} + 3 of colour", *(f"{value:.2f}" for value in figures.values())))
        header = ("latent channels", *figures)
    size = f"{steps} steps each of a codec of widths 24 to 128 and an image network of widths 48 to 128, from nothing"
    return f"Codec channels; {size}; {len(pictures)} held-out frames at 256×512.\n\n{table(header, rows)}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def main(score: Score | None = None) -> None:
    """Make the tables that are named; ``score`` adds figures of its own to those that continue scenes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=[*TEMPORAL, "codec-channels"])
    parser.add_argument("--data", type=Path, required=True, help="a packed store with clips of 12 frames")
    parser.add_argument("--work", type=Path, default=Path("checkpoints/ablations"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--scenes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the tables into this page, each between its marks")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    num_frames = round(10 * arguments.seconds)
    held_out = cases(arguments.scenes, num_frames) if set(arguments.tables) & set(TEMPORAL) else []
    for name in arguments.tables:
        if name in TEMPORAL:
            text = temporal_table(name, arguments.data, arguments.work, arguments.steps, held_out, num_frames, score)
        else:
            text = codec_table(arguments.data, arguments.work, arguments.steps)
        print(f"\n{text}")
        if arguments.write:
            put_between_marks(arguments.write, name, text)


if __name__ == "__main__":
    main()
