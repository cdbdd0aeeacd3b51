"""Makes the shared test models (tests/*.py) importable (appended, so that no folder here shadows a library); orders files."""

import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

# A shell that runs the tests in the background makes its children ignore Ctrl-C, and processes that the tests start would
# inherit that; the tests of Ctrl-C need the usual handler.
signal.signal(signal.SIGINT, signal.default_int_handler)


#: The files that take longest, by far: workers that share the tests draw them first, so that none waits for one drawn last.
LONGEST = tuple(
    Path(__file__).parent / name
    for name in (
        "sweeps/test_sweep.py",
        "training/test_chain.py",
        "training/test_interrupted.py",
        "test_golden.py",
        "training/test_distributed.py",
        "test_replay.py",
        "test_readme.py",
    )
)
assert all(path.is_file() for path in LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order by file; inside a file, and between all others, nothing moves."""
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))
