"""The spec of a run: everything about it decided before anything is made — scene, controls, modes, manifest."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivesim.clip import tensor_to_frames
from drivesim.conditioning import SceneControls
from drivesim.controls import Control, Controls
from drivesim.errors import InputError
from drivesim.options import DEFAULT_OPTIONS, ActorMode, EgoMode, Noise, Options, Threads, Told
from drivesim.picture_file import read_picture, require_picture, resize_and_crop
from drivesim.runs.branch import BranchPoint, branch_point
from drivesim.runs.development import as_rows, turns_of
from drivesim.runs.manifest import Manifest, require_maker
from drivesim.runs.run import Beginning, Ingredients
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.streams import futures_stream, start_frame_stream
from drivesim.runs.timeline import Timeline
from drivesim.scenarios import Scenario, loads
from drivesim.scenarios.checks.video import VideoForm, video_finding
from drivesim.scenarios.ego_plan import WrittenPlan, require_reach, written_plan
from drivesim.scenarios.expand import develop
from drivesim.scenarios.language.events import EGO
from drivesim.scenarios.language.units import LONGEST_S
from drivesim.scenarios.takeover import require_same_past, taken_over
from drivesim.scene import Scene
from drivesim.storage import sha256_of
from drivesim.world_model import LoadedModel, WorldModelSpec

#: What begins the status of an event: the model is told it, or nobody tells it and the finished video is looked at.
TOLD, ONLY_MEASURED = "the model is told it", "only measured"
NOT_MEASURED = "not measured yet: 'drivesim score' measures it on the finished video"


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSpec:
    """Everything decided and nothing yet made: the scene, what the model will be told, and the manifest of the run.

    ``manifest.start_frame_sha256`` is filled in when the run is created.
    """

    model: LoadedModel
    scenario: Scenario
    scene: Scene
    manifest: Manifest
    given_start: Beginning | None

    @cached_property
    def beginning(self) -> Beginning:
        """The frame that all futures share: given, read from a picture, or synthesised here."""
        if self.given_start is not None:
            return self.given_start
        spec = self.model.world_model.spec
        if self.scenario.start is not None:
            picture = read_picture(Path(self.scenario.start.image), (spec.width, spec.height))
            return Beginning(frame=resize_and_crop(picture, spec.width, spec.height))
        drawn_as = self.scenario.drawn_as(self.manifest.variation)
        noise = start_frame_stream(self.manifest.seed, self.scenario.world_name, drawn_as)
        kinds = _known(self.manifest)
        controls = self._start_controls(frozenset(kinds))
        return Beginning(frame=tensor_to_frames(self.model.start_frame_model.sample(controls, noise))[0])

    @property
    def _told_later(self) -> frozenset[Control]:
        """What the model is told of frames after the first."""
        later = _known(self.manifest)
        if not self.manifest.told_boxes:
            later -= {Control.ACTORS}
        if not self.manifest.told_motion:
            later -= {Control.MOTION}
        return self.model.world_model.spec.controls & later

    @property
    def told_at_start(self) -> bool:
        """Whether the model is told where everything is in frame 0; of a picture from elsewhere the scene knows nothing."""
        return self.manifest.start_source == "synthesised" or self.manifest.told_boxes

    def ingredients(self, beginning: Beginning) -> Ingredients:
        """What the futures are made from."""
        spec = self.model.world_model.spec
        first = spec.controls & _known(self.manifest) if self.told_at_start else self._told_later
        return Ingredients(
            model=self.model.world_model,
            beginning=beginning,
            start_controls=self._start_controls(first),
            controls_of=lambda future: self.controls_of(self.scene_of(future)),
        )

    def controls_of(self, scene: Scene) -> SceneControls:
        """What the model is told of a scene after frame 0."""
        return SceneControls(scene, self._told_later, with_flow=True, causal=self.is_driven)

    @property
    def is_driven(self) -> bool:
        """Whether the ego is driven from outside, so that no frame may depend on what it does later."""
        return self.scenario.scene.ego.plan is not None

    def _start_controls(self, kinds: frozenset[Control]) -> Controls:
        # Two frames hold all that frame 0 depends on; a painter for the whole scene would hold minutes of tracks again.
        scene = self.scene.window(0, 1 if self.is_driven else 2)
        return SceneControls(scene, kinds).window(0, 1)

    def scene_of(self, future: int) -> Scene:
        """The development that a future shows: the run's, or where each develops apart its own."""
        if as_rows(turns_of(self.manifest, future)) == self.manifest.turns:
            return self.scene
        return self._developments(future)

    @cached_property
    def _developments(self) -> Callable[[int], Scene]:
        """Develops a future; the last is kept, as its tracks and its controls are asked for one after the other."""
        return lru_cache(maxsize=1)(lambda future: developed(self.scenario, self.manifest, future))


