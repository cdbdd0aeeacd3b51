"""The futures of a run folder as the judges see them, beside what the model was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from drivesim.datasets.procedural.world import ProceduralWorld
from drivesim.errors import InputError
from drivesim.evaluation.drift import Drift, drift_of
from drivesim.evaluation.features import frame_features
from drivesim.evaluation.obedience import Obedience, obedience_of
from drivesim.evaluation.probe import FrameLabels
from drivesim.evaluation.probe.labels import ego_steps
from drivesim.evaluation.probe.reading import Readings, read_frames
from drivesim.evidence.held_out import JUDGED_HEIGHT, JUDGED_WIDTH, exact_labels
from drivesim.evidence.judges import Judges
from drivesim.evidence.measure import judged
from drivesim.rollout.future import Future
from drivesim.rollout.run_folder import RunFolder
from drivesim.scenarios import Scenario, loads
from drivesim.scenarios.expand import develop
from drivesim.scene import Scene

#: Called with what is being done and the share of it that is done.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Recorded:
    """One future of a run with the scenario and the scene behind it; measured when asked for, each thing once."""

    future: Future
    judges: Judges
    progress: Progress

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario as the run keeps it, its parameters filled in."""
        path = RunFolder(self.future.folder).scenario_path
        scenario = loads(path.read_bytes(), str(path))[0]
        return scenario.with_parameters(self.future.manifest.parameters)

    @cached_property
    def whole_scene(self) -> Scene:
        """The scene of the run from its own frame 0, which lies before the video's where it is a branch."""
        manifest = self.future.manifest
        path = RunFolder(self.future.folder).scenario_path
        scenario = loads(path.read_bytes(), str(path))[0]
        return develop(
            scenario,
            seed=manifest.seed,
            fps=manifest.fps,
            duration_s=manifest.scene_frames / manifest.fps,
            variation=manifest.variation,
        ).scene

    @property
    def scene(self) -> Scene:
        """The scene of exactly the video's frames."""
        first = self.future.manifest.scene_frame
        return self.whole_scene.window(first, first + self.future.num_frames)

    @cached_property
    def readings(self) -> Readings:
        """What the probe reads from every frame, in pixels of 512 x 256."""
        return read_frames(self.judges.probe, self._frames("reading frames"), self.future.fps)

    @cached_property
    def features(self) -> np.ndarray:
        """Features (T - 1, 128) of the feature network."""
        return frame_features(self.judges.features, self._frames("features"))

    @cached_property
    def drift(self) -> Drift:
        """Appearance over time, at half the video's size."""
        return drift_of(self._frames("appearance"), self.future.fps)

    @cached_property
    def labels(self) -> list[FrameLabels]:
        """What the model was told of each frame: boxes and road where it was told them, the ego's motion where planned.

        A video of free actors was told boxes in its first frame alone.
        """
        manifest, scene = self.future.manifest, self.scene
        told_start = manifest.branch is None and manifest.start_source == "synthesised"
        told = scene if manifest.actors == "scripted" else scene.window(0, 1)
        if manifest.actors != "scripted" and not told_start:
            known: list[FrameLabels] = [FrameLabels()]
        else:
            known = exact_labels(told, list(self._semantic(told)))
        motion = [label.motion for label in exact_motion(scene)] if manifest.ego == "planned" else [None] * len(scene)
        known = known + [FrameLabels()] * (len(scene) - len(known))
        return [replace(label, motion=step) for label, step in zip(known, motion, strict=True)]

    @cached_property
    def obedience(self) -> Obedience:
        """What was told against what was read."""
        return obedience_of(self.labels, self.readings)

    def rendered_readings(self) -> Readings:
        """What the probe reads from the renderer's video of the same scene: the judge's own error on it."""
        world = ProceduralWorld(self.whole_scene, self.future.manifest.seed)
        first = self.future.manifest.scene_frame

        def frames() -> Iterator[np.ndarray]:
            for frame in range(len(self.scene)):
                self.progress("rendering the scene", (frame + 1) / len(self.scene))
                yield world.render_rgb(first + frame, JUDGED_WIDTH, JUDGED_HEIGHT)

        return read_frames(self.judges.probe, frames(), self.future.fps)

    def _semantic(self, told: Scene) -> Iterator[np.ndarray]:
        world = ProceduralWorld(self.whole_scene, self.future.manifest.seed)
        first = self.future.manifest.scene_frame
        for frame in range(len(told)):
            self.progress("what was commanded", (frame + 1) / len(told))
            yield world.render(first + frame, JUDGED_WIDTH, JUDGED_HEIGHT).semantic

    def _frames(self, what: str) -> Iterator[np.ndarray]:
        total = self.future.num_frames
        for index, frame in enumerate(self.future.iterate()):
            self.progress(f"{self.future.id}: {what}", (index + 1) / total)
            yield judged(frame)


def exact_motion(scene: Scene) -> list[FrameLabels]:
    """Labels that hold the ego's motion into each frame alone; None in frame 0."""
    steps = ego_steps(scene)
    return [FrameLabels(motion=None if frame == 0 else steps[frame]) for frame in range(len(scene))]


def require_judgeable(future: Future) -> None:
    """Raise InputError for videos that the judges cannot look at."""
    height, width = future.manifest.height, future.manifest.width
    if height % JUDGED_HEIGHT or width * JUDGED_HEIGHT != height * JUDGED_WIDTH:
        raise InputError(
            f"{future.id} is {height}x{width}; the judges see 256x512 or a whole multiple of it, such as 512x1024."
        )
