"""What generated video does to frames, done to rendered ones, so that the probe keeps its eyes: blur, noise, compression,
colour, and the round trip through a codec that the caller passes in.

Every function takes and gives uint8 RGB frames (T, H, W, 3); what it draws is the same for all frames of a call, as in
a video, except for noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

#: Frames in, frames of the same shape out.
RoundTrip = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Chance of each change, and how strong it is at most.

    ``blur_sigma`` in pixels of a frame 256 high; ``noise`` in 8-bit units; ``jpeg_quality`` the lowest; ``gain`` and
    ``tint`` the largest relative change of brightness and contrast, and of single colours.
    """

    clean_share: float = 0.25
    round_trip_share: float = 0.4
    blur_share: float = 0.4
    noise_share: float = 0.4
    compress_share: float = 0.4
    colour_share: float = 0.5
    blur_sigma: float = 1.6
    noise: float = 14.0
    jpeg_quality: int = 15
    gain: float = 0.2
    tint: float = 0.08


DEFAULT_AUGMENTATION = AugmentationConfig()


def augment(
    frames: np.ndarray,
    rng: np.random.Generator,
    config: AugmentationConfig = DEFAULT_AUGMENTATION,
    round_trip: RoundTrip | None = None,
) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) with changes drawn from ``rng``; a share of the calls leaves them as they are."""
    if rng.random() < config.clean_share:
        return frames
    if round_trip is not None and rng.random() < config.round_trip_share:
        frames = _checked(round_trip(frames), frames)
    if rng.random() < config.colour_share:
        gain, contrast = 1.0 + config.gain * rng.uniform(-1.0, 1.0, 2)
        frames = recolour(frames, float(gain), float(contrast), 1.0 + config.tint * rng.uniform(-1.0, 1.0, 3))
    if rng.random() < config.blur_share:
        frames = blur(frames, config.blur_sigma * float(rng.uniform(0.2, 1.0)) * frames.shape[1] / 256.0)
    if rng.random() < config.noise_share:
        frames = add_noise(frames, config.noise * float(rng.uniform(0.1, 1.0)), rng)
    if rng.random() < config.compress_share:
        frames = compress(frames, int(rng.integers(config.jpeg_quality, 91)))
    return frames


def blur(frames: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur; 0 leaves the frames as they are."""
    if sigma_px <= 0.0:
        return frames
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames])


def add_noise(frames: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Normal noise of a standard deviation in 8-bit units, independent in every frame, pixel and channel."""
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    return _to_bytes(frames + np.float32(deviation) * noise)


def compress(frames: np.ndarray, quality: int) -> np.ndarray:
    """A JPEG round trip of every frame at a quality of 1 to 100: the blocks and ringing of compressed video."""
    return np.stack([_jpeg(frame, quality) for frame in frames])


def recolour(frames: np.ndarray, gain: float, contrast: float, tint: np.ndarray) -> np.ndarray:
    """Brightness times ``gain``, contrast about the mean times ``contrast``, and each channel times ``tint`` (3,)."""
    values = frames.astype(np.float32)
    mean = values.mean()
    return _to_bytes(((values - mean) * contrast + mean) * gain * np.asarray(tint, dtype=np.float32))


def _jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0.0, 255.0).astype(np.uint8)


def _checked(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    if after.shape != before.shape or after.dtype != np.uint8:
        raise ValueError(f"the round trip gave {after.dtype} {after.shape}; expected uint8 {before.shape}")
    return after
