"""A planner drives a scenario: observe, ask, step, record, until the time is up or something ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drivesim.closed_loop.loop import ClosedLoop, LoopStep
from drivesim.closed_loop.observation import Observation
from drivesim.closed_loop.perception import Perception
from drivesim.closed_loop.planner_process import PlannerFault, PlannerProcess
from drivesim.closed_loop.recording import DriveRecording
from drivesim.errors import InputError
from drivesim.judges.load import Judges
from drivesim.options import DEFAULT_OPTIONS, Options
from drivesim.scenarios import Scenario
from drivesim.world_model import LoadedModel

Ending = Literal["time up", "collision", "off road", "road ends", "planner"]
#: What a planner is shown of the others.
Observed = Literal["measured", "truth"]

#: How a safety driver brakes once the planner is out, m/s².
_SAFETY_BRAKING_MPS2 = 6.0


@dataclass(kw_only=True)
class DriveLog:
    """How a drive went: why and when it ended, the planner's fault if that was why, and seconds per step of each part.

    ``planner_s`` is the planner's latency, from the observation sent to the answer received; ``perception_s`` the detector,
    ``model_s`` traffic and video.
    """

    ending: Ending = "time up"
    ended_s: float = 0.0
    collided_with: str = ""
    fault: PlannerFault | None = None
    planner_s: list[float] = field(default_factory=list)
    perception_s: list[float] = field(default_factory=list)
    model_s: list[float] = field(default_factory=list)
    offsets_m: list[float] = field(default_factory=list)

    def to_dict(self, planner: str) -> dict[str, object]:
        """For JSON."""
        fault = None
        if self.fault is not None:
            fault = {"kind": self.fault.kind, "text": str(self.fault), "details": self.fault.details}
        return {
            "planner": planner,
            "ending": self.ending,
            "ended_s": self.ended_s,
            "collided_with": self.collided_with,
            "fault": fault,
            "planner_s": [round(value, 5) for value in self.planner_s],
            "perception_s": [round(value, 5) for value in self.perception_s],
            "model_s": [round(value, 5) for value in self.model_s],
            "offset_m": [round(value, 4) for value in self.offsets_m],
        }


def drive(
    model: LoadedModel,
    scenario: Scenario,
    planner: PlannerProcess,
    folder: Path,
    *,
    seconds: float,
    seed: int = 0,
    options: Options = DEFAULT_OPTIONS,
    judges: Judges | None = None,
    listener: Callable[[int], None] = lambda frames: None,
) -> DriveLog:
    """Let a planner drive and keep the drive as a run in ``folder``; its fault ends the drive, never this function.

    ``judges`` find what the planner is shown of the others; without them it is shown the truth. Raises InputError for a
    scenario or folder that cannot be used.
    """
    loop = ClosedLoop(model, scenario, seconds=seconds, seed=seed, options=options)
    recording = DriveRecording(folder, scenario, loop)
    perception = None if judges is None else Perception(judges, loop.fps)
    log, pictures, is_out = DriveLog(), loop.start_picture[None], False
    try:
        planner.reset()
    except PlannerFault as fault:
        log.fault, log.ending, is_out = fault, "planner", True
    actions: NDArray[np.float64] = np.zeros(2)
    while not loop.is_over:
        observation = observe(loop, pictures, perception, log)
        log.offsets_m.append(observation.route.offset_m)
        if not is_out:
            try:
                answer = planner.plan(observation)
                actions = answer.actions
                log.planner_s.append(answer.latency_s)
            except PlannerFault as fault:
                log.fault, log.ending, log.ended_s, is_out = fault, "planner", observation.t_s, True
        may_end = recording.may_end()
        begun = time.perf_counter()
        step = loop.step(np.array([-_SAFETY_BRAKING_MPS2, 0.0]) if is_out else actions)
        log.model_s.append(time.perf_counter() - begun)
        if not is_out:
            is_out = _note_ending(log, step, loop)
        recording.record(step, is_last=is_out and may_end)
        listener(len(step.frames))
        pictures = step.frames
        if is_out and may_end:
            break
    if not is_out:
        log.ended_s = seconds
    recording.finish(log.to_dict(planner.name))
    return log


def observe(
    loop: ClosedLoop, pictures: NDArray[np.uint8], perception: Perception | None, log: DriveLog | None = None
) -> Observation:
    """What a planner is shown now; ``pictures`` are the frames since it was last asked."""
    begun = time.perf_counter()
    if perception is None:
        objects = loop.true_objects()
    else:
        perception.look(pictures)
        objects = perception.objects(loop.scene)
    if log is not None:
        log.perception_s.append(time.perf_counter() - begun)
    return Observation(
        frame=loop.frame,
        t_s=loop.frame / loop.fps,
        fps=loop.fps,
        chunk_frames=loop.chunk_frames,
        pictures=pictures,
        ego=loop.ego(),
        route=loop.route(),
        objects=objects,
    )


def _note_ending(log: DriveLog, step: LoopStep, loop: ClosedLoop) -> bool:
    """Whether a step ends the drive, and how, into the log."""
    endings: tuple[tuple[Ending, bool], ...] = (
        ("collision", bool(step.collision)),
        ("off road", step.off_road),
        ("road ends", step.road_ends),
    )
    for ending, happened in endings:
        if happened:
            log.ending, log.collided_with = ending, step.collision
            log.ended_s = loop.frame / loop.fps
            return True
    return False


def require_seconds(seconds: float, model: LoadedModel) -> None:
    """Raise InputError for a drive that is shorter than one chunk of the model."""
    spec = model.world_model.spec
    least = (1 + spec.chunk_frames) / spec.fps
    if seconds < least - 1e-6:
        raise InputError(
            f"{seconds:g} s of closed loop; the model makes {spec.chunk_frames} frames a call, so ask for {least:g} s or more."
        )
