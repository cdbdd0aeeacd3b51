import numpy as np
import pytest

from drivesim.conditioning.camera import RIGS, CropBox, crop_resize, crop_resize_image, rig
from drivesim.errors import InputError
from drivesim.geometry import project
from drivesim.scene import NUSCENES_FRONT


def test_a_marked_point_stays_under_its_projection_after_crop_and_resize():
    camera = NUSCENES_FRONT
    crop, width, height = CropBox(128, 64, 1024, 512), 448, 224
    point = np.array([1.3, 0.8, 9.0])
    u, v = project(point, camera.intrinsics())
    image = np.zeros((512, 1024, 3), dtype=np.uint8)
    image[int(v) - 6 : int(v) + 6, int(u) - 6 : int(u) + 6] = 255
    small = crop_resize_image(image, crop, width, height)
    rows, columns = np.nonzero(small[..., 0] > 127)
    moved = crop_resize(camera, crop, width, height)
    np.testing.assert_allclose(project(point, moved.intrinsics()), [columns.mean() + 0.5, rows.mean() + 0.5], atol=0.6)
    assert (moved.width, moved.height) == (width, height)


def test_the_front_rig_has_its_name():
    assert rig("nuscenes_front") is NUSCENES_FRONT


def test_rigs_look_where_their_names_say():
    ahead = {name: camera.ego_from_optical()[:2, 2] for name, camera in RIGS.items()}
    assert ahead["nuscenes_front"][0] == pytest.approx(1.0)
    assert ahead["nuscenes_back"][0] == pytest.approx(-1.0)
    for name, axis in ahead.items():
        if name.endswith("_left"):
            assert axis[1] > 0.5
        if name.endswith("_right"):
            assert axis[1] < -0.5


def test_unknown_rigs_and_bad_crops_are_explained():
    with pytest.raises(InputError, match="Did you mean nuscenes_front"):
        rig("nuscenes_frnt")
    with pytest.raises(InputError, match="1024 x 512"):
        crop_resize(NUSCENES_FRONT, CropBox(0, 0, 1025, 512), 10, 10)
    with pytest.raises(InputError, match="empty"):
        crop_resize_image(np.zeros((5, 5, 3), np.uint8), CropBox(2, 2, 2, 4), 4, 4)
