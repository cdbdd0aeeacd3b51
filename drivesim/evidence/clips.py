"""The same held-out scenes as rendered, as the model makes them, and as floors and ceilings make them, all measured alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivesim.evidence.generated import FREE, SCRIPTED, frames_needed, generate_video, round_trip, start_frame
from drivesim.evidence.held_out import HeldOutClip, held_out_clip, junction_clips
from drivesim.evidence.measure import Measured, Progress, judged, measure
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.load import Judges
from drivesim.judges.probe import FrameLabels
from drivesim.metrics.baselines import frozen, shifted
from drivesim.metrics.box_colour import colour_sums
from drivesim.metrics.flicker import warped_flicker
from drivesim.noise import NoiseStream
from drivesim.world_model import LoadedModel

#: Every kind of video of a scene, and what it is. The first four are what REFERENCES of a report names.
KINDS: dict[str, str] = {
    "rendered": "the renderer's own video of the scene: what was commanded",
    "codec": "the rendered video through the model's codec and back, told nothing: what latents alone can say",
    "frozen": "the first rendered frame, repeated",
    "shifted": "the first rendered frame, moved as a flat world would by the ego's motion",
    "scripted": "the model: its own first frame, told where everything goes",
    "free": "the model: the same first frame, told the ego's motion and the weather, not where others go",
}

#: The kinds that scenes at junctions are shown in: the question there is whether the model shows what it is told.
AT_JUNCTIONS = ("rendered", "codec", "frozen", "shifted", "scripted")


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """N scenes in every kind of KINDS. ``videos`` by kind, in the order of ``seeds``; ``other`` are rendered videos of N other
    held-out scenes, which say how far two sets of the same source are apart. ``flicker`` is the mean warped difference of each
    video under the renderer's exact flow of its scene, ``colour`` the sums (T, 2) of the colour error inside its boxes;
    ``raw`` the frames (T, 256, 512, 3) of kinds that were asked for.
    """

    seeds: tuple[int, ...]
    num_frames: int
    fps: float
    labels: list[list[FrameLabels]]
    videos: dict[str, list[Measured]]
    other: list[Measured]
    flicker: dict[str, list[float]]
    colour: dict[str, list[np.ndarray]] = field(default_factory=dict)
    raw: dict[str, list[np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class _OfScene:
    """One scene of :class:`Clips`: what its videos measured, by kind."""

    seed: int
    labels: list[FrameLabels]
    videos: dict[str, Measured]
    flicker: dict[str, float]
    colour: dict[str, np.ndarray]
    raw: dict[str, np.ndarray]


def gather_clips(
    model: LoadedModel,
    judges: Judges,
    seeds: Sequence[int],
    seconds: float,
    progress: Progress,
    *,
    keep_frames: Sequence[str] = (),
) -> Clips:
    """Clips of every scene in every kind. ``keep_frames`` names kinds whose frames (T, 256, 512, 3) are kept in ``raw``."""
    spec = model.world_model.spec
    num_frames = _num_frames(model, seconds)
    found = []
    for index, seed in enumerate(seeds):
        found.append(_of_scene(model, judges, held_out_clip(seed, num_frames), KINDS, keep_frames))
        progress("gathering held-out clips", (index + 1) / len(seeds))
    other = []
    for index, seed in enumerate(seeds):
        frames = held_out_clip(seed + len(seeds) + 1000, num_frames).frames(JUDGED_WIDTH, JUDGED_HEIGHT)
        other.append(measure(frames, spec.fps, judges))
        progress("rendering other scenes", (index + 1) / len(seeds))
    return _together(found, num_frames, spec.fps, KINDS, other=other, kept=keep_frames)


def gather_junctions(
    model: LoadedModel, judges: Judges, first_seed: int, count: int, seconds: float, progress: Progress
) -> Clips:
    """Clips of ``count`` scenes with a junction near ahead, in the kinds AT_JUNCTIONS and without ``other``."""
    num_frames = _num_frames(model, seconds)
    found = []
    for index, scene in enumerate(junction_clips(first_seed, count, num_frames)):
        found.append(_of_scene(model, judges, scene, AT_JUNCTIONS))
        progress("gathering clips at junctions", (index + 1) / count)
    return _together(found, num_frames, model.world_model.spec.fps, AT_JUNCTIONS)


def _num_frames(model: LoadedModel, seconds: float) -> int:
    return frames_needed(model, max(2, round(seconds * model.world_model.spec.fps)))


def _of_scene(
    model: LoadedModel, judges: Judges, scene: HeldOutClip, kinds: Collection[str], keep_frames: Sequence[str] = ()
) -> _OfScene:
    """Make and measure the videos of a scene."""
    pictures = scene.pictures()
    labels, flows = scene.labels(pictures), scene.flows(pictures)
    made = _OfScene(seed=scene.seed, labels=labels, videos={}, flicker={}, colour={}, raw={})
    truth: np.ndarray | None = None
    for kind, frames in _kinds(model, scene, free="free" in kinds):
        small = np.stack([judged(frame) for frame in frames])
        truth = small if truth is None else truth  # rendered comes first
        made.colour[kind] = colour_sums(small, truth, labels)
        made.videos[kind] = measure(small, model.world_model.spec.fps, judges, labels)
        made.flicker[kind] = float(np.nanmean(warped_flicker(small, flows)))
        if kind in keep_frames:
            made.raw[kind] = small
    return made


def _together(
    found: Sequence[_OfScene],
    num_frames: int,
    fps: float,
    kinds: Collection[str],
    *,
    other: Sequence[Measured] = (),
    kept: Sequence[str] = (),
) -> Clips:
    return Clips(
        seeds=tuple(scene.seed for scene in found),
        num_frames=num_frames,
        fps=fps,
        labels=[scene.labels for scene in found],
        videos={kind: [scene.videos[kind] for scene in found] for kind in kinds},
        other=list(other),
        flicker={kind: [scene.flicker[kind] for scene in found] for kind in kinds},
        colour={kind: [scene.colour[kind] for scene in found] for kind in kinds},
        raw={kind: [scene.raw[kind] for scene in found] for kind in kept},
    )


def _kinds(
    model: LoadedModel, scene: HeldOutClip, *, free: bool
) -> Iterator[tuple[str, Iterator[np.ndarray] | np.ndarray]]:
    spec, window = model.world_model.spec, scene.window
    rendered = np.stack(list(scene.frames(spec.width, spec.height)))
    camera = window.camera.resized(spec.width, spec.height)
    noise = NoiseStream(scene.seed).named("evaluate")
    yield "rendered", rendered
    yield "codec", round_trip(model, rendered)
    yield "frozen", frozen(rendered[0], scene.num_frames)
    yield "shifted", shifted(rendered[0], camera, window.ego)
    first = start_frame(model, window, noise.child(0))
    yield "scripted", generate_video(model, window, first, SCRIPTED, scene.num_frames, noise.child(1))
    if free:
        yield "free", generate_video(model, window, first, FREE, scene.num_frames, noise.child(2))
