"""Generated futures beside the ways in which the procedural world itself would have gone on from the same frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivesim.controls import Control
from drivesim.evidence.danger import Danger, danger_of, measured_traffic
from drivesim.evidence.generated import SCRIPTED, UNTOLD, frames_needed, generate_video, round_trip
from drivesim.evidence.held_out import HeldOutClip, development
from drivesim.evidence.measure import Progress, judged
from drivesim.geometry import turned
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.features import frame_features
from drivesim.judges.load import Judges
from drivesim.judges.probe.reading import read_frames
from drivesim.metrics.forecasts import Forecast
from drivesim.metrics.measured_tracks import assign_tracks
from drivesim.noise import NoiseStream
from drivesim.scene import Actor, Track
from drivesim.world_model import LoadedModel

#: The first frames tell which measured object is which actor of the scene; after that the video may go its own way.
FRAMES_TO_RECOGNISE = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Futures:
    """Of each of S starts, K generated futures and K developments of the world, of T frames.

    ``generated`` and ``true`` are features (K, T - 1, 128) of each start; ``noise_scale`` is the distance of a rendered video
    from itself through the codec, in the same units. ``ego_forecasts`` has one for each start, ``actor_forecasts`` those of recognised actors.
    ``danger`` and ``true_danger`` (S lists of K) come from measured tracks and from the simulation's own.
    ``shown`` uint8 (S, K, h, w, 3) are the last frames, generated, and ``true_shown`` rendered.
    """

    seeds: tuple[int, ...]
    num_frames: int
    fps: float
    generated: list[np.ndarray]
    true: list[np.ndarray]
    noise_scale: float
    ego_forecasts: list[Forecast]
    actor_forecasts: list[Forecast]
    danger: list[list[Danger]]
    true_danger: list[list[Danger]]
    shown: list[list[np.ndarray]]
    true_shown: list[list[np.ndarray]]


#: What a model is told of the later frames of each kind of futures: everything of a development of their own, or the
#: weather alone.
TOLD_OF_KIND = {"simulated": SCRIPTED, "free": UNTOLD}


def sample_futures(
    model: LoadedModel, judges: Judges, seeds: Sequence[int], num_futures: int, seconds: float, progress: Progress
) -> dict[str, Futures]:
    """Generate futures of each kind of TOLD_OF_KIND from rendered first frames, and simulate as many developments.

    Simulated future k of a start is told development k of the world, so it shall look like that one. As in a run, simulated
    futures share their noise and free ones do not.
    """
    spec = model.world_model.spec
    num_frames = frames_needed(model, max(2, round(seconds * spec.fps)))
    true: list[np.ndarray] = []
    noise_scales, true_danger, true_shown = [], [], []
    made: dict[str, _Made] = {kind: _Made() for kind in TOLD_OF_KIND}
    for index, seed in enumerate(seeds):
        worlds = [development(seed, num_frames, number) for number in range(num_futures)]
        for done, (kind, told) in enumerate(TOLD_OF_KIND.items()):

            def tell(share: float, before: float = index + done / len(TOLD_OF_KIND)) -> None:
                progress("sampling futures", (before + share / len(TOLD_OF_KIND)) / len(seeds))

            made[kind].add(model, judges, worlds, told, NoiseStream(seed).named("futures"), tell)
        rendered = [np.stack(list(world.frames(JUDGED_WIDTH, JUDGED_HEIGHT))) for world in worlds]
        true.append(np.stack([frame_features(judges.features, video) for video in rendered]))
        noise_scales.append(_noise_scale(model, judges, worlds[0], true[-1][0]))
        true_danger.append([danger_of(w.scene.ego, w.scene.actors, spec.fps) for w in worlds])
        true_shown.append([video[-1] for video in rendered])
    return {
        kind: Futures(
            seeds=tuple(seeds),
            num_frames=num_frames,
            fps=spec.fps,
            true=true,
            noise_scale=float(np.mean(noise_scales)),
            true_danger=true_danger,
            true_shown=true_shown,
            generated=each.generated,
            ego_forecasts=each.ego_forecasts,
            actor_forecasts=each.actor_forecasts,
            danger=each.danger,
            shown=each.shown,
        )
        for kind, each in made.items()
    }


@dataclass(kw_only=True, eq=False)
class _Made:
    """What was generated of one kind so far, start by start."""

    generated: list[np.ndarray] = field(default_factory=list)
    ego_forecasts: list[Forecast] = field(default_factory=list)
    actor_forecasts: list[Forecast] = field(default_factory=list)
    danger: list[list[Danger]] = field(default_factory=list)
    shown: list[list[np.ndarray]] = field(default_factory=list)

    def add(
        self,
        model: LoadedModel,
        judges: Judges,
        worlds: Sequence[HeldOutClip],
        told: frozenset[Control],
        noise: NoiseStream,
        tell: Callable[[float], None],
    ) -> None:
        """Generate and measure the futures of one start, as many as there are developments of it."""
        spec, origin = model.world_model.spec, worlds[0]
        first = origin.world.render_rgb(0, spec.width, spec.height)
        features, tracks, shown = [], [], []
        for number, world in enumerate(worlds):
            # All developments share frame 0; which one is meant only matters to those that are told it.
            is_told = Control.ACTORS in told
            scene = world.scene if is_told else origin.scene
            video = generate_video(model, scene, first, told, origin.num_frames, noise.child(0 if is_told else number))
            small = np.stack([judged(frame) for frame in video])
            features.append(frame_features(judges.features, small))
            tracks.append(measured_traffic(read_frames(judges.probe, small, spec.fps), origin.scene.camera))
            shown.append(small[-1])
            tell((number + 1) / len(worlds))
        self.generated.append(np.stack(features))
        self.ego_forecasts.append(_ego_forecast([ego for ego, _ in tracks], worlds))
        self.actor_forecasts += _actor_forecasts(tracks, worlds)
        self.danger.append([danger_of(ego, actors, spec.fps) for ego, actors in tracks])
        self.shown.append(shown)


def _noise_scale(model: LoadedModel, judges: Judges, world: HeldOutClip, rendered: np.ndarray) -> float:
    """Root mean squared distance per dimension between the features of a video and of its codec round trip."""
    spec, count = model.world_model.spec, min(9, world.num_frames)
    frames = np.stack([world.world.render_rgb(frame, spec.width, spec.height) for frame in range(count)])
    through = frame_features(judges.features, (judged(frame) for frame in round_trip(model, frames)))
    return float(np.sqrt(np.mean((through - rendered[: count - 1]) ** 2)))


def _ego_forecast(egos: Sequence[Track], worlds: Sequence[HeldOutClip]) -> Forecast:
    """The ego's measured tracks against the simulated ones, from the frame after the start on, in the ego frame of frame 0."""
    origin = worlds[0].scene.ego
    futures = np.stack([ego.positions[1:, :2] for ego in egos])
    truths = np.stack([_seen_from(origin, world.scene.ego.positions[1:, :2]) for world in worlds])
    return Forecast(
        futures=futures,
        truths=truths,
        futures_seen=np.ones(futures.shape[:2], dtype=bool),
        truths_seen=np.ones(truths.shape[:2], dtype=bool),
    )


