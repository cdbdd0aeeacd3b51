"""Windows on the uneven clock of nuScenes' cameras, and weather from words."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.datasets.nuscenes.index import MAX_TIME_ERROR_US, Window, windows_of_scene
from drivesim.datasets.nuscenes.weather import environment_of

#: 12 exposures a second on the turns of a 20 Hz lidar: steps of 50 and 100 ms.
CAMERA_US = np.round(np.arange(236) / 12 * 20).astype(np.int64) * 50_000


def rows(times_us: np.ndarray) -> list[dict]:
    return [{"token": str(time), "timestamp": int(time)} for time in times_us]


def times(window: Window) -> np.ndarray:
    return np.array([int(token) for token in window.tokens])


@pytest.mark.parametrize(("fps", "num_frames"), [(12.0, 8), (10.0, 16), (4.0, 8), (2.0, 5)])
def test_windows_follow_their_grid(fps: float, num_frames: int) -> None:
    windows, passed = windows_of_scene("s", rows(CAMERA_US), num_frames, fps, num_frames)
    assert passed == 0
    assert len(windows) >= int(CAMERA_US[-1] * 1e-6 * fps / num_frames) - 1
    for window in windows:
        assert (np.diff(times(window)) > 0).all()
        off = times(window) - times(window)[0] - np.arange(num_frames) * 1e6 / fps
        assert np.abs(off).max() <= 50_000 + 1 < MAX_TIME_ERROR_US
    if fps == 12.0:
        assert sum(len(w.tokens) for w in windows) > 0.95 * len(CAMERA_US)


def test_no_window_spans_a_gap_and_the_frames_behind_it_are_used() -> None:
    gap = np.concatenate([CAMERA_US[:50], CAMERA_US[56:120]])
    windows, passed = windows_of_scene("s", rows(gap), 8, 12.0, 8)
    assert 0 < passed < 8
    assert not [w for w in windows if times(w)[0] <= CAMERA_US[49] and times(w)[-1] >= CAMERA_US[56]]
    assert any(times(w)[0] == CAMERA_US[56] for w in windows)
    assert len({w.first for w in windows}) == len(windows)


def test_a_rate_above_the_cameras_gives_no_windows() -> None:
    assert windows_of_scene("s", rows(CAMERA_US), 16, 30.0, 16)[0] == []


LOG = "n015-2018-07-24-11-22-45+0800"
ELEVEN_UTC8 = 1532402565_000_000


@pytest.mark.parametrize(
    ("words", "hour", "rain", "wet", "sky"),
    [
        ("Parked truck, construction, intersection", 11.379, 0.0, 0.0, "clear"),
        ("Night, big street, bus stop", 22.0, 0.0, 0.0, "clear"),
        ("Rain, parked cars", 11.379, 0.5, 0.65, "overcast"),
        ("Heavy rain, night", 22.0, 1.0, 0.95, "overcast"),
        ("After rain, many peds", 11.379, 0.0, 0.4, "clear"),
        ("Train station, rainbow, cloudy", 11.379, 0.0, 0.0, "overcast"),
    ],
)
def test_weather_from_words(words: str, hour: float, rain: float, wet: float, sky: str) -> None:
    environment = environment_of(words, LOG, ELEVEN_UTC8)
    assert environment.hour == pytest.approx(hour, abs=1e-3)
    assert (environment.rain, environment.wetness, environment.sky) == (rain, pytest.approx(wet), sky)
    assert environment.street_lights == ("night" in words.lower())
    assert environment_of(words, "unknown log", ELEVEN_UTC8).hour in (14.0, 22.0)
