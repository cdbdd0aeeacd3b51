"""The plan, the disk check and the remembered cost of runs that are made from Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.errors import InputError
from drivesim.options import Options, Threads
from drivesim.planning import WORTH_MEASURING, cost_of
from drivesim.run_spec import RunSpec, decide
from drivesim.runs.cost import Cost, Pace, remember_cost, remembered_cost
from drivesim.scenarios import loads
from drivesim.simulate import futures, plan, rollout

ONE = Options(threads=Threads(denoise=1, decode=1, overlap=False))
PHASES = dict.fromkeys(("tell_s", "denoise_s", "draw_s", "decode_s", "write_s"), 2.0)
COST = Cost(
    chunk_frames=4, overlap=False, start_s=1.0, **PHASES, bytes_per_frame=1e3, bytes_per_state=1e3, working_bytes=1e6
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def decided(num_frames: int = 20, *, several: bool = False) -> RunSpec:
    return decide(TinyLoaded(), loads(SCENARIO_TEXT)[0], num_frames=num_frames, seed=0, options=ONE, several=several)


def test_a_plan_says_what_a_run_takes_and_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivesim.runs.cost.MEASURED_CHUNKS", 3)
    (scenario,) = loads(SCENARIO_TEXT)
    first = plan(TinyLoaded(), scenario, num_futures=2, seconds=2.0, out=tmp_path / "run", options=ONE)
    assert (first.num_futures, first.num_frames, first.folder) == (2, 40, tmp_path / "run")
    assert first.seconds > 0.0 and first.loading_s == 0.0 and not (tmp_path / "run").exists()
    again = plan(TinyLoaded(), scenario, num_futures=2, seconds=2.0, out=tmp_path / "run", options=ONE)
    assert again.cost == first.cost == remembered_cost(first.manifest)
    spoken: list[str] = []
    assert cost_of(decided(), spoken.append, anew=True) != first.cost
    assert spoken == ["measuring the speed of this machine …"]


def test_a_run_that_the_disk_cannot_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    for several in (False, True):
        remember_cost(decided(several=several).manifest, dataclasses.replace(COST, bytes_per_frame=1e15))
    (scenario,) = loads(SCENARIO_TEXT)
    out = tmp_path / "run"
    with pytest.raises(InputError, match=r"^the run needs about .* free\. Ask for fewer futures"):
        rollout(TinyLoaded(), scenario, seconds=2.0, out=out, options=ONE)
    with pytest.raises(InputError, match=r"^the run needs about"):
        futures(TinyLoaded(), scenario, num_futures=2, seconds=2.0, out=out, options=ONE)
    assert not out.exists()


def test_a_short_run_of_unknown_cost_is_made_without_measuring(tmp_path: Path) -> None:
    rollout(TinyLoaded(), loads(SCENARIO_TEXT)[0], seconds=2.0, out=tmp_path / "run", options=ONE)
    manifest = decided().manifest
    assert 3 <= manifest.timeline.num_chunks < WORTH_MEASURING
    assert remembered_cost(manifest) is None, "what is measured of so many chunks is remembered"


def test_what_a_run_has_shown_is_remembered(tmp_path: Path) -> None:
    manifest = decided().manifest
    remember_cost(manifest, COST)
    rollout(TinyLoaded(), loads(SCENARIO_TEXT)[0], seconds=2.0, out=tmp_path / "run", options=ONE)
    after = remembered_cost(manifest)
    assert after is not None and after.chunk_s < 0.5 * COST.chunk_s, "ten seconds a chunk were not the truth"
    assert (after.start_s, after.bytes_per_frame) == (COST.start_s, COST.bytes_per_frame)


def test_the_pace_counts_what_was_made_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now, heard = [100.0], list[tuple[int, int, bool]]()
    monkeypatch.setattr("drivesim.runs.cost.time.monotonic", lambda: now[0])
    pace = Pace(lambda *news: heard.append(news))
    pace.hear(0, 40, True)
    assert pace.frames_per_s == 0.0
    for _ in range(3):
        now[0] += 2.0
        pace.hear(0, 10, False)
    assert (pace.made, pace.frames_per_s) == (30, 5.0)
    assert heard == [(0, 40, True), *[(0, 10, False)] * 3]
