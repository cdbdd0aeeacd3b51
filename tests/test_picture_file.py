"""Picture files of strangers: read as a viewer shows them, or refused in one line before the memory is full."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.errors import InputError
from drivesim.picture_file import middle_part, picture_size, read_picture, resize_and_crop
from drivesim.run_spec import decide
from drivesim.scenarios import loads
from drivesim.scenarios.language.schema import Start

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[:20, :30] = (250, 20, 20)
PICTURE[20:] = (20, 120, 240)


def huge(path: Path) -> None:
    """A PNG whose header promises 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))))


def cut_short(path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (90, 90, 3), dtype=np.uint8)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "empty, 0 bytes"),
    "text": (lambda path: path.write_text("no picture at all"), "17 bytes that are no picture"),
    "more than can be": (huge, "the 134 million that are read; make it smaller first"),
    "cut short": (cut_short, "not a complete picture"),
    "a folder": (lambda path: path.mkdir(), "no regular file"),
    "a pipe": (os.mkfifo, "no regular file"),
    "absent": (lambda path: None, "cannot be read"),
    "12 bits in 16": (
        lambda path: cv2.imwrite(str(path), np.full((9, 9), 4000, np.uint16)),
        "16-bit grey whose brightest value is 4000",
    ),
    "floats": (lambda path: Image.fromarray(np.ones((9, 9), np.float32)).save(path, "TIFF"), "no colours"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, expected = REFUSED[case]
    make(tmp_path / "photo.png")
    with pytest.raises(InputError) as error:
        read_picture(tmp_path / "photo.png")
    assert expected in str(error.value) and str(tmp_path / "photo.png") in str(error.value)
    assert "\n" not in str(error.value)


def test_sixteen_bits_of_grey_stay_grey(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    cv2.imwrite(str(tmp_path / "deep.png"), ramp)
    read = read_picture(tmp_path / "deep.png")
    assert np.array_equal(read, np.repeat((ramp >> 8).astype(np.uint8)[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(PICTURE).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read_picture(path), PICTURE) and picture_size(path) == (60, 40)


def test_a_photo_is_turned_as_it_says_and_what_follows_it_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(PICTURE).save(path, quality=95, exif=exif)
    path.write_bytes(path.read_bytes() + b"ftypmp42" + bytes(9000))
    assert picture_size(path) == (40, 60)
    turned = np.rot90(PICTURE, -1).astype(int)
    for row, column in ((10, 10), (10, 30), (50, 10), (50, 30)):
        assert np.abs(read_picture(path)[row, column] - turned[row, column]).max() < 12


def test_the_colours_of_a_profile_are_those_on_the_screen(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PICTURE).save(tmp_path / "srgb.png", icc_profile=lab)
    assert np.array_equal(read_picture(tmp_path / "srgb.png"), PICTURE)
    Image.fromarray(PICTURE).save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert np.array_equal(read_picture(tmp_path / "broken.png"), PICTURE)
    swapped = io.BytesIO(lab.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ"))
    profile = swapped.getvalue().replace(b"s\0R\0G\0B", b"o\0t\0h\0r").replace(b"sRGB", b"othr")
    Image.fromarray(PICTURE).save(tmp_path / "swapped.png", icc_profile=profile)
    shown = read_picture(tmp_path / "swapped.png")[5, 5].astype(int)
    assert shown[2] > 200 > shown[0]  # its red is our blue


def test_a_long_strip_is_cropped_before_it_is_enlarged() -> None:
    strip = np.zeros((20_000, 40, 3), np.uint8)
    strip[9_990:10_010] = np.arange(20)[:, None, None] * 10
    frame = resize_and_crop(strip, 512, 256)
    assert frame.shape == (256, 512, 3)
    assert np.array_equal(frame[:, 0], frame[:, 511]) and (np.diff(frame[5:-5, 0, 0].astype(int)) >= 0).all()
    with pytest.raises(InputError, match=r"10 x 5 have the shape of 512 x 256, and would be enlarged 51 times"):
        resize_and_crop(np.zeros((20_000, 10, 3), np.uint8), 512, 256)


def test_the_middle_part(tmp_path: Path) -> None:
    assert middle_part((60, 40), (2, 1)) == (0, 5, 60, 35)
    assert middle_part((1, 9), (2, 1)) == (0, 4, 1, 5)
    Image.fromarray(PICTURE).save(tmp_path / "p.png")
    assert np.array_equal(read_picture(tmp_path / "p.png", (2, 1)), PICTURE[5:35])


@pytest.mark.parametrize("kind", ["empty", "strip", "pipe"])
def test_a_start_picture_is_refused_before_anything_is_made(tmp_path: Path, kind: str) -> None:
    scenario = loads(SCENARIO_TEXT)[0]
    path = tmp_path / "photo.png"
    if kind == "strip":
        cv2.imwrite(str(path), np.zeros((20_000, 4, 3), np.uint8))
    else:
        path.write_bytes(b"") if kind == "empty" else os.mkfifo(path)
    begun = scenario.model_copy(update={"start": Start(image=str(path))})
    expected = {"empty": "0 bytes that are no picture", "strip": "would be enlarged 32 times", "pipe": "no picture"}
    with pytest.raises(InputError, match=expected[kind]):
        decide(TinyLoaded(), begun, num_frames=20, seed=1)
