"""How a player turns and mirrors a frame: the display matrix that phones and cameras write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type

#: How far a matrix may be off a quarter turn, as a share of its size.
_SLACK = 0.02


@dataclass(frozen=True)
class Orientation:
    """Axes swapped first, then columns and rows mirrored; ``remark`` says what could not be followed, or is empty."""

    swaps: bool = False
    mirrors_columns: bool = False
    mirrors_rows: bool = False
    remark: str = ""

    def applied(self, picture: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) as it is to be shown."""
        shown = picture.transpose(1, 0, 2) if self.swaps else picture
        shown = shown[:, ::-1] if self.mirrors_columns else shown
        return np.ascontiguousarray(shown[::-1] if self.mirrors_rows else shown)


def orientation_of(frame: Any) -> Orientation:
    """The orientation that a frame's display matrix asks for."""
    data = next((each for each in frame.side_data if each.type == Type.DISPLAYMATRIX), None)
    if data is None:
        return Orientation()
    # Takes (x, y) to (a x + c y, b x + d y), in 16.16 fixed point.
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].astype(float)
    straight, crossed = max(abs(a), abs(d)), max(abs(b), abs(c))
    if min(straight, crossed) > _SLACK * max(straight, crossed):
        angle = float(np.degrees(np.arctan2(b, a)))
        return Orientation(remark=f"its header asks for a turn of {angle:.0f} degrees; only quarter turns are followed")
    if straight >= crossed:
        return Orientation(mirrors_columns=a < 0, mirrors_rows=d < 0)
    return Orientation(swaps=True, mirrors_columns=c < 0, mirrors_rows=b < 0)
