from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tiny_loaded import LONG_TEXT, TinyLoaded
from tiny_model import TinyWorldModel

from drivesim.controls import Control
from drivesim.errors import InputError, ModelError
from drivesim.options import ActorMode, Options, Threads, Told
from drivesim.picture_file import resize_and_crop
from drivesim.run_spec import NOT_MEASURED, ONLY_MEASURED, TOLD, RunSpec, decide, decide_branch
from drivesim.runs.development import as_rows, turns_of
from drivesim.runs.engine import MAX_WAITING_CHUNKS
from drivesim.runs.manifest import Manifest
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.tracks import read_tracks
from drivesim.scenarios import Scenario, load, loads
from drivesim.scenarios.language.schema import Start
from drivesim.simulate import branch, futures, generate, make, open_run, rollout, start_frame

ONE = Options(threads=Threads(denoise=1, decode=1))


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return loads(LONG_TEXT)[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, scenario: Scenario) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    rollout(TinyLoaded(), scenario, seconds=6.0, seed=7, out=folder, options=dataclasses.replace(ONE, lossless=True))
    return folder


def test_a_rollout_begins_with_the_start_frame(run: Path, scenario: Scenario) -> None:
    (future,) = open_run(run)
    assert future.id == "tiny-cut-in/v000/f00"
    assert (future.num_frames, future.duration_s, future.seed) == (60, 6.0, 7)
    assert np.array_equal(future.frame_at(0.0), start_frame(TinyLoaded(), scenario, seed=7))
    assert not np.array_equal(future.frame_at(0.0), start_frame(TinyLoaded(), scenario, seed=8))


def test_the_manifest_says_what_was_told_and_what_not_measured(run: Path) -> None:
    manifest = RunFolder(run).manifest()
    assert manifest.synthetic
    assert (manifest.actors, manifest.ego, manifest.start_source) == ("scripted", "planned", "synthesised")
    told = "the model is told it: where 'challenger' is, is told in every frame"
    assert {"event": "cut_in", "mode": "select", "status": told} in manifest.events
    assert {"label": "crash", "status": NOT_MEASURED} in manifest.events
    assert "drivesim score" in NOT_MEASURED
    assert 20.0 <= manifest.parameters["gap"] <= 30.0
    assert manifest.versions["torch"]
    assert loads((run / "scenario.yaml").read_text())[0].id == "tiny-cut-in"


def test_tracks_are_the_scenes_and_say_what_was_conditioned(run: Path, scenario: Scenario) -> None:
    scene = decide(TinyLoaded(), scenario, num_frames=60, seed=7, options=ONE).scene
    ego, actors = read_tracks(run / "tracks.csv")
    assert np.allclose(ego.positions, scene.ego.positions[:60], atol=1e-4)
    seen = [actor for actor in scene.actors if actor.track.present[:60].any()]
    assert {actor.id for actor in actors} == {actor.id for actor in seen}
    for stored in actors:
        (original,) = (actor for actor in seen if actor.id == stored.id)
        present = original.track.present[:60]
        assert np.array_equal(stored.track.present, present)
        assert np.allclose(stored.track.positions[present], original.track.positions[:60][present], atol=1e-4)
    rows = [line.split(",") for line in (run / "tracks.csv").read_text().splitlines()[1:]]
    told = {(int(row[0]), row[2]): row[-1] for row in rows}
    assert told[0, "challenger"] == told[1, "challenger"] == told[30, "ego"] == "1"


def test_futures_share_the_start_and_differ_later(tmp_path: Path, scenario: Scenario) -> None:
    made = futures(TinyLoaded(), scenario, num_futures=3, seconds=2.0, seed=7, out=tmp_path / "three", options=ONE)
    assert [future.index for future in made] == [0, 1, 2]
    first = [future.frames(0.0, 0.1) for future in made]
    assert all(np.abs(first[0].astype(int) - other).mean() < 1.0 for other in first[1:])
    assert np.abs(made[0].frame_at(1.9).astype(int) - made[1].frame_at(1.9)).mean() > 2.0


