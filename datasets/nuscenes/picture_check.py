"""Whether the pictures that the tables name decode, and have the size that the camera matrix is meant for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivesim.datasets.nuscenes.tables import Row, TableFinding
from drivesim.datasets.sample import BrokenSample
from drivesim.errors import InputError
from drivesim.picture_file import read_picture

#: Hears how many are done and how many there are.
OnProgress = Callable[[int, int], None]


class OtherSize(BrokenSample):
    """A picture of another size than its row says."""


def picture_of(root: Path, row: Row) -> np.ndarray:
    """The picture of a sample_data row as uint8 RGB (H, W, 3). Raises BrokenSample for what :func:`check_pictures` finds."""
    path = root / row["filename"]
    if not path.exists():
        raise BrokenSample(
            f"{row['filename']}: sample_data.json names this picture, but it is not in {root.name}. "
            "Unpack the file blobs that hold it."
        )
    try:
        picture = read_picture(path)
    except InputError as error:
        text = str(error).replace(str(path), row["filename"])
        raise BrokenSample(f"{text}. Unpack the file blobs again.") from error
    if picture.shape[:2] != (row["height"], row["width"]):
        raise OtherSize(
            f"{row['filename']}: {picture.shape[1]} x {picture.shape[0]} pixels, but sample_data.json says "
            f"{row['width']} x {row['height']}. The camera matrix fits only one of them: mend the row or the file."
        )
    return picture


def check_pictures(root: Path, version: str, rows: list[Row], on_progress: OnProgress) -> list[TableFinding]:
    """Decode the pictures of ``rows`` (those that are there and not empty): one finding for each folder and kind of fault."""
    first: dict[tuple[str, str], str] = {}
    faults: Counter[tuple[str, str]] = Counter()
    counts: Counter[str] = Counter()
    for number, row in enumerate(rows):
        on_progress(number, len(rows))
        name = str(row.get("filename", ""))
        folder = Path(name).parent.as_posix()
        counts[folder] += 1
        path = root / name
        if (
            not path.exists()
            or (path.is_file() and not path.stat().st_size)
            or None in (row.get("height"), row.get("width"))
        ):
            continue  # named by the checks of files and of columns
        try:
            picture_of(root, row)
        except BrokenSample as error:
            kind = "have another size" if isinstance(error, OtherSize) else "cannot be read"
            faults[folder, kind] += 1
            first.setdefault((folder, kind), str(error).removesuffix("."))
    return [
        TableFinding(folder, f"{count} of {counts[folder]} pictures {kind}; first {first[folder, kind]}", _EFFECT)
        for (folder, kind), count in faults.items()
    ]


_EFFECT = "Windows that need them are left out"
