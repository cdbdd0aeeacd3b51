"""What every world model must do; inherit :class:`WorldModelConformance` and give it a ``model`` fixture."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch

from drivesim.controls import (
    ACTOR_CHANNELS,
    ATTRIBUTE_CHANNELS,
    LAYOUT_SIZE,
    MAP_CHANNELS,
    MOTION_CHANNELS,
    SCENERY_CHANNELS,
    Control,
    Controls,
)
from drivesim.noise import NoiseStream
from drivesim.world_model import next_frames


def some_controls(num_frames: int, kinds: frozenset[Control] = frozenset(Control), seed: int = 0) -> Controls:
    """Controls of plausible ranges for ``num_frames`` frames."""
    rng = np.random.default_rng(seed)
    ground = np.zeros((num_frames, len(MAP_CHANNELS), *LAYOUT_SIZE), np.uint8)
    ground[:, MAP_CHANNELS.index("road"), 64:] = 255
    ground[:, MAP_CHANNELS.index("sky"), :48] = 255
    actors = np.zeros((num_frames, len(ACTOR_CHANNELS), *LAYOUT_SIZE), np.uint8)
    actors[:, ACTOR_CHANNELS.index("car"), 60:84, 100:148] = rng.integers(100, 255)
    scenery = np.zeros((num_frames, len(SCENERY_CHANNELS), *LAYOUT_SIZE), np.uint8)
    scenery[:, 0, 16:80, :60] = 255
    scenery[:, 9:, 16:80, :60] = rng.integers(60, 200)
    motion = np.tile(np.array([1.2, 0.0, 0.01, 12.0, 0.001, 0.1], np.float32), (num_frames, 1))
    attributes = np.full((num_frames, len(ATTRIBUTE_CHANNELS)), 0.5, np.float32)
    assert motion.shape[1] == len(MOTION_CHANNELS)
    everything = Controls(
        num_frames=num_frames, map=ground, scenery=scenery, actors=actors, motion=motion, attributes=attributes
    )
    return everything.without(*(frozenset(Control) - kinds))


def some_past(height: int, width: int, num_frames: int = 1) -> torch.Tensor:
    """A smooth picture (T, 3, H, W) in [-1, 1], repeated."""
    rows = torch.linspace(-1.0, 1.0, height)[:, None].expand(height, width)
    columns = torch.linspace(-1.0, 1.0, width)[None].expand(height, width)
    picture = torch.stack([rows, columns, rows * columns])
    return picture[None].repeat(num_frames, 1, 1, 1)


def shown(model: Any) -> torch.Tensor:
    """A frame (3, H, W) that was shown before a chunk."""
    return some_past(model.spec.height, model.spec.width)[0]


_CONTINUED: WeakKeyDictionary[Any, dict[Control | None, torch.Tensor]] = WeakKeyDictionary()


def continued(model: Any, state: Any, controls: Controls, withheld: Control | None = None) -> torch.Tensor:
    """The frames after ``state`` under the first noise, without one of the controls; made once, as several tests ask for them."""
    known = _CONTINUED.setdefault(model, {})
    if withheld not in known:
        told = controls if withheld is None else controls.without(withheld)
        with torch.inference_mode():
            known[withheld], _ = next_frames(model, state, told, NoiseStream(1), shown(model))
    return known[withheld]


class WorldModelConformance:
    """Tests of the contract in :mod:`drivesim.world_model`. Subclasses define a ``model`` fixture."""

    @pytest.fixture
    def state(self, model: Any) -> Any:
        with torch.inference_mode():
            past = some_past(model.spec.height, model.spec.width)
            return model.begin(past, some_controls(1, model.spec.controls))

    @pytest.fixture
    def controls(self, model: Any) -> Controls:
        return some_controls(model.spec.chunk_frames, model.spec.controls, seed=1)

    def test_frames_have_the_size_and_range_of_the_spec(self, model: Any, state: Any, controls: Controls) -> None:
        frames = continued(model, state, controls)
        assert frames.shape == (model.spec.chunk_frames, 3, model.spec.height, model.spec.width)
        assert frames.dtype == torch.float32
        assert frames.device.type == "cpu"
        assert torch.isfinite(frames).all()
        assert frames.min() >= -1.0 and frames.max() <= 1.0

    def test_the_state_is_not_changed_by_continuing_it(self, model: Any, state: Any, controls: Controls) -> None:
        before = {name: tensor.clone() for name, tensor in model.pack_state(state).items()}
        with torch.inference_mode():
            next_frames(model, state, controls, NoiseStream(1), shown(model))
        after = model.pack_state(state)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)

    def test_equal_noise_continues_equally(self, model: Any, state: Any, controls: Controls) -> None:
        with torch.inference_mode():
            first, first_state = next_frames(model, state, controls, NoiseStream(1, (5,)), shown(model))
            next_frames(model, state, controls, NoiseStream(2), shown(model))
            again, again_state = next_frames(model, state, controls, NoiseStream(1, (5,)), shown(model))
        assert torch.equal(first, again)
        _assert_equal_states(model, first_state, again_state)

    def test_other_noise_continues_otherwise(self, model: Any, state: Any, controls: Controls) -> None:
        with torch.inference_mode():
            other, _ = next_frames(model, state, controls, NoiseStream(2), shown(model))
        assert not torch.equal(continued(model, state, controls), other)

    def test_a_packed_state_continues_bit_equal(self, model: Any, state: Any, controls: Controls) -> None:
        with torch.inference_mode():
            _, middle = next_frames(model, state, controls, NoiseStream(1), shown(model))
            packed = {name: tensor.detach().cpu().clone() for name, tensor in model.pack_state(middle).items()}
            direct, direct_state = next_frames(model, middle, controls, NoiseStream(3), shown(model))
            restored, restored_state = next_frames(
                model, model.unpack_state(packed), controls, NoiseStream(3), shown(model)
            )
        assert torch.equal(direct, restored)
        _assert_equal_states(model, direct_state, restored_state)

    def test_a_foreign_packed_state_is_refused(self, model: Any, state: Any) -> None:
        packed = dict(model.pack_state(state))
        packed.pop(next(iter(packed)))
        with pytest.raises(ValueError):
            model.unpack_state(packed)
        with pytest.raises(ValueError):
            model.unpack_state({"something": torch.zeros(3)})

    @pytest.mark.parametrize("surplus", [-1, 1])
    def test_controls_of_another_length_are_refused(self, model: Any, state: Any, surplus: int) -> None:
        count = model.spec.chunk_frames + surplus
        if count < 1:
            pytest.skip("a chunk of one frame has no shorter one")
        with pytest.raises(ValueError), torch.inference_mode():
            model.step(state, some_controls(count, model.spec.controls), NoiseStream(1))

    def test_every_control_may_be_absent(self, model: Any, state: Any, controls: Controls) -> None:
        for kind in Control:
            assert torch.isfinite(continued(model, state, controls, kind)).all()

    def test_every_obeyed_control_changes_the_frames(self, model: Any, state: Any, controls: Controls) -> None:
        told = continued(model, state, controls)
        for kind in model.spec.controls:
            assert not torch.equal(told, continued(model, state, controls, kind)), f"{kind.value} has no effect"

    def test_decoding_twice_is_equal(self, model: Any, state: Any, controls: Controls) -> None:
        with torch.inference_mode():
            chunk, after = model.step(state, controls, NoiseStream(1))
            first = model.decode(chunk, shown(model))
            model.step(after, controls, NoiseStream(2))
            assert torch.equal(first, model.decode(chunk, shown(model)))

    def test_drawing_first_changes_nothing(self, model: Any, state: Any, controls: Controls) -> None:
        with torch.inference_mode():
            chunk, _ = model.step(state, controls, NoiseStream(1))
            drawn = model.draw(chunk)
            frames = model.decode(chunk, shown(model))
            assert torch.equal(model.decode(drawn, shown(model)), frames)
            assert torch.equal(model.decode(model.draw(drawn), shown(model)), frames)


def _assert_equal_states(model: Any, left: Any, right: Any) -> None:
    left, right = model.pack_state(left), model.pack_state(right)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
