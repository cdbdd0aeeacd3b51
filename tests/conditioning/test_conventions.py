import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.conditioning import conventions
from drivesim.conditioning.conventions import NuScenesBox
from drivesim.geometry import project, transform_points, wrap_angle
from drivesim.scene import NUSCENES_FRONT, Box, Camera, Pose

#: No two sizes alike, off every axis, heading into an odd direction: any swapped axis or sign shows.
ASYMMETRIC = Box(x=12.0, y=3.0, z=0.9, length=4.6, width=1.9, height=1.5, yaw_rad=0.4)

coordinate = st.floats(-80.0, 80.0)
size = st.floats(0.3, 15.0)
angle = st.floats(-3.14, 3.14)
boxes = st.builds(
    Box, x=coordinate, y=coordinate, z=st.floats(-2.0, 4.0), length=size, width=size, height=size, yaw_rad=angle
)


def assert_same(first: Box, second: Box) -> None:
    for name in ("x", "y", "z", "length", "width", "height"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-9), name
    assert wrap_angle(first.yaw_rad - second.yaw_rad) == pytest.approx(0.0, abs=1e-9)


def corner_set(points: np.ndarray) -> np.ndarray:
    """Corners in a fixed order, so that boxes made in different ways can be compared as sets."""
    return points[np.lexsort(np.round(points, 6).T)]


@given(box=boxes, x=coordinate, y=coordinate, yaw=angle)
def test_nuscenes_global_round_trip(box, x, y, yaw):
    place = Pose(x=x, y=y, yaw_rad=yaw).matrix()
    assert_same(conventions.from_nuscenes_global(conventions.to_nuscenes_global(box, place), place), box)


def test_nuscenes_global_by_hand():
    ego = Pose(x=600.0, y=1600.0, yaw_rad=np.pi / 2)  # looks along global y
    annotation = conventions.to_nuscenes_global(ASYMMETRIC, ego.matrix())
    np.testing.assert_allclose(annotation.translation, [600.0 - 3.0, 1600.0 + 12.0, 0.9])
    np.testing.assert_allclose(annotation.size_wlh, [1.9, 4.6, 1.5])
    half = (0.4 + np.pi / 2) / 2
    np.testing.assert_allclose(annotation.rotation_wxyz, [np.cos(half), 0, 0, np.sin(half)])
    flipped = NuScenesBox(
        translation=annotation.translation, size_wlh=annotation.size_wlh, rotation_wxyz=-annotation.rotation_wxyz
    )
    assert_same(conventions.from_nuscenes_global(flipped, ego.matrix()), ASYMMETRIC)


def test_nuscenes_global_corners_agree_with_the_devkit_formula():
    annotation = conventions.to_nuscenes_global(ASYMMETRIC, np.eye(4))
    width, length, height = annotation.size_wlh
    # Box.corners of nuScenes' devkit: x forward, y left, z up, turned by the quaternion.
    local = 0.5 * np.array(
        [
            length * np.array([1, 1, 1, 1, -1, -1, -1, -1]),
            width * np.array([1, -1, -1, 1, 1, -1, -1, 1]),
            height * np.array([1, 1, -1, -1, 1, 1, -1, -1]),
        ]
    )
    w, _, _, z = annotation.rotation_wxyz
    turn = np.array([[w * w - z * z, -2 * w * z, 0.0], [2 * w * z, w * w - z * z, 0.0], [0.0, 0.0, 1.0]])
    theirs = (turn @ local).T + annotation.translation
    np.testing.assert_allclose(corner_set(theirs), corner_set(ASYMMETRIC.corners()), atol=1e-9)


@given(box=boxes)
def test_nuscenes_lidar_round_trip(box):
    assert_same(conventions.from_nuscenes_lidar(*conventions.to_nuscenes_lidar(box)), box)


def test_nuscenes_lidar_has_x_to_the_right_and_y_forward():
    centre, wlh, yaw = conventions.to_nuscenes_lidar(ASYMMETRIC)
    np.testing.assert_allclose(centre, [-3.0, 12.0 - 0.94, 0.9 - 1.84])
    np.testing.assert_allclose(wlh, [1.9, 4.6, 1.5])
    assert yaw == pytest.approx(0.4 + np.pi / 2)


@given(box=boxes)
def test_carla_round_trip(box):
    assert_same(conventions.from_carla(*conventions.to_carla(box)), box)


