"""Several models on the same recorded clips: codec, likeness by length, seconds and memory, in one table.

The form is that of PVDM's tables 1 and 5 (Yu et al. 2023): a Fréchet distance at 16 and at 128 frames, time and memory of
both lengths, the codec's reconstruction. What is compared differs: videos here go on from a clip's first frame and are told
what happens, there they are made from nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.errors import InputError
from drivesim.evidence.generated import continued, frames_needed, round_trip
from drivesim.evidence.measure import Progress, judged
from drivesim.evidence.model_results import FROZEN, RECORDED, ModelResult, VideoSet
from drivesim.evidence.rollout_cost import RolloutCost, rollout_costs
from drivesim.evidence.sections.figures import strip
from drivesim.evidence.sections.models import model_section, table_section
from drivesim.evidence.stored_clips import StoredClip, open_clips
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.features import frame_features
from drivesim.judges.load import Judges
from drivesim.metrics.baselines import frozen
from drivesim.metrics.fvd import I3D, NUM_FRAMES
from drivesim.metrics.psnr import psnr_db
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.options import TABLE_CLIPS
from drivesim.report import Picture, Report
from drivesim.world_model import LoadedModel

SHOWN_FRAMES, SHOWN_STEP = 5, 2

#: Frames of the longest videos that are set side by side.
LONGEST = 10_000

#: Gives the cost of a model, by its name, in videos of the protocol's lengths.
CostOf = Callable[[str], Sequence[RolloutCost]]


@dataclass(frozen=True, kw_only=True)
class TableProtocol:
    """How much is measured: ``clips`` that videos go on from, and as many others that these are held against, of a store;
    ``lengths`` of the videos in frames. Raises InputError for what cannot be measured."""

    data: str
    clips: int = 24
    lengths: tuple[int, ...] = (16, 128)
    seed: int = 0
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        least, most = TABLE_CLIPS
        wrong = []
        if not least <= self.clips <= most:
            wrong.append(f"--clips {self.clips}: expected {least} to {most}, as sets of videos are compared")
        lengths = list(self.lengths)
        if not lengths or min(lengths) < 2 or max(lengths) > LONGEST or lengths != sorted(set(lengths)):
            shown = ",".join(map(str, lengths))
            wrong.append(f"--lengths {shown}: expected rising numbers of frames from 2 to {LONGEST}, such as 16,128")
        if self.seed < 0:
            wrong.append(f"--seed {self.seed}: expected 0 or more")
        if wrong:
            raise InputError("; ".join(wrong))

    def cost_of(self, model: str) -> list[RolloutCost]:
        """What a model takes on this machine, measured in a process of its own."""
        return rollout_costs(model, self.data, self.lengths, device=self.device, dtype=self.dtype)


def tabulate_models(
    models: Sequence[str],
    judges: Judges,
    protocol: TableProtocol,
    progress: Progress,
    *,
    i3d: I3D | None = None,
    cost_of: CostOf | None = None,
) -> Report:
    """Measure every model on the same clips of ``protocol.data``; ``cost_of`` is the protocol's own unless given.

    All models are loaded once before anything is made, so that one that does not fit is known at once. Raises InputError for
    a model named twice, for clips that are too few, too short or of another rate, and for lengths that ``i3d`` cannot take.
    """
    if len(set(models)) < len(models):
        raise InputError(f"a model is named twice: {', '.join(models)}")
    if i3d is not None and protocol.lengths[0] < NUM_FRAMES:
        raise InputError(
            f"--i3d takes {NUM_FRAMES} frames, --lengths has {protocol.lengths[0]}; leave one of the two out"
        )
    clips = open_clips(protocol.data, 2 * protocol.clips)
    for name in models:
        _require_fitting(_loaded(name, protocol), name, protocol, clips[0])
        progress("looking at the models", (models.index(name) + 1) / len(models))
    # Every second clip, so that both halves come from all of a store that may have an order.
    begun, others = clips[::2], clips[1::2]
    reference = _recorded(others, judges, protocol, i3d, progress, "other recorded clips")
    baselines = {
        RECORDED: _recorded(begun, judges, protocol, i3d, progress, "recorded clips"),
        FROZEN: _recorded(begun, judges, protocol, i3d, progress, "frozen clips", still=True),
    }
    costs = cost_of or protocol.cost_of
    results = [_measure(name, costs, begun, judges, protocol, i3d, progress) for name in models]
    return _report(results, baselines, reference, protocol, judges, clips[0], i3d)


def _loaded(name: str, protocol: TableProtocol) -> LoadedModel:
    return load_model(name, device=protocol.device, dtype=protocol.dtype)


def _require_fitting(model: LoadedModel, name: str, protocol: TableProtocol, clip: StoredClip) -> None:
    spec, store = model.world_model.spec, clip.store
    if spec.height % JUDGED_HEIGHT or spec.width * JUDGED_HEIGHT != spec.height * JUDGED_WIDTH:
        raise InputError(
            f"model {name!r} makes frames of {spec.height}x{spec.width}; the judges see 256x512 or a whole multiple of it"
        )
    if spec.fps != store.fps:
        raise InputError(f"model {name!r} makes {spec.fps:g} frames a second, {protocol.data} holds {store.fps:g}")
    needed = frames_needed(model, protocol.lengths[-1])
    if store.frames_per_clip < needed:
        raise InputError(
            f"{protocol.data} holds clips of {store.frames_per_clip} frames; for {protocol.lengths[-1]} frames model {name!r} "
            f"must be told of {needed}. Pack longer clips (drivesim data pack procedural OUT.zarr --frames {needed}), or "
            "ask for shorter --lengths"
        )


def _recorded(
    clips: Sequence[StoredClip],
    judges: Judges,
    protocol: TableProtocol,
    i3d: I3D | None,
    progress: Progress,
    what: str,
    *,
    still: bool = False,
) -> VideoSet:
    """The clips themselves, or their first frames standing ``still``."""
    videos = []
    for index, clip in enumerate(clips):
        frames = clip.frames(protocol.lengths[-1])
        videos.append(
            _looked_at(np.stack(list(frozen(frames[0], len(frames)))) if still else frames, judges, protocol, i3d)
        )
        progress(what, (index + 1) / len(clips))
    return _as_set(videos)


def _measure(
    name: str,
    cost_of: CostOf,
    clips: Sequence[StoredClip],
    judges: Judges,
    protocol: TableProtocol,
    i3d: I3D | None,
    progress: Progress,
) -> ModelResult:
    progress(f"{name}: seconds and memory", 0.0)
    costs = tuple(cost_of(name))
    progress(f"{name}: seconds and memory", 1.0)
    model = _loaded(name, protocol)
    videos, psnr = [], []
    for index, clip in enumerate(clips):
        state, first = clip.begin(model)
        noise = NoiseStream(protocol.seed).named("benchmark").child(index)
        controls = clip.controls(model, with_flow=True)
        made = continued(model, state, controls, first, protocol.lengths[-1], noise)
        videos.append(_looked_at(np.stack([judged(frame) for frame in made]), judges, protocol, i3d))
        psnr.append(_psnr(model, clip, protocol.lengths[0]))
        progress(f"{name}: videos", (index + 1) / len(clips))
    untold, told = zip(*psnr, strict=True)
    sha256 = model.world_model.spec.weights_sha256
    return ModelResult(
        name=name, weights_sha256=sha256, videos=_as_set(videos), psnr=untold, psnr_told=told, costs=costs
    )


def _psnr(model: LoadedModel, clip: StoredClip, num_frames: int) -> tuple[float, float]:
    """PSNR in dB at 256 x 512 of a clip through the codec and back, told nothing, and told the clip's controls."""
    spec, truth = model.world_model.spec, clip.frames(num_frames)
    factor = spec.height // JUDGED_HEIGHT
    shown = truth.repeat(factor, axis=1).repeat(factor, axis=2)  # which averaging gives back exactly
    untold, told = (
        np.stack([judged(frame) for frame in round_trip(model, shown, told=said)])
        for said in (None, clip.controls(model))
    )
    return psnr_db(untold, truth), psnr_db(told, truth)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Video:
    rows: dict[int, np.ndarray]
    i3d: dict[int, np.ndarray]
    shown: tuple[np.ndarray, ...]


