"""Drift: how a long video changes with time, and until when it can be used.

Curves per frame stand between allowed bands, mostly the range that rendered video spans. A curve breaks when its mean over
a second leaves its band and stays out for two: a passing lorry is no drift.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.metrics.appearance import Appearance, appearance
from drivesim.metrics.colour_shift import lab_histograms, shifts_from_first

#: The appearance curves of every video, in the order of display.
CURVES = tuple(field.name for field in dataclasses.fields(Appearance)) + ("colour_shift",)

#: Bounds of a curve, both inclusive.
Range = tuple[float, float]

#: The part of a video that its motion and colours are compared with.
FIRST_MOTION_S, FIRST_COLOUR_S = 10.0, 1.0

SMOOTHING_S, HOLD_S = 1.0, 2.0

#: Below this motion, in 8-bit units, a video stands still.
STILL = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Drift:
    """Curves (T,) of one video by name, one value per frame, NaN where there is none."""

    fps: float
    curves: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        if len({len(curve) for curve in self.curves.values()}) != 1:
            lengths = {name: len(curve) for name, curve in self.curves.items()}
            raise ValueError(f"a video needs curves of one length, got {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.curves.values())))

    @property
    def times_s(self) -> np.ndarray:
        """Time (T,) of each frame."""
        return np.arange(len(self)) / self.fps

    def adding(self, curves: Mapping[str, np.ndarray]) -> Drift:
        """The same video with more curves (T,), such as obedience or norms of latents."""
        return Drift(fps=self.fps, curves=self.curves | dict(curves))

    def smoothed(self, name: str, seconds: float = SMOOTHING_S) -> np.ndarray:
        """A curve's centred running mean (T,) over ``seconds``; at both ends over what is there."""
        return smoothed(self.curves[name], max(1, round(seconds * self.fps)))

    def windows(self, seconds: float = 10.0) -> dict[str, np.ndarray]:
        """Mean of every curve (W,) in consecutive windows, the last one maybe shorter, NaN where a window has no value."""
        size = max(1, round(seconds * self.fps))
        starts = range(0, len(self), size)
        return {n: np.array([_mean(c[at : at + size]) for at in starts]) for n, c in self.curves.items()}

    def change(self, seconds: float = 10.0) -> dict[str, float]:
        """Mean of the last ``seconds`` less that of the first, for every curve."""
        size = max(1, round(seconds * self.fps))
        return {n: _mean(c[-size:]) - _mean(c[:size]) for n, c in self.curves.items()}


def drift_of(frames: Iterable[np.ndarray], fps: float) -> Drift:
    """The curves of CURVES of a video, from a stream of frames uint8 (H, W, 3), two of which are held at a time.

    ``colour_shift`` is to the mean of the first second. Raises ValueError below two frames.
    """
    histograms: list[np.ndarray] = []

    def watched() -> Iterator[np.ndarray]:
        for frame in frames:
            histograms.append(lab_histograms(frame))
            yield frame

    looks = dataclasses.asdict(appearance(watched()))
    distances = shifts_from_first(histograms, round(FIRST_COLOUR_S * fps))
    return Drift(fps=fps, curves=looks | {"colour_shift": distances})


def smoothed(curve: np.ndarray, frames: int) -> np.ndarray:
    """Centred running mean (T,) over ``frames`` of a curve (T,), without its NaN; NaN where a window has nothing else."""
    known = np.isfinite(curve)
    behind = (frames - 1) // 2
    first = np.maximum(np.arange(len(curve)) - behind, 0)
    last = np.minimum(np.arange(len(curve)) + frames - behind, len(curve))
    sums, counts = (np.concatenate([[0.0], np.cumsum(part)]) for part in (np.where(known, curve, 0.0), known))
    number = counts[last] - counts[first]
    return np.divide(sums[last] - sums[first], number, out=np.full(len(curve), np.nan), where=number > 0.0)


