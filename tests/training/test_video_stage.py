"""What clips of the temporal stage are told, and where their loss counts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_video_ldm import save_toy

from drivesim.controls import ACTOR_CHANNELS
from drivesim.errors import InputError
from drivesim.training import VideoStage
from drivesim.training.video_stage import TOLD_PATTERNS, actor_cover

NOTHING_LEFT_OUT = {"scenery_dropout": 0.0, "motion_dropout": 0.0, "attribute_dropout": 0.0}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_toy(tmp_path_factory.mktemp("model")))


@pytest.mark.parametrize("number", range(len(TOLD_PATTERNS)))
def test_every_kind_of_clip_is_told_what_a_rollout_of_it_is_told(toy: str, tmp_path: Path, number: int) -> None:
    shares = tuple(float(index == number) for index in range(len(TOLD_PATTERNS)))
    stage = VideoStage(tmp_path, toy, dtype="float32", num_frames=4, told_shares=shares, **NOTHING_LEFT_OUT)
    generator = torch.Generator().manual_seed(0)
    controls = stage._controls(stage.example_batch(2), 2, stage._patterns(2, generator), generator)
    ground_before, ground_later, actors_before, actors_later = map(float, TOLD_PATTERNS[number])
    once = [ground_before] * 2 + [ground_later] * 2
    assert controls.map_given.tolist() == 2 * once
    assert controls.scenery_given.tolist() == 2 * once
    assert controls.actors_given.tolist() == 2 * ([actors_before] * 2 + [actors_later] * 2)
    assert controls.motion_given.tolist() == [1.0] * 8


def test_traffic_left_free_is_learned_as_it_is_rolled_out() -> None:
    # Actors are known of the start frame, which is the context of the first chunk, and of no other frame.
    assert (True, True, True, False) in TOLD_PATTERNS and (True, True, False, False) in TOLD_PATTERNS


def test_cells_with_actors_count_more() -> None:
    rasters = torch.zeros(1, 2, len(ACTOR_CHANNELS), 128, 256, dtype=torch.uint8)
    rasters[0, 1, ACTOR_CHANNELS.index("car"), :8, :8] = 255
    rasters[0, 1, ACTOR_CHANNELS.index("pedestrian"), 8:16, :1] = 255
    rasters[0, 0, ACTOR_CHANNELS.index("red")] = 255
    cover = actor_cover(rasters, (16, 32))
    assert cover.shape == (1, 2, 1, 16, 32)
    assert cover[0, 1, 0, 0, 0] == 1.0 and cover[0, 1, 0, 1, 0] == pytest.approx(0.5)
    assert cover.sum() == pytest.approx(1.5)


def test_the_weight_moves_the_loss_only_where_actors_are(toy: str, tmp_path: Path) -> None:
    losses = {}
    for weight in (0.0, 9.0):
        stage = VideoStage(
            tmp_path, toy, dtype="float32", num_frames=4, actor_weight=weight, told_shares=(0, 0, 0, 0, 1)
        )
        batch = stage.example_batch(2)
        batch["latents"][..., :2, :2] = 3.0
        empty = float(stage.loss(batch, torch.Generator().manual_seed(0)).detach())
        batch["actors"][:, :, 0, :16, :16] = 255
        losses[weight] = empty, float(stage.loss(batch, torch.Generator().manual_seed(0)).detach())
    assert losses[0.0][0] == losses[0.0][1] == losses[9.0][0]
    assert losses[9.0][1] > 1.02 * losses[9.0][0]


def test_shares_of_another_number_of_kinds_are_refused(toy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="told_shares has 4 numbers, expected 5"):
        VideoStage(tmp_path, toy, told_shares=(0.5, 0.25, 0.1, 0.15))  # type: ignore[arg-type]


def test_context_of_a_share_of_the_steps_is_what_the_network_draws_itself(toy: str, tmp_path: Path) -> None:
    stage = VideoStage(tmp_path, toy, dtype="float32", num_frames=5, rollout_share=1.0, told_shares=(0, 1, 0, 0, 0))
    batch = stage.example_batch(2)
    batch["latents"] = torch.randn(batch["latents"].shape, generator=torch.Generator().manual_seed(1))
    seen = set()
    for seed in (4, 5):
        rest, error, patterns = stage._rolled_out(batch, torch.Generator().manual_seed(seed))
        frames = rest["latents"].shape[1]
        seen.add(frames)
        assert torch.equal(rest["latents"], batch["latents"][:, -frames:])
        assert rest["actors"].shape[1] == frames and int(rest["num_context"]) == 2
        assert float(error[:, :2].abs().mean()) > 0.1
        assert not error[:, 2:].any()
        assert patterns.tolist() == [2, 2], "behind its first chunk a free rollout knows the actors of no frame"
    again = stage._rolled_out(batch, torch.Generator().manual_seed(seed))[1]
    assert torch.equal(error, again)
    assert seen == {3, 4}, "the chunk is left after its first or its second frame"
    assert all(parameter.grad is None for parameter in stage.trained().parameters())


def test_steps_behind_own_context_are_taken_in_training_only(toy: str, tmp_path: Path) -> None:
    losses = {}
    for share in (0.0, 1.0):
        stage = VideoStage(tmp_path, toy, dtype="float32", num_frames=4, rollout_share=share)
        batch = stage.example_batch(2)
        losses[share] = [
            float(stage.train(mode).loss(batch, torch.Generator().manual_seed(0)).detach()) for mode in (True, False)
        ]
    assert losses[0.0][1] == losses[1.0][1]
    assert losses[0.0][0] != losses[1.0][0]
    stage.train().loss(batch, torch.Generator().manual_seed(0)).backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in stage.trained().parameters())


def test_clips_too_short_to_be_continued_are_refused(toy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"num_frames is 3, expected 4 or more with a rollout_share"):
        VideoStage(tmp_path, toy, num_frames=3, rollout_share=0.5)
    with pytest.raises(InputError, match=r"rollout_share is 1\.5: expected at least 0 and at most 1"):
        VideoStage(tmp_path, toy, rollout_share=1.5)
