"""Timeline: which frames belong to which chunk and which segment; pure arithmetic, fixed before a run starts.

Frame 0 is the frame the future begins from. Chunk k holds the next ``chunk_frames`` frames. Segments group whole chunks,
so a resumed run cuts the video at the same places as an undisturbed one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """How ``num_frames`` frames (frame 0 included) are made chunk by chunk and stored segment by segment.

    ``segment_chunks`` chunks share one video segment; a state is kept after every ``state_chunks`` chunks and after the
    last one. ``segment_chunks`` is a multiple of ``state_chunks``, so that every segment ends with a stored state.
    """

    num_frames: int
    chunk_frames: int
    segment_chunks: int
    state_chunks: int

    def __post_init__(self) -> None:
        if min(self.num_frames, self.chunk_frames, self.segment_chunks, self.state_chunks) < 1:
            raise ValueError(f"a timeline needs positive counts, got {self}")
        if self.segment_chunks % self.state_chunks:
            raise ValueError(
                f"segment_chunks ({self.segment_chunks}) must be a multiple of state_chunks ({self.state_chunks})"
            )

    @classmethod
    def plan(
        cls, *, num_frames: int, chunk_frames: int, fps: float, segment_s: float = 2.0, state_s: float = 1.0
    ) -> Timeline:
        """The timeline with segments of about ``segment_s`` seconds and a stored state about every ``state_s``."""
        state_chunks = max(1, math.floor(state_s * fps / chunk_frames))
        segment_chunks = state_chunks * max(1, round(segment_s * fps / (chunk_frames * state_chunks)))
        return cls(
            num_frames=num_frames, chunk_frames=chunk_frames, segment_chunks=segment_chunks, state_chunks=state_chunks
        )

    @property
    def num_chunks(self) -> int:
        """Chunks to generate; the last may make more frames than are kept."""
        return math.ceil((self.num_frames - 1) / self.chunk_frames)

    @property
    def num_segments(self) -> int:
        """Video segments, at least one (it holds frame 0)."""
        return max(1, math.ceil(self.num_chunks / self.segment_chunks))

    @property
    def control_frames(self) -> int:
        """Frames that controls must cover: those of the last chunk that are not kept included."""
        return 1 + self.num_chunks * self.chunk_frames

    def generated_frames(self, chunk: int) -> range:
        """Frames that ``chunk`` generates, kept or not."""
        return range(1 + chunk * self.chunk_frames, 1 + (chunk + 1) * self.chunk_frames)

    def kept_frames(self, chunk: int) -> range:
        """Frames of ``chunk`` that the video keeps."""
        generated = self.generated_frames(chunk)
        return range(generated.start, min(generated.stop, self.num_frames))

    def segment_of(self, chunk: int) -> int:
        """The segment that holds ``chunk``."""
        return chunk // self.segment_chunks

    def chunks_of(self, segment: int) -> range:
        """Chunks of ``segment``."""
        start = segment * self.segment_chunks
        return range(start, min(start + self.segment_chunks, self.num_chunks))

    def frames_of(self, segment: int) -> range:
        """Frames of ``segment``; segment 0 starts with frame 0."""
        chunks = self.chunks_of(segment)
        first = 0 if segment == 0 else self.kept_frames(chunks.start).start
        last = self.kept_frames(chunks.stop - 1).stop if len(chunks) else 1
        return range(first, last)

    def keeps_state(self, chunks_done: int) -> bool:
        """Whether the state after ``chunks_done`` chunks is stored."""
        return chunks_done > 0 and (chunks_done % self.state_chunks == 0 or chunks_done == self.num_chunks)
