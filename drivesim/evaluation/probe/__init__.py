"""The probe: a network that reads objects, semantic classes, attributes and ego motion from frames, and its scoring."""

from drivesim.evaluation.probe.decode import (
    Detections,
    decode_attributes,
    decode_motion,
    decode_objects,
    decode_semantic,
)
from drivesim.evaluation.probe.labels import BoxLabels, CountingRule, FrameLabels, box_labels, scene_labels
from drivesim.evaluation.probe.loss import probe_loss
from drivesim.evaluation.probe.matching import match
from drivesim.evaluation.probe.network import ProbeNetwork, ProbeOutputs
from drivesim.evaluation.probe.targets import ProbeTargets, build_targets

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
    "match",
    "probe_loss",
    "scene_labels",
]
