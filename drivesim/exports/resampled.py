"""A future's video at another frame rate: an mp4 that says so, and beside it which frame of the model each of its frames shows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.exports.contents import provenance_of
from drivesim.options import LEAST_FPS, MOST_FPS
from drivesim.runs.future import Future
from drivesim.runs.recorder import require_intact
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.video import SYNTHETIC_COMMENT, VideoWriter
from drivesim.storage import sha256_of, write_atomic, writing

#: What is said of the method wherever there is room for it.
METHOD = "nearest earlier frame by time of presentation; frames are repeated or left out, none is blended or made"


def require_rate(fps: float) -> None:
    """Raise InputError for a frame rate that no file is written at."""
    if not LEAST_FPS <= fps <= MOST_FPS:  # nan is in no range
        raise InputError(
            f"{fps:g} is no frame rate of a video file; expected {LEAST_FPS:g} to {MOST_FPS:g} frames a second."
        )


def exact_rate(fps: float) -> Fraction:
    """A frame rate as the ratio that a video file stores: 29.97003 is 30000/1001, 25.0 is 25."""
    return Fraction(fps).limit_denominator(1001)


def shown_frames(num_frames: int, source_fps: float, target_fps: float) -> list[int]:
    """Which of ``num_frames`` source frames each output frame shows: ``floor(j * source_fps / target_fps)`` for frame j.

    The last source frame that is on screen at the moment j / target_fps, worked out in whole numbers: a rounded time may fall
    before the frame that begins just then. There are as many output frames as make the duration the source's to within half an
    output frame, one at least.
    """
    step = exact_rate(source_fps) / exact_rate(target_fps)
    count = max(1, math.floor(num_frames / step + Fraction(1, 2)))
    return [min(math.floor(number * step), num_frames - 1) for number in range(count)]


def resampled_suffix(fps: float) -> str:
    """``-25fps.mp4``: what a file's name ends in says the rate, so that several lie side by side and none passes for the run's own."""
    return f"-{float(exact_rate(fps)):.9g}fps.mp4"


def resampled_in_words(future: Future, fps: float) -> str:
    """What was done to the rate of a future's video, in one sentence."""
    return f"resampled from {future.fps:g} to {fps:g} frames a second: {METHOD}"


def write_resampled(
    path: Path, future: Future, fps: float, progress: Callable[[float], None] = lambda share: None
) -> None:
    """Write the video of a future at ``fps`` frames a second to ``path``, an mp4, and beside it a JSON file about it.

    H.264 without B-frames, constant rate, pts from 0. The mp4 appears last, so that it is never without its JSON. Raises
    InputError where the future's video or the run's scenario was changed, or the video does not hold the frames it should.
    """
    run = RunFolder(future.folder)
    run.scenario_text()
    require_intact(run, future.index)
    shows = shown_frames(future.num_frames, future.fps, fps)
    comment = f"{SYNTHETIC_COMMENT}; {resampled_in_words(future, fps)}"
    with writing(path) as whole:
        with VideoWriter(whole, future.manifest.width, future.manifest.height, fps, comment=comment) as video:
            for source, picture in enumerate(future.iterate()):
                while video.num_frames < len(shows) and shows[video.num_frames] == source:
                    video.write(picture)
                    progress(video.num_frames / len(shows))
            if video.num_frames < len(shows):
                raise InputError(f"{future.source} does not hold its {future.num_frames} frames; it is not whole.")
        values = resampling_values(future, fps) | {"video": path.name, "video_sha256": sha256_of(whole)}
        path.unlink(missing_ok=True)
        write_atomic(path.with_suffix(".json"), _as_text(values, shows))


def resampling_values(future: Future, fps: float) -> dict[str, Any]:
    """Where the video comes from and how its rate was changed, in plain values; says that it is synthetic."""
    count = len(shown_frames(future.num_frames, future.fps, fps))
    return provenance_of(future) | {
        "resampled": {
            "method": METHOD,
            "rule": f"frame j shows source frame floor(j * ({exact_rate(future.fps)}) / ({exact_rate(fps)}))",
            "source": future.source.name,
            "source_sha256": sha256_of(future.source),
            "source_fps": future.fps,
            "source_frames": future.num_frames,
            "source_duration_s": future.duration_s,
            "fps": float(exact_rate(fps)),
            "fps_ratio": str(exact_rate(fps)),
            "frames": count,
            "duration_s": round(float(count / exact_rate(fps)), 6),
            "begins_s": round(future.manifest.scene_frame / future.fps, 6),
            "encoded_again": True,
        },
    }


def _as_text(values: dict[str, Any], shows: list[int]) -> str:
    """JSON with the frames in one line: ten minutes would be as many lines as frames."""
    head = json.dumps(values, indent=2, allow_nan=False).removesuffix("\n}")
    return f'{head},\n  "source_frame_of_each": {json.dumps(shows)}\n}}\n'
