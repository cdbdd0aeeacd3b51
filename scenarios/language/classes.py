"""What an actor may be, and the names that other formats have for it (nuScenes, OpenSCENARIO, plain words)."""

from __future__ import annotations

from drivesim.scene import CATEGORIES

CLASSES = CATEGORIES
CLASS_ALIASES = {
    "vehicle.car": "car",
    "vehicle.truck": "truck",
    "vehicle.bus.rigid": "bus",
    "vehicle.bus.bendy": "bus",
    "vehicle.trailer": "trailer",
    "vehicle.construction": "construction_vehicle",
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "vehicle.motorcycle": "motorcycle",
    "vehicle.bicycle": "bicycle",
    "movable_object.trafficcone": "traffic_cone",
    "movable_object.barrier": "barrier",
    "motorbike": "motorcycle",
    "cyclist": "bicycle",
    "bike": "bicycle",
    "person": "pedestrian",
    "lorry": "truck",
    "priorityVehicle": "car",
}
