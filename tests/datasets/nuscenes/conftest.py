"""Two procedural scenes, rendered small and written in nuScenes' layout, to be read back with the real devkit."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.exports.nuscenes import RecordedScene, write_nuscenes
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import Camera, Pose, Scene

cv2.setNumThreads(1)

#: nuscenes-devkit has no wheels for Python 3.13; there is nothing to test without it.
collect_ignore_glob = [] if importlib.util.find_spec("nuscenes") else ["test_*.py"]

VERSION = "v1.0-drivesim"
FRAMES, FPS = 13, 12.0

#: CAM_FRONT as it is in the files, and turned a little, so that no axis is left out of the comparison.
FULL = Camera(
    name="full",
    width=1600,
    height=900,
    fx=1266.4,
    fy=1266.4,
    cx=816.3,
    cy=491.5,
    mount=Pose(x=1.70, y=0.02, z=1.51, yaw_rad=0.006, pitch_rad=-0.004, roll_rad=0.003),
)


@dataclass(frozen=True)
class Exported:
    """A folder in nuScenes' layout, and the scenes it was written from, by name."""

    root: Path
    scenes: dict[str, Scene]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return json.loads((self.root / VERSION / f"{table}.json").read_text())

    def write(self, table: str, rows: object) -> None:
        (self.root / VERSION / f"{table}.json").write_text(json.dumps(rows))

    def frames_of(self, scene: str) -> list[dict[str, Any]]:
        """sample_data rows of a scene in their order."""
        samples = {row["token"] for row in self.rows("sample") if row["scene_token"] == self.token_of(scene)}
        rows = [row for row in self.rows("sample_data") if row["sample_token"] in samples]
        return sorted(rows, key=lambda row: row["timestamp"])

    def token_of(self, scene: str) -> str:
        return next(row["token"] for row in self.rows("scene") if row["name"] == scene)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Scene ``alpha`` (split train) and ``beta`` (val), 13 frames at 12 fps: key frames 0, 6 and 12."""
    scenes = [
        dataclasses.replace(sample_scene(seed, FRAMES, FPS), name=name, camera=FULL)
        for seed, name in ((21, "alpha"), (5, "beta"))
    ]
    recordings = [
        RecordedScene(scene=scene, frames=pictures(scene), description="two words", split=split)
        for scene, split in zip(scenes, ("train", "val"), strict=True)
    ]
    root = write_nuscenes(tmp_path_factory.mktemp("nuscenes") / "data", recordings, version=VERSION)
    return Exported(root, {scene.name: scene for scene in scenes})


def pictures(scene: Scene):
    world = ProceduralWorld(scene, scene.seed)
    return (world.render_rgb(frame, 160, 90) for frame in range(len(scene)))


@pytest.fixture
def copy_of(exported: Exported, tmp_path: Path) -> Callable[[], Exported]:
    """Makes copies of the folder that a test may break."""

    def copy() -> Exported:
        return Exported(Path(shutil.copytree(exported.root, tmp_path / "data")), exported.scenes)

    return copy
