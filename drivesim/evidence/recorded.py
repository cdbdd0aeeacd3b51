"""The futures of a run folder as the judges see them, beside what the model was told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from drivesim.conditioning.attributes import scene_attributes
from drivesim.conditioning.flow import Flow
from drivesim.conditioning.surfaces import SurfacePainter, layout_flows
from drivesim.errors import InputError
from drivesim.evidence.held_out import exact_labels
from drivesim.evidence.measure import Progress, judged
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.features import frame_features
from drivesim.judges.load import Judges
from drivesim.judges.probe import FrameLabels
from drivesim.judges.probe.labels import ego_steps, visible_attributes
from drivesim.judges.probe.reading import Readings, read_frames
from drivesim.metrics.drift import Drift, drift_of
from drivesim.metrics.flicker import warped_flicker
from drivesim.metrics.obedience import Obedience, obedience_of
from drivesim.renderer.world import ProceduralWorld
from drivesim.run_spec import developed, stored_scenario
from drivesim.runs.future import Future
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import require_intact
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import Scenario
from drivesim.scene import Scene

#: Frames that the flicker of rendered and of frozen video, which stand beside a run's, is measured on.
MOST_REFERENCE_FRAMES = 50


@dataclass(frozen=True, eq=False)
class Commanded:
    """What the model was told in a future of a run; worked out when asked for, each thing once.

    Futures share it unless actors were simulated: then each was told a development of its own.
    """

    run: RunFolder
    manifest: Manifest
    progress: Progress
    future: int = 0

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario as the run keeps it, its parameters filled in."""
        return self._written.with_parameters(self.manifest.parameters)

    @cached_property
    def whole_scene(self) -> Scene:
        """The scene of the future from its run's own frame 0, which lies before the video's where it is a branch."""
        return developed(self._written, self.manifest, self.future)

    @cached_property
    def scene(self) -> Scene:
        """The scene of exactly the videos' frames."""
        first = self.manifest.scene_frame
        return self.whole_scene.window(first, first + self.manifest.timeline.num_frames)

    @property
    def made_start(self) -> bool:
        """Whether frame 0 is the model's own picture of the scene, not one from elsewhere or from another run."""
        return self.manifest.branch is None and self.manifest.start_source == "synthesised"

    @cached_property
    def moving(self) -> np.ndarray | None:
        """When (T,) the ego was told to move; None where the model decides that."""
        return self.scene.ego.speed_mps > 1.0 if self.manifest.told_motion else None

    @cached_property
    def labels(self) -> list[FrameLabels]:
        """What the model was told of each frame.

        Boxes and road where it was told them: in every frame unless actors are free, then in frame 0 alone. The ego's
        motion unless it is free, weather and light always. Nothing of a frame 0 that the model did not make.
        """
        manifest, scene = self.manifest, self.scene
        placed = scene if manifest.told_boxes else scene.window(0, int(self.made_start))
        labels = exact_labels(placed, list(self._semantic(len(placed)))) if len(placed) else []
        labels += [FrameLabels()] * (len(scene) - len(labels))
        steps = ego_steps(scene) if manifest.told_motion and len(scene) > 1 else None
        seen = visible_attributes(scene_attributes(scene))
        told = [
            replace(label, attributes=seen, motion=None if steps is None or frame == 0 else steps[frame])
            for frame, label in enumerate(labels)
        ]
        return told if self.made_start else [FrameLabels(), *told[1:]]

    def flows(self) -> Iterator[Flow]:
        """How ground and boxes that were told move, of each frame but the first to the one before it, at 256 x 512."""
        return layout_flows(SurfacePainter(self.scene, JUDGED_WIDTH, JUDGED_HEIGHT), 0, len(self.scene))

    @cached_property
    def rendered_flicker(self) -> float:
        """What is left of the renderer's own video of the scene under :meth:`flows`: houses and trees, which they lack."""
        world, first = ProceduralWorld(self.whole_scene, self.manifest.seed), self.manifest.scene_frame
        shown = min(len(self.scene), MOST_REFERENCE_FRAMES)
        frames = (world.render_rgb(first + frame, JUDGED_WIDTH, JUDGED_HEIGHT) for frame in range(shown))
        return float(np.nanmean(warped_flicker(frames, itertools.islice(self.flows(), shown - 1))))

    def rendered_readings(self, probe_of: Judges) -> Readings:
        """What the probe reads from the renderer's video of the same scene: the judge's own error on it."""
        world = ProceduralWorld(self.whole_scene, self.manifest.seed)
        first, total = self.manifest.scene_frame, len(self.scene)

        def frames() -> Iterator[np.ndarray]:
            for frame in range(total):
                self.progress("rendering the scene", (frame + 1) / total)
                yield world.render_rgb(first + frame, JUDGED_WIDTH, JUDGED_HEIGHT)

        return read_frames(probe_of.probe, frames(), self.manifest.fps)

    @cached_property
    def _written(self) -> Scenario:
        return stored_scenario(self.run)

    def _semantic(self, count: int) -> Iterator[np.ndarray]:
        world = ProceduralWorld(self.whole_scene, self.manifest.seed)
        first = self.manifest.scene_frame
        for frame in range(count):
            self.progress("what was commanded", (frame + 1) / count)
            yield world.render(first + frame, JUDGED_WIDTH, JUDGED_HEIGHT).semantic


