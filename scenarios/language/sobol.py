"""Sobol points in up to 16 dimensions in plain NumPy, so that checking a scenario never waits for torch."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from drivesim.geometry import FloatArray

_BITS = 30
#: Degree, coefficients and initial direction numbers of dimensions 2 to 16.
#: Source: Joe and Kuo 2008 (doi:10.1137/070709359), table new-joe-kuo-6.
_DIRECTIONS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
)
MAX_DIMENSIONS = len(_DIRECTIONS) + 1


def sobol(index: int, dimensions: int) -> FloatArray:
    """Point ``index`` (from 0) of the unscrambled Sobol sequence in [0, 1)^dimensions, in Gray-code order."""
    gray = index ^ (index >> 1)
    vectors = _vectors()[:dimensions]
    point = np.zeros(dimensions, dtype=np.int64)
    for bit in range(_BITS):
        if gray >> bit & 1:
            point ^= vectors[:, bit]
    return point / float(1 << _BITS)


@functools.cache
def _vectors() -> NDArray[np.int64]:
    """Direction vectors (dimensions, bits) by the recurrence of Joe and Kuo 2008, eq. 5."""
    table = np.zeros((MAX_DIMENSIONS, _BITS), dtype=np.int64)
    table[0] = [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    for row, (degree, coefficients, initial) in enumerate(_DIRECTIONS, start=1):
        for bit in range(_BITS):
            if bit < degree:
                table[row, bit] = initial[bit] << (_BITS - 1 - bit)
                continue
            value = int(table[row, bit - degree])
            value ^= value >> degree
            for lag in range(1, degree):
                if coefficients >> (degree - 1 - lag) & 1:
                    value ^= int(table[row, bit - lag])
            table[row, bit] = value
    return table