def decide(
    model: LoadedModel,
    scenario: Scenario,
    *,
    num_frames: int,
    seed: int,
    options: Options = DEFAULT_OPTIONS,
    start: NDArray[np.uint8] | None = None,
    several: bool = False,
) -> RunSpec:
    """Decide everything about futures of a scenario. Raises InputError, ScenarioError for what cannot be made.

    ``several`` says that futures are to be compared with each other: it decides the default of ``options.actors``.
    """
    spec = model.world_model.spec
    _require_video_of(spec, scenario)
    timeline = Timeline.plan(num_frames=num_frames, chunk_frames=spec.chunk_frames, fps=spec.fps)
    given = None
    source = "synthesised"
    if start is not None:
        given = Beginning(frame=resize_and_crop(start, spec.width, spec.height))
        source = f"given {sha256_of(given.frame.tobytes())}"
    elif scenario.start is not None:
        source = f"picture {sha256_of(require_picture(Path(scenario.start.image), spec.width, spec.height))}"
    actors = _actors(scenario, spec, options, several=several, pictured=source.startswith("picture"))
    return _decided(model, scenario, timeline, seed, dataclasses.replace(options, actors=actors), source, given, None)


def decide_branch(
    model: LoadedModel,
    run: Path,
    *,
    at_s: float,
    seconds: float,
    future: int = 0,
    seed: int | None = None,
    options: Options = DEFAULT_OPTIONS,
    ego_plan: WrittenPlan | None = None,
) -> RunSpec:
    """Decide everything about futures that leave a stored run at ``at_s``; scenario and model must be the run's.

    By default its futures are free where the run's were, else simulated: each develops anew from there. With ``ego_plan`` the ego
    goes on by that from the moment of the branch on, and the traffic reacts; what was before stays as it was, bit by bit.
    """
    spec = model.world_model.spec
    point = branch_point(run, at_s, future=future, seed=seed)
    parent = point.parent
    require_maker(run, parent, spec, "A stored state continues only in the model that made it")
    scenario = stored_scenario(RunFolder(run))
    timeline = Timeline.plan(num_frames=frames_of(seconds, spec.fps), chunk_frames=spec.chunk_frames, fps=spec.fps)
    asked = options.ego
    options = dataclasses.replace(
        options,
        variation=parent.variation,
        actors=options.actors or ("simulated" if parent.told_boxes else "free"),
        ego=options.ego or parent.ego,
        map=options.map or parent.map,
        scenery=options.scenery or parent.scenery,
    )
    source = f"branch of {run} f{future:02d} at frame {point.origin.frame}"
    if ego_plan is None:
        return _decided(model, scenario, timeline, parent.seed, options, source, point.beginning, point)
    past, end_s = developed(scenario, parent, future), (point.origin.frame + timeline.num_frames) / spec.fps
    changed = _driven_on(scenario, ego_plan, point, past, end_s)
    # A plan drives, whoever drove before it; asked for otherwise, that is refused with the plan.
    options = dataclasses.replace(options, ego=asked or "planned")
    decided = _decided(model, changed, timeline, parent.seed, options, source, point.beginning, point)
    require_same_past(past, decided.scene, point.origin.frame)
    return decided


def _driven_on(scenario: Scenario, plan: WrittenPlan, point: BranchPoint, past: Scene, seconds: float) -> Scenario:
    """The scenario with another plan for the ego from a branch's moment on. Raises InputError where that cannot be."""
    parent, origin = point.parent, point.origin
    if parent.ego == "free":
        raise InputError(
            f"--ego-plan: in {origin.run} the ego's motion was free, so nobody knows where it is at {origin.time_s:g} s. "
            "Branch off a run whose ego was planned or simulated."
        )
    return taken_over(scenario, written_plan(plan, seconds, parent.fps), origin.frame, parent.fps, past.ego)


