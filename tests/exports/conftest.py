"""A run of the tiny model, made once, and what of it is exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_exports import as_measured, make_run, silent

from drivesim.exports.contents import Contents
from drivesim.exports.gather import chosen_futures, gather


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="session")
def conditioned(run: Path) -> Contents:
    """Future 1 as it is without a judge."""
    return gather(chosen_futures(run)[1], None, silent)


@pytest.fixture(scope="session")
def contents(conditioned: Contents) -> Contents:
    """Future 1 as though a judge had looked at it."""
    return as_measured(conditioned)
