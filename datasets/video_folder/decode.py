"""Video frames as a player shows them: one pass over all, and exact access to a few."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np

from drivesim.datasets.sample import BrokenSample
from drivesim.datasets.video_folder.colour import ColourReader
from drivesim.datasets.video_folder.container import RAW_FORMATS, open_video, pixel_aspect
from drivesim.datasets.video_folder.orientation import Orientation, orientation_of
from drivesim.errors import InputError, why

#: A step back of decoding time by less than this, in seconds, away from a key frame, is untidiness and no new clock.
_RESTART_S = 1.0

#: Every so many rows go into a frame's mark: a fifth of the time, and no wrong frame gets by.
_MARKED_ROWS = 4


@dataclass(frozen=True)
class DecodedFrame:
    """A frame in the order of showing: its time stamp in the stream's units (None where the file has none), whether
    decoding can begin at it, the number of its packet, and how often the clock had begun again before it.

    ``damaged`` tells that it, or what it was predicted from, could not be decoded in full.
    """

    frame: Any
    pts: int | None
    key: bool
    damaged: bool
    packet: int
    part: int

    def mark(self) -> int:
        """A checksum of its brightness, by which the frame is known again."""
        plane = self.frame.planes[0]
        rows = np.frombuffer(plane, dtype=np.uint8)[: plane.height * plane.line_size].reshape(plane.height, -1)
        wide = plane.width * -(-self.frame.format.components[0].bits // 8)
        return zlib.crc32(np.ascontiguousarray(rows[::_MARKED_ROWS, : min(wide, plane.line_size)]).data)


class VideoFile:
    """An open video file. Raises InputError when it cannot be opened or holds no video."""

    def __init__(self, path: Path, *, threaded: bool = False) -> None:
        self.path = path
        self._container, self._stream, several = open_video(path)
        if threaded:
            self._stream.thread_type = "AUTO"
        else:
            self._stream.codec_context.thread_count = 1
        # A damaged slice shall be an error, not a picture patched up from its neighbours.
        self._stream.codec_context.options = {"err_detect": "explode"}
        self._stream.codec_context.copy_opaque = True  # a packet's number comes back with its frame
        self._colours = ColourReader()
        self._field: tuple[tuple[int, int, str], Any] | None = None
        self._remarks = dict.fromkeys([several] if several else [])
        self._doubts: dict[str, None] = {}
        self.damage: str | None = None
        self.parts: list[int] = []

    @property
    def is_raw(self) -> bool:
        """Whether this is a bare stream without times."""
        return self._container.format.name in RAW_FORMATS

    @property
    def seconds_per_tick(self) -> float:
        """The unit of time stamps in seconds."""
        return float(self._stream.time_base)

    @property
    def rate(self) -> float | None:
        """Frames a second as the container gives them; None when it does not."""
        return float(self._stream.average_rate) if self._stream.average_rate else None

    @property
    def promised_s(self) -> float | None:
        """How long the header says that the pictures last, in seconds; None when it does not say."""
        if self.is_raw:
            return None
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        alone = len(self._container.streams) == 1 and self._container.duration is not None
        return self._container.duration / 1e6 if alone else None

    @property
    def remarks(self) -> list[str]:
        """What was decided so that frames look as a player shows them."""
        return [*self._remarks, *self._colours.remarks]

    @property
    def doubts(self) -> list[str]:
        """What could not be followed: frames may look otherwise than a player shows them."""
        return [*self._doubts, *self._colours.doubts]

    def frames(self) -> Iterator[DecodedFrame]:
        """Every frame from where the file stands, in the order of showing; ``damage`` tells afterwards what went wrong.

        In a bare stream the time stamp is the frame's number.
        """
        count, broken, packet = 0, False, 0
        for frame in self._decoded():
            if frame is None:
                broken = True
                continue
            packet = packet if frame.opaque is None else frame.opaque
            broken = broken and not frame.key_frame
            pts = count if self.is_raw else frame.dts if frame.pts is None else frame.pts
            damaged = broken or bool(frame.is_corrupt)
            part = self.parts[packet] if packet < len(self.parts) else 0
            yield DecodedFrame(frame, pts, bool(frame.key_frame), damaged, packet, part)
            count += 1

    def lost_packets(self, decoded: np.ndarray) -> np.ndarray:
        """Numbers of packets that gave none of the frames with the packets ``decoded`` (N,), after a whole pass.

        A decoder drops what it cannot make sense of without a word. Pictures before the first that decodes may need
        ones that were cut off, and where a third is missing, two packets make a picture: neither counts.
        """
        if self._stream.codec_context.name not in ("h264", "hevc") or not len(decoded):
            return np.zeros(0, dtype=np.int64)
        lost = np.setdiff1d(np.arange(len(self.parts)), decoded)
        lost = lost[lost > decoded[0]]
        return lost if 3 * len(lost) < len(self.parts) else lost[:0]

    def seek(self, pts: int) -> None:
        """Stand at, or before, the key frame with this time stamp."""
        self._container.seek(pts, stream=self._stream, backward=True, any_frame=False)

    def shown_size(self, frame: Any) -> tuple[int, int]:
        """Width and height of a frame as shown, with square pixels, before it is turned."""
        aspect, remark = pixel_aspect(self._stream)
        if remark:
            self._doubts[remark] = None
        return max(1, round(frame.width * aspect)), frame.height

    def orientation(self, frame: Any) -> Orientation:
        """How a frame is turned and mirrored."""
        found = orientation_of(frame)
        if found.remark:
            self._doubts[found.remark] = None
        return found

    def picture(self, frame: Any, size: tuple[int, int] | None = None) -> np.ndarray:
        """A frame as shown, uint8 RGB (H, W, 3); averaged down to ``size`` (width, height before turning) if given.

        Of an interlaced frame it is the upper field, stretched to the full height: both together show two moments.
        """
        width, height = size or self.shown_size(frame)
        whole = (frame.width, frame.height)
        if frame.interlaced_frame:
            self._remarks["it is interlaced: one field of each frame is used"] = None
            frame = self._upper_field(frame)
        return self.orientation(frame).applied(self._colours.rgb(frame, width, height, whole))

    def close(self) -> None:
        """Release the file."""
        self._container.close()

    def _upper_field(self, frame: Any) -> Any:
        form = (frame.width, frame.height, frame.format.name)
        if self._field is None or self._field[0] != form:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=form[0], height=form[1], format=frame.format, time_base=self._stream.time_base
            )
            graph.link_nodes(source, graph.add("field", "type=top"), graph.add("buffersink")).configure()
            self._field = form, graph
        graph = self._field[1]
        graph.push(frame)
        return graph.pull()

    def _decoded(self) -> Iterator[Any]:
        """Decoded frames; None in the place of something that could not be decoded."""
        packets = self._container.demux(self._stream)
        last: int | None = None
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                self._note(error)
                yield None
                return
            if packet.size and not packet.is_discard:
                last = self._number(packet, last)
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, OSError) as error:
                if isinstance(error, av.error.EOFError):
                    return
                self._note(error)
                frames = [None]
            yield from frames

    def _number(self, packet: Any, last: int | None) -> int | None:
        """Number a packet in the order of coding, see whether the clock begins again at it, and return its time."""
        packet.opaque = len(self.parts)
        part, time = self.parts[-1] if self.parts else 0, packet.dts
        if time is not None and last is not None and time < last and not self.is_raw:
            part += packet.is_keyframe or (last - time) * self.seconds_per_tick > _RESTART_S
        self.parts.append(part)
        return last if time is None else time

    def _note(self, error: Exception) -> None:
        self.damage = self.damage or (getattr(error, "strerror", None) or str(error))


class FrameReader:
    """Chosen frames of a video, exact whatever its time stamps and the distance of key frames.

    A frame is its number in the order of showing. ``pts`` int (N,) and ``keys`` (the numbers of key frames) only tell where
    to seek; ``marks`` (N,) are checksums of all frames as one straight pass gave them, and what comes after a seek is
    counted from a key frame and held against them. Where that fails, reading begins at the very start.
    """

    def __init__(self, path: Path, pts: np.ndarray, keys: np.ndarray, marks: np.ndarray) -> None:
        self.path, self._pts, self._keys, self._marks = path, pts, keys, marks
        # Where the clock goes back, a time stamp names no place.
        self._seeks = len(keys) > 0 and bool((np.diff(pts[keys]) > 0).all())
        self._file: VideoFile | None = None
        self._frames: Iterator[DecodedFrame] = iter(())
        self._next = 0

    def read(self, numbers: list[int]) -> list[np.ndarray]:
        """Frames by number (rising), each uint8 RGB (H, W, 3). Raises BrokenSample when one no longer decodes."""
        try:
            found = self._read(numbers)
        except (InputError, av.error.FFmpegError, OSError) as error:
            raise BrokenSample(
                f"{self.path}: cannot be read any more ({why(error)}); was it changed or moved?"
            ) from error
        if found is None:
            raise BrokenSample(
                f"{self.path}: frames {numbers[0]} to {numbers[-1]} decoded once and do not any more; was it changed?"
            )
        return found

    def close(self) -> None:
        """Release the file; the next read opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._frames = None, iter(())

    def _read(self, numbers: list[int]) -> list[np.ndarray] | None:
        starts = [int(key) for key in self._keys[self._keys <= numbers[0]]] if self._seeks else []
        if self._file is not None and (starts[-1] if starts else 0) <= self._next <= numbers[0]:
            found = self._collect(numbers)
            if found is not None:
                return found
        # A container's own index may lead too far; then begin earlier, and in the end at the very start.
        for start in reversed(starts[-3:]):
            found = self._collect(numbers) if self._stand_at(start) else None
            if found is not None:
                return found
        self._seeks = self._seeks and not starts  # to try again each time would begin anew for each window
        self.close()
        self._open()
        return self._collect(numbers)

    def _open(self) -> VideoFile:
        """The file, opened at its beginning if it is not open."""
        if self._file is None:
            self._file = VideoFile(self.path)
            self._next, self._frames = 0, self._file.frames()
            self._seeks = self._seeks and not self._file.is_raw
        return self._file

    def _stand_at(self, start: int) -> bool:
        """Stand before key frame ``start``; False when it does not come."""
        file = self._open()
        if not self._seeks:
            return False
        try:
            file.seek(int(self._pts[start]))
        except (av.error.FFmpegError, OSError):
            return False  # an index that leads nowhere; the caller begins earlier
        self._next, self._frames = start, file.frames()
        for decoded in self._frames:
            if decoded.key and decoded.pts is not None and decoded.pts >= self._pts[start]:
                self._frames = itertools.chain([decoded], self._frames)
                return decoded.mark() == int(self._marks[start])
        return False

    def _collect(self, numbers: list[int]) -> list[np.ndarray] | None:
        """The frames, read on from here; None when one does not come, or another comes in its place."""
        file, wanted, found = self._open(), set(numbers), []
        for decoded in self._frames:
            number, self._next = self._next, self._next + 1
            if number in wanted:
                if number >= len(self._marks) or decoded.mark() != int(self._marks[number]):
                    return None
                found.append(file.picture(decoded.frame))
            if number >= numbers[-1]:
                break
        return found if len(found) == len(numbers) else None
