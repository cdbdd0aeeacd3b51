"""Seeded noise: a tree of independent random streams, so that future k is the same alone or among 800.

The tree follows NumPy's ``SeedSequence`` spawn keys: (sha256 of the scenario id, variation, purpose, future, chunk).
Noise is drawn on the CPU, one generator per draw, so it does not depend on the device or on the batch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class NoiseStream:
    """One node of the tree of seeds: ``root`` seed and the ``key`` that leads to it."""

    root: int
    key: tuple[int, ...] = ()

    def child(self, *key: int) -> NoiseStream:
        """The stream below this one under ``key`` (non-negative integers)."""
        return NoiseStream(self.root, self.key + key)

    def named(self, name: str) -> NoiseStream:
        """The stream below this one under a text; stable between runs, unlike Python's ``hash``."""
        digest = hashlib.sha256(name.encode()).digest()
        return self.child(int.from_bytes(digest[:4], "little"))

    def rng(self) -> np.random.Generator:
        """A NumPy generator at the start of this stream."""
        return np.random.default_rng(np.random.SeedSequence(self.root, spawn_key=self.key))

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal noise, float32 on the CPU, the same for every call on an equal stream."""
        import torch  # here, so that scenes and scenarios do not wait for it

        state = np.random.SeedSequence(self.root, spawn_key=self.key).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]) >> 1)
        return torch.randn(shape, generator=generator)
