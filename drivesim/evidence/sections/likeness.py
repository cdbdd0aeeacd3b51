"""The part of a report about how far the model's videos are from rendered ones, as a set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.evidence.clips import KINDS, Clips
from drivesim.evidence.measure import Measured, clip_rows
from drivesim.evidence.sections.figures import compared
from drivesim.metrics.estimate import Estimate, mean_of
from drivesim.metrics.frechet import frechet_estimate, sample_note
from drivesim.metrics.fvd import I3D, NOT_COMPUTED, fvd
from drivesim.metrics.mmd import mmd_estimate
from drivesim.metrics.precision_coverage import precision_coverage
from drivesim.report import Figure, Section, Table

#: Pairs of frames of a time window.
WINDOW_PAIRS = 8


def likeness_section(clips: Clips, rng: np.random.Generator, i3d: I3D | None) -> Section:
    """Fréchet distance, MMD, precision and coverage, over all frames and by time; FVD where a network was named."""
    real = clip_rows(clips.other)
    rows = {kind: clip_rows(videos) for kind, videos in clips.videos.items()}
    distances = {kind: frechet_estimate(real, found, rng) for kind, found in rows.items()}
    kernel = {kind: mmd_estimate(real, found, rng) for kind, found in rows.items()}
    spread = {kind: precision_coverage(real, found, rng, min(5, len(real) - 1)) for kind, found in rows.items()}
    note = sample_note(len(real), len(real), real.shape[1])
    figures = []
    for kind in ("scripted", "free"):
        figures += [
            compared(f"likeness.{kind}.frechet", f"Fréchet distance, {kind}", kind, distances, better="near", note=note),
            compared(f"likeness.{kind}.mmd", f"polynomial MMD², {kind}", kind, kernel, better="near"),
            compared(
                f"likeness.{kind}.precision", f"precision, {kind}", kind,
                {name: found.precision for name, found in spread.items()}, better="higher",
            ),
            compared(
                f"likeness.{kind}.coverage", f"coverage, {kind}", kind,
                {name: found.coverage for name, found in spread.items()}, better="higher",
                note=f"two sets of one source reach {spread[kind].ideal_coverage:.2f} on average",
            ),
        ]  # fmt: skip
    return Section(
        title="Likeness",
        about=(
            f"{len(real)} videos of {clips.num_frames} frames, each as one row of 128 features of a network that judges nothing else, "
            "against as many rendered videos of other scenes. Distances depend on the number of videos: compare only what stands "
            "here side by side. ‘rendered’ is rendered against rendered, the noise floor."
        ),
        figures=(*figures, _fvd_figure(clips, i3d, rng)),
        tables=(_windows(clips, rng),) if clips.num_frames > WINDOW_PAIRS else (),
    )


def _windows(clips: Clips, rng: np.random.Generator) -> Table:
    """Fréchet distance of each stretch of the videos, to see when they leave the world they should be in."""
    pairs = clips.num_frames - 1
    starts = range(0, pairs - WINDOW_PAIRS + 1, WINDOW_PAIRS)
    rows: list[tuple[str | float | Estimate | None, ...]] = []
    for kind in KINDS:
        cells = [
            frechet_estimate(_rows(clips.other, at), _rows(clips.videos[kind], at), rng)
            for at in starts
        ]  # fmt: skip
        rows.append((kind, *cells))
    return Table(
        title="Fréchet distance by time",
        columns=("video", *(f"{at / clips.fps:g}-{(at + WINDOW_PAIRS) / clips.fps:g} s" for at in starts)),
        rows=tuple(rows),
    )


def _rows(videos: Sequence[Measured], at: int) -> np.ndarray:
    return clip_rows(videos, at, at + WINDOW_PAIRS)


def _fvd_figure(clips: Clips, i3d: I3D | None, rng: np.random.Generator) -> Figure:
    if i3d is None:
        return Figure(key="likeness.fvd", label="FVD", value=None, better="lower", note=NOT_COMPUTED)
    seeds = f"scenes {clips.seeds[0]}-{clips.seeds[-1]}"
    found = fvd(clips.raw["rendered"], clips.raw["scripted"], i3d, rng, seeds=seeds)
    return Figure(
        key="likeness.fvd",
        label="FVD, scripted against rendered videos of the same scenes",
        value=found.value,
        better="lower",
        references={} if found.floor is None else {"rendered": found.floor},
        note=found.protocol,
    )


def steadiness_section(clips: Clips, rng: np.random.Generator) -> Section:
    """Flicker under the scene's exact flow, and motion, so that a frozen video does not pass."""
    flicker = {kind: mean_of(values, rng) for kind, values in clips.flicker.items()}
    motion = {
        kind: mean_of([float(np.nanmean(video.drift.curves["motion"])) for video in videos], rng)
        for kind, videos in clips.videos.items()
    }
    sharpness = {
        kind: mean_of([float(np.nanmean(video.drift.curves["sharpness"])) for video in videos], rng)
        for kind, videos in clips.videos.items()
    }
    columns = ("video", "flicker", "motion", "sharpness")
    rows = tuple((kind, flicker[kind], motion[kind], sharpness[kind]) for kind in KINDS)
    return Section(
        title="Steadiness",
        about=(
            "Flicker is what changes from frame to frame after the scene's own motion is taken away: every frame is compared with the "
            "one before it, moved by the renderer's exact flow of the commanded scene. A video that stands still flickers little and "
            "does not move, so motion stands beside it. All in 8-bit units at 256x512."
        ),
        figures=(
            compared("steadiness.flicker", "warped difference under the exact flow", "scripted", flicker, unit="levels", better="near"),
            compared("steadiness.motion", "difference from frame to frame", "scripted", motion, unit="levels", better="near"),
            compared("steadiness.sharpness", "sharpness", "scripted", sharpness, unit="levels", better="near"),
            compared("steadiness.free.motion", "difference from frame to frame, free", "free", motion, unit="levels", better="near"),
        ),
        tables=(Table(title="Every kind of video", columns=columns, rows=rows),),
    )  # fmt: skip
