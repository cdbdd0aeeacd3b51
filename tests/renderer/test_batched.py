import pickle

import numpy as np
import pytest
import torch

from drivesim.clip import tensor_to_frames
from drivesim.renderer import ProceduralWorld
from drivesim.renderer.batched import render_batch


@pytest.fixture
def worlds(make_scene, make_actor):
    car, walker = make_actor("car", 20.0, 0.0), make_actor("pedestrian", 12.0, 2.0, speed=1.2)
    return ProceduralWorld(make_scene(car), 1), ProceduralWorld(make_scene(walker), 2)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_batch_holds_the_single_frames_in_their_order(worlds, num_workers):
    first, second = worlds
    wanted = [(first, 3), (second, 0), (first, 0)]
    batch = render_batch(wanted, 128, 64, num_workers=num_workers)
    assert batch.shape == (3, 3, 64, 128) and batch.dtype == torch.float32
    for frames, (world, frame) in zip(tensor_to_frames(batch), wanted, strict=True):
        np.testing.assert_array_equal(frames, world.render_rgb(frame, 128, 64))


def test_a_world_travels_between_processes_and_draws_the_same(worlds):
    copy = pickle.loads(pickle.dumps(worlds[0]))
    np.testing.assert_array_equal(copy.render_rgb(2, 128, 64), worlds[0].render_rgb(2, 128, 64))


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        render_batch([], 128, 64)


@pytest.mark.gpu
def test_a_batch_lands_on_the_accelerator(worlds):
    batch = render_batch([(worlds[0], 1)], 128, 64, device="cuda")
    assert batch.is_cuda
    np.testing.assert_array_equal(tensor_to_frames(batch)[0], worlds[0].render_rgb(1, 128, 64))
