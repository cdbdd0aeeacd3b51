"""Pictures for exports: JPEG files that say inside that they are synthetic."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesim.exports.contents import SYNTHETIC_NOTE

JPEG_QUALITY = 95


def write_jpeg(path: Path, picture: NDArray[np.uint8], comment: str = SYNTHETIC_NOTE) -> None:
    """Store a uint8 RGB picture (H, W, 3) as JPEG with a comment segment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg_bytes(picture, comment))


def jpeg_bytes(picture: NDArray[np.uint8], comment: str = SYNTHETIC_NOTE) -> bytes:
    """A uint8 RGB picture (H, W, 3) as JPEG, ``comment`` in its COM segment, which viewers show and decoders skip."""
    encoded, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    assert encoded
    text = comment.encode()
    # Behind the two bytes that begin every JPEG: marker, length with its own two bytes, text.
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    return data.tobytes()[:2] + segment + data.tobytes()[2:]
