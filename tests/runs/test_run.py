from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import some_controls, some_past
from tiny_model import TinyWorldModel

from drivesim.clip import tensor_to_frames
from drivesim.controls import Control
from drivesim.errors import InputError
from drivesim.noise import NoiseStream
from drivesim.options import Threads
from drivesim.runs.branch import branch_point
from drivesim.runs.engine import LAST_FRAME, MAX_WAITING_CHUNKS, DecodedChunk, generate
from drivesim.runs.future import open_run
from drivesim.runs.run import restored
from drivesim.runs.timeline import Timeline

sys.path.append(str(Path(__file__).parent))
from make_tiny_run import make_tiny_run, tiny_manifest

TIMELINE = Timeline(num_frames=42, chunk_frames=4, segment_chunks=3, state_chunks=1)
ONE_THREAD = Threads(denoise=1, decode=1)
FIRST = tensor_to_frames(some_past(64, 128))[0]


def collect(model: TinyWorldModel, timeline: Timeline, threads: Threads, **options: int) -> list[DecodedChunk]:
    controls = some_controls(options.get("scene_frame", 0) + timeline.control_frames)
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    return list(generate(model, state, controls, NoiseStream(3), timeline, previous=FIRST, threads=threads, **options))


def test_overlapped_and_sequential_are_bit_equal() -> None:
    model = TinyWorldModel()
    overlapped = collect(model, TIMELINE, ONE_THREAD)
    sequential = collect(model, TIMELINE, Threads(denoise=1, decode=1, overlap=False))
    assert [chunk.index for chunk in overlapped] == list(range(11))
    for left, right in zip(overlapped, sequential, strict=True):
        assert np.array_equal(left.frames, right.frames)
    assert len(overlapped[-1].frames) == 1, "the last chunk is cut at the video's end"


def test_both_halves_draw_and_whoever_does_the_frames_are_equal() -> None:
    drawn_by: dict[str, int] = {}
    both = threading.Event()

    class DrawingModel(TinyWorldModel):
        """Draws the first chunk until the other half, which has time, has drawn one; a drawn chunk is a tuple."""

        def draw(self, chunk):  # type: ignore[no-untyped-def]
            if isinstance(chunk, tuple):
                return chunk
            half = threading.current_thread().name.split("_")[0]
            drawn_by[half] = drawn_by.get(half, 0) + 1
            assert half == "MainThread" or both.wait(20.0)
            both.set()
            return ("drawn", chunk)

        def decode(self, chunk, previous):  # type: ignore[no-untyped-def]
            return super().decode(self.draw(chunk)[1], previous)

    overlapped = collect(DrawingModel(), TIMELINE, ONE_THREAD)
    assert drawn_by.keys() == {"MainThread", "decode"} and sum(drawn_by.values()) == 11, drawn_by
    for left, right in zip(overlapped, collect(TinyWorldModel(), TIMELINE, ONE_THREAD), strict=True):
        assert np.array_equal(left.frames, right.frames)


def test_a_kept_state_holds_the_frame_that_is_carried_on() -> None:
    """Every chunk shows the one before in its frames, so a state must know the last frame, and the run must have used it."""
    model = TinyWorldModel()
    chunks = collect(model, TIMELINE, ONE_THREAD)
    assert chunks[3].state is not None
    moment = restored(model, chunks[3].state)
    assert 0.0 < np.abs(moment.frame.astype(int) - chunks[3].frames[-1]).mean() < 12.0, "a picture of the last frame"
    again: list[DecodedChunk] = []
    controls = some_controls(TIMELINE.control_frames)
    for frame in (moment.frame, FIRST):
        again += generate(
            model, moment.state, controls, NoiseStream(3), TIMELINE,
            previous=frame, threads=ONE_THREAD, first_chunk=4,
        )  # fmt: skip
    assert np.array_equal(again[0].frames, chunks[4].frames)
    assert not np.array_equal(again[7].frames, chunks[4].frames)
    with pytest.raises(InputError, match="it holds no 'last frame'"):
        restored(model, {name: value for name, value in chunks[3].state.items() if name != LAST_FRAME})