def test_a_shorter_video_is_the_beginning_of_a_longer_one(tmp_path: Path, run: Path, scenario: Scenario) -> None:
    lossless = dataclasses.replace(ONE, lossless=True)
    short = rollout(TinyLoaded(), scenario, seconds=2.0, seed=7, out=tmp_path / "short", options=lossless)
    (long,) = open_run(run)
    assert np.array_equal(short.frames(), long.frames(0.0, 2.0))


def test_scripted_actors_reach_the_model_and_free_ones_do_not(scenario: Scenario) -> None:
    free = decide(TinyLoaded(), scenario, num_frames=20, seed=7, options=dataclasses.replace(ONE, actors="free"))
    scripted = decide(
        TinyLoaded(), scenario, num_frames=20, seed=7, options=dataclasses.replace(ONE, actors="scripted", ego="free")
    )
    given = free.ingredients(free.beginning)
    assert given.start_controls.given() == set(Control)
    assert given.controls_of(0).window(1, 5).given() == set(Control) - {Control.ACTORS}
    given = scripted.ingredients(scripted.beginning)
    assert given.controls_of(0).window(1, 5).given() == set(Control) - {Control.MOTION}


def test_scenery_is_told_of_the_models_own_pictures_and_may_be_withheld(tmp_path: Path, scenario: Scenario) -> None:
    def decided(one: Scenario, scenery: Told | None = None) -> RunSpec:
        options = dataclasses.replace(ONE, scenery=scenery)
        return decide(TinyLoaded(), one, num_frames=20, seed=7, options=options)

    told, withheld = decided(scenario), decided(scenario, "withheld")
    assert (told.manifest.scenery, withheld.manifest.scenery) == ("told", "withheld")
    given = withheld.ingredients(withheld.beginning)
    assert Control.SCENERY not in given.start_controls.given() | given.controls_of(0).window(1, 5).given()
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), np.full((64, 128, 3), 90, np.uint8))
    pictured = scenario.model_copy(update={"start": Start(image=str(picture))})
    assert (decided(pictured).manifest.scenery, decided(pictured, "told").manifest.scenery) == ("withheld", "told")
    with pytest.raises(InputError, match="--scenery told: model 'tiny' does not take scenery"):
        blind = TinyLoaded(world_model=MotionlessModel())
        decide(blind, scenario, num_frames=20, seed=7, options=dataclasses.replace(ONE, scenery="told", actors="free"))


def test_the_map_is_told_unless_it_is_withheld_or_nobody_knows_it(tmp_path: Path, scenario: Scenario) -> None:
    def decided(one: Scenario, **options: Any) -> RunSpec:
        return decide(TinyLoaded(), one, num_frames=20, seed=7, options=dataclasses.replace(ONE, **options))

    free, withheld = decided(scenario, actors="free"), decided(scenario, map="withheld")
    assert (free.manifest.map, withheld.manifest.map) == ("told", "withheld")
    given = withheld.ingredients(withheld.beginning)
    assert Control.MAP not in given.start_controls.given() | given.controls_of(0).window(1, 5).given()
    assert Control.ACTORS in given.controls_of(0).window(1, 5).given()
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), np.full((64, 128, 3), 90, np.uint8))
    pictured = scenario.model_copy(update={"start": Start(image=str(picture))})
    assert decided(pictured).manifest.map == "withheld"
    assert decided(pictured, actors="scripted").manifest.map == decided(pictured, map="told").manifest.map == "told"
    with pytest.raises(InputError, match="--map told: model 'tiny' does not take the road"):
        blind = TinyLoaded(world_model=MotionlessModel())
        decide(blind, scenario, num_frames=20, seed=7, options=dataclasses.replace(ONE, map="told", actors="free"))


def test_a_manifest_from_before_the_map_was_its_own_says_what_was_told(scenario: Scenario) -> None:
    for actors, expected in (("scripted", "told"), ("free", "withheld")):
        options = dataclasses.replace(ONE, actors=actors)
        values = json.loads(decide(TinyLoaded(), scenario, num_frames=20, seed=7, options=options).manifest.to_json())
        values.pop("map")
        values.pop("sha256")
        assert Manifest.from_json(json.dumps(values), "manifest.json").map == expected


