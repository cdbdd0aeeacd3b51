"""Every measure of danger between the ego and one actor, gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.metrics.criticality.collision import Collision, first_collision
from drivesim.metrics.criticality.drac import braking_need
from drivesim.metrics.criticality.exposure import time_exposed, time_integrated
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize
from drivesim.metrics.criticality.gap import free_space
from drivesim.metrics.criticality.pet import post_encroachment
from drivesim.metrics.criticality.thw import time_headway
from drivesim.metrics.criticality.ttc import time_to_collision
from drivesim.road import Road
from drivesim.scene import Actor, Track


@dataclass(frozen=True, kw_only=True, eq=False)
class Criticality:
    """The ego and one actor: curves (T,) of TTC (s), THW (s), DRAC (m/s²) and gap (m), NaN where one is not present; PET
    (s); TET (s) and TIT (s²) below ``threshold_s`` of TTC; the collision, if there is one.
    """

    actor_id: str
    category: str
    ttc_s: np.ndarray
    thw_s: np.ndarray
    drac_mps2: np.ndarray
    gap_m: np.ndarray
    pet_s: float
    tet_s: float
    tit_s2: float
    threshold_s: float
    collision: Collision | None


def criticality(
    ego: Track,
    actors: Sequence[Actor],
    fps: float,
    *,
    road: Road | None = None,
    size: EgoSize = DEFAULT_EGO,
    threshold_s: float = 1.5,
    horizon_s: float = 3.0,
) -> tuple[Criticality, ...]:
    """All measures for every actor that is ever present together with the ego; parameters as in the single measures."""
    together = [actor for actor in actors if (np.asarray(ego.present) & np.asarray(actor.track.present)).any()]
    found = []
    for actor in together:
        ttc = time_to_collision(ego, actor, size=size, horizon_s=max(horizon_s, threshold_s))
        found.append(
            Criticality(
                actor_id=actor.id,
                category=actor.category,
                ttc_s=ttc,
                thw_s=time_headway(ego, actor, size=size, road=road),
                drac_mps2=braking_need(ego, actor, size=size, road=road),
                gap_m=free_space(ego, actor, size=size),
                pet_s=post_encroachment(ego, actor, fps, size=size),
                tet_s=time_exposed(ttc, fps, threshold_s),
                tit_s2=time_integrated(ttc, fps, threshold_s),
                threshold_s=threshold_s,
                collision=first_collision(ego, actor, size=size),
            )
        )
    return tuple(found)
