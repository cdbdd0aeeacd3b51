"""Which development of the traffic each future shows.

With scripted or free actors there is one, that of the run's seed. With simulated actors, or a simulated ego, future 0 shows
that one too, and every other future takes a turn at its first frame: from there on the traffic develops by a seed of its own,
so futures differ by what drivers do. A branch keeps the turns of the future that it leaves and adds its own at the moment it
leaves.
"""

from __future__ import annotations

import numpy as np

from drivesim.runs.manifest import Manifest
from drivesim.scene import Turn


def turns_of(manifest: Manifest, future: int) -> dict[int, Turn]:
    """Turns by the frame, on the scene's grid, at which the traffic of ``future`` takes them."""
    turns = {frame: Turn(seed=seed, ego=ego) for frame, seed, ego in manifest.turns}
    if manifest.develops_apart and future > 0:
        turns[manifest.scene_frame] = Turn(seed=_turn_seed(manifest, future), ego=manifest.ego == "simulated")
    return turns


def as_rows(turns: dict[int, Turn]) -> tuple[tuple[int, int, bool], ...]:
    """Turns as a manifest holds them."""
    return tuple((frame, turn.seed, turn.ego) for frame, turn in turns.items())


def _turn_seed(manifest: Manifest, future: int) -> int:
    """The seed of a future's turn: another for every root of the noise, moment and future."""
    entropy = [manifest.stream_root, *manifest.stream_key, manifest.scene_frame, future]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
