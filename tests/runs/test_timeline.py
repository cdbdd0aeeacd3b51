from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.runs.timeline import Timeline

COUNTS = st.integers(1, 9)


@given(num_frames=st.integers(1, 200), chunk_frames=COUNTS, state_chunks=COUNTS, states_per_segment=st.integers(1, 4))
def test_segments_partition_the_frames_and_end_with_a_stored_state(
    num_frames: int, chunk_frames: int, state_chunks: int, states_per_segment: int
) -> None:
    timeline = Timeline(
        num_frames=num_frames,
        chunk_frames=chunk_frames,
        segment_chunks=state_chunks * states_per_segment,
        state_chunks=state_chunks,
    )
    frames = [frame for segment in range(timeline.num_segments) for frame in timeline.frames_of(segment)]
    assert frames == list(range(num_frames))
    chunks = [chunk for segment in range(timeline.num_segments) for chunk in timeline.chunks_of(segment)]
    assert chunks == list(range(timeline.num_chunks))
    kept = [0] + [frame for chunk in chunks for frame in timeline.kept_frames(chunk)]
    assert kept == frames
    for segment in range(timeline.num_segments):
        if timeline.chunks_of(segment):
            assert timeline.keeps_state(timeline.chunks_of(segment).stop)
            assert {timeline.segment_of(chunk) for chunk in timeline.chunks_of(segment)} == {segment}
    assert timeline.control_frames >= num_frames


def test_plan_groups_about_two_seconds_and_keeps_a_state_each_second() -> None:
    timeline = Timeline.plan(num_frames=3000, chunk_frames=4, fps=10.0)
    assert timeline.state_chunks == 2
    assert len(timeline.frames_of(1)) == 16
    assert timeline.num_chunks == 750
    assert timeline.frames_of(timeline.num_segments - 1).stop == 3000


def test_a_state_grid_that_misses_segment_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Timeline(num_frames=10, chunk_frames=2, segment_chunks=3, state_chunks=2)