def stored_scenario(run: RunFolder) -> Scenario:
    """The scenario of a stored run. Raises InputError where it was edited."""
    return loads(run.scenario_text(), str(run.scenario_path))[0]


def _decided(
    model: LoadedModel,
    scenario: Scenario,
    timeline: Timeline,
    seed: int,
    options: Options,
    start_source: str,
    given_start: Beginning | None,
    point: BranchPoint | None,
) -> RunSpec:
    spec = model.world_model.spec
    actors, ego = _modes(spec, options)
    scene_frame = 0 if point is None else point.origin.frame
    # The whole development is expanded, however little of it is shown: a short video is then the beginning of a long one.
    written = math.ceil(float(scenario.video_settings.duration) * spec.fps)
    parent = 0 if point is None else point.parent.scene_frames
    _require_drivable(scenario, ego, (scene_frame + timeline.num_frames) / spec.fps, spec)
    needed = scene_frame + max(timeline.control_frames, 1 + timeline.chunk_frames)
    scene_frames = max(needed, written, parent)
    drawn_as = scenario.drawn_as(options.variation)
    stream = futures_stream(seed, scenario.world_name, drawn_as) if point is None else point.stream
    manifest = Manifest(
        scenario_id=scenario.id,
        scenario_sha256=sha256_of(scenario.to_yaml().encode()),
        variation=options.variation,
        seed=seed,
        model=spec.name,
        weights_sha256=spec.weights_sha256,
        steps=model.steps,
        mode=spec.mode,
        width=spec.width,
        height=spec.height,
        fps=spec.fps,
        timeline=timeline,
        actors=actors,
        ego=ego,
        map=_told(
            spec, options.map, Control.MAP, "the road", by_default=start_source == "synthesised" or actors != "free"
        ),
        scenery=_told(spec, options.scenery, Control.SCENERY, "scenery", by_default=start_source == "synthesised"),
        noise=_noise(options, actors, ego),
        lossless=options.lossless,
        png_frames=options.png_frames or "frames" in scenario.outputs,
        device=model.device,
        dtype=model.dtype,
        threads=options.threads or Threads.for_this_machine(),
        start_source=start_source,
        start_frame_sha256="",
        stream_root=stream.root,
        stream_key=stream.key,
        scene_frames=scene_frames,
        scene_frame=scene_frame,
        turns=() if point is None else as_rows(turns_of(point.parent, point.origin.future)),
        parameters=scenario.parameters(options.variation),
        branch=None if point is None else point.origin,
        events=_event_reports(scenario, spec, actors, ego),
        command=tuple(sys.argv),
    )
    scene = developed(scenario, manifest, 0)
    return RunSpec(model=model, scenario=scenario, scene=scene, manifest=manifest, given_start=given_start)


def _require_drivable(scenario: Scenario, ego: EgoMode, seconds: float, spec: WorldModelSpec) -> None:
    """Raise InputError for a plan of the ego that nobody is told, or that ends before the video."""
    plan = scenario.scene.ego.plan
    if plan is None:
        return
    if ego != "planned":
        raise InputError(f"--ego {ego}: {scenario.id} has a plan for the ego (scene.ego.plan). Leave --ego out.")
    require_reach(plan, seconds, spec.fps)


def developed(scenario: Scenario, manifest: Manifest, future: int) -> Scene:
    """The scenario as it goes in a future of a run."""
    return develop(
        scenario,
        seed=manifest.seed,
        fps=manifest.fps,
        duration_s=manifest.scene_frames / manifest.fps,
        variation=manifest.variation,
        turns=turns_of(manifest, future),
    ).scene


def frames_of(seconds: float, fps: float) -> int:
    """Frames of a video of ``seconds``. Raises InputError when that is none, no number, or more than a day."""
    if seconds > LONGEST_S:
        raise InputError(f"a video of {seconds:g} s is longer than a day ({LONGEST_S:g} s). Ask for less.")
    if not math.isfinite(seconds) or round(seconds * fps) < 1:
        raise InputError(f"a video of {seconds:g} s has no frame at {fps:g} frames/s. Ask for {1 / fps:g} s or more.")
    return round(seconds * fps)


