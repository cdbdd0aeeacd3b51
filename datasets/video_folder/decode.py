"""Video frames with their presentation times through PyAV: one pass over all, and exact access to a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from drivesim.datasets.sample import BrokenSample
from drivesim.errors import InputError

#: Containers without times: the demuxer would make them up at 25 frames a second.
RAW_FORMATS = ("hevc", "h264", "m4v", "mpegvideo")


@dataclass(frozen=True)
class DecodedFrame:
    """A frame in presentation order: its time stamp in the stream's units, and whether decoding can begin at it.

    ``damaged`` tells that it, or what it was predicted from, could not be decoded in full.
    """

    frame: Any
    pts: int
    key: bool
    damaged: bool


class VideoFile:
    """An open video file. Raises InputError when it cannot be opened or holds no video."""

    def __init__(self, path: Path, *, threaded: bool = False) -> None:
        self.path = path
        self._container = open_video(path)
        self._stream = next(s for s in self._container.streams.video if not _is_cover_picture(s))
        if threaded:
            self._stream.thread_type = "AUTO"
        else:
            self._stream.codec_context.thread_count = 1
        # A damaged slice shall be an error, not a picture patched up from its neighbours.
        self._stream.codec_context.options = {"err_detect": "explode"}
        self._converter = VideoReformatter()
        self.damage: str | None = None
        self.packet_pts: list[int] = []

    @property
    def is_raw(self) -> bool:
        """Whether this is a bare stream without times."""
        return self._container.format.name in RAW_FORMATS

    @property
    def seconds_per_tick(self) -> float:
        """The unit of time stamps in seconds."""
        return float(self._stream.time_base)

    @property
    def promised_s(self) -> float | None:
        """How long the header says that the pictures last, in seconds; None when it does not say."""
        if self.is_raw:
            return None
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        alone = len(self._container.streams) == 1 and self._container.duration is not None
        return self._container.duration / 1e6 if alone else None

    def frames(self) -> Iterator[DecodedFrame]:
        """The frames from where the file stands, with rising time stamps; ``damage`` tells afterwards what went wrong.

        In a bare stream the time stamp is the frame's number.
        """
        last, count, broken = None, 0, False
        for frame in self._decoded():
            if frame is None:
                broken = True
                continue
            pts = count if self.is_raw else frame.pts
            count += 1
            broken = broken and not frame.key_frame
            if pts is None or (last is not None and pts <= last):
                continue
            last = pts
            yield DecodedFrame(frame, pts, bool(frame.key_frame), broken or bool(frame.is_corrupt))

    def lost_pts(self, decoded: np.ndarray) -> np.ndarray:
        """Time stamps of pictures that are in the file and not among the ``decoded`` (N,) ones, after a whole pass.

        A decoder drops what it cannot make sense of without a word. Pictures before the first that decodes may need
        ones that were cut off, and where a third is missing, two packets make a picture: neither counts.
        """
        if self.is_raw or self._stream.codec_context.name not in ("h264", "hevc") or not len(decoded):
            return np.zeros(0, dtype=np.int64)
        lost = np.setdiff1d(np.array(self.packet_pts, dtype=np.int64), decoded)
        lost = lost[lost > decoded[0]]
        return lost if 3 * len(lost) < len(self.packet_pts) else lost[:0]

    def seek(self, pts: int) -> None:
        """Stand at, or before, the key frame with this time stamp."""
        self._container.seek(pts, stream=self._stream, backward=True, any_frame=False)

    def picture(self, frame: Any, size: tuple[int, int] | None = None) -> np.ndarray:
        """A frame as uint8 RGB (H, W, 3), turned as the file says; averaged down to ``size`` (width, height) if given."""
        width, height = size if size is not None else (frame.width, frame.height)
        # A new converter for each frame, as frame.reformat makes, costs ten times the conversion.
        made = self._converter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation="AREA", threads=1
        )
        picture = np.asarray(made.to_ndarray(), dtype=np.uint8)
        return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90) % 4))

    def close(self) -> None:
        """Release the file."""
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        """Decoded frames; None in the place of something that could not be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                self._note(error)
                yield None
                return
            if packet.size and packet.pts is not None and not packet.is_discard:
                self.packet_pts.append(packet.pts)
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, OSError) as error:
                if isinstance(error, av.error.EOFError):
                    return
                self._note(error)
                frames = [None]
            yield from frames

    def _note(self, error: Exception) -> None:
        self.damage = self.damage or (getattr(error, "strerror", None) or str(error))


