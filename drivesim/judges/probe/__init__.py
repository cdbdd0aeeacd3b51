"""The probe: a network that reads objects, semantic classes, attributes and ego motion from frames."""

from drivesim.judges.probe.decode import (
    Detections,
    decode_attributes,
    decode_motion,
    decode_objects,
    decode_semantic,
)
from drivesim.judges.probe.labels import BoxLabels, CountingRule, FrameLabels, box_labels, scene_labels
from drivesim.judges.probe.loss import probe_loss
from drivesim.judges.probe.network import ProbeNetwork, ProbeOutputs
from drivesim.judges.probe.targets import ProbeTargets, build_targets

__all__ = [
    "BoxLabels",
    "CountingRule",
    "Detections",
    "FrameLabels",
    "ProbeNetwork",
    "ProbeOutputs",
    "ProbeTargets",
    "box_labels",
    "build_targets",
    "decode_attributes",
    "decode_motion",
    "decode_objects",
    "decode_semantic",
    "probe_loss",
    "scene_labels",
]