def _actors(scenario: Scenario, spec: WorldModelSpec, options: Options, *, several: bool, pictured: bool) -> ActorMode:
    """Who decides what the others do: what is asked for, else what the author of a scenario means.

    Of a picture from elsewhere the scene knows nothing, so its traffic is free unless an event is to be conditioned.
    Raises InputError for an event that the model cannot be told.
    """
    if options.actors is not None:
        return options.actors
    told: ActorMode = "simulated" if several else "scripted"
    if Control.ACTORS in spec.controls:
        return told if not pictured or any(event.needs_boxes for event in scenario.events) else "free"
    demanded = [event.id for event in scenario.events if event.mode == "condition"]
    if demanded:
        raise _no_boxes(f"event '{demanded[0]}' has mode: condition", spec)
    return "free"


def _no_boxes(why: str, spec: WorldModelSpec) -> InputError:
    return InputError(
        f"{why}: this needs a model that takes boxes in every frame, and {spec.name!r} takes none. "
        "Use --actors free and mode: select, or another model ('drivesim models')."
    )


def _modes(spec: WorldModelSpec, options: Options) -> tuple[ActorMode, EgoMode]:
    """Who is told what after frame 0. Raises InputError when the model does not obey what is asked for."""
    actors: ActorMode = options.actors or "free"
    if actors != "free" and Control.ACTORS not in spec.controls:
        raise _no_boxes(f"--actors {actors}", spec)
    obeys_motion = Control.MOTION in spec.controls
    if options.ego not in (None, "free") and not obeys_motion:
        raise InputError(f"--ego {options.ego}: model {spec.name!r} does not take the ego's motion. Use --ego free.")
    if options.ego == "simulated" and actors == "scripted":
        raise InputError(
            "--ego simulated with --actors scripted: traffic that follows one development cannot make way for an ego that drives "
            "another. Use --actors simulated, or free."
        )
    return actors, options.ego or ("planned" if obeys_motion else "free")


def _told(spec: WorldModelSpec, asked: Told | None, kind: Control, what: str, *, by_default: bool) -> Told:
    """Whether a raster is told. Raises InputError when it shall be and the model does not take it."""
    obeyed = kind in spec.controls
    if asked == "told" and not obeyed:
        raise InputError(f"--{kind.value} told: model {spec.name!r} does not take {what}. Use --{kind.value} withheld.")
    return asked or ("told" if obeyed and by_default else "withheld")


def _known(manifest: Manifest) -> set[Control]:
    """What a run tells of frames whose actors and ego motion are told."""
    withheld = {Control.MAP: manifest.map, Control.SCENERY: manifest.scenery}
    return {kind for kind in Control if withheld.get(kind) != "withheld"}


def _noise(options: Options, actors: ActorMode, ego: EgoMode) -> Noise:
    """Whether futures share their noise. Raises InputError where nothing else would tell them apart."""
    if options.noise == "common" and "simulated" not in (actors, ego):
        raise InputError(
            f"--noise common: with --actors {actors} and --ego {ego} all futures would be equal. Use --noise own, or --actors simulated."
        )
    return options.noise or ("common" if actors == "simulated" else "own")


def _event_reports(
    scenario: Scenario, spec: WorldModelSpec, actors: ActorMode, ego: EgoMode
) -> tuple[dict[str, str], ...]:
    """Of each event, whether the model is told it or it is only measured; of labels, that they are; for plan and manifest."""
    reports = []
    for event in scenario.events:
        if event.actor == EGO:
            told, why = ego != "free", "the ego's motion is free"
        else:
            told = actors != "free"
            why = "actors are free" if Control.ACTORS in spec.controls else f"model {spec.name!r} takes no boxes"
        how = "the ego's motion is" if event.actor == EGO else f"where '{event.actor}' is, is"
        status = f"{TOLD}: {how} told in every frame" if told else f"{ONLY_MEASURED}: {why}"
        reports.append({"event": event.id, "mode": event.mode or ("condition" if told else "tag"), "status": status})
    reports += [{"label": name, "status": NOT_MEASURED} for name in scenario.labels]
    return tuple(reports)


def _require_video_of(spec: WorldModelSpec, scenario: Scenario) -> None:
    """Raise InputError when the scenario wants another frame size or rate than the model makes."""
    made = VideoForm(name=spec.name, height=spec.height, width=spec.width, fps=spec.fps)
    wrong = video_finding(scenario, made)
    if wrong is not None:
        raise InputError(wrong.text)
