"""The temporal stage at several strides: what its batches hold, and that it learns from each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_video_ldm import save_toy

from drivesim.errors import InputError
from drivesim.models.conditioning_inputs import SHAPES
from drivesim.models.video_ldm.known import KnownFrames, strided_motion
from drivesim.training import VideoStage
from drivesim.training.latents import CONTROL_ARRAYS, LatentClips
from drivesim.training.stream import Draw
from drivesim.training.video_batches import ClipKinds, VideoBatches, known_of

SHARES = (0.0, 0.5, 0.5)


class CountedClips(LatentClips):
    """Clips in memory whose latents hold, everywhere, the number of their frame; the ego drives a bend, faster and faster."""

    def __init__(self, num_frames: int, num_clips: int = 2) -> None:
        self.num_frames, self.num_clips = num_frames, num_clips
        numbers = np.arange(num_frames, dtype=np.float32)
        latents = np.broadcast_to(numbers[None, :, None, None, None], (num_clips, num_frames, 19, 16, 32))
        self._arrays: dict[str, Any] = {"latents": latents}
        for kind, shape in SHAPES.items():
            self._arrays[kind.value] = np.zeros((num_clips, num_frames, *shape), np.float32)
        self._arrays["motion"][:, :, 0] = 1.0 + numbers
        self._arrays["motion"][:, :, 2] = 0.1
        self.given = np.ones((num_clips, len(CONTROL_ARRAYS)), np.float32)

    def __len__(self) -> int:
        return self.num_clips

    @property
    def frames_per_clip(self) -> int:
        return self.num_frames


def kinds(**settings: Any) -> ClipKinds:
    return ClipKinds(**{"num_frames": 8, "context_shares": SHARES, "strides": (1, 2, 4), **settings})


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_toy(tmp_path_factory.mktemp("model")))


def test_a_batch_is_of_one_of_four_kinds_and_of_no_other() -> None:
    clips = CountedClips(24)
    batches = VideoBatches(clips, kinds())
    seen: dict[tuple[int, int, int], int] = {}
    for position in range(0, 120, 2):
        batch = batches([Draw(position, 0), Draw(position + 1, 1)])
        known, latents = known_of(batch), batch["latents"]
        numbers = latents[:, :, 0, 0, 0]
        assert (numbers.diff(dim=1) == known.stride).all()
        assert len(batch["position"]) == 2
        expected = [
            strided_motion(clips.read("motion", 0, slice(None)), row.astype(int).tolist(), known.stride)
            for row in numbers.numpy()
        ]
        assert np.allclose(batch["motion"].numpy(), expected)
        if not known.last:
            assert known.first in (1, 2)
        kind = (known.last, known.stride, latents.shape[1])
        assert len(latents) == (4 if known.last else 2), (
            "between two known frames there are more clips, as they are short"
        )
        seen[kind] = seen.get(kind, 0) + 1
    # Six frames fit at stride 4; between two known frames stands one, half as far from each.
    assert seen.keys() == {(0, 1, 8), (0, 4, 6), (1, 1, 3), (1, 2, 3)}
    assert min(seen.values()) >= 4


def test_by_four_at_once_three_frames_lie_between() -> None:
    batches = VideoBatches(CountedClips(64), kinds(strides=(1, 4, 16), task_shares=(0, 0, 1)))
    drawn = [batches([Draw(position, 0)]) for position in range(12)]
    forms = {(known_of(batch), tuple(batch["latents"].shape[:2])) for batch in drawn}
    assert forms == {(KnownFrames(1, 1, 1), (1, 5)), (KnownFrames(1, 1, 4), (1, 5))}


def test_one_stride_draws_what_it_drew() -> None:
    alone = VideoBatches(CountedClips(24), kinds(strides=(1,)))
    batch = alone([Draw(5, 0), Draw(6, 1)])
    first = [int(np.random.default_rng([17, 101, position]).integers(24 - 8 + 1)) for position in (5, 6)]
    assert batch["latents"][:, 0, 0, 0, 0].tolist() == first
    assert known_of(batch).stride == 1 and not known_of(batch).last


def test_clips_in_which_too_few_key_frames_fit_are_refused() -> None:
    assert VideoBatches(CountedClips(13), kinds()).key_frames == 4
    with pytest.raises(InputError, match=r"3 frames 4 apart fit in clips of 12 .* pack clips of 13 frames or more"):
        VideoBatches(CountedClips(12), kinds())


@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_each_kind_is_learned_from(toy: str, tmp_path: Path, shares: tuple[float, float, float]) -> None:
    levels = {"noise_mean": 0.5, "noise_std": 0.01}
    stage = VideoStage(
        tmp_path, toy, dtype="float32", network={"strides": [1, 2]}, num_frames=4, task_shares=shares, **levels
    )
    batch = VideoBatches(CountedClips(7, 1), stage.kinds)([Draw(3, 0)])
    batch["latents"] = torch.randn(batch["latents"].shape, generator=torch.Generator().manual_seed(1))
    stage.train().loss(batch, torch.Generator().manual_seed(0)).backward()
    label = stage.trained().rate.weight.grad
    assert [bool(row.any()) for row in label] == [not shares[1], bool(shares[1])]
    assert len(stage.errors) == (0 if shares[2] else 1), "errors are kept of frames that are made, not of known ones"


def test_between_two_known_frames_only_the_new_ones_count(toy: str, tmp_path: Path) -> None:
    only = {"task_shares": (0, 0, 1), "told_shares": (0, 0, 0, 0, 1)}
    stage = VideoStage(tmp_path, toy, dtype="float32", network={"strides": [1, 2]}, num_frames=4, **only).eval()
    batch = VideoBatches(CountedClips(7, 1), stage.kinds)([Draw(3, 0)])
    batch["latents"] = batch["latents"].clone()
    batch["latents"][..., :2, :2] = 3.0
    losses = []
    for frames in ([], [0, 2], [1]):
        batch["actors"][:, frames, 0, :16, :16] = 255.0
        losses.append(float(stage.loss(batch, torch.Generator().manual_seed(0)).detach()))
    assert losses[0] == losses[1] != losses[2]


def test_how_it_came_to_the_first_of_two_known_frames_is_not_told(toy: str, tmp_path: Path) -> None:
    settings = {"network": {"strides": [1, 2]}, "task_shares": (0, 0, 1), "motion_dropout": 0.0}
    stage = VideoStage(tmp_path, toy, dtype="float32", num_frames=4, **settings)
    batch = VideoBatches(CountedClips(7, 1), stage.kinds)([Draw(3, 0)])
    generator = torch.Generator().manual_seed(0)
    controls = stage._controls(batch, 1, stage._patterns(1, generator), generator)
    assert controls.motion_given.tolist() == [0.0, 1.0, 1.0]


def test_pictures_show_what_is_made_between_two_frames(toy: str, tmp_path: Path) -> None:
    stage = VideoStage(tmp_path, toy, dtype="float32", network={"strides": [1, 2]}, num_frames=4, task_shares=(0, 0, 1))
    batch = VideoBatches(CountedClips(7, 1), stage.kinds)([Draw(3, 0)])
    picture = stage.eval().pictures(batch)
    above, below = np.split(picture, 2)
    frames = [np.split(row, 3, axis=1) for row in (above, below)]
    same = [np.array_equal(true, made) for true, made in zip(*frames, strict=True)]
    assert same == [True, False, True]


def test_strides_are_checked_against_the_initial_model(toy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"strides are \[1, 3, 4\]: expected 1, then multiples"):
        VideoStage(tmp_path, toy, network={"strides": [1, 3, 4]})
    with pytest.raises(InputError, match=r"task_shares is \[0, 0, 0\]: expected three numbers from 0, not all 0"):
        VideoStage(tmp_path, toy, network={"strides": [1, 2]}, task_shares=(0, 0, 0))
