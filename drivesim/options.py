"""How futures are made and stored: one definition for Python, the command line, the manifest and the pages.

Imports nothing heavy, so that ``drivesim rollout --help`` need not wait for torch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le

#: Who decides what the other road users do after the first frame, and who the ego's own motion.
ActorMode = Literal["simulated", "scripted", "free"]
EgoMode = Literal["free", "planned", "simulated"]
#: How a model goes on: key frames far apart, then what lies between; or neighbours only.
RolloutMode = Literal["hierarchical", "frame-wise"]
#: Whether the model is told the road, or what stands beside it.
Told = Literal["told", "withheld"]
#: Whether every future draws noise of its own, or all draw that of future 0.
Noise = Literal["own", "common"]


def usable_cores() -> int:
    """Cores that this process may use, which in a container is less than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


#: More of each than anybody means: a number beyond is a slip, and would only be noticed when memory runs out.
MOST_FUTURES, MOST_STEPS, MOST_THREADS = 1_000_000, 1000, 1024
#: Of any whole number, a seed above all; it is also what 'seed' of a scenario may be.
MOST_NUMBER = 2**63 - 1
#: Least and most of a form of samples that somebody means; frames a second are those that a source is read at.
SAMPLE_LIMITS: dict[str, tuple[float, float]] = {
    "frames": (1, 100_000),
    "fps": (0.001, 500.0),
    "height": (1, 16_384),
    "width": (1, 16_384),
}
#: Every shard of a store begins with a list of what it holds, so that one of many samples costs memory however few there are.
MOST_IN_A_SHARD = 65_536
#: Least and most of what a report of a model measures: less says nothing, more nobody waits for.
MEASURED_LIMITS: dict[str, tuple[float, float]] = {
    "clips": (4, 10_000),
    "seconds": (0.5, 10_000),
    "starts": (1, 10_000),
    "futures": (3, 10_000),
    "future_seconds": (0.5, 10_000),
    "minutes": (0, 10_000),
    "junctions": (0, 10_000),
}
#: Least and most of the clips that models are set side by side on.
TABLE_CLIPS = (2, 10_000)
#: Frame rates of a video file that is made of a run.
LEAST_FPS, MOST_FPS = 0.5, 240.0


@dataclass(frozen=True, kw_only=True)
class Threads:
    """Processor threads for the two halves of the loop, and whether they run at the same time."""

    denoise: Annotated[int, Gt(0), Le(MOST_THREADS)]
    decode: Annotated[int, Gt(0), Le(MOST_THREADS)]
    overlap: bool = True

    @classmethod
    def for_this_machine(cls) -> Threads:
        """As :meth:`sharing` all usable cores."""
        return cls.sharing(usable_cores())

    @classmethod
    def sharing(cls, cores: int) -> Threads:
        """Half of the cores for each half of the loop; one core alternates between them."""
        if cores < 2:
            return cls(denoise=1, decode=1, overlap=False)
        return cls(denoise=cores - cores // 2, decode=cores // 2)


def _option(default: Any, about: str) -> Any:
    """A field that the command line has as an option of its name, with this help."""
    return field(default=default, metadata={"help": about})


@dataclass(frozen=True, kw_only=True)
class Options:
    """How futures are made and stored; every field has a usable default, and those with a help text are options of the
    commands.

    ``map`` and ``scenery`` None: told where the model obeys them and the first frame is its own picture of the scene; the
    map also where actors are told. ``actors`` None: free, too, where the model takes no boxes. ``variation`` is that of a
    scenario with ``vary``. ``threads`` None: half of the cores for each half of the loop. ``outputs: [mp4, frames]`` of a
    scenario asks for PNGs too.
    """

    actors: ActorMode | None = _option(
        None,
        "scripted: they follow the scenario frame by frame. simulated: so they do, but every future develops the traffic its "
        "own way. free: the first frame alone fixes them, on a road that is told (--map). Default: scripted; for futures "
        "simulated; free behind a picture of your own.",
    )
    ego: EgoMode | None = _option(
        None,
        "planned (default): the model is told the ego's motion, which follows its plan. simulated: so it is, but in every "
        "future the ego's driver chooses pace, distance and lane anew. free: it is not told.",
    )
    map: Told | None = _option(
        None,
        "told (default): the model sees road, lane paint and pavement on every frame, whoever drives on it. withheld: it goes "
        "on as it likes; default behind a picture of your own with free actors.",
    )
    scenery: Told | None = _option(
        None,
        "told (default, where the model takes it): the model sees houses, trees and poles of the scene as boxes. withheld: it "
        "invents them; default behind a picture of your own.",
    )
    noise: Noise | None = _option(
        None,
        "common: all futures draw the same noise, so they differ by what drivers do and by nothing else. own: each draws its "
        "own. Default: common where actors are simulated, else own.",
    )
    lossless: bool = _option(False, "Store lossless video (.mkv) beside the mp4.")
    png_frames: bool = _option(False, "Store every frame as PNG beside the mp4.")
    variation: int = 0
    threads: Threads | None = None


DEFAULT_OPTIONS = Options()
