"""The stream of draws: epochs without overlap, whatever the number of processes."""

from __future__ import annotations

from itertools import islice

import pytest

from drivesim.training.stream import Draw, SampleStream, draw_generator


def _taken(steps: int, batch: int, world: int, start: int = 0, samples: int = 12) -> list[list[Draw]]:
    """Draws by step, those of all processes together."""
    streams = [
        iter(SampleStream(samples, batch, seed=3, start=start, rank=rank, world_size=world)) for rank in range(world)
    ]
    return [[draw for stream in streams for draw in next(stream)] for _ in range(steps)]


@pytest.mark.parametrize(("batch", "world"), [(3, 1), (3, 2), (2, 3), (1, 4)])
def test_the_union_of_all_processes_is_the_epoch(batch: int, world: int) -> None:
    steps = 12 // (batch * world)
    draws = [draw for step in _taken(steps, batch, world) for draw in step]
    assert sorted(draw.sample for draw in draws) == list(range(12))
    assert [draw.position for draw in sorted(draws)] == list(range(12))


def test_another_number_of_processes_goes_on_where_the_first_stopped() -> None:
    alone = [draw for step in _taken(10, 2, 1) for draw in step]
    begun = [draw for step in _taken(3, 2, 2) for draw in step]
    continued = [draw for step in _taken(4, 2, 1, start=len(begun)) for draw in step]
    assert begun + continued == alone


def test_epochs_differ_and_seeds_differ() -> None:
    first, second = ([d.sample for d in islice(_flat(3), k, k + 12)] for k in (0, 12))
    assert sorted(first) == sorted(second) and first != second
    assert first != [d.sample for d in islice(_flat(4), 12)]


def test_the_random_numbers_of_a_draw_depend_on_its_position_only() -> None:
    assert draw_generator(1, 5).integers(1 << 30) == draw_generator(1, 5).integers(1 << 30)
    assert draw_generator(1, 5).integers(1 << 30) != draw_generator(1, 6).integers(1 << 30)


def _flat(seed: int):
    return (draw for batch in SampleStream(12, 4, seed=seed) for draw in batch)