@dataclass(frozen=True, eq=False)
class Recorded:
    """One future of a run beside what was commanded; measured when asked for, each thing once."""

    future: Future
    commanded: Commanded
    judges: Judges
    progress: Progress

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
        """Appearance over time, at 256 x 512."""
        return drift_of(self._frames("appearance"), self.future.fps)

    @cached_property
    def flicker(self) -> float:
        """Mean difference of each frame to the one before it, moved as ground and boxes were told to move; 8-bit units."""
        return float(np.nanmean(warped_flicker(self._frames("flicker"), self.commanded.flows())))

    @cached_property
    def frozen_flicker(self) -> float:
        """The same of a video that shows its first frame all along."""
        shown = min(self.future.num_frames, MOST_REFERENCE_FRAMES)
        frozen = itertools.repeat(judged(self.future.frame_at(0.0)), shown)
        return float(np.nanmean(warped_flicker(frozen, itertools.islice(self.commanded.flows(), shown - 1))))

    @cached_property
    def obedience(self) -> Obedience:
        """What was told against what was read."""
        return obedience_of(self.commanded.labels, self.readings)

    def _frames(self, what: str) -> Iterator[np.ndarray]:
        total = self.future.num_frames
        for index, frame in enumerate(self.future.iterate()):
            self.progress(f"{self.future.id}: {what}", (index + 1) / total)
            yield judged(frame)


def record(futures: tuple[Future, ...], judges: Judges, progress: Progress) -> list[Recorded]:
    """Finished futures of one run, at least one, beside what they were told.

    Raises InputError for videos of a size that the judges cannot look at.
    """
    require_judgeable(futures[0].manifest)
    for future in futures:
        require_intact(RunFolder(future.folder), future.index)
    pairs = zip(futures, commanded_of(futures, progress), strict=True)
    return [Recorded(future, commanded, judges, progress) for future, commanded in pairs]


def commanded_of(futures: Sequence[Future], progress: Progress) -> list[Commanded]:
    """What each future of one run was told: one and the same unless each has a development of its own."""
    run, manifest = RunFolder(futures[0].folder), futures[0].manifest
    shared = Commanded(run, manifest, progress, futures[0].index)

    def of(future: Future) -> Commanded:
        own = manifest.develops_apart and future.index != shared.future
        return Commanded(run, manifest, progress, future.index) if own else shared

    return [of(future) for future in futures]


def require_judgeable(manifest: Manifest) -> None:
    """Raise InputError for videos that the judges cannot look at."""
    height, width = manifest.height, manifest.width
    if height % JUDGED_HEIGHT or width * JUDGED_HEIGHT != height * JUDGED_WIDTH:
        raise InputError(
            f"{manifest.scenario_id} is {height}x{width}; the judges see 256x512 or a whole multiple of it, such as 512x1024."
        )