def test_what_an_author_writes_happens_unless_the_scene_knows_nothing(tmp_path: Path, scenario: Scenario) -> None:
    def actors(one: Scenario, several: bool, actors: ActorMode | None = None) -> str:
        options = dataclasses.replace(ONE, actors=actors)
        return decide(TinyLoaded(), one, num_frames=20, seed=7, options=options, several=several).manifest.actors

    assert (actors(scenario, False), actors(scenario, True)) == ("scripted", "simulated")
    assert actors(scenario, True, "scripted") == "scripted"
    picture = tmp_path / "photo.png"
    cv2.imwrite(str(picture), np.full((64, 128, 3), 90, np.uint8))
    pictured = scenario.model_copy(update={"start": Start(image=str(picture))})
    assert (actors(pictured, False), actors(pictured, True)) == ("free", "free")
    assert actors(pictured, True, "simulated") == "simulated"


def test_simulated_futures_begin_alike_and_each_develops_its_own_way(tmp_path: Path, scenario: Scenario) -> None:
    decided = decide(TinyLoaded(), scenario, num_frames=80, seed=7, options=ONE, several=True)
    scenes = [decided.scene_of(future) for future in range(3)]
    places = [np.stack([actor.track.positions for actor in scene.actors[:2]]) for scene in scenes]
    assert scenes[0] is decided.scene
    assert np.array_equal(places[0][:, 0], places[1][:, 0]) and np.array_equal(places[0][:, 0], places[2][:, 0])
    apart = [np.abs(places[0][:, -1] - places[k][:, -1]).max() for k in (1, 2)]
    assert min(apart) > 0.5 and np.abs(places[1] - places[2]).max() > 0.5
    ingredients = decided.ingredients(decided.beginning)
    told = [ingredients.controls_of(future).window(60, 61).actors for future in (0, 1)]
    assert not np.array_equal(*told)
    scripted = decide(TinyLoaded(), scenario, num_frames=80, seed=7, options=ONE)
    assert np.array_equal(scripted.scene.ego.positions, decided.scene.ego.positions)
    assert scripted.scene_of(5) is scripted.scene


def test_a_simulated_future_is_the_same_alone_and_keeps_its_own_tracks(tmp_path: Path, scenario: Scenario) -> None:
    three = futures(TinyLoaded(), scenario, num_futures=3, seconds=2.0, seed=7, out=tmp_path / "three", options=ONE)
    assert not (tmp_path / "three" / "tracks.csv").exists()
    decided = decide(TinyLoaded(), scenario, num_frames=20, seed=7, options=ONE, several=True)
    (alone,) = make(decided, tmp_path / "alone", indices=[2])
    assert np.array_equal(alone.frames(), three[2].frames())
    for future in three:
        scene = decided.scene_of(future.index)
        ego, actors = future.tracks
        assert np.allclose(ego.positions, scene.ego.positions[:20], atol=1e-4)
        challenger = next(actor for actor in actors if actor.id == "challenger")
        planned = next(actor for actor in scene.actors if actor.id == "challenger")
        assert np.allclose(challenger.track.positions, planned.track.positions[:20], atol=1e-4)


