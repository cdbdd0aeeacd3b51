"""Nothing that the program makes has changed: golden.py says what is compared, and how to accept a change that is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from golden import FILE, bits, coarse, machine

GOLDEN = json.loads(FILE.read_text())


def test_scenes_and_frames_are_what_they_were() -> None:
    found = coarse()
    assert set(found) == set(GOLDEN["coarse"])
    for name, expected in GOLDEN["coarse"].items():
        assert found[name] == pytest.approx(expected, rel=1e-5, abs=0.6 if name == "frame" else 1e-3), name


@pytest.mark.parametrize("part", sorted(GOLDEN["bits"]))
def test_bits_are_what_they_were(part: str, made: dict[str, object]) -> None:
    assert made[part] == GOLDEN["bits"][part], f"{part} changed; if it was meant to: python tests/golden.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """All digests, where bits can be compared at all."""
    if machine() != GOLDEN["machine"]:
        pytest.skip(f"bits are recorded for {GOLDEN['machine']}, this is {machine()}")
    folder: Path = tmp_path_factory.mktemp("golden")
    return bits(folder)
