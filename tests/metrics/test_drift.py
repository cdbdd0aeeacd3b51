"""Drift: each curve follows its own damage, and "usable until" names the curve that breaks and when."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from drivesim.metrics.appearance import appearance
from drivesim.metrics.baselines import frozen
from drivesim.metrics.colour_shift import histogram_shift, lab_histograms, shifts_from_first
from drivesim.metrics.drift import (
    CURVES,
    Drift,
    Usable,
    allowed_ranges,
    drift_of,
    first_long_run,
    rendered_ranges,
    smoothed,
    usable_until,
)

FPS, FRAMES = 10.0, 150


def video(seed: int = 0) -> np.ndarray:
    """A textured pattern that moves two pixels a frame."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(40, 215, (32, 64 + 2 * FRAMES, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 1.0).astype(np.uint8)
    return np.stack([texture[:, 2 * step : 2 * step + 64] for step in range(FRAMES)])


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return video()


@pytest.fixture(scope="module")
def ranges() -> dict[str, tuple[float, float]]:
    return rendered_ranges([drift_of(video(seed), FPS) for seed in range(6)], window_s=5.0)


def damaged(frames: np.ndarray, start_s: float, change) -> np.ndarray:
    start = round(start_s * FPS)
    return np.concatenate([frames[:start], np.stack([change(frame) for frame in frames[start:]])])


