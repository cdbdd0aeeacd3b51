"""A layout for Foxglove that opens an exported MCAP file as it is meant: picture with boxes, 3D view, curves, events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from drivesim.exports.contents import SYNTHETIC_NOTE, Source
from drivesim.exports.mcap_file import (
    ACTORS_TOPIC,
    BOXES_TOPIC,
    CALIBRATION_TOPIC,
    EVENTS_TOPIC,
    METRICS_TOPIC,
    ROAD_TOPIC,
    VIDEO_TOPIC,
)

_IMAGE, _WORLD, _PLOT, _LOG = "Image!drivesim", "3D!drivesim", "Plot!drivesim", "RosOut!drivesim"

#: Curves that are drawn, with their colours by source.
_PLOTTED = ("ttc_s", "thw_s", "gap_m")
_LINE_COLOURS: dict[Source, tuple[str, str, str]] = {
    "conditioned": ("#33bfff", "#2a7fb8", "#9bdcff"),
    "measured": ("#ff991a", "#c46a00", "#ffd08a"),
}


def foxglove_layout(sources: Sequence[Source]) -> str:
    """The layout as JSON, for 'Import from file' in Foxglove's list of layouts; ``sources`` are those of the boxes."""
    layout: dict[str, Any] = {
        "configById": {
            _IMAGE: _image_panel(sources),
            _WORLD: _world_panel(sources),
            _PLOT: _plot_panel(sources),
            _LOG: {"topicToRender": EVENTS_TOPIC, "minLogLevel": 1, "searchTerms": [], "nameFilter": {}},
        },
        "globalVariables": {"drivesim": SYNTHETIC_NOTE},
        "userNodes": {},
        "playbackConfig": {"speed": 1},
        "layout": {
            "direction": "column",
            "first": {"direction": "row", "first": _IMAGE, "second": _WORLD, "splitPercentage": 60},
            "second": {"direction": "row", "first": _PLOT, "second": _LOG, "splitPercentage": 60},
            "splitPercentage": 65,
        },
    }
    return json.dumps(layout, indent=2) + "\n"


def _image_panel(sources: Sequence[Source]) -> dict[str, Any]:
    return {
        "imageMode": {
            "imageTopic": VIDEO_TOPIC,
            "calibrationTopic": CALIBRATION_TOPIC,
            "annotations": {BOXES_TOPIC.format(source=source): {"visible": True} for source in sources},
        },
        "foxglovePanelTitle": f"Front camera ({SYNTHETIC_NOTE})",
    }


def _world_panel(sources: Sequence[Source]) -> dict[str, Any]:
    return {
        "followMode": "follow-pose",
        "followTf": "ego",
        "cameraState": {
            "perspective": True,
            "distance": 45,
            "phi": 55,
            "thetaOffset": 90,
            "targetOffset": [12, 0, 0],
            "target": [0, 0, 0],
            "targetOrientation": [0, 0, 0, 1],
            "fovy": 45,
            "near": 0.5,
            "far": 5000,
        },
        "topics": {
            topic: {"visible": True}
            for topic in (ROAD_TOPIC, *(ACTORS_TOPIC.format(source=source) for source in sources))
        },
        "foxglovePanelTitle": "From above",
    }


def _plot_panel(sources: Sequence[Source]) -> dict[str, Any]:
    paths = [
        {
            "value": f"{METRICS_TOPIC.format(source=source)}.{name}",
            "enabled": True,
            "timestampMethod": "receiveTime",
            "label": f"{name} {source}",
            "color": colour,
        }
        for source in sources
        for name, colour in zip(_PLOTTED, _LINE_COLOURS[source], strict=True)
    ]
    return {
        "paths": paths,
        "showLegend": True,
        "legendDisplay": "floating",
        "isSynced": True,
        "xAxisVal": "timestamp",
        "minYValue": 0,
        "foxglovePanelTitle": "Criticality",
    }
