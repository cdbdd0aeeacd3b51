"""Futures as COCO: pictures, and 2D boxes (x, y, width, height in float pixels) in one JSON file for each source.

``annotations/conditioned.json`` holds what the model was told, and only the pictures of frames in which it was told boxes;
``annotations/measured.json`` what the probe saw, with scores. Both name the same pictures by the same ids, so one can be
evaluated against the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from drivesim.exports.contents import SYNTHETIC, SYNTHETIC_NOTE, Contents, PictureBox, Source
from drivesim.exports.pictures import write_jpeg
from drivesim.scene import CATEGORIES

#: Of a box that nearer ones hide more than this leaves, nothing can be asked of a detector.
LEAST_VISIBLE = 0.1

_SUPERCATEGORY = {"pedestrian": "person", "traffic_cone": "object", "barrier": "object"}


def write_coco(
    folder: Path,
    futures: Iterable[Contents],
    progress: Callable[[Contents, float], None] = lambda contents, share: None,
) -> None:
    """Write futures into the empty ``folder``: images/FUTURE/000000.jpg and annotations/*.json."""
    data: dict[Source, dict[str, Any]] = {}
    number = 0
    for contents in futures:
        total = len(contents.scene)
        for frame, picture in enumerate(contents.frames()):
            number += 1
            name = f"{contents.name}/{frame:06d}.jpg"
            write_jpeg(folder / "images" / name, picture)
            for traffic in contents.traffic:
                if traffic.known[frame]:
                    file = data.setdefault(traffic.source, _empty(traffic.source))
                    file["images"].append(_image(number, name, contents, frame))
                    _annotate(file["annotations"], number, traffic.boxes[frame])
            progress(contents, (frame + 1) / total)
        for traffic in contents.traffic:
            file = data.setdefault(traffic.source, _empty(traffic.source))
            file["info"]["provenance"].append(contents.provenance())
    (folder / "annotations").mkdir()
    for source, file in data.items():
        text = json.dumps(file, allow_nan=False)
        (folder / "annotations" / f"{source}.json").write_text(text, encoding="utf-8")


def _empty(source: Source) -> dict[str, Any]:
    return {
        "info": {
            "description": f"{source} boxes of driving video; {SYNTHETIC_NOTE}",
            SYNTHETIC: True,
            "source": source,
            "version": "1.0",
            "provenance": [],
            "left_out": f"boxes of which less than {LEAST_VISIBLE:.0%} is visible" if source == "conditioned" else "",
        },
        "licenses": [],
        "categories": [
            {"id": number, "name": name, "supercategory": _SUPERCATEGORY.get(name, "vehicle")}
            for number, name in enumerate(CATEGORIES, start=1)
        ],
        "images": [],
        "annotations": [],
    }


def _image(number: int, name: str, contents: Contents, frame: int) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": name,
        "width": contents.scene.camera.width,
        "height": contents.scene.camera.height,
        "frame": frame,
        "time_s": contents.time_ns(frame) / 1e9,
        "future": contents.future.id,
    }


def _annotate(annotations: list[dict[str, Any]], image: int, boxes: Iterable[PictureBox]) -> None:
    for box in boxes:
        if box.visible_share is not None and box.visible_share < LEAST_VISIBLE:
            continue
        width, height = box.x_max - box.x_min, box.y_max - box.y_min
        row: dict[str, Any] = {
            "id": len(annotations) + 1,
            "image_id": image,
            "category_id": CATEGORIES.index(box.category) + 1,
            "bbox": [round(value, 2) for value in (box.x_min, box.y_min, width, height)],
            "area": round(width * height, 2),
            "iscrowd": 0,
            "segmentation": [],
            "track_id": box.actor_id,
        }
        if box.score is not None:
            row["score"] = round(box.score, 4)
        if box.visible_share is not None:
            row["visible_share"] = round(box.visible_share, 3)
        annotations.append(row)
