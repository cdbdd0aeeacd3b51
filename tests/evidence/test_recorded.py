"""What is judged is what was commanded: scripted, free, begun from a picture, branched, and one frame alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, silent, tiny_judges
from tiny_loaded import SCENARIO_TEXT, TinyLoaded

import drivesim as ds
from drivesim.errors import InputError
from drivesim.evidence.held_out import exact_labels
from drivesim.evidence.recorded import Commanded, record
from drivesim.evidence.traffic import judged_as_told
from drivesim.judges.load import Judges
from drivesim.judges.probe import FrameLabels
from drivesim.options import Options, Threads
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import loads
from drivesim.simulate import branch, futures, open_run, rollout

ONE = Threads(denoise=1, decode=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of half a second: scripted, free (its ego too), and free from a picture."""
    folder, model, scenario = tmp_path_factory.mktemp("runs"), JudgedLoaded(), loads(JUDGED_SCENARIO)[0]
    rollout(model, scenario, seconds=1.4, out=folder / "scripted", options=Options(actors="scripted", threads=ONE))
    rollout(model, scenario, seconds=0.5, out=folder / "free", options=Options(actors="free", ego="free", threads=ONE))
    picture = np.full((256, 512, 3), 90, dtype=np.uint8)
    for name in ("free", "scripted"):
        options = Options(actors=name, threads=ONE)
        futures(
            model, scenario, num_futures=1, seconds=0.5, start=picture, out=folder / f"photo-{name}", options=options
        )
    branch(
        model,
        folder / "scripted",
        at_s=1.3,
        num_futures=1,
        seconds=0.5,
        out=folder / "branch",
        options=Options(threads=ONE),
    )
    return folder


def commanded(run: Path) -> Commanded:
    return Commanded(RunFolder(run), RunFolder(run).manifest(), silent)


def told(labels: list[FrameLabels], name: str) -> list[bool]:
    return [getattr(label, name) is not None for label in labels]


def test_scripted_actors_are_judged_in_every_frame(runs: Path) -> None:
    found = commanded(runs / "scripted")
    labels = found.labels
    assert told(labels, "boxes") == told(labels, "semantic") == told(labels, "attributes") == [True] * 14
    assert told(labels, "motion") == [False] + [True] * 13
    assert labels[5].motion is not None and labels[5].motion[0] == pytest.approx(2.5, abs=0.3)  # 25 m/s at 10 fps
    boxes = labels[0].boxes
    assert boxes is not None and len(boxes) == 2
    truck = next(actor for actor in found.scene.actors if actor.id == "lead")
    assert boxes.distance_m.max() == pytest.approx(truck.track.positions[0, 0], abs=8.0)
    assert found.moving is not None and found.moving.all()


def test_free_actors_are_judged_in_the_first_frame_and_a_free_ego_nowhere(runs: Path) -> None:
    found = commanded(runs / "free")
    assert told(found.labels, "boxes") == told(found.labels, "semantic") == [True] + [False] * 4
    assert told(found.labels, "motion") == [False] * 5
    assert told(found.labels, "attributes") == [True] * 5
    assert found.moving is None


def test_a_given_first_frame_is_not_judged(runs: Path) -> None:
    free, scripted = (commanded(runs / f"photo-{name}").labels for name in ("free", "scripted"))
    assert told(free, "boxes") == told(free, "semantic") == [False] * 5
    assert told(free, "attributes") == told(free, "motion") == [False] + [True] * 4
    assert told(scripted, "boxes") == [False] + [True] * 4


def test_a_branch_is_judged_on_its_own_part_of_the_scene(runs: Path) -> None:
    parent, child = commanded(runs / "scripted"), commanded(runs / "branch")
    first = child.manifest.scene_frame
    assert first > 0 and child.manifest.actors == "simulated"
    assert np.allclose(child.scene.ego.positions[0], parent.scene.ego.positions[first])
    assert told(child.labels, "boxes") == [False] + [True] * 4
    ours, theirs = child.labels[1].boxes, parent.labels[first + 1].boxes
    assert ours is not None and theirs is not None
    assert np.allclose(ours.xyxy, theirs.xyxy, atol=1e-6)


def test_a_branch_is_judged_by_the_clock_of_the_scene(runs: Path) -> None:
    child = commanded(runs / "branch")
    begins_s = child.manifest.begins_s
    assert begins_s > 0.5, "no video of half a second reaches that on a clock of its own"
    slows = child.scenario.event("slows", "challenger", ds.speed(to=15), start=ds.after(begins_s + 0.1))
    vars(child)["scenario"] = slows
    assert judged_as_told(child).events["slows"][0].reason == "the speed did not change half the way"


def test_simulated_futures_are_judged_each_by_its_own_development(tmp_path: Path) -> None:
    scenario = loads(JUDGED_SCENARIO)[0]
    made = futures(
        JudgedLoaded(), scenario, num_futures=2, seconds=1.4, out=tmp_path / "two", options=Options(threads=ONE)
    )
    first, second = record(open_run(tmp_path / "two"), tiny_judges(tmp_path), silent)
    assert [each.future.index for each in (first, second)] == [0, 1]
    boxes = [each.commanded.labels[-1].boxes for each in (first, second)]
    assert boxes[0] is not None and boxes[1] is not None
    assert not np.array_equal(boxes[0].xyxy, boxes[1].xyxy)
    assert first.commanded.rendered_flicker > 0.0 and first.frozen_flicker > 0.0
    assert first.flicker > first.commanded.rendered_flicker, "an untrained model flickers"
    for each in (first, second):
        assert told(each.commanded.labels, "boxes") == [True] * 14
        assert np.allclose(each.commanded.scene.ego.positions, made[each.future.index].tracks[0].positions, atol=1e-4)


def test_the_labels_are_the_renderers(runs: Path) -> None:
    found = commanded(runs / "free")
    from drivesim.renderer.world import ProceduralWorld

    semantic = ProceduralWorld(found.whole_scene, found.manifest.seed).render(0, 512, 256).semantic
    (exact,) = exact_labels(found.scene.window(0, 1), [semantic])
    label = found.labels[0]
    assert label.boxes is not None and exact.boxes is not None
    assert np.array_equal(label.boxes.xyxy, exact.boxes.xyxy)


def test_each_reading_is_of_every_frame_and_made_once(runs: Path, tmp_path: Path) -> None:
    judges: Judges = tiny_judges(tmp_path)
    (each,) = record(open_run(runs / "free"), judges, silent)
    assert len(each.readings) == len(each.drift) == 5 and each.features.shape == (4, 128)
    assert each.readings is each.readings
    assert len(each.obedience) == 5


def test_videos_that_the_judges_cannot_see_are_refused(tmp_path: Path) -> None:
    rollout(TinyLoaded(), loads(SCENARIO_TEXT)[0], seconds=0.3, out=tmp_path / "small", options=Options(threads=ONE))
    with pytest.raises(InputError, match="64x128; the judges see 256x512"):
        record(open_run(tmp_path / "small"), tiny_judges(tmp_path / "judges"), silent)
