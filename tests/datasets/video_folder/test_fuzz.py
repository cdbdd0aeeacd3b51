"""Side files edited and damaged at random end in one clear error or are read; never in a traceback."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numbered_video import BOX_COLUMNS, CAMERA

from drivesim.datasets.nuscenes.categories import read_category_map
from drivesim.datasets.video_folder.boxes import read_boxes
from drivesim.datasets.video_folder.camera_file import read_camera_file
from drivesim.datasets.video_folder.frame_times import read_kitti_timestamps, read_named_timestamps, read_timestamps
from drivesim.datasets.video_folder.poses import read_poses
from drivesim.errors import InputError

TIMES = np.arange(8) * 0.1
ROW = "a,car,20,0,0.8,4.5,1.8,1.5,0"
BOXES = "\n".join([BOX_COLUMNS, *(f"{time:.1f},{ROW}" for time in TIMES)])
JSON_BOXES = json.dumps(
    {"boxes": [dict(zip(BOX_COLUMNS.split(","), [0.1, "a", "car", 9, 0, 1, 4, 2, 1, 0], strict=True)), {"time_s": 0.2}]}
)
ATTRIBUTES = {"time_of_day": "12:00", "sky": "clear", "precipitation": "dry"}
NAMES = [f"{number}.png" for number in range(8)]

FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "boxes.csv": (BOXES, lambda path: read_boxes(path, TIMES, 0.0)),
    "boxes.json": (JSON_BOXES, lambda path: read_boxes(path, TIMES, 0.0)),
    "poses.csv": (
        "time_s,x,y,yaw_rad\n" + "".join(f"{time:.1f},{10 * time:.1f},0,0\n" for time in TIMES),
        lambda path: read_poses(path, TIMES, 0.0),
    ),
    "camera.json": (json.dumps({**CAMERA, "fps": 10, "attributes": ATTRIBUTES, "licence": "CC0"}), read_camera_file),
    "timestamps.csv": (
        "frame,time_s\n" + "".join(f"{number},{time:.1f}\n" for number, time in enumerate(TIMES)),
        lambda path: read_timestamps(path, 8),
    ),
    "named.csv": (
        "frame,time_s\n" + "".join(f"{name},{time:.1f}\n" for name, time in zip(NAMES, TIMES, strict=True)),
        lambda path: read_named_timestamps(path, NAMES),
    ),
    "timestamps.txt": (
        "".join(f"2011-09-26 13:02:{25 + time:012.9f}\n" for time in TIMES),
        lambda path: read_kitti_timestamps(path, NAMES),
    ),
    "map.json": ('{"car": "car", "animal": null, "lorry": "truck"}', read_category_map),
}
PIECES = (
    b"",
    b"\0",
    b"\xff",
    b"nan",
    b"-1e999",
    b"1e308",
    b"9" * 5000,
    b'"',
    b",",
    b"\n",
    b"{",
    b"null",
    "²".encode(),
    b"-",
)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(0, len(data) + 1))
        stop = start + int(rng.integers(0, 12))
        data[start:stop] = PIECES[rng.integers(len(PIECES))]
    return bytes(data[: int(rng.integers(len(data)))] if rng.random() < 0.1 else data)


@pytest.mark.parametrize("name", FILES)
def test_three_hundred_mutations(name: str, tmp_path: Path) -> None:
    text, read = FILES[name]
    path = tmp_path / name
    path.write_text(text)
    read(path)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    refused = 0
    for _ in range(300):
        path.write_bytes(mutated(text.encode(), rng))
        try:
            read(path)
        except InputError as error:
            refused += 1
            assert name in str(error)
    assert refused > 100
    for deep in ("[" * 100_000, '{"boxes":' * 100_000):
        path.write_text(deep)
        with pytest.raises(InputError):
            read(path)
