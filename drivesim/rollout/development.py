"""Which development of the traffic each future shows.

With scripted or free actors there is one, that of the run's seed. With simulated actors future 0 shows that one too, and
every other future takes a turn at its first frame: from there on the traffic develops by a seed of its own, so futures
differ by what drivers do. A branch keeps the turns of the future that it leaves and adds its own at the moment it leaves.
"""

from __future__ import annotations

import numpy as np

from drivesim.rollout.manifest import Manifest


def turns_of(manifest: Manifest, future: int) -> dict[int, int]:
    """Seeds by the frame, on the scene's grid, from which the traffic of ``future`` follows them."""
    turns = dict(manifest.turns)
    if manifest.actors == "simulated" and future > 0:
        turns[manifest.scene_frame] = _turn_seed(manifest, future)
    return turns


def _turn_seed(manifest: Manifest, future: int) -> int:
    """The seed of a future's turn: another for every root of the noise, moment and future."""
    entropy = [manifest.stream_root, *manifest.stream_key, manifest.scene_frame, future]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
