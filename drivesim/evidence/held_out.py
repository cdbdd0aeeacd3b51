"""Held-out scenes of the procedural world, rendered with exact labels: the truth that everything is compared with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivesim.conditioning.attributes import scene_attributes
from drivesim.conditioning.flow import Flow, surface_flow
from drivesim.conditioning.projection import image_boxes
from drivesim.datasets.procedural.dataset import FPS, HELD_OUT_SEED, LATEST_START_S
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.probe import FrameLabels, scene_labels
from drivesim.renderer.semantics import RenderedFrame
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import Scene

#: Seeds of reports: held out, and apart from those that validate training and that benchmarks use.
REPORT_SEED = HELD_OUT_SEED + 40_000

#: A clip at a junction begins where the ego has come this near to it, metres to the line at which the road would wait ...
JUNCTION_AHEAD_M = 25.0
#: ... and scenes in which it has not after so many seconds, as in a queue, are passed over.
APPROACH_S = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutClip:
    """One scene from its frame ``start`` on, and the world that draws it.

    ``scene`` is the whole scene on the grid of the world; frame t of the clip is its frame ``start`` + t.
    """

    seed: int
    start: int
    num_frames: int
    scene: Scene
    world: ProceduralWorld

    @property
    def window(self) -> Scene:
        """The scene of the clip's frames only."""
        return self.scene.window(self.start, self.start + self.num_frames)

    def frames(self, width: int, height: int) -> Iterator[np.ndarray]:
        """Rendered uint8 RGB frames (H, W, 3)."""
        for frame in range(self.start, self.start + self.num_frames):
            yield self.world.render_rgb(frame, width, height)

    def pictures(self) -> list[RenderedFrame]:
        """Rendered frames of 256 x 512 with depth, classes and instances."""
        frames = range(self.start, self.start + self.num_frames)
        return [self.world.render(frame, JUDGED_WIDTH, JUDGED_HEIGHT) for frame in frames]

    def labels(self, pictures: Sequence[RenderedFrame]) -> list[FrameLabels]:
        """Exact labels of every frame, boxes in pixels of 512 x 256, from :meth:`pictures`."""
        return exact_labels(self.window, [picture.semantic for picture in pictures])

    def flows(self, pictures: Sequence[RenderedFrame]) -> list[Flow]:
        """Exact flow of each frame but the first to the one before it, from :meth:`pictures`."""
        pairs = enumerate(itertools.pairwise(pictures), self.start)
        return [surface_flow(self.scene, at + 1, at, after, before) for at, (before, after) in pairs]


def held_out_clip(seed: int, num_frames: int) -> HeldOutClip:
    """A clip of ``num_frames`` frames of a held-out scene, which begins at a random moment of it."""
    start = int(np.random.default_rng([seed, 77]).uniform(0.0, LATEST_START_S) * FPS)
    scene = sample_scene(seed, start + num_frames, FPS)
    return HeldOutClip(seed=seed, start=start, num_frames=num_frames, scene=scene, world=ProceduralWorld(scene, seed))


def junction_clips(first_seed: int, count: int, num_frames: int) -> Iterator[HeldOutClip]:
    """``count`` clips of held-out scenes in which a junction is near ahead as they begin, of seeds from ``first_seed`` on."""
    made = (_at_junction(seed, num_frames) for seed in itertools.count(first_seed))
    return itertools.islice((clip for clip in made if clip is not None), count)


def _at_junction(seed: int, num_frames: int) -> HeldOutClip | None:
    """The clip of a seed from where the junction is near; None for a motorway, and where the ego does not get there."""
    looked_at = sample_scene(seed, 1, FPS, junction_share=1.0).road
    if looked_at is None or not looked_at.junctions:
        return None
    scene = sample_scene(seed, round(APPROACH_S * FPS) + num_frames, FPS, junction_share=1.0)
    assert scene.road is not None, "a sampled scene has a road"
    (junction,) = scene.road.junctions
    x, y = scene.ego.positions[:, 0], scene.ego.positions[:, 1]
    along, _ = scene.road.to_road(x, y, near_s=x)
    near = np.flatnonzero(junction.s - junction.reach_m - along[:-num_frames] <= JUNCTION_AHEAD_M)
    if not len(near):
        return None
    return HeldOutClip(
        seed=seed, start=int(near[0]), num_frames=num_frames, scene=scene, world=ProceduralWorld(scene, seed)
    )


def development(seed: int, num_frames: int, number: int) -> HeldOutClip:
    """One of the ways in which a held-out scene may go on from its frame 0, which all numbers of one seed share."""
    scene = sample_scene(seed, num_frames, FPS, number)
    return HeldOutClip(seed=seed, start=0, num_frames=num_frames, scene=scene, world=ProceduralWorld(scene, seed))


def exact_labels(scene: Scene, semantic: Sequence[np.ndarray]) -> list[FrameLabels]:
    """Labels of every frame of a scene, boxes in pixels of 512 x 256; ``semantic`` uint8 maps of its frames, of any size."""
    small = replace(scene, camera=scene.camera.resized(JUDGED_WIDTH, JUDGED_HEIGHT))
    boxes = [image_boxes(small, frame) for frame in range(len(scene))]
    attributes = np.repeat(scene_attributes(scene)[None], len(scene), axis=0)
    return scene_labels(small, boxes, semantic=np.stack(semantic), attributes=attributes)