class FrameReader:
    """Chosen frames of a video, exact whatever the distance of key frames; goes on forward where that is shorter.

    ``pts`` int (N,) are the time stamps of all frames as the index pass found them, ``keys`` the numbers of key frames.
    """

    def __init__(self, path: Path, pts: np.ndarray, keys: np.ndarray) -> None:
        self.path, self._pts, self._keys = path, pts, keys
        self._number = {int(value): number for number, value in enumerate(pts)}
        self._file: VideoFile | None = None
        self._frames: Iterator[DecodedFrame] = iter(())
        self._next = 0
        self._awaited: int | None = None

    def read(self, numbers: list[int]) -> list[np.ndarray]:
        """Frames by number (rising), each uint8 RGB (H, W, 3). Raises BrokenSample when one no longer decodes."""
        starts = [int(key) for key in self._keys[self._keys <= numbers[0]]]
        try:
            if self._file is not None:
                near = starts[-1] if starts and not self._file.is_raw else 0
                if near <= self._next <= numbers[0]:
                    found = self._collect(numbers)
                    if found is not None:
                        return found
            # A container's own index may lead too far; then begin earlier, and in the end at the very start.
            for start in [*reversed(starts[-3:]), None]:
                if self._begin(start):
                    found = self._collect(numbers)
                    if found is not None:
                        return found
        except (InputError, av.error.FFmpegError, OSError) as error:
            raise BrokenSample(f"{self.path}: cannot be read any more ({error}); was it changed or moved?") from error
        raise BrokenSample(
            f"{self.path}: frames {numbers[0]} to {numbers[-1]} decoded once and do not any more; was it changed?"
        )

    def close(self) -> None:
        """Release the file; the next read opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._frames = None, iter(())

    def _begin(self, start: int | None) -> bool:
        """Stand before key frame ``start``, or at the file's beginning; False when the file cannot be sought in."""
        if self._file is None or start is None:
            self.close()
            self._file = VideoFile(self.path)
        self._next, self._awaited, self._frames = 0, start, self._file.frames()
        if start is None:
            return True
        if self._file.is_raw:
            return False
        try:
            self._file.seek(int(self._pts[start]))
        except (av.error.FFmpegError, OSError):
            return False  # an index that leads nowhere; the caller begins earlier
        self._next, self._frames = start, self._file.frames()
        return True

    def _collect(self, numbers: list[int]) -> list[np.ndarray] | None:
        """The frames, read on from here; None when one does not come, or when the awaited key frame does not."""
        assert self._file is not None
        wanted, found = set(numbers), []
        for decoded in self._frames:
            number = self._number.get(decoded.pts)
            if number is None or (self._awaited is not None and number < self._awaited):
                continue
            if self._awaited is not None and (number != self._awaited or not decoded.key):
                return None
            self._awaited, self._next = None, number + 1
            if number in wanted:
                found.append(self._file.picture(decoded.frame))
            if number >= numbers[-1]:
                break
        return found if len(found) == len(numbers) else None


def is_raw(path: Path) -> bool:
    """Whether a file is a bare stream without times. Raises InputError when it is no video."""
    container = open_video(path)
    raw = container.format.name in RAW_FORMATS
    container.close()
    return raw


def open_video(path: Path) -> Any:
    """The opened container of a video file. Raises InputError saying why it is none, and what to do."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"cannot be opened ({error.strerror}). Mend its rights or its disk") from error
    if size == 0:
        raise InputError("empty, 0 bytes. Copy it again")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except PermissionError as error:
        raise InputError("may not be read (permission denied). Mend its rights (chmod u+r)") from error
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(
            f"not a complete video file ({getattr(error, 'strerror', None) or error}): truncated, damaged or no video at "
            "all. Copy it again, or try to repair it with ffmpeg"
        ) from error
    streams = [stream for stream in container.streams.video if not _is_cover_picture(stream)]
    if not streams or streams[0].codec_context is None:
        kinds = sorted({stream.type for stream in container.streams} - {"data"})
        container.close()
        if not kinds:
            raise InputError("not a complete video file: its index is damaged. Copy it again")
        raise InputError(f"holds no video that can be decoded, only {', '.join(kinds)}. Remove it or record it again")
    return container


def _is_cover_picture(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
