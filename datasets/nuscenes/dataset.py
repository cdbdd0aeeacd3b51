"""nuScenes as samples: windows of one camera's key frames and sweeps with the annotated boxes around them."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drivesim.clip import Clip
from drivesim.controls import Control
from drivesim.datasets.nuscenes.boxes import actors_of, camera_of, ego_track, world_of
from drivesim.datasets.nuscenes.categories import Categories, categories_with, unknown_names
from drivesim.datasets.nuscenes.check import check_rows, check_tables
from drivesim.datasets.nuscenes.database import open_database, scenes_of_split, tables_of
from drivesim.datasets.nuscenes.index import (
    LONGEST_GAP_US,
    Window,
    annotated_closely,
    annotated_frames,
    windows_of_scene,
)
from drivesim.datasets.nuscenes.map_lines import map_file, open_map, road_of
from drivesim.datasets.nuscenes.picture_check import picture_of
from drivesim.datasets.nuscenes.tables import TABLES, raise_findings
from drivesim.datasets.nuscenes.weather import environment_of
from drivesim.datasets.sample import BrokenSample, Sample, largest_crop, require_form
from drivesim.errors import InputError
from drivesim.json_text import JsonFault, parse_object
from drivesim.scene import Scene

#: The split that takes every scene of a version.
ALL_SCENES = "all"

LICENCE = "nuScenes terms of use, CC BY-NC-SA 4.0 (non-commercial)"


class NuScenesDataset:
    """Windows of ``num_frames`` frames of ``channel`` at ``fps``, from the scenes of ``split``.

    Each picture is the nearest to its time on the window's grid (nuScenes' cameras run at 12 Hz with steps of 50 or
    100 ms); boxes and poses are those of the picture's own time. Pictures are cut to ``width`` / ``height`` around their
    middle and scaled, the camera with them. Windows start every ``stride`` frames (``num_frames`` when None). ``large``
    is given when the file has pixels enough for twice the size. With ``use_map`` the scene has a road wherever the map
    expansion of its place is there; without, roads are unknown. ``category_map`` says what the names of another data set in
    this layout are (None: their boxes are left out, and where one is in the picture the actors are not known).

    ``problems`` are the findings of ``check_nuscenes`` short of decoding the pictures; ``notes`` say what was left out.

    Raises InputError when the data set, version, split or channel is not there, boxes have unknown names, or no window of
    that length and rate fits. ``dataset[i]`` raises BrokenSample for a window whose picture or rows are damaged.
    """

    def __init__(
        self,
        root: str | Path,
        version: str = "v1.0-trainval",
        split: str = "train",
        num_frames: int = 8,
        fps: float = 12.0,
        height: int = 256,
        width: int = 512,
        channel: str = "CAM_FRONT",
        stride: int | None = None,
        use_map: bool = True,
        category_map: Categories | None = None,
    ) -> None:
        self.root, self.version, self.split, self.channel = Path(root), version, split, channel
        self.num_frames, self.fps, self.height, self.width = num_frames, fps, height, width
        self.stride, self.use_map = num_frames if stride is None else stride, use_map
        require_form(f"{self.root}", num_frames=num_frames, fps=fps, height=height, width=width)
        if self.stride < 1:
            raise InputError(f"{self.root}: stride is {self.stride}, expected at least 1.")
        self._given_categories, self._categories = category_map, categories_with(category_map)
        self._database: Any = None
        self._licence = self._read_licence()
        database = self._opened()
        scenes = self._scenes(database)
        self._check_channel(database)
        unknown = unknown_names(version, tables_of(database), self._categories)
        raise_findings(self.root, [] if unknown is None else [unknown])
        try:
            self._windows, self._passed_over = self._index(database, scenes)
        except (KeyError, TypeError, ValueError) as error:
            raise_findings(self.root, check_tables(self.root, version))
            raise InputError(f"{self.root.name}/{version}: a row lacks {error}; unpack the metadata again") from error
        findings = check_rows(self.root, version, tables_of(database), channel, category_map)
        self.problems = [str(finding) for finding in findings]
        places = sorted({database.get("log", scene["log_token"])["location"] for scene in scenes})
        self._maps = [place for place in places if use_map and map_file(self.root, place) is not None]
        for place in self._maps:
            open_map(self.root, place)
        self._boxes_left_out = _count_left_out(database, {scene["token"] for scene in scenes}, self._categories)
        self._check_windows(database)
        self._sparse = sum(
            not annotated_closely(database, [database.get("sample_data", token) for token in window.tokens])
            for window in self._windows
            if window.error is None
        )

    def __len__(self) -> int:
        return len(self._windows)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_database": None}

    def __getitem__(self, index: int) -> Sample:
        """Window ``index``. Raises BrokenSample when its files are damaged, IndexError beyond the end."""
        window = self._windows[index]
        if window.error is not None:
            raise BrokenSample(window.error)
        try:
            return self._sample(window)
        except KeyError as error:
            raise BrokenSample(
                f"{self.version}: window {window.scene}/{window.first:05d} needs {error}, which is in no row of its "
                "table. Unpack the metadata archive again; drivesim data check names the table."
            ) from error

    def _sample(self, window: Window) -> Sample:
        database = self._opened()
        rows = [database.get("sample_data", token) for token in window.tokens]
        world_from_global = world_of(database, rows)
        full = camera_of(database, rows, self.channel)
        left, top, cut_width, cut_height = _middle(full.width, full.height, self.width / self.height)
        camera = full.cropped(left, top, cut_width, cut_height).resized(self.width, self.height)
        pictures = [picture_of(self.root, row)[top : top + cut_height, left : left + cut_width] for row in rows]
        sample = database.get("sample", rows[0]["sample_token"])
        scene_row = database.get("scene", sample["scene_token"])
        log = database.get("log", scene_row["log_token"])
        ego = ego_track(database, rows, world_from_global)
        mapped = log["location"] in self._maps
        views = [camera.optical_from_world(ego.pose(frame)) for frame in range(len(rows))]
        actors, incomplete = actors_of(database, rows, world_from_global, self._categories, views, camera)
        scene = Scene(
            name=scene_row["name"],
            fps=self.fps,
            ego=ego,
            actors=actors,
            camera=camera,
            road=road_of(self.root, log["location"], ego.positions[:, :2], world_from_global) if mapped else None,
            environment=environment_of(scene_row["description"], log["logfile"], rows[0]["timestamp"]),
        )
        return Sample(
            id=f"{scene.name}/{window.first:05d}",
            clip=Clip(np.stack([_scaled(picture, self.width, self.height) for picture in pictures]), self.fps),
            scene=scene,
            times_us=np.array([row["timestamp"] for row in rows], dtype=np.int64),
            known=self._known(database, scene_row, scene)
            - ({Control.ACTORS} if incomplete or not annotated_closely(database, rows) else set()),
            source=f"{self.root.name}/{self.version}/{scene.name}/{self.channel}",
            licence=self._licence,
            large=self._large(pictures[0]),
        )

    def describe(self) -> dict[str, Any]:
        """What decides the samples, and what was left out of them: see :class:`drivesim.datasets.sample.SampleDataset`.

        ``content`` is a hash of the tables' sizes and of the rows that the windows name.
        """
        digest = hashlib.sha256()
        for table in TABLES:
            digest.update(f"{table} {(self.root / self.version / f'{table}.json').stat().st_size}\n".encode())
        for window in self._windows:
            digest.update(" ".join(window.tokens).encode())
        return {
            "kind": "nuscenes",
            "folder": self.root.resolve().name,
            "version": self.version,
            "split": self.split,
            "splits_from": self._splits_from,
            "channel": self.channel,
            "num_frames": self.num_frames,
            "fps": self.fps,
            "stride": self.stride,
            "height": self.height,
            "width": self.width,
            "maps": self._maps,
            "length": len(self),
            "licence": self._licence,
            "content": digest.hexdigest(),
            "boxes_left_out": dict(sorted(self._boxes_left_out.items())),
            **({} if self._given_categories is None else {"category_map": dict(self._given_categories)}),
            "first_frames_passed_over_for_gaps": self._passed_over,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the data set, a line each."""
        notes = [
            f"{count} boxes of {name} were left out; where one is in the picture the actors count as not known"
            for name, count in sorted(self._boxes_left_out.items())
        ]
        if self._sparse:
            notes.append(
                f"in {self._sparse} of {len(self)} windows key frames lie more than {LONGEST_GAP_US / 1e6:g} s apart: the actors "
                "between them count as not known"
            )
        if self._passed_over:
            notes.append(f"{self._passed_over} frames begin no window, because frames are missing after them")
        if not self._maps:
            notes.append("no map: the layout holds boxes but no road (docs/nuscenes.md names the map expansion)")
        return tuple(notes)

    def _scenes(self, database: Any) -> list[dict[str, Any]]:
        """The scenes of the split; ``all`` takes every scene of the version."""
        if self.split == ALL_SCENES:
            self._splits_from = "scene.json"
            return list(database.scene)
        names, self._splits_from = scenes_of_split(self.root, self.version, self.split)
        scenes = [scene for scene in database.scene if scene["name"] in set(names)]
        if not scenes:
            raise InputError(
                f"{self.root.name}/{self.version}: none of the {len(names)} scenes of split {self.split!r} is in scene.json; "
                f"download the version that holds them, or choose another split ({ALL_SCENES!r} takes every scene)"
            )
        return scenes

    def _opened(self) -> Any:
        if self._database is None:
            self._database = open_database(self.root, self.version)
        return self._database

    def _read_licence(self) -> str:
        own = self.root / self.version / "drivesim.json"
        if not own.exists():
            return LICENCE
        try:
            return str(parse_object(own.read_bytes())["licence"])
        except (JsonFault, KeyError) as error:
            raise InputError(
                f'{own}: names no licence ({error}); write {{"licence": "..."}} into it, or delete it when these are '
                "nuScenes' own pictures"
            ) from error

    def _index(self, database: Any, scenes: list[dict[str, Any]]) -> tuple[list[Window], int]:
        windows: list[Window] = []
        passed_over = 0
        for scene in scenes:
            rows, broken = annotated_frames(database, scene, self.channel)
            found, passed = windows_of_scene(scene["name"], rows, self.num_frames, self.fps, self.stride)
            windows += found
            passed_over += passed
            if broken is not None:
                windows.append(Window(scene["name"], len(rows), (), f"{broken}. Unpack the metadata archive again."))
        return windows, passed_over

    def _check_channel(self, database: Any) -> None:
        channels = sorted(row["channel"] for row in database.sensor if row["modality"] == "camera")
        if self.channel not in channels:
            raise InputError(
                f"{self.root.name}/{self.version}/sensor.json has no camera {self.channel!r}; "
                f"its cameras are {', '.join(channels) or 'none'}"
            )

    def _check_windows(self, database: Any) -> None:
        sound = [window for window in self._windows if window.error is None]
        if not sound:
            reason = self._windows[0].error if self._windows else f"{self._passed_over} first frames lie before a gap"
            raise InputError(
                f"{self.root.name}/{self.version}, split {self.split!r}: no window of {self.num_frames} frames at "
                f"{self.fps:g} fps fits ({reason}). nuScenes' cameras run at 12 Hz for 20 s a scene: ask for fewer "
                "frames or a lower rate."
            )
        if not any((self.root / database.get("sample_data", w.tokens[0])["filename"]).exists() for w in sound):
            first = database.get("sample_data", sound[0].tokens[0])["filename"]
            raise InputError(
                f"{self.root}: none of the pictures that sample_data.json names is there (first: {first}). "
                "Download and unpack the file blobs beside the tables; docs/nuscenes.md names the archives."
            )

    def _large(self, picture: np.ndarray) -> np.ndarray | None:
        if picture.shape[0] < 2 * self.height or picture.shape[1] < 2 * self.width:
            return None
        return _scaled(picture, 2 * self.width, 2 * self.height)

    def _known(self, database: Any, row: dict[str, Any], scene: Scene) -> frozenset[Control]:
        known = {Control.MOTION}
        if scene.road is not None:
            known.add(Control.MAP)
        if database.sample_annotation:
            known.add(Control.ACTORS)
        if row["description"]:
            known.add(Control.ATTRIBUTES)
        return frozenset(known)


def _middle(width: int, height: int, aspect: float) -> tuple[int, int, int, int]:
    """Left, top, width and height of the largest middle part of a picture with that aspect (width / height)."""
    cut_width, cut_height = largest_crop(width, height, aspect)
    return (width - cut_width) // 2, (height - cut_height) // 2, cut_width, cut_height


def _scaled(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    shrinks = width <= picture.shape[1] and height <= picture.shape[0]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _count_left_out(database: Any, scenes: set[str], categories: Categories) -> Counter[str]:
    """Annotations in the scenes whose category has no counterpart, by category."""
    names = (
        database.get("sample_annotation", token)["category_name"]
        for sample in database.sample
        if sample["scene_token"] in scenes
        for token in sample["anns"]
    )
    return Counter(name for name in names if categories.get(name) is None)