def test_carla_has_y_to_the_right_and_turns_clockwise():
    centre, extent, yaw_deg = conventions.to_carla(ASYMMETRIC)
    np.testing.assert_allclose(centre, [12.0, -3.0, 0.9])
    np.testing.assert_allclose(extent, [2.3, 0.95, 0.75])
    assert yaw_deg == pytest.approx(-np.rad2deg(0.4))


@given(box=boxes)
def test_scenic_round_trip(box):
    position, heading = conventions.to_scenic(box)
    assert_same(conventions.from_scenic(position, box.width, box.length, box.height, heading), box)


def test_scenic_counts_headings_from_y():
    along_y = Box(x=1.0, y=2.0, z=0.5, length=4.6, width=1.9, height=1.5, yaw_rad=np.pi / 2)
    assert conventions.to_scenic(along_y)[1] == pytest.approx(0.0)
    assert conventions.to_scenic(ASYMMETRIC)[1] == pytest.approx(0.4 - np.pi / 2)


@given(box=boxes, yaw=angle)
def test_kitti_round_trip(box, yaw):
    mount = Pose(x=1.1, y=0.2, z=1.65, yaw_rad=yaw)
    assert_same(conventions.from_kitti(*conventions.to_kitti(box, mount), mount), box)


def test_kitti_corners_agree_with_the_devkit_formula():
    location, (height, width, length), rotation_y = conventions.to_kitti(ASYMMETRIC, Pose(z=1.65))
    cosine, sine = np.cos(rotation_y), np.sin(rotation_y)
    # readLabels/computeBox3D of KITTI's devkit: corners about the bottom centre, turned about the camera's y axis.
    x = length / 2 * np.array([1, 1, -1, -1, 1, 1, -1, -1])
    y = height * np.array([0, 0, 0, 0, -1, -1, -1, -1])
    z = width / 2 * np.array([1, -1, -1, 1, 1, -1, -1, 1])
    camera = np.stack([cosine * x + sine * z, y, -sine * x + cosine * z], axis=1) + location
    in_ego = np.stack([camera[:, 2], -camera[:, 0], 1.65 - camera[:, 1]], axis=1)
    np.testing.assert_allclose(corner_set(in_ego), corner_set(ASYMMETRIC.corners()), atol=1e-9)
    # The first two corners of that formula are the front of the car.
    front = in_ego[[0, 1, 4, 5]].mean(axis=0) - in_ego.mean(axis=0)
    np.testing.assert_allclose(front, 2.3 * np.array([np.cos(0.4), np.sin(0.4), 0.0]), atol=1e-9)


def test_opencv_projects_to_the_same_pixels():
    ego = Pose(x=4.0, y=-2.0, yaw_rad=0.2)
    theirs = conventions.to_opencv(NUSCENES_FRONT, ego)
    points = Box(x=20.0, y=3.0, z=0.9, length=4.6, width=1.9, height=1.5, yaw_rad=0.4).corners()
    pixels, _ = cv2.projectPoints(points, theirs.rvec, theirs.tvec, theirs.camera_matrix, None)
    own = project(transform_points(NUSCENES_FRONT.optical_from_world(ego), points), NUSCENES_FRONT.intrinsics())
    np.testing.assert_allclose(pixels[:, 0] + 0.5, own, atol=1e-6)


@given(yaw=angle, pitch=st.floats(-0.5, 0.5), roll=st.floats(-0.5, 0.5))
def test_opencv_camera_round_trip(yaw, pitch, roll):
    mount = Pose(x=1.5, y=-0.4, z=1.6, yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll)
    camera = Camera(name="c", width=640, height=360, fx=500.0, fy=510.0, cx=320.5, cy=170.5, mount=mount)
    back = conventions.from_opencv("c", 640, 360, conventions.to_opencv(camera))
    assert (back.fx, back.fy, back.cx, back.cy) == pytest.approx((500.0, 510.0, 320.5, 170.5))
    np.testing.assert_allclose(back.mount.matrix(), mount.matrix(), atol=1e-7)


def test_a_carla_camera_of_90_degrees_sees_45_to_each_side():
    camera = conventions.from_carla_camera("c", 800, 600, 90.0, np.array([1.5, 0.3, 2.0]), yaw_deg=10.0, pitch_deg=-5.0)
    assert camera.fx == pytest.approx(400.0)
    assert (camera.mount.y, camera.mount.yaw_rad) == pytest.approx((-0.3, -np.deg2rad(10.0)))
    assert camera.ego_from_optical()[2, 2] < 0.0  # CARLA's negative pitch looks down
