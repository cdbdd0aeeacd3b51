"""From the recorded picture to the model's: a crop of the wanted shape, then a resize, the camera along with it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.datasets.sample import largest_crop
from drivesim.errors import InputError
from drivesim.scene import NUSCENES_FRONT, Camera


@dataclass(frozen=True, kw_only=True)
class Framing:
    """A crop of the recorded picture in pixels, and the ``width`` x ``height`` that it is resized to."""

    left: int
    top: int
    crop_width: int
    crop_height: int
    width: int
    height: int

    @property
    def enlarges(self) -> bool:
        """Whether the recorded pixels are fewer than the wanted ones."""
        return self.crop_width < self.width or self.crop_height < self.height

    @property
    def allows_large(self) -> bool:
        """Whether the crop has the pixels for a picture of twice the size."""
        return self.crop_width >= 2 * self.width and self.crop_height >= 2 * self.height

    def picture(self, recorded: np.ndarray, scale: int = 1) -> np.ndarray:
        """uint8 (height, width, 3) times ``scale`` from a recorded uint8 (H, W, 3); areas are averaged when shrinking."""
        cut = recorded[self.top : self.top + self.crop_height, self.left : self.left + self.crop_width]
        way = cv2.INTER_LINEAR if self.enlarges else cv2.INTER_AREA
        return cv2.resize(cut, (scale * self.width, scale * self.height), interpolation=way)

    def camera(self, recorded: Camera | None) -> Camera:
        """The camera of the made picture; without a recorded one, a camera like nuScenes' front camera."""
        if recorded is None:
            return NUSCENES_FRONT.resized(self.width, self.height)
        cut = recorded.cropped(self.left, self.top, self.crop_width, self.crop_height)
        return cut.resized(self.width, self.height)


def frame_picture(recorded: tuple[int, int], wanted: tuple[int, int], horizon_row: float | None) -> Framing:
    """The largest crop of the wanted shape out of a recorded (width, height): in the middle, or about the horizon.

    ``horizon_row`` in recorded pixels from the top becomes the middle row as far as the picture reaches.
    """
    width, height = recorded
    crop_width, crop_height = largest_crop(width, height, wanted[0] / wanted[1])
    middle = 0.5 * height if horizon_row is None else horizon_row
    top = int(np.clip(round(middle - 0.5 * crop_height), 0, height - crop_height))
    return Framing(
        left=(width - crop_width) // 2,
        top=top,
        crop_width=crop_width,
        crop_height=crop_height,
        width=wanted[0],
        height=wanted[1],
    )


def camera_of_recording(camera: Camera, width: int, height: int) -> Camera:
    """A calibrated camera at the recording's size. Raises InputError when the shapes differ by more than rounding."""
    if abs(camera.width * height - camera.height * width) > max(camera.width, width):
        raise InputError(
            f"the camera is calibrated at {camera.width} x {camera.height}, the pictures are {width} x {height}: another "
            "shape, so a crop lies between them; give the camera of the cropped picture"
        )
    return camera.resized(width, height)
