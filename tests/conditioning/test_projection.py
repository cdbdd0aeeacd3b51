import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivesim.conditioning.projection import FACES, NEAR_M, BoxGeometry, clip_near, image_boxes, painter_order
from drivesim.geometry import footprint, invert_rigid, project, transform_points, unproject
from drivesim.scene import NUSCENES_FRONT, Box, Pose

CAMERA = NUSCENES_FRONT
finite = st.floats(-3.0, 3.0)


def seen_surface(box: Box, camera: np.ndarray, per_side: int = 41) -> np.ndarray:
    """Points (N, 3) on the faces of a box whose outer side looks at the point ``camera`` (3,), in its parent frame."""
    pose = Pose(x=box.x, y=box.y, z=box.z, yaw_rad=box.yaw_rad).matrix()
    half = 0.5 * np.array([box.length, box.width, box.height])
    in_box = transform_points(invert_rigid(pose), camera)
    a, b = (grid.ravel() for grid in np.meshgrid(*[np.linspace(-1.0, 1.0, per_side)] * 2))
    points = [np.zeros((0, 3))]
    for axis in range(3):
        sign = np.sign(in_box[axis])
        if abs(in_box[axis]) > half[axis]:
            points.append(np.insert(np.stack([a, b], axis=1), axis, sign, axis=1) * half)
    return transform_points(pose, np.concatenate(points))


@given(
    u=st.floats(0.0, 1024.0),
    v=st.floats(0.0, 512.0),
    depth=st.floats(0.2, 500.0),
    x=finite,
    y=finite,
    yaw=finite,
    mount_yaw=finite,
    pitch=st.floats(-0.3, 0.3),
)
def test_unprojecting_and_projecting_through_world_and_camera_returns_the_pixel(
    u, v, depth, x, y, yaw, mount_yaw, pitch
):
    camera = dataclasses.replace(CAMERA, mount=Pose(x=1.7, y=0.3, z=1.5, yaw_rad=mount_yaw, pitch_rad=pitch))
    ego = Pose(x=100 * x, y=100 * y, yaw_rad=yaw)
    matrix = camera.optical_from_world(ego)
    world = transform_points(invert_rigid(matrix), unproject(np.array([u, v]), np.array(depth), camera.intrinsics()))
    back = transform_points(matrix, world)
    np.testing.assert_allclose(back[2], depth, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(project(back, camera.intrinsics()), [u, v], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-4.0, 30.0),
    y=st.floats(-8.0, 8.0),
    yaw=st.floats(-3.2, 3.2),
    length=st.floats(0.5, 12.0),
    width=st.floats(0.5, 3.0),
)
def test_image_box_holds_every_sampled_point_of_the_seen_faces(make_scene, make_actor, x, y, yaw, length, width):
    actor = dataclasses.replace(make_actor("a", "car", x, y, yaw=yaw), length=length, width=width)
    scene = make_scene(actor)
    points = transform_points(
        scene.optical_from_world(0), seen_surface(actor.box(0), np.array([CAMERA.mount.x, 0.0, CAMERA.mount.z]))
    )
    points = points[points[:, 2] > NEAR_M]
    pixels = project(points, CAMERA.intrinsics()) if len(points) else np.zeros((0, 2))
    seen = pixels[(pixels >= 0).all(1) & (pixels <= [1024, 512]).all(1)]
    found = image_boxes(scene, 0)
    if not found:
        assert len(seen) == 0 or np.prod(np.ptp(seen, axis=0)) < 50.0
        return
    box = found[0]
    assert 0.0 <= box.x_min < box.x_max <= 1024.0 and 0.0 <= box.y_min < box.y_max <= 512.0
    if len(seen):
        assert (seen.min(0) >= np.array([box.x_min, box.y_min]) - 1e-6).all()
        assert (seen.max(0) <= np.array([box.x_max, box.y_max]) + 1e-6).all()
    if not box.truncated:
        np.testing.assert_allclose(seen.min(0), [box.x_min, box.y_min], atol=1e-6)
        np.testing.assert_allclose(seen.max(0), [box.x_max, box.y_max], atol=1e-6)