@pytest.mark.parametrize("actors", ["simulated", "free"])
def test_with_a_simulated_ego_every_future_is_told_another_motion(
    tmp_path: Path, scenario: Scenario, actors: ActorMode
) -> None:
    options = dataclasses.replace(ONE, ego="simulated", actors=actors)
    decided = decide(TinyLoaded(), scenario, num_frames=80, seed=7, options=options)
    first, second = (decided.scene_of(future) for future in (0, 1))
    assert first is decided.scene and decided.manifest.ego == "simulated"
    assert np.array_equal(first.ego.positions[0], second.ego.positions[0])
    assert np.abs(first.ego.positions[-1] - second.ego.positions[-1]).max() > 1.0
    ingredients = decided.ingredients(decided.beginning)
    told = [ingredients.controls_of(future).window(60, 61) for future in (0, 1)]
    assert told[0].motion is not None and told[1].motion is not None
    assert not np.array_equal(told[0].motion, told[1].motion)
    made = make(dataclasses.replace(decided), tmp_path / "run", indices=[1])
    assert np.allclose(made[0].tracks[0].positions, second.ego.positions[:80], atol=1e-4)
    again = decide_branch(TinyLoaded(), tmp_path / "run", at_s=4.0, seconds=2.0, future=1, options=ONE)
    assert again.manifest.ego == "simulated" and again.manifest.turns[0][2]
    assert np.array_equal(again.scene.ego.positions[:40], second.ego.positions[:40])


def test_a_simulated_ego_among_scripted_actors_is_refused(scenario: Scenario) -> None:
    options = dataclasses.replace(ONE, ego="simulated", actors="scripted")
    with pytest.raises(InputError, match="cannot make way for an ego that drives another"):
        decide(TinyLoaded(), scenario, num_frames=20, seed=7, options=options)


def test_branches_of_a_simulated_future_share_its_past_and_develop_anew(tmp_path: Path, scenario: Scenario) -> None:
    root = tmp_path / "root"
    futures(TinyLoaded(), scenario, num_futures=2, seconds=2.5, seed=7, out=root, options=ONE)
    parent = decide(TinyLoaded(), scenario, num_frames=25, seed=7, options=ONE, several=True).scene_of(1)
    made = branch(
        TinyLoaded(), root, at_s=2.0, num_futures=2, seconds=3.0, future=1, out=tmp_path / "branch", options=ONE
    )
    manifest = made[0].manifest
    first = manifest.scene_frame
    assert manifest.actors == "simulated" and manifest.turns == as_rows(turns_of(RunFolder(root).manifest(), 1))
    again = decide_branch(TinyLoaded(), root, at_s=2.0, seconds=3.0, future=1, options=ONE)
    goes_on, anew = again.scene_of(0), again.scene_of(1)
    for scene in (goes_on, anew):
        assert np.array_equal(scene.ego.positions[: first + 1], parent.ego.positions[: first + 1])
    assert np.abs(goes_on.actors[0].track.positions[-1] - anew.actors[0].track.positions[-1]).max() > 0.1
    ego, _ = made[1].tracks
    assert np.allclose(ego.positions, anew.ego.positions[first : first + made[1].num_frames], atol=1e-4)


def test_a_conditioned_event_is_told_unless_actors_are_free(scenario: Scenario) -> None:
    conditioned = loads(LONG_TEXT.replace("mode: select", "mode: condition"))[0]
    manifest = decide(TinyLoaded(), conditioned, num_frames=20, seed=7, options=ONE).manifest
    assert manifest.actors == "scripted"
    assert manifest.events[0]["status"].startswith(TOLD)
    free = decide(
        TinyLoaded(), conditioned, num_frames=20, seed=7, options=dataclasses.replace(ONE, actors="free")
    ).manifest
    assert free.events[0]["status"] == f"{ONLY_MEASURED}: actors are free"


