"""How far measured tracks are from where road users are, on rendered held-out video, by class and distance.

    python benchmarks/track_places.py --clips 8

Renders scenes of the procedural world and library scenarios with walkers and cut-ins from held-out seeds (half a second of processor
time a frame), has the probe read them, and prints for each class and distance: frames, median and 90 % error of place in metres, share
within 2 m, error of speed and of its change within half a second that 68.3 % lie within. The settings in
``drivesim/metrics/measured_tracks.py`` were chosen by it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivesim.datasets.procedural.dataset import HELD_OUT_SEED
from drivesim.evidence.danger import measured_traffic
from drivesim.evidence.held_out import held_out_clip
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.load import load_judges
from drivesim.judges.probe.reading import Readings, read_frames
from drivesim.metrics.measured_tracks import assign_tracks, measured_as_planned
from drivesim.renderer.world import ProceduralWorld
from drivesim.scenarios import load
from drivesim.scenarios.expand import expand
from drivesim.scene import Scene

LIBRARY = Path(__file__).parents[1] / "scenarios/library"
SCENARIOS = ("urban-crossing-day", "night-pedestrian", "occluded-pedestrian-van", "highway-cut-in", "hard-brake")
FIRST_SEED = HELD_OUT_SEED + 71_000
BANDS_M = ((0, 15), (15, 25), (25, 40), (40, 60))


def rendered(clips: int) -> Iterator[tuple[Scene, Readings]]:
    """Scenes with what the probe reads from the renderer's video of them."""
    probe = load_judges().probe
    for name in SCENARIOS:
        (scenario,) = load(LIBRARY / f"{name}.yaml")
        scene = expand(scenario, seed=FIRST_SEED, duration_s=5.0)
        world = ProceduralWorld(scene, FIRST_SEED)
        frames = (world.render_rgb(frame, JUDGED_WIDTH, JUDGED_HEIGHT) for frame in range(len(scene)))
        yield scene, read_frames(probe, frames, scene.fps)
    for seed in range(FIRST_SEED, FIRST_SEED + clips):
        clip = held_out_clip(seed, 30)
        yield clip.window, read_frames(probe, clip.frames(JUDGED_WIDTH, JUDGED_HEIGHT), clip.window.fps)


def errors(scene: Scene, readings: Readings) -> Iterator[tuple[str, float, float, float, float]]:
    """Of every frame of an actor that was recognised: class, distance, errors of place, of speed and of its change in half a second."""
    _, actors = measured_traffic(readings, scene.camera, scene.ego)
    truths = {actor.id: actor for actor in scene.actors}
    later = round(0.5 * scene.fps)
    for seen in measured_as_planned(scene.actors, actors, assign_tracks(scene.actors, actors, max_distance_m=8.0)):
        if seen.id not in truths:
            continue
        truth = truths[seen.id].track
        both = np.flatnonzero(truth.present & seen.track.present)
        far = np.hypot(*(truth.positions[both, :2] - scene.ego.positions[both, :2]).T)
        off = np.hypot(*(seen.track.positions[both, :2] - truth.positions[both, :2]).T)
        speed = np.abs(seen.track.speed_mps[both]) - np.abs(truth.speed_mps[both])
        change = np.full(len(speed), np.nan)
        change[:-later] = speed[later:] - speed[:-later]
        kind = seen.category if seen.category in ("pedestrian", "car") else "other"
        yield from zip([kind] * len(both), far, off, np.abs(speed), np.abs(change), strict=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--clips", type=int, default=8, help="scenes of the procedural world, beside five of the library"
    )
    found = [row for pair in rendered(parser.parse_args().clips) for row in errors(*pair)]
    print("class       metres  frames  median  90 %   in 2 m  m/s   m/s in 0.5 s")
    for kind in ("pedestrian", "car", "other"):
        for low, high in BANDS_M:
            rows = np.array([row[1:] for row in found if row[0] == kind and low <= row[1] < high])
            if len(rows) < 8:
                continue
            place, speed, change = rows[:, 1], np.quantile(rows[:, 2], 0.683), np.nanquantile(rows[:, 3], 0.683)
            print(
                f"{kind:<11} {low:>2}-{high:<3} {len(rows):>6} {np.median(place):>8.2f} {np.quantile(place, 0.9):>6.2f} "
                f"{np.mean(place <= 2.0):>6.2f} {speed:>6.2f} {change:>6.2f}"
            )


if __name__ == "__main__":
    main()