@pytest.mark.parametrize("y", [1.6, -1.6, 0.0])
def test_a_box_across_the_near_plane_gives_finite_polygons_and_a_box_inside_the_image(make_scene, make_actor, y):
    actor = dataclasses.replace(make_actor("a", "car", 3.0, y, yaw=0.05), length=8.0, width=2.0, height=1.2)
    scene = make_scene(actor)
    batch = BoxGeometry(scene).at(0)
    assert (batch.corners[0, :, 2] < NEAR_M).any() and batch.facing[0, FACES.index("top")]
    outlines = [batch.face(0, face) for face in range(len(FACES))]
    seen = [project(outline, CAMERA.intrinsics()) for outline in outlines if len(outline)]
    assert seen and all(len(outline) >= 3 and np.isfinite(outline).all() for outline in seen)
    (box,) = image_boxes(scene, 0)
    assert box.truncated
    assert 0.0 <= box.x_min < box.x_max <= CAMERA.width and 0.0 <= box.y_min < box.y_max <= CAMERA.height


@given(st.lists(st.tuples(finite, finite, finite), min_size=3, max_size=3))
def test_clipping_keeps_the_part_beyond_the_near_plane(points):
    triangle = np.array(points)
    kept = clip_near(triangle)
    assert len(kept) in (0, 3, 4)
    assert (len(kept) == 0) == bool((triangle[:, 2] < NEAR_M).all())
    assert (kept[:, 2] >= NEAR_M - 1e-9).all()


def test_faces_that_look_at_the_camera_follow_the_heading(make_scene, make_actor):
    for yaw, expected in ((0.0, "rear"), (np.pi, "front"), (np.pi / 2, "left"), (-np.pi / 2, "right")):
        scene = make_scene(make_actor("car", "car", 15.0, 0.0, yaw=yaw))
        (facing,) = BoxGeometry(scene).at(0).facing
        names = [name for name, seen in zip(("front", "rear", "left", "right", "top"), facing, strict=True) if seen]
        assert names == sorted([expected, "top"], key=["front", "rear", "left", "right", "top"].index)


def test_nearest_box_comes_first_and_hides_what_is_behind_it(make_scene, make_actor):
    near = make_actor("near", "truck", 15.0, 0.0)
    hidden = make_actor("hidden", "car", 30.0, 0.0)
    beside = make_actor("beside", "car", 30.0, 8.0)
    boxes = {box.actor_id: box for box in image_boxes(make_scene(hidden, near, beside), 0)}
    assert next(iter(boxes)) == "near"
    assert boxes["near"].visible_share == 1.0
    assert boxes["hidden"].visible_share < 1e-6
    assert boxes["beside"].visible_share == 1.0
    assert boxes["near"].depth_m == pytest.approx(15.0 - CAMERA.mount.x)
    assert not boxes["near"].truncated


def test_a_walker_beside_a_long_truck_is_painted_after_it():
    truck = footprint(11.0, -3.3, 12.0, 2.5, 0.0)  # reaches from 5 m to 17 m ahead: its nearest corner is nearer
    walker = footprint(10.0, -1.5, 0.6, 0.6, 0.0)
    assert list(painter_order(np.stack([truck, walker]), np.zeros(2))) == [0, 1]
    assert list(painter_order(np.stack([walker, truck]), np.zeros(2))) == [1, 0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_painter_order_agrees_with_rays_through_random_traffic(seed):
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(30):
        size = rng.uniform([0.5, 0.5], [14.0, 3.0])
        corners = footprint(*rng.uniform([4, -15], [60, 15]), *size, rng.uniform(-np.pi, np.pi))
        centre, radius = corners.mean(0), np.hypot(*size) / 2
        apart = all(np.hypot(*(centre - c)) > radius + r for c, r, _ in boxes)
        if apart and np.hypot(*centre) > radius + 1.0:
            boxes.append((centre, radius, corners))
    corners = np.stack([box[2] for box in boxes])
    rank = np.argsort(painter_order(corners, np.zeros(2)))
    for angle in np.linspace(-1.3, 1.3, 40):
        ray = np.array([np.cos(angle), np.sin(angle)])
        hits = sorted((entry_distance(box, ray), index) for index, box in enumerate(corners))
        order = [rank[index] for distance, index in hits if np.isfinite(distance)]
        assert order == sorted(order, reverse=True)


def entry_distance(corners: np.ndarray, ray: np.ndarray) -> float:
    """Distance along a ray from the origin to a convex outline, infinite when it misses."""
    following = np.roll(corners, -1, axis=0)
    edges = following - corners
    slope = ray[0] * edges[:, 1] - ray[1] * edges[:, 0]
    distance = (corners[:, 0] * edges[:, 1] - corners[:, 1] * edges[:, 0]) / slope
    share = (corners[:, 0] * ray[1] - corners[:, 1] * ray[0]) / slope
    hits = distance[(share >= 0.0) & (share <= 1.0) & (distance > 0.0)]
    return float(hits.min()) if len(hits) else float("inf")