def _looked_at(frames: np.ndarray, judges: Judges, protocol: TableProtocol, i3d: I3D | None) -> _Video:
    features = frame_features(judges.features, frames)
    places = np.linspace(0, len(frames) - 1, SHOWN_FRAMES).round().astype(int)
    return _Video(
        rows={length: features[: length - 1].mean(axis=0) for length in protocol.lengths},
        # The network takes 16 frames: of longer videos as many, evenly spread from the first on.
        i3d={} if i3d is None else {n: i3d.features([frames[:n]], _stride(n))[0] for n in protocol.lengths},
        shown=tuple(frames[places, ::SHOWN_STEP, ::SHOWN_STEP]),
    )


def _stride(num_frames: int) -> int:
    return (num_frames - 1) // (NUM_FRAMES - 1)


def _as_set(videos: Sequence[_Video]) -> VideoSet:
    return VideoSet(
        rows={length: np.stack([video.rows[length] for video in videos]) for length in videos[0].rows},
        i3d={length: np.stack([video.i3d[length] for video in videos]) for length in videos[0].i3d},
        shown=videos[0].shown,
    )


def _report(
    results: Sequence[ModelResult],
    baselines: dict[str, VideoSet],
    reference: VideoSet,
    protocol: TableProtocol,
    judges: Judges,
    clip: StoredClip,
    i3d: I3D | None,
) -> Report:
    command = ["drivesim", "benchmark", *(result.name for result in results), "--no-default", "--data", protocol.data]
    command += ["--clips", str(protocol.clips), "--lengths", ",".join(map(str, protocol.lengths))]
    command += ["--seed", str(protocol.seed)]
    command += ["--i3d", str(i3d.path)] if i3d is not None else []
    store = clip.store
    return Report(
        title="Models side by side",
        subject=", ".join(result.name for result in results),
        sections=(
            table_section(
                results, baselines, reference, protocol.lengths, protocol.seed, _picture(results, baselines, protocol)
            ),
            *(model_section(result, baselines, reference, protocol.lengths, protocol.seed) for result in results),
        ),
        settings={
            **{f"model {result.name}": result.weights_sha256 for result in results},
            "judges": judges.sha256,
            "data": f"{protocol.data}: {len(store)} clips of {store.frames_per_clip} frames",
            "clips": f"{protocol.clips} continued, {protocol.clips} others to hold them against",
            "frames": ", ".join(map(str, protocol.lengths)),
            "told": ", ".join(sorted(kind.value for kind in store.given(clip.index))) or "nothing",
            "seed": str(protocol.seed),
        },
        commands={"repeat": shlex.join(command)},
    )


def _picture(results: Sequence[ModelResult], baselines: dict[str, VideoSet], protocol: TableProtocol) -> Picture:
    rows = [(RECORDED, baselines[RECORDED].shown), *((result.name, result.videos.shown) for result in results)]
    places = np.linspace(0, protocol.lengths[-1] - 1, SHOWN_FRAMES).round().astype(int)
    return strip(rows, f"The first clip at frames {', '.join(map(str, places))}")


def output_folder(models: Sequence[str]) -> Path:
    """Where the report goes unless it is said."""
    return Path("reports") / "-".join(Path(name).name for name in models)
