"""Makes the shared test models (tests/*.py) importable (appended, so that no folder here shadows a library); orders files."""

import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

# A shell that runs the tests in the background makes its children ignore Ctrl-C, and processes that the tests start would
# inherit that; the tests of Ctrl-C need the usual handler.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Importing and rewriting all files makes millions of objects that stay: looking through them for garbage again and again
# takes a good part of the time, and finds none.
gc.disable()


def pytest_collection_finish() -> None:
    """What is there now stays to the end, and is not looked through with what the tests leave behind."""
    gc.collect()
    gc.freeze()
    gc.enable()


#: The files that take longest (five seconds or more), the longest first: workers that share the tests draw them first, so that at
#: the end all of them draw short ones. In the order of their names, those of training would come last.
LONGEST = tuple(
    Path(__file__).parent / name
    for name in (
        "training/test_chain.py",
        "sweeps/test_sweep.py",
        "traffic/test_temper.py",
        "test_golden.py",
        "cli/test_making_video.py",
        "evidence/test_clips.py",
        "test_simulate.py",
        "test_takeover.py",
        "training/test_interrupted.py",
        "training/test_lvdm_stages.py",
        "training/test_pvdm_stages.py",
        "training/test_distributed.py",
        "training/test_video_stage.py",
        "test_replay.py",
        "cli/test_terminal.py",
        "cli/test_score.py",
        "evidence/test_of_run.py",
        "training/test_probe_stage.py",
        "training/test_decoder_stage.py",
        "training/test_points_stage.py",
        "models/test_hub.py",
        "scenarios/test_load.py",
        "test_readme.py",
        "packing/test_pack.py",
        "test_mutations.py",
        "gym/test_environment.py",
    )
)
assert all(path.is_file() for path in LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order by file; inside a file, and between all others, nothing moves."""
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Speeds are measured on as few chunks as are remembered, and go into a folder of the module's own, not into the user's."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patched.setattr("drivesim.runs.cost.MEASURED_CHUNKS", 3)
        yield


@pytest.fixture
def played_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every development is simulated, as in a new process, for tests that the same arguments give the same one."""
    from drivesim.scenarios.recent_traffic import RecentTraffic

    monkeypatch.setattr("drivesim.scenarios.expand._recent", RecentTraffic(most=0))


@pytest.fixture
def known_speed(own_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's speed is remembered, as that of the second run of a user is: measuring takes as long as a short run does."""
    monkeypatch.setattr(
        "drivesim.runs.cost.remembered_cost", lambda manifest: _remembered(manifest.timeline.chunk_frames)
    )


def _remembered(chunk_frames: int) -> object:
    from drivesim.runs.cost import Cost

    seconds = dict.fromkeys(("start_s", "tell_s", "denoise_s", "draw_s", "decode_s", "write_s"), 0.1)
    sizes = dict.fromkeys(("bytes_per_frame", "bytes_per_state", "working_bytes"), 1e5)
    return Cost(chunk_frames=chunk_frames, overlap=False, **seconds, **sizes)
