"""The formats that others open; what some of them need beside this package's core stands in :mod:`drivesim.extras`."""

from __future__ import annotations

#: Every format and what its files are, in one sentence.
FORMATS: dict[str, str] = {
    "mcap": "one .mcap a future with Foxglove's schemas, and a layout file: video, boxes, curves, events",
    "nuscenes": "tables and pictures that the nuScenes devkit loads and evaluates detections on",
    "coco": "pictures and 2D boxes in COCO's JSON",
    "frames": "a folder of pictures for each future, with calibration, poses, boxes and tracks as JSON and CSV",
    "xosc": "ASAM OpenSCENARIO 1.2 and OpenDRIVE: the scenario as written, and what each future was conditioned on",
    "video": "an mp4 a future at another frame rate, and a JSON file that says which frame each of its frames shows",
}

#: Formats without boxes, for which nothing needs to be measured.
WITHOUT_BOXES = ("video",)