def rendered_ranges(
    videos: Sequence[Drift], names: Sequence[str] = CURVES, *, window_s: float = 10.0, share: float = 0.98
) -> dict[str, Range]:
    """The range that holds the middle ``share`` of rendered windows, for each curve: 1 % to 99 % quantile by default.

    Windows are pooled over the videos, which should be held out from training. Raises ValueError without any.
    """
    if not videos:
        raise ValueError("no rendered videos to take ranges from")
    means = [video.windows(window_s) for video in videos]
    tail = (1.0 - share) / 2.0
    ranges = {}
    for name in names:
        low, high = np.nanquantile(np.concatenate([each[name] for each in means]), [tail, 1.0 - tail])
        ranges[name] = (float(low), float(high))
    return ranges


def allowed_ranges(drift: Drift, rendered: Mapping[str, Range], moving: np.ndarray | None = None) -> dict[str, Range]:
    """The bands that a video is held to: those given, but ``motion`` at least half of that of its own first ten seconds.

    Motion has no upper bound. A video that never moved passes its own half: give ``moving`` (see :func:`usable_until`),
    and motion must reach STILL while the ego drives, or a range of motion in ``rendered``, whose lower bound then holds
    too. Colours may come as near to the first second as they like.
    """
    ranges = {name: band for name, band in rendered.items() if name in drift.curves}
    if "colour_shift" in ranges:
        ranges["colour_shift"] = (0.0, ranges["colour_shift"][1])
    own = _mean(_where(drift.curves["motion"], moving)[: max(1, round(FIRST_MOTION_S * drift.fps))])
    least = max(0.0 if moving is None else STILL, rendered.get("motion", (0.0, 0.0))[0])
    return ranges | {"motion": (max(least, 0.5 * own) if np.isfinite(own) else least, float("inf"))}


@dataclass(frozen=True, kw_only=True)
class Usable:
    """``until_s``: when the first curve breaks, or the length of the video if none does; ``broken_by`` names it.

    ``each`` has that time for every curve that was judged, the length of the video where it does not break.
    """

    until_s: float
    length_s: float
    broken_by: str | None
    each: dict[str, float]


def usable_until(
    drift: Drift,
    ranges: Mapping[str, Range],
    *,
    moving: np.ndarray | None = None,
    smoothing_s: float = SMOOTHING_S,
    hold_s: float = HOLD_S,
) -> Usable:
    """The first time after which a curve's running mean stays outside its range for ``hold_s``, per curve and overall.

    ``moving`` bool (T,) says when the ego was commanded to move; motion is judged there only. A frame without a value
    keeps the verdict of the one before. A video shorter than ``hold_s`` never breaks. Raises ValueError for a range of a
    curve that the video does not have.
    """
    if strange := set(ranges) - set(drift.curves):
        raise ValueError(f"no curve of the names {sorted(strange)}; there are {sorted(drift.curves)}")
    length, needed = len(drift) / drift.fps, max(1, round(hold_s * drift.fps))
    each = {}
    for name, (low, high) in ranges.items():
        values = _where(drift.curves[name], moving) if name == "motion" else drift.curves[name]
        mean = smoothed(values, max(1, round(smoothing_s * drift.fps)))
        first = first_long_run(_filled((mean < low) | (mean > high), np.isfinite(mean)), needed)
        each[name] = length if first is None else first / drift.fps
    worst = min(each, key=lambda name: each[name]) if each else None
    until = length if worst is None else each[worst]
    return Usable(until_s=until, length_s=length, broken_by=worst if until < length else None, each=each)


def first_long_run(outcomes: np.ndarray, needed: int) -> int | None:
    """Where the first run of at least ``needed`` true outcomes (T,) begins, None without one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], outcomes, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = starts[ends - starts >= needed]
    return int(long[0]) if len(long) else None


def _where(curve: np.ndarray, chosen: np.ndarray | None) -> np.ndarray:
    return curve if chosen is None else np.where(chosen, curve, np.nan)


def _filled(outcomes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Outcomes (T,) where those that are not known repeat the last known one, False before the first."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.where(last >= 0, outcomes[np.maximum(last, 0)], False)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
