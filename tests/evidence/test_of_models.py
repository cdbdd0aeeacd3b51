"""Models side by side: the same clips for all, distances of the right lengths, the table, and what is refused before work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tiny_judges import JudgedLoaded, silent, tiny_judges

from drivesim.controls import Control
from drivesim.datasets.procedural.dataset import HELD_OUT_SEED, ProceduralDataset
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.evidence import of_models
from drivesim.evidence.model_results import VideoSet
from drivesim.evidence.of_models import TableProtocol, tabulate_models
from drivesim.evidence.rollout_cost import RolloutCost
from drivesim.evidence.sections.models import distances, figure_word
from drivesim.evidence.stored_clips import StoredControls, open_clips
from drivesim.judges.load import Judges
from drivesim.metrics.frechet import frechet_distance
from drivesim.packing import pack
from drivesim.report.markdown import tables_markdown

#: Frames of the stored clips: one, and two chunks of the tiny model.
FRAMES = 9


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = tmp_path_factory.mktemp("held") / "out.zarr"
    pack(ProceduralDataset(first_seed=HELD_OUT_SEED, num_samples=4, num_frames=FRAMES), url)
    return str(url)


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return tiny_judges(tmp_path_factory.mktemp("judges"))


def costs(model: str) -> list[RolloutCost]:
    return [RolloutCost(num_frames=n, seconds=n / 2.0, processor_seconds=n / 4.0, peak_bytes=n * 10**9) for n in (3, 7)]


def stand_in(monkeypatch: pytest.MonkeyPatch, **changed: object) -> None:
    """Every model that is loaded by name is the tiny one, with some of its spec changed."""
    loaded = JudgedLoaded()
    loaded.world_model.spec = replace(loaded.world_model.spec, **changed)
    monkeypatch.setattr(of_models, "load_model", lambda name, **how: loaded)


def table(models: Sequence[str], store: str, judges: Judges, **protocol: object):
    asked = {"data": store, "clips": 2, "lengths": (3, 7), **protocol}
    return tabulate_models(models, judges, TableProtocol(**asked), silent, cost_of=costs)


def test_a_whole_table(store: str, judges: Judges, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    report = table(["one", "other/model"], store, judges)
    (first, *_), own = report.sections, report.figures()
    rows = {row[0]: row[1:] for row in first.tables[0].rows}
    assert list(rows) == ["one", "other/model", "recorded", "frozen"]
    assert rows["one"] == rows["other/model"], "the same model on the same clips, with the same noise"
    assert rows["one"][-6:] == (1.5, 3.5, 0.75, 1.75, 3.0, 7.0)
    psnr = own["one.psnr"].value
    assert psnr is not None and 10.0 < psnr.value < 40.0 and psnr.count == 2
    for length in (3, 7):
        figure = own[f"other_model.frechet_{length}"]
        assert figure.value is not None and figure.value.value > 0.0
        assert figure.references["rendered"] == rows["recorded"][2 if length == 3 else 3]
    assert own["one.frechet_3"].value != own["one.frechet_7"].value
    text = tables_markdown(report)
    assert "| one | " in text and f"- data: {store}: 4 clips of {FRAMES} frames" in text
    assert report.commands["repeat"].startswith("drivesim benchmark one other/model --no-default --data")


def test_a_distance_is_taken_over_the_frames_of_its_length() -> None:
    rng = np.random.default_rng(0)
    near, far, real = (rng.normal(size=(6, 4)) + shift for shift in (0.0, 5.0, 0.0))
    found = distances(VideoSet(rows={4: near, 8: far}), VideoSet(rows={4: real, 8: real}), (4, 8), 0)
    assert found["frechet_4"].value == pytest.approx(frechet_distance(real, near))
    assert found["frechet_8"].value == pytest.approx(frechet_distance(real, far))
    assert list(found) == ["frechet_4", "frechet_8"], "no FVD without its network"


def test_clips_of_a_store_are_told_as_they_were_packed(store: str) -> None:
    opened = ClipStore(store)
    told = StoredControls(opened, 1, frozenset({Control.MAP, Control.MOTION}), with_flow=True).window(2, 5)
    assert told.given() == {Control.MAP, Control.MOTION}
    np.testing.assert_array_equal(told.map, opened.read("map", 1)[2:5])
    assert told.flow is not None and told.flow.dtype == np.float32
    assert StoredControls(opened, 1, frozenset(Control)).window(0, 1).flow is None
    with pytest.raises(ValueError, match="not inside"):
        StoredControls(opened, 1, frozenset(Control)).window(5, FRAMES + 1)
    first = open_clips(store, 2)[1]
    assert first.index == 3, "evenly spread, to the last"
    np.testing.assert_array_equal(first.first(512, 1024), opened.read("large", 3))


@pytest.mark.parametrize(
    ("protocol", "spec", "says"),
    [
        ({"clips": 1}, {}, "--clips 1: expected 2 to 10000, as sets of videos are compared"),
        ({"clips": 3}, {}, "holds 4 usable clips, 6 are needed"),
        ({"lengths": (7, 3)}, {}, "--lengths 7,3: expected rising"),
        ({"lengths": (3, 12)}, {}, r"clips of 9 frames; .* must be told of 13"),
        ({}, {"fps": 12.0}, "12 frames a second, .* holds 10"),
        ({}, {"height": 100}, "makes frames of 100x512"),
        ({"data": "nowhere.zarr"}, {}, "there is nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused_first(
    protocol: dict[str, object],
    spec: dict[str, object],
    says: str,
    store: str,
    judges: Judges,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch, **spec)
    with pytest.raises(InputError, match=says):
        table(["one"], store, judges, **protocol)


def test_a_model_named_twice_is_refused(store: str, judges: Judges) -> None:
    with pytest.raises(InputError, match="named twice"):
        table(["one", "one"], store, judges)


def test_a_name_becomes_one_word() -> None:
    assert figure_word("checkpoints/a b=c/model") == "checkpoints_a_b_c_model"
    assert figure_word("///") == "model"
