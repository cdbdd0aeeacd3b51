"""The arithmetic of the cost model, and that what is measured is measured; no test here depends on how fast it is."""

from __future__ import annotations

import dataclasses
import json
import mmap
import sys
from pathlib import Path

import pytest
from conformance import some_controls
from tiny_model import TinyStartFrameModel, TinyWorldModel

from drivesim.clip import tensor_to_frames
from drivesim.errors import InputError, NotKeptWarning
from drivesim.noise import NoiseStream
from drivesim.options import Threads
from drivesim.runs.cost import (
    MEASURED_CHUNKS,
    PHASES,
    Cost,
    PhaseClock,
    measure_cost,
    peak_resident_bytes,
    remember_cost,
    remembered_cost,
    resident_bytes,
)
from drivesim.runs.manifest import Manifest
from drivesim.runs.plan import Plan, make_plan
from drivesim.runs.run import Beginning, Ingredients

sys.path.append(str(Path(__file__).parent))
from make_tiny_run import make_tiny_run, tiny_manifest

COST = Cost(
    chunk_frames=4,
    overlap=True,
    start_s=2.0,
    tell_s=0.1,
    denoise_s=0.3,
    draw_s=0.0,
    decode_s=0.2,
    write_s=0.05,
    bytes_per_frame=1000.0,
    bytes_per_state=500.0,
    working_bytes=3e6,
)


def plan_of(cost: Cost, *, num_futures: int = 1, num_frames: int = 61, **more: float) -> Plan:
    manifest = tiny_manifest(TinyWorldModel(), num_frames=num_frames)
    return Plan(
        manifest=manifest, num_futures=num_futures, cost=cost, folder=Path("runs"), free_disk_bytes=10**9, **more
    )


def simulated_pipeline(first: float, second: float, num_chunks: int) -> float:
    """When the last of ``num_chunks`` leaves two machines in a row, found by following every chunk."""
    first_free = second_free = 0.0
    for _ in range(num_chunks):
        first_free += first
        second_free = max(first_free, second_free) + second
    return second_free


@pytest.mark.parametrize("decode_s", [0.0, 0.2, 0.35, 0.9])
@pytest.mark.parametrize("num_chunks", [1, 2, 15])
def test_overlapped_halves_take_what_a_simulated_pipeline_takes(decode_s: float, num_chunks: int) -> None:
    cost = dataclasses.replace(COST, decode_s=decode_s)
    assert cost.future_s(num_chunks) == pytest.approx(simulated_pipeline(0.45, decode_s, num_chunks))


@pytest.mark.parametrize(("draw_s", "chunk_s"), [(0.1, 0.45), (0.25, 0.45), (1.35, 1.0)])
def test_drawing_is_shared_so_that_neither_half_waits(draw_s: float, chunk_s: float) -> None:
    cost = dataclasses.replace(COST, draw_s=draw_s)
    assert cost.chunk_s == pytest.approx(chunk_s)
    assert cost.future_s(1) == pytest.approx(0.65 + draw_s)
    assert cost.future_s(11) == pytest.approx(0.65 + draw_s + 10 * chunk_s)
    assert dataclasses.replace(cost, overlap=False).chunk_s == pytest.approx(0.65 + draw_s)


def test_in_turn_the_halves_add_up() -> None:
    cost = dataclasses.replace(COST, overlap=False)
    assert cost.chunk_s == pytest.approx(0.65)
    assert cost.future_s(10) == pytest.approx(6.5)
    assert cost.frames_per_s == pytest.approx(4 / 0.65)
    assert cost.future_s(0) == 0.0


def test_scaling_changes_the_stages_only() -> None:
    slower = COST.scaled(3.0)
    assert slower.chunk_s == pytest.approx(3 * COST.chunk_s)
    assert slower.future_s(7) == pytest.approx(3 * COST.future_s(7))
    assert (slower.start_s, slower.working_bytes) == (COST.start_s, COST.working_bytes)


def test_a_plan_adds_loading_the_start_and_every_future() -> None:
    plan = plan_of(COST, num_futures=3, loading_s=5.0)
    assert plan.manifest.timeline.num_chunks == 15
    assert plan.making_s == pytest.approx(2.0 + 3 * simulated_pipeline(0.45, 0.2, 15))
    assert plan.seconds == pytest.approx(plan.making_s + 5.0)
    told = plan.to_dict()
    assert told["seconds"] == pytest.approx(plan.seconds, abs=0.06)
    assert told["chunk_s"] == 0.45 and told["phases_s"] == {
        "tell": 0.1, "denoise": 0.3, "draw": 0.0, "decode": 0.2, "write": 0.05,
    }  # fmt: skip


def test_memory_is_what_is_loaded_and_what_a_run_adds_whatever_the_length() -> None:
    loaded = plan_of(COST, loaded_bytes=10_000_000)
    # A segment of the tiny timeline holds 3 chunks of 4 frames and a state after each.
    assert loaded.memory_bytes == 10_000_000 + 3e6 + 12 * 1000 + 3 * 500
    assert plan_of(COST, loaded_bytes=10_000_000, num_frames=6001, num_futures=8).memory_bytes == loaded.memory_bytes
    assert plan_of(COST, loaded_bytes=10_000_000, peak_bytes=20_000_000).memory_bytes == 20_000_000 + 13_500
    assert loaded.to_dict()["memory_gb"] == pytest.approx(0.013)
    assert "13 MB of memory" in loaded.text()


