"""Small videos whose every frame carries its number, so that a test can tell which frame it was given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

HEIGHT, WIDTH = 96, 192
_BITS, _BIT_PX = 9, 8

BOX_COLUMNS = "time_s,track_id,class,x,y,z,length,width,height,yaw_rad"

CAMERA = {
    "fx": 160.0,
    "fy": 160.0,
    "cx": 96.0,
    "cy": 48.0,
    "width": WIDTH,
    "height": HEIGHT,
    "mount": {"x": 1.5, "y": 0.0, "z": 1.5},
}


def numbered_frames(count: int, first: int = 0, shot: int = 0) -> np.ndarray:
    """Frames uint8 (count, H, W, 3): waves that move on, other ones for each ``shot``, and the frame's number in bits."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    frames = []
    for number in range(first, first + count):
        phase = 0.12 * number + 2.1 * shot
        wave = np.sin(x / (9.0 + 4.0 * shot) + phase) + np.cos(y / (7.0 + 2.0 * shot) - 0.5 * phase)
        level = 70.0 + 90.0 * (shot % 2)
        frame = np.clip(level + 25.0 * wave[..., None] + np.array([0.0, 15.0, 30.0 - 40.0 * shot]), 30, 255)
        gray_code = number ^ (number >> 1)  # neighbours differ in one bit: the mark itself is no change of shot
        for bit in range(_BITS):
            frame[:_BIT_PX, bit * _BIT_PX : (bit + 1) * _BIT_PX] = 230.0 if gray_code >> bit & 1 else 20.0
        frames.append(frame)
    return np.array(frames).astype(np.uint8)


def number_in(picture: np.ndarray) -> int:
    """The number that a frame of its recorded size carries."""
    marks = [picture[2:6, bit * _BIT_PX + 2 : bit * _BIT_PX + 6].mean() > 125 for bit in range(_BITS)]
    number, gray_code = 0, sum(1 << bit for bit, lit in enumerate(marks) if lit)
    while gray_code:
        number, gray_code = number ^ gray_code, gray_code >> 1
    return number


def write_video(
    path: Path,
    frames: np.ndarray,
    fps: float = 10.0,
    *,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    container_format: str | None = None,
    rotation: int | None = None,
    pixel_aspect: Fraction | None = None,
    container_options: dict[str, str] | None = None,
    **options: Any,
) -> Path:
    """Encode frames, at an even rate or at the given times; ``options`` are the encoder's, such as bf and g."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container_format, options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        if times_s is not None:
            stream.codec_context.time_base = Fraction(1, 90000)
        defaults = {"crf": "18", "preset": "veryfast"} if codec.startswith("libx26") else {}
        stream.codec_context.options = {**defaults, **{key: str(value) for key, value in options.items()}}
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, 90000) if times_s is not None else 1 / Fraction(fps).limit_denominator(1001)
            frame.pts = round(times_s[number] * 90000) if times_s is not None else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_camera(path: Path, **changes: Any) -> Path:
    """A camera.json at the size of the numbered frames; a change to None leaves a key out."""
    path.write_text(json.dumps({key: value for key, value in {**CAMERA, **changes}.items() if value is not None}))
    return path
