from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

from drivesim.errors import InputError
from drivesim.noise import NoiseStream
from drivesim.options import Options, Threads
from drivesim.run_spec import decide
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import Scenario, loads
from drivesim.simulate import futures

ONE = Options(threads=Threads(denoise=1, decode=1))


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return loads(SCENARIO_TEXT, "scenario.yaml")[0]


def test_simulated_futures_share_their_noise_and_free_ones_do_not(scenario: Scenario) -> None:
    def streams(**options: Any) -> list[NoiseStream]:
        asked = dataclasses.replace(ONE, **options)
        decided = decide(TinyLoaded(), scenario, num_frames=20, seed=7, options=asked, several=True)
        return [decided.manifest.stream_of(future) for future in range(3)]

    shared, own = streams(), streams(noise="own")
    assert shared == [own[0]] * 3 and len(set(own)) == 3
    assert streams(actors="free") == own == streams(actors="free", ego="simulated")
    assert streams(actors="free", ego="simulated", noise="common") == shared
    for actors in ("scripted", "free"):
        with pytest.raises(InputError, match="all futures would be equal"):
            streams(actors=actors, noise="common")


def test_a_run_from_before_noise_could_be_shared_goes_on_with_its_own(tmp_path: Path, scenario: Scenario) -> None:
    options = dataclasses.replace(ONE, noise="own")
    futures(TinyLoaded(), scenario, num_futures=1, seconds=1.0, seed=7, out=tmp_path / "run", options=options)
    path = tmp_path / "run" / "manifest.json"
    values = json.loads(path.read_text())
    del values["noise"], values["sha256"]
    path.write_text(json.dumps(values))
    assert RunFolder(tmp_path / "run").manifest().stream_of(2).key[-1] == 2
    with pytest.raises(InputError, match="noise: the run has own, this command asks for common"):
        futures(
            TinyLoaded(), scenario, num_futures=2, seconds=1.0, seed=7, out=tmp_path / "run", resume=True, options=ONE
        )
