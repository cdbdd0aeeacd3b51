"""How close it gets: measures of danger between road users, from tracks; one per file.

All take the ego's Track (rear axle) and an Actor on the same frames, planned or measured.
"""

from drivesim.evaluation.criticality.collision import Collision, first_collision
from drivesim.evaluation.criticality.drac import braking_need
from drivesim.evaluation.criticality.exposure import time_exposed, time_integrated
from drivesim.evaluation.criticality.extremes import Extreme, largest, smallest
from drivesim.evaluation.criticality.footprints import EgoSize
from drivesim.evaluation.criticality.gap import free_space
from drivesim.evaluation.criticality.off_road import is_off_road, off_road_distance
from drivesim.evaluation.criticality.pet import post_encroachment
from drivesim.evaluation.criticality.summary import Criticality, criticality
from drivesim.evaluation.criticality.thw import time_headway
from drivesim.evaluation.criticality.ttc import time_to_collision

__all__ = [
    "Collision",
    "Criticality",
    "EgoSize",
    "Extreme",
    "braking_need",
    "criticality",
    "first_collision",
    "free_space",
    "is_off_road",
    "largest",
    "off_road_distance",
    "post_encroachment",
    "smallest",
    "time_exposed",
    "time_headway",
    "time_integrated",
    "time_to_collision",
]