class MotionlessModel(TinyWorldModel):
    """A model that only takes attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, controls=frozenset({Control.ATTRIBUTES}))


def test_controls_that_a_model_does_not_obey_are_refused_by_name(scenario: Scenario) -> None:
    model = TinyLoaded(world_model=MotionlessModel())
    assert decide(model, scenario, num_frames=20, seed=7, options=ONE).manifest.ego == "free"
    with pytest.raises(InputError, match="--ego planned: model 'tiny' does not take the ego's motion"):
        decide(model, scenario, num_frames=20, seed=7, options=dataclasses.replace(ONE, ego="planned"))
    conditioned = loads(LONG_TEXT.replace("mode: select", "mode: condition"))[0]
    with pytest.raises(InputError, match="event 'cut_in' has mode: condition: this needs a model that takes boxes"):
        decide(model, conditioned, num_frames=20, seed=7, options=ONE)


def test_another_video_shape_than_the_models_is_refused() -> None:
    large = loads(LONG_TEXT.replace("height: 64, width: 128", "height: 512, width: 1024"))[0]
    with pytest.raises(InputError, match="asks for 512x1024 at 10 fps, model 'tiny' makes 64x128 at 10 fps"):
        decide(TinyLoaded(), large, num_frames=20, seed=7)
    with pytest.raises(InputError, match=r"64x128 at 25 fps, .* 'drivesim export RUN --to video --fps 25' then writes"):
        decide(TinyLoaded(), loads(LONG_TEXT.replace("fps: 10", "fps: 25"))[0], num_frames=20, seed=7)


@pytest.mark.parametrize("seconds", [0.0, 0.01, float("nan")])
def test_a_video_without_frames_is_refused(scenario: Scenario, seconds: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no frame"):
        rollout(TinyLoaded(), scenario, seconds=seconds, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_picture_to_start_from_is_covered_and_cropped(tmp_path: Path, scenario: Scenario) -> None:
    photo = np.zeros((90, 300, 3), np.uint8)
    photo[:, 100:200] = (250, 10, 10)
    cv2.imwrite(str(tmp_path / "photo.png"), photo[..., ::-1])
    (tmp_path / "s.yaml").write_text(LONG_TEXT + "start: {image: photo.png}\n")
    begun = load(tmp_path / "s.yaml")[0]
    frame = start_frame(TinyLoaded(), begun, seed=1)
    assert frame.shape == (64, 128, 3)
    assert np.array_equal(frame, resize_and_crop(photo, 128, 64))
    assert (frame[32, 64] == (250, 10, 10)).all() and (frame[32, 5] == 0).all()
    decided = decide(TinyLoaded(), begun, num_frames=20, seed=1, options=ONE)
    assert decided.manifest.start_source.startswith("picture ")
    assert decided.ingredients(decided.beginning).start_controls.given() <= {Control.MOTION, Control.ATTRIBUTES}
    (tmp_path / "photo.png").unlink()
    with pytest.raises(InputError, match="there is no picture"):
        decide(TinyLoaded(), begun, num_frames=20, seed=1)


class TestBranch:
    def test_branches_share_the_past_and_only_that(self, tmp_path: Path, run: Path) -> None:
        (parent,) = open_run(run)
        lossless = dataclasses.replace(ONE, lossless=True, noise="own")
        model = TinyLoaded()
        left, right = branch(model, run, at_s=4.1, num_futures=2, seconds=3.0, out=tmp_path / "b", options=lossless)
        origin = left.manifest.branch
        assert origin is not None and (origin.frame, origin.time_s, origin.future) == (40, 4.0, 0)
        assert np.array_equal(left.frame_at(0.0), parent.frames()[40])
        assert np.array_equal(left.frame_at(0.0), right.frame_at(0.0))
        for other in (right.frames(0.0, 2.0), parent.frames(4.0, 6.0)):
            assert np.abs(left.frames(0.0, 2.0).astype(int) - other).mean() > 1.0
        ego, _ = left.tracks
        assert len(ego) == 30

    def test_a_branch_resumes_without_its_parent(self, tmp_path: Path, run: Path) -> None:
        model = TinyLoaded()
        made = branch(model, run, at_s=4.0, num_futures=1, seconds=3.0, out=tmp_path / "b", options=ONE)
        frames = made[0].frames()
        made[0].video.unlink()
        again = branch(model, run, at_s=4.0, num_futures=1, seconds=3.0, out=tmp_path / "b", resume=True, options=ONE)
        assert np.array_equal(again[0].frames(), frames)

    def test_another_models_state_is_refused(self, tmp_path: Path, run: Path) -> None:
        other = TinyLoaded(world_model=TinyWorldModel(weights_seed=1))
        with pytest.raises(InputError, match="continues only in the model that made it"):
            branch(other, run, at_s=4.0, num_futures=1, out=tmp_path / "b")


def test_resuming_with_a_changed_scenario_names_it(tmp_path: Path, scenario: Scenario) -> None:
    rollout(TinyLoaded(), scenario, seconds=1.0, seed=7, out=tmp_path / "run", options=ONE)
    changed = loads(LONG_TEXT.replace("speed: 25 m/s", "speed: 26 m/s"))[0]
    with pytest.raises(InputError, match="scenario sha256: the run has"):
        rollout(TinyLoaded(), changed, seconds=1.0, seed=7, out=tmp_path / "run", resume=True, options=ONE)


def test_png_frames_are_the_models_pixels(tmp_path: Path, scenario: Scenario) -> None:
    options = dataclasses.replace(ONE, lossless=True, png_frames=True)
    future = rollout(TinyLoaded(), scenario, seconds=1.0, seed=7, out=tmp_path / "run", options=options)
    pictures = sorted((tmp_path / "run/futures/f00/frames").glob("*.png"))
    assert [path.name for path in pictures] == [f"{index:06d}.png" for index in range(10)]
    assert np.array_equal(cv2.imread(str(pictures[7]))[..., ::-1], future.frames()[7])


def test_frames_that_are_not_numbers_stop_the_run_before_they_are_stored(tmp_path: Path, scenario: Scenario) -> None:
    class Broken(TinyWorldModel):
        """Fails from its third chunk on."""

        made = 0

        def decode(self, chunk: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
            frames = super().decode(chunk, previous)
            self.made += 1
            return frames if self.made < 3 else frames * float("nan")

    with pytest.raises(ModelError, match="chunk 2: the model made values that are not numbers"):
        rollout(TinyLoaded(world_model=Broken()), scenario, seconds=3.0, seed=7, out=tmp_path / "run", options=ONE)
    assert open_run(tmp_path / "run") == ()


@pytest.mark.parametrize("seconds", [1e308, 1e9, float("inf")])
def test_a_length_that_nobody_means_is_refused(scenario: Scenario, seconds: float) -> None:
    with pytest.raises(InputError, match="longer than a day"):
        rollout(TinyLoaded(), scenario, seconds=seconds, seed=7)


def test_generating_in_memory_gives_what_a_run_stores(run: Path, scenario: Scenario) -> None:
    pieces = list(generate(TinyLoaded(), scenario, seconds=6.0, seed=7, options=ONE))
    (future,) = open_run(run)
    assert np.array_equal(np.concatenate([piece.frames for piece in pieces]), future.frames())
    assert [piece.first for piece in pieces[:3]] == [0, 1, 5] and len(pieces[0].frames) == 1
    whole = decide(TinyLoaded(), scenario, num_frames=60, seed=7, options=ONE).scene
    for piece in pieces:
        assert len(piece.scene) == len(piece.frames)
        shown = slice(piece.first, piece.first + len(piece.frames))
        assert np.array_equal(piece.scene.ego.positions, whole.ego.positions[shown])


def test_one_of_several_futures_in_memory_is_that_one(tmp_path: Path, scenario: Scenario) -> None:
    lossless = dataclasses.replace(ONE, lossless=True)
    made = futures(TinyLoaded(), scenario, num_futures=3, seconds=1.0, seed=7, out=tmp_path / "three", options=lossless)
    for stored in (made[0], made[2]):
        pieces = generate(TinyLoaded(), scenario, seconds=1.0, seed=7, future=stored.index, options=ONE)
        assert np.array_equal(np.concatenate([piece.frames for piece in pieces]), stored.frames())


def test_whoever_has_seen_enough_stops_asking(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    decode = TinyWorldModel.decode
    monkeypatch.setattr(TinyWorldModel, "decode", lambda *given: calls.append(1) or decode(*given))
    pieces = generate(TinyLoaded(), scenario, seconds=6.0, seed=7, options=ONE)
    assert [next(pieces).first for _ in range(2)] == [0, 1]
    del pieces
    assert 1 <= len(calls) <= 2 + MAX_WAITING_CHUNKS, "of the 15 chunks of 6 s"
