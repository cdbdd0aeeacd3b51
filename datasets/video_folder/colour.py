"""From a decoded frame to the sRGB-like colours that a player shows: YUV matrices, HDR transfers and wide gamuts.

Matrices and curves are those of ITU-R BT.2100-2 (HLG, PQ), BT.2408 (reference white at 203 cd/m2) and BT.2087 (from BT.2020 to
BT.709); what is brighter than the knee is rolled off on the largest of R, G, B (Reinhard et al. 2002, equation 4).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from drivesim.errors import InputError

# Code points of ITU-T H.273.
_UNSPECIFIED = 2
_MATRICES_NOT_READ = {8: "YCgCo", 10: "BT.2020 constant luminance", 14: "ICtCp", 15: "IPT"}
_TRANSFERS_NOT_READ = {8: "linear", 9: "logarithmic", 10: "logarithmic", 17: "SMPTE 428"}
_PQ, _HLG = 16, 18
_WIDE = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}

#: Linear RGB of wider primaries in those of BT.709, both with the white D65 (P3's own white is left as it is).
_TO_BT709 = {
    9: np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32),
    12: np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32),
}
_TO_BT709[11] = _TO_BT709[12]
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020

_WHITE_NITS = 203.0
_PEAK_NITS = 1000.0
_KNEE = 0.8
_GAMMA = 2.2


class ColourReader:
    """Converts frames of one video to uint8 RGB; ``remarks`` say what it decided, ``doubts`` what it could not follow."""

    def __init__(self) -> None:
        # A new converter for each frame, as frame.reformat makes, costs ten times the conversion.
        self._converter = VideoReformatter()
        self.remarks: dict[str, None] = {}
        self.doubts: dict[str, None] = {}

    def rgb(self, frame: Any, width: int, height: int, coded: tuple[int, int]) -> np.ndarray:
        """The frame as uint8 RGB (height, width, 3), averaged where it shrinks.

        ``coded`` is the width and height of the whole picture, by which players guess the matrix of untagged files: BT.709
        above 576 lines or from 1280 columns on, else BT.601. Raises InputError for a colour coding that is not understood.
        """
        transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
        if transfer in _TRANSFERS_NOT_READ:
            self._doubt(f"its transfer ({_TRANSFERS_NOT_READ[transfer]}) is not understood: its colours are wrong")
        wide = primaries in _WIDE
        high = transfer in (_PQ, _HLG)
        made = self._converter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb48le" if wide or high else "rgb24",
            src_colorspace=self._matrix(frame, coded),
            interpolation="AREA",
            threads=1,
        ).to_ndarray()
        if not (wide or high):
            return np.asarray(made, dtype=np.uint8)
        if high:
            name = "HLG" if transfer == _HLG else "PQ"
            self._remark(f"high dynamic range ({name}) is brought down to the range of a plain screen")
        if wide:
            self._remark(f"{_WIDE[primaries]} colours are brought into BT.709")
        return _shown(made, transfer if high else None, primaries if wide else None)

    def _matrix(self, frame: Any, coded: tuple[int, int]) -> int | None:
        """The colour space to read with; None leaves it to the frame's own tag."""
        matrix = int(frame.colorspace)
        if matrix in _MATRICES_NOT_READ:
            raise InputError(
                f"its colour coding ({_MATRICES_NOT_READ[matrix]}) is not understood. Convert it to BT.709 first"
            )
        if matrix != _UNSPECIFIED or frame.format.is_rgb:
            return None
        if coded[0] >= 1280 or coded[1] > 576:
            self._remark("its colours carry no tag and are read as BT.709, as players do at this size")
            return int(Colorspace.ITU709)
        return int(Colorspace.ITU601)

    def _remark(self, text: str) -> None:
        self.remarks[text] = None

    def _doubt(self, text: str) -> None:
        self.doubts[text] = None


def _shown(coded: np.ndarray, transfer: int | None, primaries: int | None) -> np.ndarray:
    """uint8 RGB for a plain screen from uint16 R'G'B' (H, W, 3) of a transfer (None: a plain one) and primaries."""
    light = _light_table(transfer)[coded]
    if transfer == _HLG:  # the system gamma of a display of 1000 cd/m2, on luminance
        luminance = light @ _LUMINANCE
        light *= np.power(np.maximum(luminance, 1e-6), 0.2)[..., None]
    if transfer is not None:
        light *= _PEAK_NITS / _WHITE_NITS
    if primaries is not None:
        light = np.maximum(light @ _TO_BT709[primaries].T, 0.0)
    if transfer is not None:
        light = _rolled_off(light)
    return _encoding_table()[(np.clip(light, 0.0, 1.0) * 65535.0 + 0.5).astype(np.uint16)]


def _rolled_off(light: np.ndarray) -> np.ndarray:
    """Light (H, W, 3) in units of reference white, with all above the knee brought below 1; hues are kept."""
    largest = light.max(axis=-1, keepdims=True)
    top = (_PEAK_NITS / _WHITE_NITS - _KNEE) / (1.0 - _KNEE)
    over = np.maximum(largest - _KNEE, 0.0) / (1.0 - _KNEE)
    rolled = over * (1.0 + over / top**2) / (1.0 + over)
    target = np.where(largest > _KNEE, _KNEE + (1.0 - _KNEE) * np.minimum(rolled, 1.0), largest)
    return light * (target / np.maximum(largest, 1e-6))


@cache
def _light_table(transfer: int | None) -> np.ndarray:
    """Linear light (65536,) of coded values: scene light of 1 for HLG, 1 at 1000 cd/m2 for PQ, of a plain gamma else."""
    value = np.linspace(0.0, 1.0, 65536)
    if transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(value <= 0.5, value**2 / 3.0, (np.exp((value - c) / a) + b) / 12.0)
    elif transfer == _PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = value ** (1.0 / m2)
        light = 10000.0 / _PEAK_NITS * (np.maximum(root - c1, 0.0) / (c2 - c3 * root)) ** (1.0 / m1)
    else:
        light = value**_GAMMA
    return light.astype(np.float32)


@cache
def _encoding_table() -> np.ndarray:
    """uint8 (65536,) of linear light from 0 to 1."""
    return np.round(255.0 * np.linspace(0.0, 1.0, 65536) ** (1.0 / _GAMMA)).astype(np.uint8)
