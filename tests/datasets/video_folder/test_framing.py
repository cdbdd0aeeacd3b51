"""What is cut out of a recorded picture, however odd the shape that is wanted."""

from __future__ import annotations

import numpy as np

from drivesim.datasets.video_folder.framing import frame_picture


def test_the_largest_crop_of_the_wanted_shape_is_taken() -> None:
    framing = frame_picture((640, 300), (512, 256), None)
    assert (framing.left, framing.top, framing.crop_width, framing.crop_height) == (20, 0, 600, 300)


def test_a_column_of_a_pixel_is_still_a_crop() -> None:
    framing = frame_picture((128, 64), (1, 16384), None)
    assert (framing.crop_width, framing.crop_height) == (1, 64)
    assert framing.picture(np.zeros((64, 128, 3), np.uint8)).shape == (16384, 1, 3)
