"""How close it gets: measures of danger between road users, from tracks; one per file.

All take the ego's Track (rear axle) and an Actor on the same frames, planned or measured.
"""

from drivesim.metrics.criticality.collision import Collision, first_collision
from drivesim.metrics.criticality.drac import braking_need
from drivesim.metrics.criticality.exposure import time_exposed, time_integrated
from drivesim.metrics.criticality.extremes import Extreme, largest, smallest
from drivesim.metrics.criticality.footprints import EgoSize
from drivesim.metrics.criticality.gap import clearance, free_space
from drivesim.metrics.criticality.off_road import is_off_road, off_road_distance
from drivesim.metrics.criticality.pet import post_encroachment
from drivesim.metrics.criticality.summary import Criticality, criticality
from drivesim.metrics.criticality.thw import time_headway
from drivesim.metrics.criticality.ttc import time_to_collision

__all__ = [
    "Collision",
    "Criticality",
    "EgoSize",
    "Extreme",
    "braking_need",
    "clearance",
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
