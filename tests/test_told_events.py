"""What an author writes is told to the model, unless he or the model says otherwise; the manifest says which."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image
from tiny_loaded import SCENARIO_TEXT, TinyLoaded
from tiny_model import TinyWorldModel

from drivesim.controls import Control
from drivesim.options import Options, Threads
from drivesim.run_spec import ONLY_MEASURED, TOLD, decide
from drivesim.scenarios import loads

ONE = Options(threads=Threads(denoise=1, decode=1))


class BoxlessModel(TinyWorldModel):
    """A model that takes no boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, controls=frozenset({Control.ATTRIBUTES}))


@pytest.mark.parametrize(
    ("mode", "boxes", "picture", "actors", "told"),
    [
        ("", True, False, "scripted", True), ("", True, True, "scripted", True), ("", False, False, "free", False),
        (", mode: tag", True, True, "free", False), (", mode: tag", True, False, "scripted", True),
        (", mode: select", True, True, "free", False), (", mode: condition", True, True, "scripted", True),
    ],
)  # fmt: skip
def test_an_event_is_told_unless_its_author_or_the_model_says_otherwise(
    tmp_path: Path, mode: str, boxes: bool, picture: bool, actors: str, told: bool
) -> None:
    scenario = loads(SCENARIO_TEXT.replace(", mode: select", mode))[0]
    if picture:
        Image.new("RGB", (128, 64)).save(tmp_path / "street.png")
        scenario = scenario.starting_from(str(tmp_path / "street.png"))
    model = TinyLoaded() if boxes else TinyLoaded(world_model=BoxlessModel())
    manifest = decide(model, scenario, num_frames=20, seed=7, options=ONE).manifest
    assert manifest.actors == actors
    assert manifest.events[0]["status"].startswith(TOLD if told else ONLY_MEASURED)
