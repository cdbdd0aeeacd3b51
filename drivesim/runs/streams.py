"""Where each piece of randomness hangs in the tree of seeds: name of the scenario's world, variation, purpose, future, chunk."""

from __future__ import annotations

from drivesim.noise import NoiseStream

#: Purposes: the nodes of the tree below (scenario, variation).
START_FRAME_STAGE = 0
VIDEO_STAGE = 1

# Far above any chunk number, so that a branch can never share a key with a chunk of its parent ("bran" in ASCII).
_BRANCH_KEY = 0x6272616E


def start_frame_stream(seed: int, world: str, variation: int) -> NoiseStream:
    """The noise of the synthesised start frame; all futures share it."""
    return NoiseStream(seed).named(world).child(variation, START_FRAME_STAGE, 0, 0)


def futures_stream(seed: int, world: str, variation: int) -> NoiseStream:
    """The node above all futures: future k draws from ``.child(k)``, its chunk c from ``.child(k, c)``."""
    return NoiseStream(seed).named(world).child(variation, VIDEO_STAGE)


def branch_stream(parent: NoiseStream, chunk: int, seed: int) -> NoiseStream:
    """The node above the futures that branch off one future (its stream ``parent``) after ``chunk`` chunks."""
    return NoiseStream(seed, parent.key).child(_BRANCH_KEY, chunk)