def test_the_first_chunks_and_the_lonely_last_decoding_are_left_out() -> None:
    clock = PhaseClock()
    for phase in PHASES:
        clock.seconds[phase] = [9.0, 6.0, 6.0, 1.0, 3.0, 1.0, 0.6]
    assert clock.steady("denoise", overlap=True) == pytest.approx(1.4)
    assert clock.steady("decode", overlap=True) == pytest.approx(5.0 / 3.0)
    assert clock.steady("decode", overlap=False) == pytest.approx(1.4)
    clock.seconds["tell"] = [9.0, 2.0]
    assert clock.steady("tell", overlap=True) == 2.0
    clock.seconds["write"] = [4.0]
    assert clock.steady("write", overlap=True) == 4.0
    assert PhaseClock().steady("tell", overlap=True) == 0.0


def ingredients(model: TinyWorldModel, manifest: Manifest) -> Ingredients:
    controls = some_controls(manifest.timeline.control_frames)
    frame = tensor_to_frames(TinyStartFrameModel().sample(controls.window(0, 1), NoiseStream(1)))[0]
    return Ingredients(
        model=model,
        beginning=Beginning(frame=frame),
        start_controls=controls.window(0, 1),
        controls_of=lambda future: controls,
    )


@pytest.mark.parametrize("overlap", [True, False])
def test_measuring_runs_the_real_loop_and_sees_a_slow_stage(overlap: bool) -> None:
    model = TinyWorldModel(pause_s=0.03)
    manifest = tiny_manifest(model, num_frames=601, overlap=overlap)
    calls: list[int] = []

    def prepare() -> Ingredients:
        calls.append(1)
        return ingredients(model, manifest)

    cost = measure_cost(manifest, prepare)
    assert calls == [1] and cost.start_s > 0.0
    assert cost.overlap is overlap and cost.chunk_frames == 4
    assert cost.denoise_s >= 0.03, "the pause lies in denoising"
    assert min(cost.decode_s, cost.write_s, cost.tell_s) > 0.0
    assert cost.bytes_per_state > 12 * 16 * 32 * 4, "at least the latent's bytes"


def test_bytes_are_those_of_the_video_that_a_run_writes(tmp_path: Path) -> None:
    model = TinyWorldModel()
    num_frames = 1 + MEASURED_CHUNKS * 4
    manifest = tiny_manifest(model, num_frames=num_frames, lossless=True)
    cost = measure_cost(manifest, lambda: ingredients(model, manifest))
    run = tmp_path / "run"
    make_tiny_run(run, model=model, manifest=manifest)
    stored = sum(path.stat().st_size for path in run.glob("f00.m*"))
    assert cost.bytes_per_frame * num_frames == pytest.approx(stored, rel=0.35)


def test_memory_of_the_process_is_seen() -> None:
    before = resident_bytes()
    assert 20e6 < before <= 1.05 * peak_resident_bytes()
    # Pages of its own: what the allocator has kept from earlier tests would not be new to the process.
    with mmap.mmap(-1, 80_000_000) as block:
        block.write(bytes([1]) * len(block))
        assert resident_bytes() - before > 0.8 * len(block)
        assert peak_resident_bytes() >= before + 0.8 * len(block)


def test_a_cost_is_remembered_for_its_settings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manifest = tiny_manifest(TinyWorldModel())
    assert remembered_cost(manifest) is None
    remember_cost(manifest, COST)
    assert remembered_cost(manifest) == COST
    others = [
        {"actors": "scripted"},
        {"steps": 2},
        {"lossless": True},
        {"threads": Threads(denoise=2, decode=1)},
        {"start_source": "picture 1234"},
        {"timeline": dataclasses.replace(manifest.timeline, chunk_frames=5)},
    ]
    for other in others:
        assert remembered_cost(dataclasses.replace(manifest, **other)) is None, other
    (tmp_path / "drivesim" / "cost.json").write_text(json.dumps({"strange": 1}))
    assert remembered_cost(manifest) is None


def test_of_a_run_of_two_chunks_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manifest = tiny_manifest(TinyWorldModel(), num_frames=9)
    remember_cost(manifest, COST)
    assert remembered_cost(manifest) is None


def test_too_little_disk_is_said_before_the_start(tmp_path: Path) -> None:
    manifest = tiny_manifest(TinyWorldModel())
    plan = make_plan(manifest, 2, tmp_path, dataclasses.replace(COST, bytes_per_frame=1e15))
    assert plan.loaded_bytes > 20e6 and plan.peak_bytes >= plan.loaded_bytes
    with pytest.raises(InputError, match=r"free\. Ask for fewer futures"):
        plan.require_disk()


@pytest.mark.parametrize(
    "change", [{"denoise_s": "x"}, {"denoise_s": float("nan")}, {"write_s": None}, {"tell_s": -1.0}]
)
def test_a_broken_memory_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    manifest = tiny_manifest(TinyWorldModel())
    remember_cost(manifest, COST)
    path = tmp_path / "drivesim" / "cost.json"
    path.write_text(json.dumps({key: value | change for key, value in json.loads(path.read_text()).items()}))
    assert remembered_cost(manifest) is None
    remember_cost(manifest, COST)
    assert remembered_cost(manifest) == COST


def test_a_machine_without_a_home_remembers_nothing_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    manifest = tiny_manifest(TinyWorldModel())
    with pytest.warns(NotKeptWarning, match="speed of this machine not kept .no home folder; XDG_CACHE_HOME"):
        remember_cost(manifest, COST)
    assert remembered_cost(manifest) is None
