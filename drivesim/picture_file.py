"""A picture file that others made, read as a viewer shows it and brought to a size, or refused in one line.

A viewer turns a photo as its EXIF data say, brings the colours of its ICC profile onto the screen, and does not mind what
follows the end of the picture (a motion photo's video). Pillow does the same here.
"""

from __future__ import annotations

import io
import stat
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from drivesim.errors import InputError

#: More pixels than this are refused before anything is decoded: 134 million, 400 MB as RGB.
MOST_PIXELS = 2**27

#: A picture whose middle part would be enlarged by more than this is refused.
LARGEST_ENLARGEMENT = 16.0

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_KNOWN = "JPEG, PNG, WebP, BMP or TIFF"
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)
_FAINT = 4096


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height as shown, from the header alone. Raises InputError when it is no picture or a huge one."""
    with _opened(path) as image:
        turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
        return image.size[::-1] if turned else image.size


def read_picture(path: Path, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A picture as uint8 RGB (H, W, 3), or of it the largest part of ``shape`` (width, height) about its middle.

    16-bit grey keeps its upper 8 bits, transparency is dropped. Raises InputError, which names the file and what to do, for
    anything but a regular file that holds a whole picture of at most :data:`MOST_PIXELS`.
    """
    with _opened(path) as image:
        try:
            shown = ImageOps.exif_transpose(image)
            if shape is not None:
                shown = shown.crop(middle_part(shown.size, shape))
            return _rgb(shown, path)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise InputError(f"{path}: not a complete picture ({error}); copy it again or remove it") from error


def middle_part(size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the largest part with the proportions of ``shape`` (width, height) in the middle."""
    width = max(1, min(size[0], round(size[1] * shape[0] / shape[1])))
    height = max(1, min(size[1], round(size[0] * shape[1] / shape[0])))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def require_fit(size: tuple[int, int], width: int, height: int) -> None:
    """Raise InputError when so little of a picture of ``size`` has the shape of ``width`` x ``height`` that enlarging
    it would show nothing any more."""
    left, top, right, bottom = middle_part(size, (width, height))
    scale = width / (right - left)
    if scale > LARGEST_ENLARGEMENT:
        raise InputError(
            f"a picture of {size[0]} x {size[1]}: of it {right - left} x {bottom - top} have the shape of {width} x {height}, and "
            f"would be enlarged {scale:.0f} times. Give one in that shape of at least {width / LARGEST_ENLARGEMENT:.0f} x "
            f"{height / LARGEST_ENLARGEMENT:.0f}."
        )


def resize_and_crop(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The middle of a uint8 RGB picture in the shape of ``width`` x ``height``, at that size.

    Cropped before it is resized: a long strip enlarged whole would fill the memory. Raises InputError as :func:`require_fit`.
    """
    size = (picture.shape[1], picture.shape[0])
    require_fit(size, width, height)
    left, top, right, bottom = middle_part(size, (width, height))
    part = picture[top:bottom, left:right]
    if part.shape[:2] == (height, width):
        return np.ascontiguousarray(part)
    interpolation = cv2.INTER_AREA if part.shape[1] > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, (width, height), interpolation=interpolation), dtype=np.uint8)


def _opened(path: Path) -> Image.Image:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path}: no regular file (a folder, a pipe or a device); give a picture file")
        if found.st_size == 0:
            raise InputError(f"{path}: empty, 0 bytes that are no picture; copy it again or remove it")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit stands below
            image = Image.open(path, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: {found.st_size} bytes that are no picture; expected {_KNOWN}") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path}: more pixels than the {MOST_PIXELS / 1e6:.0f} million that are read; make it smaller first"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); mend its rights or its disk, or copy it again") from error
    pixels = image.size[0] * image.size[1]
    if not 0 < pixels <= MOST_PIXELS:
        image.close()
        raise InputError(
            f"{path}: {image.size[0]} x {image.size[1]} are {pixels / 1e6:.0f} million pixels, more than the "
            f"{MOST_PIXELS / 1e6:.0f} million that are read; make it smaller first"
        )
    return image


def _rgb(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        if 0 < int(deep.max()) < _FAINT:
            raise InputError(
                f"{path}: 16-bit grey whose brightest value is {int(deep.max())} of 65535: nearly black to every viewer. Bring "
                "its values to the full range, or save it with 8 bits"
            )
        return np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise InputError(f"{path}: holds numbers of 32 bits and no colours; save it as an 8-bit picture")
    profile = image.info.get("icc_profile")
    transform = _to_srgb(profile, image.mode) if profile and image.mode in ("RGB", "CMYK", "L") else None
    if transform is not None:
        return np.array(ImageCms.applyTransform(image, transform), dtype=np.uint8)
    return np.array(image.convert("RGB"), dtype=np.uint8)


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> Any:
    """The transform from an ICC profile to sRGB; None where the profile is sRGB itself, or is broken."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(given).lower():
            return None
        return ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def require_picture(path: Path, width: int, height: int) -> Path:
    """The path of a picture to start from. Raises InputError when there is none, or by its header it cannot be one."""
    if not path.is_file():
        raise InputError(f"there is no picture {path} to start from. Mend start: {{image: …}} in the scenario.")
    size = picture_size(path)
    try:
        require_fit(size, width, height)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return path
