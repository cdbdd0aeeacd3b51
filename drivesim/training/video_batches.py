"""Clips for the temporal stage: what goes on behind known frames, and, of several strides, what lies between two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from drivesim.errors import InputError
from drivesim.models.video_ldm.known import KnownFrames, stride_ratios, strided_motion
from drivesim.training.latents import LatentClips
from drivesim.training.stage import Batch
from drivesim.training.stream import Draw, draw_generator

#: Fewest frames of a clip of key frames: two known ones, and two to learn from.
LEAST_KEY_FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class ClipKinds:
    """The kinds of clips, one of which a whole batch is.

    ``num_frames`` of a clip that goes on, key frames as many of them as fit; ``context_shares`` of 0, 1 and 2 known ones among them. Of
    several ``strides``, ``task_shares`` are those of neighbouring frames that go on, of key frames (of the largest stride) that do, and of frames
    between two that are known (of every smaller stride alike). Raises InputError for shares that nothing can be drawn by.
    """

    num_frames: int
    context_shares: Sequence[float]
    strides: tuple[int, ...] = (1,)
    task_shares: Sequence[float] = (0.4, 0.3, 0.3)

    def __post_init__(self) -> None:
        for name in ("context_shares", "task_shares"):
            shares = getattr(self, name)
            if len(shares) != 3 or min(shares) < 0.0 or not 0.0 < sum(shares) < float("inf"):
                raise InputError(f"model.{name} is {list(shares)}: expected three numbers from 0, not all 0")

    def key_frames(self, frames_per_clip: int) -> int:
        """Frames of a clip of key frames, as many as fit. Raises InputError where that are too few."""
        largest = self.strides[-1]
        fitting = min(self.num_frames, (frames_per_clip - 1) // largest + 1)
        if fitting < LEAST_KEY_FRAMES:
            raise InputError(
                f"{fitting} frames {largest} apart fit in clips of {frames_per_clip} (model.num_frames is {self.num_frames}), expected "
                f"{LEAST_KEY_FRAMES} or more: pack clips of {(LEAST_KEY_FRAMES - 1) * largest + 1} frames or more "
                "(drivesim data pack --frames), or train on smaller strides"
            )
        return fitting


@dataclass(frozen=True, kw_only=True)
class _Form:
    """One kind of clip: its frames, how many of them every draw gives, and what is known of each."""

    num_frames: int
    known: KnownFrames
    clips: int = 1


class VideoBatches:
    """Windows of T frames, all of a batch of the same kind: as far apart, and as many of them known."""

    def __init__(self, clips: LatentClips, kinds: ClipKinds) -> None:
        if kinds.num_frames > clips.frames_per_clip:
            raise InputError(
                f"model.num_frames is {kinds.num_frames}, the stored clips have {clips.frames_per_clip}; pack longer clips "
                "(drivesim data pack --frames) or train on fewer"
            )
        self.clips = clips
        self.kinds = kinds
        several = len(kinds.strides) > 1
        self.key_frames = kinds.key_frames(clips.frames_per_clip) if several else kinds.num_frames
        self.context_shares = np.asarray(kinds.context_shares, float)

    def __len__(self) -> int:
        return len(self.clips)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """Latents (B, T, C, h, w) and controls of the frames, and which of them are known: what :func:`known_of` reads.

        Of clips between two known frames every draw gives as many as make up ``num_frames``.
        """
        form = self._form(draws[0].position)
        stride = form.known.stride
        span = (form.num_frames - 1) * stride + 1
        starts = self.clips.frames_per_clip - span + 1
        pairs = [
            (draw.sample, int(first))
            for draw in draws
            for first in draw_generator(17, draw.position).integers(starts, size=form.clips)
        ]
        windows = [slice(first, first + span, stride) for _, first in pairs]
        rows = self.clips.gather([sample for sample, _ in pairs], windows)
        if stride > 1:
            rows["motion"] = torch.from_numpy(np.stack([self._motion(*pair, span, stride) for pair in pairs]))
        position = torch.tensor([draw.position for draw in draws])
        return {**rows, "position": position, **_written(form.known)}

    def _motion(self, sample: int, first: int, span: int, stride: int) -> np.ndarray:
        """Ego motion of every ``stride``-th frame of a window, a frame (T, 6)."""
        return strided_motion(
            self.clips.read("motion", sample, slice(0, first + span)), range(first, first + span, stride), stride
        )

    def _form(self, position: int) -> _Form:
        """What the batch that begins with the draw at ``position`` consists of."""
        kinds = self.kinds
        task = _one_of(kinds.task_shares, 23, position) if len(kinds.strides) > 1 else 0
        if task == 2:
            ratios = stride_ratios(kinds.strides)
            level = int(draw_generator(29, position).integers(len(ratios)))
            length = ratios[level] + 1
            known = KnownFrames(1, 1, kinds.strides[level])
            return _Form(num_frames=length, known=known, clips=max(1, kinds.num_frames // length))
        num_context = _one_of(self.context_shares, 19, position)
        if task == 1:
            return _Form(num_frames=self.key_frames, known=KnownFrames(num_context, stride=kinds.strides[-1]))
        return _Form(num_frames=kinds.num_frames, known=KnownFrames(num_context))


def _one_of(shares: Sequence[float] | np.ndarray, seed: int, position: int) -> int:
    """A number by its share."""
    weights = np.asarray(shares, float)
    return int(draw_generator(seed, position).choice(len(weights), p=weights / weights.sum()))


def _written(known: KnownFrames) -> Batch:
    return {
        "num_context": torch.tensor(known.first),
        "num_behind": torch.tensor(known.last),
        "stride": torch.tensor(known.stride),
    }


def known_of(batch: Batch) -> KnownFrames:
    """Which frames of a batch's clips are known."""
    return KnownFrames(int(batch["num_context"]), int(batch["num_behind"]), int(batch["stride"]))


def empty_known(num_context: int) -> Batch:
    """What says that so many neighbouring frames are known."""
    return _written(KnownFrames(num_context))
