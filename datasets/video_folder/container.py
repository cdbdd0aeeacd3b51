"""Opening a video file: which of its tracks is read, and why one cannot be."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import av

from drivesim.errors import InputError

#: Containers without times: the demuxer would make them up at 25 frames a second.
RAW_FORMATS = ("hevc", "h264", "m4v", "mjpeg", "mpegvideo", "obu", "vc1")

#: Pixels that are longer or narrower than this many times are a mistake in the header.
_ODDEST_PIXEL = 4.0


def open_video(path: Path) -> tuple[Any, Any, str]:
    """The opened container of a video file, the track to read, and in words which others there are (or nothing).

    Of several tracks it is the one with the most pixels, the first of equals. Raises InputError saying why there is none.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"cannot be opened ({error.strerror}). Mend its rights or its disk") from error
    if not stat.S_ISREG(found.st_mode):
        raise InputError("no regular file (a pipe, a socket or a device). Record it into a file first")
    if found.st_size == 0:
        raise InputError("empty, 0 bytes. Copy it again")
    try:
        # Absolute, as FFmpeg takes what stands before the colon of 10:30.mp4 for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except PermissionError as error:
        raise InputError("may not be read (permission denied). Mend its rights (chmod u+r)") from error
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(
            f"not a complete video file ({getattr(error, 'strerror', None) or error}): truncated, damaged or no video at "
            "all. Copy it again, or try to repair it with ffmpeg"
        ) from error
    streams = [s for s in container.streams.video if s.codec_context is not None and not _is_cover_picture(s)]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams} - {"data"})
        container.close()
        if not kinds:
            raise InputError("not a complete video file: its index is damaged. Copy it again")
        raise InputError(f"holds no video that can be decoded, only {', '.join(kinds)}. Remove it or record it again")
    chosen = max(streams, key=lambda stream: stream.codec_context.width * stream.codec_context.height)
    others = [_size(stream) for stream in streams if stream is not chosen]
    several = f"of its {len(streams)} video tracks the largest is read ({_size(chosen)}), not {', '.join(others)}"
    return container, chosen, several if others else ""


def is_raw(path: Path) -> bool:
    """Whether a file is a bare stream without times. Raises InputError when it is no video."""
    container, _, _ = open_video(path)
    raw = container.format.name in RAW_FORMATS
    container.close()
    return raw


def pixel_aspect(stream: Any) -> tuple[float, str]:
    """Width of a pixel over its height as the file gives it (1 when it does not), and a remark on an impossible one."""
    given = stream.sample_aspect_ratio
    aspect = float(given) if given else 1.0
    if aspect <= 0.0:
        return 1.0, ""
    if not 1.0 / _ODDEST_PIXEL <= aspect <= _ODDEST_PIXEL:
        return 1.0, f"its header gives pixels of {given}, which is taken for a mistake: they are read as square"
    return aspect, ""


def _size(stream: Any) -> str:
    return f"{stream.codec_context.width} x {stream.codec_context.height}"


def _is_cover_picture(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
