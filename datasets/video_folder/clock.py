"""When each frame of a video is shown: presentation times from time stamps as containers really carry them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SHORTEST_STEP_S = 1e-6


@dataclass(frozen=True, eq=False)
class Clock:
    """Times of N frames in the order in which they are shown.

    ``times_s`` (N,) seconds since the first, rising; ``restarts`` (R,) numbers of the frames at which the clock begins
    again; ``untimed`` (N,) bool: frames without a time of their own. ``remark`` says in words what was made up, or is empty.
    """

    times_s: np.ndarray
    restarts: np.ndarray
    untimed: np.ndarray
    remark: str


def presentation_clock(
    stamps: Sequence[int | None], packets: np.ndarray, parts: np.ndarray, seconds_per_tick: float, rate: float | None
) -> Clock:
    """The clock of N frames from their time ``stamps``, in ticks or None, in the decoder's order, which is that of showing.

    ``packets`` (N,) are the numbers of the coded pictures in the file, ``parts`` (N,) count how often decoding time has gone
    back before each, ``rate`` is the container's frame rate. Containers such as AVI carry times of decoding only: they rise
    in coding order, and the decoder's order sorts them. Where the clock begins again, time goes on by a typical step.
    """
    ticks = np.array([np.nan if stamp is None else stamp for stamp in stamps], dtype=np.float64) * seconds_per_tick
    times, untimed = np.zeros(len(ticks)), np.zeros(len(ticks), dtype=bool)
    restarts = 1 + np.flatnonzero(np.diff(parts) > 0)
    remarks: dict[str, None] = {}
    start = 0.0
    for first, stop in itertools.pairwise([0, *restarts, len(ticks)]):
        own, remark = _in_order(ticks[first:stop], packets[first:stop], rate)
        remarks.update({remark: None} if remark else {})
        highest = np.fmax.accumulate(np.concatenate([[-np.inf], own[:-1]]))
        lost = ~(own > highest)
        step = _typical_step(own[~lost], rate)
        filled = _filled(own, lost, step)
        times[first:stop], untimed[first:stop] = filled - filled[0] + start, lost
        start = times[stop - 1] + step
    return Clock(times, restarts, untimed, "; ".join(remarks))


def _in_order(ticks: np.ndarray, packets: np.ndarray, rate: float | None) -> tuple[np.ndarray, str]:
    """Times of one part, NaN where unknown, and what had to be done to have them."""
    if np.isnan(ticks).all():
        step = 1.0 / rate if rate else 0.04
        return np.arange(len(ticks)) * step, f"the file carries no times: its rate of {1.0 / step:g} a second is taken"
    coding = np.argsort(packets, kind="stable")
    reordered = bool((np.diff(packets) < 0).any())
    if reordered and not (np.diff(ticks) > 0).all() and (np.diff(ticks[coding]) > 0).all():
        return np.sort(ticks), "the file carries times of decoding only: the decoder's order of showing is taken"
    return ticks, ""


def _typical_step(times: np.ndarray, rate: float | None) -> float:
    steps = np.diff(times)
    if len(steps):
        return float(np.median(steps))
    return 1.0 / rate if rate else 0.04


def _filled(times: np.ndarray, lost: np.ndarray, step: float) -> np.ndarray:
    """The times with made-up ones, between their neighbours, where one is lost."""
    known = np.flatnonzero(~lost)
    number = np.arange(len(times))
    filled = np.interp(number, known, times[known])
    beyond = np.maximum(number - known[-1], 0)
    return (
        filled + beyond * max(step, _SHORTEST_STEP_S) - np.maximum(known[0] - number, 0) * max(step, _SHORTEST_STEP_S)
    )
