"""From estimates to the figures, tables and pictures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from drivesim.metrics.estimate import Estimate
from drivesim.report import Figure, Picture
from drivesim.report.document import REFERENCES, Better
from drivesim.runs.future import Future

#: A row of a report's table.
Row = tuple[str | float | Estimate | None, ...]


def compared(
    key: str,
    label: str,
    subject: str,
    estimates: Mapping[str, Estimate],
    *,
    unit: str = "",
    better: Better = "none",
    judge: str = "",
    note: str = "",
) -> Figure:
    """The figure of the kind of video ``subject`` between those of REFERENCES that were measured too."""
    references = {kind: estimates[kind] for kind in REFERENCES if kind in estimates and estimates[kind].count}
    value = estimates[subject]
    return Figure(
        key=key,
        label=label,
        value=value if value.count else None,
        unit=unit,
        better=better,
        references=references,
        judge=judge,
        note=note if value.count else note or "nothing to measure: it was not commanded, or the probe found none of it",
    )


def strip(rows: Sequence[tuple[str, Sequence[np.ndarray]]], caption: str, *, quality: int = 82) -> Picture:
    """Rows of pictures uint8 (H, W, 3) of one size under each other, each row with its name, as one JPEG."""
    lines = []
    for name, pictures in rows:
        line = np.concatenate([np.pad(picture, ((2, 2), (2, 2), (0, 0))) for picture in pictures], axis=1)
        bar = np.full((20, line.shape[1], 3), 24, dtype=np.uint8)
        cv2.putText(bar, name, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
        lines += [bar, line]
    return Picture(caption=caption, data=jpeg(np.concatenate(lines), quality))


def moments_strip(futures: Sequence[Future], caption: str, *, moments: int, height: int) -> Picture:
    """A row for each future: pictures of so many ``moments`` from its first frame to its last, evenly spaced."""
    rows = []
    for future in futures:
        times = np.linspace(0.0, future.duration_s, moments)
        rows.append((future.id, [thumbnail(future.frame_at(float(time)), height) for time in times]))
    return strip(rows, caption)


def thumbnail(frame: np.ndarray, height: int) -> np.ndarray:
    """A frame (H, W, 3), twice as wide as high, at a smaller ``height``."""
    return cv2.resize(frame, (2 * height, height), interpolation=cv2.INTER_AREA)


def jpeg(picture: np.ndarray, quality: int = 82) -> bytes:
    """A picture uint8 RGB (H, W, 3) as the bytes of a JPEG file."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data.tobytes())


def shown(value: Estimate, digits: int = 2) -> str:
    """``0.91 [0.88, 0.94]``."""
    if not value.count:
        return "not measured"
    if value.method == "none":
        return f"{value.value:.{digits}f}"
    return f"{value.value:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def with_bar(value: float | None, low: float | None, high: float | None) -> str | float | None:
    """``1.2 (0.9 to 1.6)``: a value with the error bar of what it was measured on; infinite ends never came near."""
    if value is None or np.isnan(value) or low is None or high is None or low == high:
        return plain_cell(value)
    shown_value, shown_low, shown_high = ("none" if np.isinf(end) else f"{end:.2f}" for end in (value, low, high))
    return f"{shown_value} ({shown_low} to {shown_high})"


def plain_cell(value: float | None) -> str | float | None:
    """Numbers as they are; what is infinite never came near."""
    if value is None or np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else "none"