def _actor_forecasts(
    tracks: Sequence[tuple[Track, tuple[Actor, ...]]], worlds: Sequence[HeldOutClip]
) -> list[Forecast]:
    """Actors that at least one future shows at its beginning where the scene has them."""
    origin = worlds[0].scene.ego
    planned = [_moved(actor, origin) for actor in worlds[0].scene.actors if actor.track.present[0]]
    by_actor: dict[str, list[Actor | None]] = {actor.id: [] for actor in planned}
    for _, actors in tracks:
        found = assign_tracks(planned, actors, num_frames=FRAMES_TO_RECOGNISE)
        measured = {actor.id: actor for actor in actors}
        for name, row in by_actor.items():
            row.append(measured[found[name]] if name in found else None)
    forecasts = []
    for name, row in by_actor.items():
        truths = [
            next((a for a in world.scene.actors if a.id == name and a.track.present[0]), None) for world in worlds
        ]
        known = [_moved(actor, origin) for actor in truths if actor is not None]
        if any(row) and len(known) == len(worlds):
            forecasts.append(
                _forecast([None if seen is None else seen.track for seen in row], [a.track for a in known])
            )
    return forecasts


def _forecast(futures: Sequence[Track | None], truths: Sequence[Track]) -> Forecast:
    length = len(truths[0]) - 1
    nowhere = np.zeros((length, 2))
    return Forecast(
        futures=np.stack([nowhere if track is None else track.positions[1:, :2] for track in futures]),
        truths=np.stack([track.positions[1:, :2] for track in truths]),
        futures_seen=np.stack([np.zeros(length, dtype=bool) if t is None else t.present[1:] for t in futures]),
        truths_seen=np.stack([track.present[1:] for track in truths]),
    )


def _seen_from(ego: Track, points: np.ndarray) -> np.ndarray:
    """Points (T, 2) of the world in the ego frame of frame 0, which is the world of measured tracks."""
    return turned(points - ego.positions[0, :2], -ego.yaw_rad[0])


def _moved(actor: Actor, ego: Track) -> Actor:
    track = actor.track
    places = np.concatenate([_seen_from(ego, track.positions[:, :2]), track.positions[:, 2:]], axis=1)
    moved = dataclasses.replace(track, positions=places, yaw_rad=track.yaw_rad - ego.yaw_rad[0])
    return dataclasses.replace(actor, track=moved)
