"""The part of a report about what time does to a video, and until when it can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from drivesim.metrics.drift import Drift, Range, allowed_ranges, usable_until
from drivesim.metrics.estimate import Estimate, exact
from drivesim.metrics.obedience import Obedience
from drivesim.report import Band, Figure, Plot, Section, Series, Table

#: Figures of obedience that are shown second by second.
PER_SECOND = ("recall", "precision", "road_iou", "lane_paint_near")

#: Curves that decide until when a video is usable, and what they are in words.
JUDGED_CURVES: dict[str, str] = {
    "luma": "mean luma, 8-bit",
    "saturation": "mean saturation, 8-bit",
    "contrast": "deviation of luma, 8-bit",
    "sharpness": "sharpness, 8-bit",
    "motion": "change from frame to frame, 8-bit",
}


#: Shorter videos say nothing about drift: nothing can stay outside its range for two seconds.
SHORTEST_DRIFT_S = 2.0

#: Shown and not judged: what rendered video spans of it in two seconds says nothing about minutes.
COLOURS = "colour_shift"


def drift_section(
    videos: Mapping[str, Drift],
    ranges: Mapping[str, Range],
    moving: Mapping[str, np.ndarray | None],
    *,
    about: str = "",
) -> Section:
    """Curves of long videos by name; ``moving`` bool (T,) says when the ego was told to move, None if it was told nothing.

    Motion is held to what rendered video spans as well as to the video's own beginning, so that a frozen one breaks at once.
    """
    figures: list[Figure] = []
    rows: list[tuple[str | float | Estimate | None, ...]] = []
    judged = {name: band for name, band in ranges.items() if name in JUDGED_CURVES}
    for video, drift in videos.items():
        allowed = allowed_ranges(drift, judged, moving.get(video))
        usable = usable_until(drift, allowed, moving=moving.get(video))
        broken = f"then {usable.broken_by} leaves its range" if usable.broken_by else "to its end"
        figures.append(
            Figure(
                key=f"drift.{video}.usable_s", label=f"{video}: usable until", value=exact(usable.until_s), unit="s",
                better="higher", note=f"{broken}; the video has {usable.length_s:g} s",
            )
        )  # fmt: skip
        rows += [_row(video, name, drift, allowed, usable.each) for name in JUDGED_CURVES if name in allowed]
    return Section(
        title="Drift",
        about=about
        + (
            "Each curve has to stay in the range that held-out rendered video spans (1 to 99 %), motion above its lower end "
            "and above half of that of the video's own first ten seconds. A curve breaks when its mean over a second stays outside for two. Measured at 256x512."
        ),
        figures=tuple(figures),
        tables=(
            Table(
                title="Curves",
                columns=("video", "curve", "first 10 s", "last 10 s", "allowed", "usable until (s)"),
                rows=tuple(rows),
            ),
        ),
        plots=tuple(_plot(name, videos, ranges) for name in (*JUDGED_CURVES, COLOURS)),
    )


def obedience_plot(title: str, obedience: Obedience) -> Plot:
    """The figures of PER_SECOND of one video over time."""
    seconds = obedience.per_second()
    return Plot(
        title=title,
        x_label="seconds",
        y_label="share",
        series=tuple(
            Series(name=name, x=tuple(np.arange(len(seconds[name])) + 0.5), y=tuple(seconds[name]))
            for name in PER_SECOND
        ),
    )


def _row(
    video: str, name: str, drift: Drift, allowed: Mapping[str, Range], each: Mapping[str, float]
) -> tuple[str | float | Estimate | None, ...]:
    windows = drift.windows(10.0)[name]
    low, high = allowed[name]
    size = round(10.0 * drift.fps)
    last = float(np.nanmean(drift.curves[name][-size:]))
    text = f"{low:.2f} to {high:.2f}" if np.isfinite(high) else f"at least {low:.2f}"
    return video, JUDGED_CURVES[name], float(windows[0]), last, text, each[name]


def _plot(name: str, videos: Mapping[str, Drift], ranges: Mapping[str, Range]) -> Plot:
    known = name in ranges and name != COLOURS
    bands = (Band(name="rendered, 1 to 99 %", low=ranges[name][0], high=ranges[name][1]),) if known else ()
    return Plot(
        title=JUDGED_CURVES.get(name, "colours, distance to those of the first second"),
        x_label="seconds",
        y_label="8-bit units" if name in JUDGED_CURVES else "distance",
        series=tuple(_series(video, drift, name) for video, drift in videos.items()),
        bands=bands,
    )


def _series(video: str, drift: Drift, name: str, points: int = 400) -> Series:
    values = drift.smoothed(name)
    chosen: Sequence[int] = np.unique(np.linspace(0, len(values) - 1, points).astype(int)).tolist()
    return Series(name=video, x=tuple(drift.times_s[chosen]), y=tuple(values[chosen]))
