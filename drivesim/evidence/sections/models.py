"""Models side by side: one table of all, and a section of figures for each, which programs and comparisons read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from drivesim.evidence.model_results import FROZEN, RECORDED, ModelResult, VideoSet
from drivesim.evidence.sections.figures import Row
from drivesim.metrics.estimate import Estimate, exact, mean_of
from drivesim.metrics.frechet import frechet_estimate, sample_note
from drivesim.report import Figure, Picture, Section, Table

_ABOUT = (
    "Every model goes on from the first frames of the same clips and is told what the clips' source knows. PSNR is of a clip's first "
    "frames through the codec and back at 256x512, its decoder told nothing, or told the layout. The Fréchet distance is between a row "
    "of features for each video and those of as many other recorded clips, so ‘recorded’, the clips that were continued, is "
    "the floor that two sets of one source reach. Seconds run from a first frame to the last one decoded, in a process of its own, whose "
    "processor time in all threads and memory at its most stand beside them."
)


def table_section(
    results: Sequence[ModelResult],
    baselines: Mapping[str, VideoSet],
    reference: VideoSet,
    lengths: Sequence[int],
    seed: int,
    picture: Picture,
) -> Section:
    """The table of all models, with recorded and frozen clips below them."""
    with_i3d = bool(reference.i3d)
    columns = ["model", "codec PSNR, dB", "PSNR told, dB", *(f"Fréchet, {length} frames" for length in lengths)]
    columns += [f"FVD, {length} frames" for length in lengths] if with_i3d else []
    columns += [f"{what}, {length} frames" for what in ("s", "processor s", "GB") for length in lengths]
    rows: list[Row] = []
    for result in results:
        found = distances(result.videos, reference, lengths, seed)
        costs = [cost.seconds for cost in result.costs] + [cost.processor_seconds for cost in result.costs]
        costs += [cost.peak_bytes / 1e9 for cost in result.costs]
        psnr = [mean_of(values, np.random.default_rng(seed)) for values in (result.psnr, result.psnr_told)]
        rows.append((result.name, *psnr, *found.values(), *costs))
    for kind in (RECORDED, FROZEN):
        found = distances(baselines[kind], reference, lengths, seed)
        rows.append((kind, None, None, *found.values(), *[None] * (3 * len(lengths))))
    real = reference.rows[lengths[0]]
    return Section(
        title="All models",
        about=_ABOUT,
        tables=(
            Table(
                title="Codec, likeness, time and memory",
                columns=tuple(columns),
                rows=tuple(rows),
                note=sample_note(len(real), len(real), real.shape[1]),
            ),
        ),
        pictures=(picture,),
    )


def model_section(
    result: ModelResult,
    baselines: Mapping[str, VideoSet],
    reference: VideoSet,
    lengths: Sequence[int],
    seed: int,
) -> Section:
    """The figures of one model, each between the recorded clips and the frozen ones."""
    name = figure_word(result.name)
    rng = np.random.default_rng(seed)
    figures = [
        Figure(key=f"{name}.psnr", label="PSNR of the codec", value=mean_of(result.psnr, rng), unit="dB", better="higher"),
        Figure(
            key=f"{name}.psnr_told", label="PSNR, the decoder told the layout", value=mean_of(result.psnr_told, rng), unit="dB",
            better="higher",
        ),
    ]  # fmt: skip
    found = distances(result.videos, reference, lengths, seed)
    floor, ceiling = (distances(baselines[kind], reference, lengths, seed) for kind in (RECORDED, FROZEN))
    for key, value in found.items():
        between = {"rendered": floor[key], "frozen": ceiling[key]}
        label = f"{'FVD' if key.startswith('fvd') else 'Fréchet distance'} at {key.rpartition('_')[2]} frames"
        figures.append(Figure(key=f"{name}.{key}", label=label, value=value, better="lower", references=between))
    for cost in result.costs:
        what = f"{cost.num_frames} frames"
        seconds, memory = exact(cost.seconds), exact(cost.peak_bytes / 1e9)
        figures += [
            Figure(key=f"{name}.seconds_{cost.num_frames}", label=f"time, {what}", value=seconds, unit="s", better="lower"),
            Figure(key=f"{name}.memory_{cost.num_frames}", label=f"memory, {what}", value=memory, unit="GB", better="lower"),
        ]  # fmt: skip
    return Section(title=result.name, about=f"Weights {result.weights_sha256[:12]}.", figures=tuple(figures))


def distances(videos: VideoSet, reference: VideoSet, lengths: Sequence[int], seed: int) -> dict[str, Estimate]:
    """Fréchet distances by key, those of the package's features first, then those of I3D where it was named."""
    kinds = [("frechet", videos.rows, reference.rows), *[("fvd", videos.i3d, reference.i3d)] * bool(reference.i3d)]
    return {
        f"{kind}_{length}": frechet_estimate(real[length], made[length], np.random.default_rng(seed))
        for kind, made, real in kinds
        for length in lengths
    }


def figure_word(name: str) -> str:
    """A model's name as the first word of a figure's key."""
    return re.sub(r"[^\w-]+", "_", name).strip("_") or "model"
