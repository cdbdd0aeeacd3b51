"""The order of training samples: an endless stream of shuffled epochs that all processes share without overlap.

Position p of the stream is sample p of the epochs' permutations laid end to end. A step of W processes with batches of B
takes the next W * B positions, process r the r-th B of them. So the union over processes is the epoch, and a run that
continues with another number of processes continues at the same position.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Draw(NamedTuple):
    """One draw: its ``position`` in the stream, which seeds its randomness, and the ``sample`` of the store."""

    position: int
    sample: int


class SampleStream:
    """Batches of :class:`Draw` for one process, from ``start`` on, without end."""

    def __init__(
        self, num_samples: int, batch_size: int, *, seed: int, start: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        if num_samples < 1:
            raise ValueError("a stream needs at least one sample")
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.seed = seed
        self.start = start
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[tuple[Draw, ...]]:
        position = self.start + self.rank * self.batch_size
        while True:
            yield tuple(self.draw(position + row) for row in range(self.batch_size))
            position += self.batch_size * self.world_size

    def draw(self, position: int) -> Draw:
        """The draw at a position of the shared stream."""
        epoch, place = divmod(position, self.num_samples)
        return Draw(position, int(self._permutation(epoch)[place]))

    def _permutation(self, epoch: int) -> np.ndarray:
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)
        return self._order


def draw_generator(seed: int, position: int) -> np.random.Generator:
    """The random numbers of one draw: equal whatever batch, process or run it falls into."""
    return np.random.default_rng([seed, 101, position])