def test_too_short_controls_are_refused() -> None:
    model = TinyWorldModel()
    controls = some_controls(20)
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    with pytest.raises(ValueError, match="cover 20 frames, the rollout needs 45"):
        generate(model, state, controls, NoiseStream(3), TIMELINE, previous=FIRST, threads=ONE_THREAD)


def test_denoising_waits_for_a_slow_consumer() -> None:
    """Memory is bounded: the model never runs further ahead than the queue is long."""
    made, ahead = [0], []

    class CountingModel(TinyWorldModel):
        def step(self, state, controls, noise):  # type: ignore[no-untyped-def]
            made[0] += 1
            return super().step(state, controls, noise)

    model = CountingModel()
    controls = some_controls(TIMELINE.control_frames)
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    for chunk in generate(model, state, controls, NoiseStream(3), TIMELINE, previous=FIRST, threads=ONE_THREAD):
        time.sleep(0.04)
        ahead.append(made[0] - chunk.index)
    assert 1 < max(ahead) <= MAX_WAITING_CHUNKS + 1


@pytest.mark.parametrize("overlap", [True, False])
def test_whoever_leaves_early_ends_it_after_the_chunk_at_hand(overlap: bool) -> None:
    decoded: list[int] = []

    class CountingModel(TinyWorldModel):
        def decode(self, chunk, previous):  # type: ignore[no-untyped-def]
            decoded.append(len(decoded))
            return super().decode(chunk, previous)

    model = CountingModel()
    controls = some_controls(TIMELINE.control_frames)
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    threads = Threads(denoise=1, decode=1, overlap=overlap)
    chunks = generate(model, state, controls, NoiseStream(3), TIMELINE, previous=FIRST, threads=threads)
    before = threading.active_count()
    assert [next(chunks).index for _ in range(3)] == [0, 1, 2]
    chunks.close()
    assert len(decoded) <= 3 + MAX_WAITING_CHUNKS and threading.active_count() <= before
    assert next(chunks, None) is None


@pytest.mark.parametrize("overlap", [True, False])
def test_an_error_of_the_decoder_is_raised_where_its_chunk_would_be(overlap: bool) -> None:
    class FailingModel(TinyWorldModel):
        calls = 0

        def decode(self, chunk, previous):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls == 3:
                raise OSError("out of memory")
            return super().decode(chunk, previous)

    model, seen = FailingModel(), []
    controls = some_controls(TIMELINE.control_frames)
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    threads = Threads(denoise=1, decode=1, overlap=overlap)
    with pytest.raises(OSError, match="out of memory"):
        seen.extend(
            chunk.index
            for chunk in generate(model, state, controls, NoiseStream(3), TIMELINE, previous=FIRST, threads=threads)
        )
    assert model.calls <= 3 + MAX_WAITING_CHUNKS


def test_the_thread_count_of_the_caller_is_given_back() -> None:
    before = torch.get_num_threads()
    controls = some_controls(TIMELINE.control_frames)
    model = TinyWorldModel()
    state = model.begin(some_past(64, 128), controls.window(0, 1))
    threads = Threads(denoise=before + 1, decode=before + 2)
    for _ in generate(model, state, controls, NoiseStream(3), TIMELINE, previous=FIRST, threads=threads):
        assert torch.get_num_threads() == before, "between two chunks too"
    assert torch.get_num_threads() == before


def test_future_k_alone_equals_future_k_of_eight(tmp_path: Path) -> None:
    model = TinyWorldModel()
    manifest = tiny_manifest(model, num_frames=21)
    all_eight = make_tiny_run(tmp_path / "eight", manifest=manifest, indices=tuple(range(8)))
    (alone,) = make_tiny_run(tmp_path / "alone", manifest=manifest, indices=(3,))
    assert np.array_equal(alone.frames(), all_eight[3].frames())
    assert alone.id == all_eight[3].id == "tiny/v000/f03"
    last = [future.frame_at(2.0).astype(int) for future in all_eight]
    first = [future.frame_at(0.0) for future in all_eight]
    for other in range(1, 8):
        assert np.abs(last[0] - last[other]).mean() > 2.0
        assert np.abs(first[0].astype(int) - first[other]).mean() < 1.0


