"""Frame folders: chosen pictures in the order of their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from drivesim.datasets.sample import BrokenSample
from drivesim.errors import InputError
from drivesim.picture_file import read_picture


class PictureReader:
    """Chosen pictures of a frame folder."""

    def __init__(self, pictures: list[Path], size: tuple[int, int]) -> None:
        self._pictures, self._size = pictures, size

    def read(self, numbers: list[int]) -> list[np.ndarray]:
        """Pictures by number, each uint8 RGB (H, W, 3). Raises BrokenSample when one has been damaged since."""
        found = []
        for number in numbers:
            try:
                picture = read_picture(self._pictures[number])
            except InputError as error:
                raise BrokenSample(str(error)) from error
            if picture.shape[1::-1] != self._size:
                raise BrokenSample(f"{self._pictures[number]}: its size has changed; pack the folder again")
            found.append(picture)
        return found

    def close(self) -> None:
        """Nothing stays open between reads."""
