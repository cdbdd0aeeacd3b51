"""Random scenes: pure in the seed, with the promised shares, free of overlaps, and with actors near enough to learn from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from shapely import Polygon

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.geometry import footprint, project, transform_points
from drivesim.scene import CATEGORIES, NUSCENES_FRONT, Scene
from drivesim.traffic.look import PALETTE, colour_of

NUM_SCENES = 110


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [sample_scene(seed, num_frames=2) for seed in range(NUM_SCENES)]


def image_boxes(scene: Scene, frame: int) -> list[tuple[float, float, str]]:
    """Distance, height in pixels and category of the boxes in front of the camera."""
    matrix, intrinsics, found = scene.optical_from_world(frame), scene.camera.intrinsics(), []
    for actor, box in scene.boxes(frame):
        corners = transform_points(matrix, box.corners())
        if corners[:, 2].min() > 0.5:
            pixels = project(corners, intrinsics)
            if 0.0 < pixels[:, 0].mean() < scene.camera.width:
                found.append((float(corners[:, 2].mean()), float(np.ptp(pixels[:, 1])), actor.category))
    return found


def test_pure_function_of_the_seed():
    first, again, other = sample_scene(11, 12), sample_scene(11, 12), sample_scene(12, 12)
    assert np.array_equal(first.ego.positions, again.ego.positions)
    assert first.environment == again.environment and first.camera == again.camera
    assert [(a.id, a.look, a.length) for a in first.actors] == [(a.id, a.look, a.length) for a in again.actors]
    for one, same in zip(first.actors, again.actors, strict=True):
        assert np.array_equal(one.track.positions, same.track.positions)
    assert first.name != other.name


def test_a_longer_clip_of_a_seed_shows_the_same_kind_of_place():
    scene = sample_scene(4, 50, fps=5.0)
    assert len(scene) == 50 and scene.fps == 5.0 and len(scene.actors[0].track) == 50
    assert scene.ego.positions[0] == pytest.approx(0.0) and scene.ego.yaw_rad[0] == pytest.approx(0.0)


def test_shares_of_roads_and_weather(scenes):
    roads = Counter(scene.road.road_type for scene in scenes)
    for road_type, share in {"motorway": 0.35, "rural": 0.25, "urban": 0.40}.items():
        assert roads[road_type] / NUM_SCENES == pytest.approx(share, abs=0.12)
    dark = np.mean([scene.environment.darkness > 0.95 for scene in scenes])
    assert 0.15 < dark < 0.38
    rain = [scene.environment for scene in scenes if scene.environment.rain > 0.0]
    assert 0.08 < len(rain) / NUM_SCENES < 0.27
    assert all(environment.wetness > 0.2 and environment.sky == "overcast" for environment in rain)
    assert any(np.isfinite(scene.environment.fog_visibility_m) for scene in scenes)
    lit = [scene for scene in scenes if scene.environment.street_lights]
    assert all(scene.environment.darkness > 0.0 for scene in lit) and lit
    jittered = np.mean([scene.camera != NUSCENES_FRONT for scene in scenes])
    assert 0.1 < jittered < 0.32


def test_near_actors_in_most_scenes_and_every_category_in_some(scenes):
    near = [any(away < 40.0 and height > 24.0 for away, height, _ in image_boxes(scene, 0)) for scene in scenes]
    assert np.mean(near) > 0.8
    seen = {category for scene in scenes for _, _, category in image_boxes(scene, 0)}
    assert seen == set(CATEGORIES)
    vehicles = Counter(category for scene in scenes for _, _, category in image_boxes(scene, 0))
    assert vehicles["car"] > 0.4 * vehicles.total()


def test_nobody_overlaps_at_the_start(scenes):
    for scene in scenes:
        boxes = [box for _, box in scene.boxes(0)]
        centres = np.array([(box.x, box.y) for box in boxes])
        reach = np.array([box.length for box in boxes])
        away = np.linalg.norm(centres[:, None] - centres[None, :], axis=-1)
        close = np.triu(away < (reach[:, None] + reach[None, :]) / 2.0 + 1.0, 1)
        for first, second in np.argwhere(close):
            one, other = (
                Polygon(footprint(b.x, b.y, b.length, b.width, b.yaw_rad)) for b in (boxes[first], boxes[second])
            )
            assert one.intersection(other).area < 0.01, (scene.name, first, second)
        ego = Polygon(footprint(1.3, 0.0, 4.6, 1.85, 0.0))
        assert not any(ego.intersects(Polygon(footprint(b.x, b.y, b.length, b.width, b.yaw_rad))) for b in boxes), (
            scene.name
        )


def test_looks_name_their_colours(scenes):
    looks = 0
    for scene in scenes:
        for actor in scene.actors:
            if actor.look is not None:
                looks += 1
                assert actor.colour == colour_of(actor.look), actor.look
    assert looks > 700


@pytest.mark.parametrize(
    ("look", "name"),
    [
        ("white estate car", "white"),
        ("dark coat", "black"),
        ("reflective jacket", "reflective"),
        ("a dark blue van", "dark blue"),
        ("light grey lorry", "silver"),
        ("Red bus", "red"),
        ("dark red coat", "dark red"),
        ("gray hoodie", "grey"),
    ],
)
def test_colour_words(look, name):
    assert colour_of(look) == PALETTE[name]


def test_no_colour_word():
    assert colour_of("old tired lorry") is None


def test_events_happen():
    """Scripted situations change something within a few seconds: speeds or lateral places of near actors."""
    lively = 0
    for seed in range(14):
        scene = sample_scene(seed, 40)
        tracks = [scene.ego] + [a.track for a in scene.actors if a.id.startswith("actor") and not a.parked]
        moved = [np.ptp(t.speed_mps) > 1.5 or np.ptp(t.yaw_rad) > 0.03 for t in tracks]
        lively += any(moved)
    assert lively >= 9