def test_frames_are_read_lazily_by_time(tmp_path: Path) -> None:
    manifest = tiny_manifest(TinyWorldModel(), num_frames=37, lossless=True)
    (future,) = make_tiny_run(tmp_path / "run", manifest=manifest)
    everything = future.frames()
    assert everything.shape == (37, 64, 128, 3)
    assert np.array_equal(future.frames(1.0, 2.5), everything[10:25])
    assert np.array_equal(future.clip(0.5, 0.8).frames, everything[5:8])
    assert np.array_equal(future.frame_at(3.7), everything[36])
    with pytest.raises(InputError, match=r"3\.7 s of video"):
        future.frames(3.0, 9.0)


def test_lossless_frames_are_the_models(tmp_path: Path) -> None:
    model = TinyWorldModel()
    (future,) = make_tiny_run(tmp_path / "run", manifest=tiny_manifest(model, num_frames=9, lossless=True))
    controls = some_controls(9)
    start = torch.from_numpy(future.frames()[:1]).permute(0, 3, 1, 2) / 127.5 - 1.0
    state = model.begin(start, controls.window(0, 1))
    told, timeline = controls.without(Control.ACTORS), future.manifest.timeline
    first = future.frame_at(0.0)
    made = generate(model, state, told, future.stream, timeline, previous=first, threads=ONE_THREAD)
    assert np.array_equal(future.frames()[1:], np.concatenate([chunk.frames for chunk in made]))


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    (future,) = make_tiny_run(tmp_path / "run", manifest=tiny_manifest(TinyWorldModel(), num_frames=1))
    assert future.frames().shape == (1, 64, 128, 3)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branch") / "run"
    make_tiny_run(folder, manifest=tiny_manifest(TinyWorldModel(), lossless=True))
    return folder


class TestBranch:
    def test_it_branches_at_the_stored_moment_before(self, parent: Path) -> None:
        point = branch_point(parent, 4.1)
        assert (point.origin.frame, point.origin.time_s, point.origin.chunks) == (40, 4.0, 10)
        assert branch_point(parent, 3.99).origin.frame == 36
        (future,) = open_run(parent)
        assert np.array_equal(point.beginning.frame, future.frames()[40])

    def test_the_state_continues_the_parent_exactly(self, parent: Path) -> None:
        (future,) = open_run(parent)
        point = branch_point(parent, 4.0)
        model = TinyWorldModel()
        controls = some_controls(61)
        told = controls.without(Control.ACTORS)
        moment = restored(model, point.beginning.state)
        timeline = future.manifest.timeline
        made = generate(
            model, moment.state, told, future.stream, timeline,
            previous=moment.frame, threads=ONE_THREAD, first_chunk=10,
        )  # fmt: skip
        assert np.array_equal(np.concatenate([chunk.frames for chunk in made]), future.frames()[41:])

    def test_its_noise_is_neither_the_parents_nor_anothers(self, parent: Path) -> None:
        point, other = branch_point(parent, 4.0), branch_point(parent, 3.0)
        (future,) = open_run(parent)
        keys = {point.stream.key, other.stream.key, future.stream.key, future.stream.child(10).key}
        assert len(keys) == 4
        assert branch_point(parent, 4.0, seed=9).stream.root == 9

    def test_impossible_moments_are_named(self, parent: Path) -> None:
        for at_s in (0.1, 70.0):
            with pytest.raises(InputError, match=r"stored moments reach from 0\.4 s to 6 s"):
                branch_point(parent, at_s)
        with pytest.raises(InputError, match="no stored states of future 5"):
            branch_point(parent, 4.0, future=5)
        with pytest.raises(InputError, match="not a drivesim run"):
            branch_point(parent.parent, 4.0)