def wider(ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The patterns differ less than scenes do, so leave some room."""
    room = {name: 0.1 * high for name, (_, high) in ranges.items()}
    return {name: (low - room[name], high + room[name]) for name, (low, high) in ranges.items()}


DAMAGES = {
    "sharpness": lambda frame: cv2.GaussianBlur(frame, (0, 0), 2.0),
    "luma": lambda frame: np.minimum(frame.astype(int) + 60, 255).astype(np.uint8),
    "contrast": lambda frame: (0.5 * frame + 64).astype(np.uint8),
    "saturation": lambda frame: (0.4 * frame + 0.6 * frame.mean(-1, keepdims=True)).astype(np.uint8),
    "colour_shift": lambda frame: np.clip(frame.astype(int) + [25, -10, -20], 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_at_six_seconds_ends_the_use_there(clean, ranges, name) -> None:
    allowed = wider(ranges)
    whole = drift_of(clean, FPS)
    assert usable_until(whole, allowed_ranges(whole, allowed)) == Usable(
        until_s=15.0, length_s=15.0, broken_by=None, each=dict.fromkeys(CURVES, 15.0)
    )
    drift = drift_of(damaged(clean, 6.0, DAMAGES[name]), FPS)
    usable = usable_until(drift, allowed_ranges(drift, allowed))
    assert usable.each[name] == pytest.approx(6.0, abs=0.5)
    assert usable.until_s == min(usable.each.values()) == pytest.approx(6.0, abs=0.5)
    assert usable.broken_by is not None and usable.each[usable.broken_by] == usable.until_s


def test_a_video_that_stops_breaks_by_its_motion_alone(clean, ranges) -> None:
    stopped = np.concatenate([clean[:60], np.stack(list(frozen(clean[60], 90)))])
    drift = drift_of(stopped, FPS)
    usable = usable_until(drift, allowed_ranges(drift, wider(ranges)))
    assert usable.broken_by == "motion" and usable.until_s == pytest.approx(6.0, abs=0.6)
    assert all(time == 15.0 for name, time in usable.each.items() if name != "motion")


def test_a_frozen_video_fails_where_the_ego_was_told_to_drive(clean) -> None:
    drift = drift_of(frozen(clean[0], FRAMES), FPS)
    drives, stands = np.ones(FRAMES, dtype=bool), np.zeros(FRAMES, dtype=bool)
    told = usable_until(drift, allowed_ranges(drift, {}, drives), moving=drives)
    assert (told.broken_by, told.until_s) == ("motion", 0.0)
    assert usable_until(drift, allowed_ranges(drift, {}, stands), moving=stands).broken_by is None
    assert usable_until(drift, allowed_ranges(drift, {"motion": (2.0, 9.0)})).broken_by == "motion"


def test_curves_do_not_depend_on_how_the_video_is_read(clean) -> None:
    whole, stream = drift_of(clean, FPS), drift_of(iter(list(clean)), FPS)
    for name in CURVES:
        np.testing.assert_array_equal(whole.curves[name], stream.curves[name])
    np.testing.assert_allclose(whole.curves["luma"][3], cv2.cvtColor(clean[3], cv2.COLOR_RGB2GRAY).mean())
    np.testing.assert_allclose(appearance(clean[:2]).contrast[1], cv2.cvtColor(clean[1], cv2.COLOR_RGB2GRAY).std())
    with pytest.raises(ValueError, match="two frames"):
        drift_of(clean[:1], FPS)


def test_colour_shift_of_a_uniform_shift_is_the_shift() -> None:
    lab = np.full((16, 16, 3), (100, 128, 128), np.uint8)
    moved = lab + np.array([51, 3, 4], np.uint8)  # 51 steps are 20 units of lightness
    first, second = (lab_histograms(cv2.cvtColor(each, cv2.COLOR_LAB2RGB)) for each in (lab, moved))
    assert histogram_shift(first, second) == pytest.approx(np.sqrt(20.0**2 + 3**2 + 4**2), abs=1.0)
    assert histogram_shift(first, first) == 0.0
    rows = shifts_from_first([first, first, second], 2)
    np.testing.assert_allclose(rows, [0.0, 0.0, histogram_shift(first, second)], atol=1e-6)
    with pytest.raises(ValueError, match="no histograms"):
        shifts_from_first([], 1)


def test_stronger_tints_are_further_away(clean) -> None:
    means = []
    for tint in (0, 5, 15, 40):
        drift = drift_of(damaged(clean[:40], 2.0, lambda f, t=tint: cv2.add(f, (t, 0, 0, 0))), FPS)
        means.append(drift.curves["colour_shift"][20:].mean())
    assert all(a < b for a, b in itertools.pairwise(means))


def test_running_mean_against_numpy_and_over_gaps() -> None:
    curve = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(smoothed(curve, 5)[2:-2], np.convolve(curve, np.ones(5) / 5, mode="valid"))
    assert smoothed(curve, 5)[0] == pytest.approx(curve[:3].mean())
    curve[10:20] = np.nan
    assert np.isnan(smoothed(curve, 5)[12:18]).all() and np.isfinite(smoothed(curve, 5)[[11, 18]]).all()
    np.testing.assert_allclose(smoothed(np.arange(6.0), 1), np.arange(6.0))


def test_short_excursions_are_no_end_and_gaps_keep_the_verdict() -> None:
    curve = np.zeros(100)
    curve[20:38] = 1.0  # 1.8 s
    curve[60:] = 1.0
    drift = Drift(fps=10.0, curves={"a": curve, "b": np.zeros(100)})
    bands = {"a": (-0.5, 0.5), "b": (-0.5, 0.5)}
    usable = usable_until(drift, bands, smoothing_s=0.1)
    assert (usable.until_s, usable.broken_by, usable.each) == (6.0, "a", {"a": 6.0, "b": 10.0})
    gap = curve.copy()
    gap[30:50] = np.nan
    assert usable_until(Drift(fps=10.0, curves={"a": gap}), {"a": (-0.5, 0.5)}, smoothing_s=0.1).until_s == 2.0
    assert first_long_run(curve > 0.5, 18) == 20 and first_long_run(curve > 0.5, 41) is None
    with pytest.raises(ValueError, match=r"\['c'\]"):
        usable_until(drift, {"c": (0.0, 1.0)})


def test_windows_changes_and_added_curves() -> None:
    drift = Drift(fps=10.0, curves={"a": np.arange(250.0)}).adding({"recall": np.full(250, 0.5)})
    np.testing.assert_allclose(drift.windows(10.0)["a"], [49.5, 149.5, 224.5])
    assert drift.change(10.0) == {"a": 150.0, "recall": 0.0}
    assert drift.times_s[-1] == 24.9
    with pytest.raises(ValueError, match="one length"):
        drift.adding({"b": np.zeros(3)})
