"""The manifest of a run: everything that decides its pixels, in one JSON file."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Lt
from pydantic import AllowInfNan, TypeAdapter

from drivesim.errors import InputError
from drivesim.json_text import JsonFault, fitted, parse_object
from drivesim.noise import NoiseStream
from drivesim.options import ActorMode, EgoMode, Noise, RolloutMode, Threads, Told
from drivesim.runs.timeline import Timeline
from drivesim.storage import sealed_text, unsealed_values
from drivesim.wording import require_same

if TYPE_CHECKING:
    from drivesim.world_model import WorldModelSpec

#: Version of the file's layout.
MANIFEST_VERSION = 1

#: What the file's numbers must be, as it may have been edited.
Natural = Annotated[int, Ge(0)]
Count = Annotated[int, Gt(0)]
Rate = Annotated[float, Gt(0.0), Lt(1000.0)]
Finite = Annotated[float, AllowInfNan(False)]


@dataclass(frozen=True, kw_only=True)
class BranchOrigin:
    """Where a branch leaves its parent: the run's folder, the future, and the last frame both share.

    ``frame`` counts on the scene's grid from its t = 0, ``chunks`` are those of the parent that lie before it.
    """

    run: str
    future: Natural
    frame: Natural
    time_s: Finite
    chunks: Natural


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What made a run. Two runs with equal :meth:`identity` have equal decoded frames on one machine.

    ``start_source`` says where frame 0 came from, ``stream_root`` and ``stream_key`` name the node of the tree of seeds
    above the futures. The scene was expanded to ``scene_frames`` frames; ``scene_frame`` is the index of frame 0 on its
    grid (not 0 in a branch), ``parameters`` the values of what varies in the scenario, ``turns`` the (frame, seed, whether
    the ego is part of it) at which the traffic that all futures share took another course than ``seed`` gives it (see
    ``runs/development.py``). ``mode`` is the way that the model went on where it was not its own. ``files`` holds the SHA-256 of the files that were written before it, by name.
    """

    scenario_id: str
    scenario_sha256: str
    variation: Natural
    seed: Natural
    model: str
    weights_sha256: str
    steps: Count | None
    width: Count
    height: Count
    fps: Rate
    timeline: Timeline
    actors: ActorMode
    ego: EgoMode
    lossless: bool
    png_frames: bool
    device: str
    dtype: str
    threads: Threads
    start_source: str
    start_frame_sha256: str
    stream_root: Natural
    stream_key: tuple[Natural, ...]
    scene_frames: Natural
    scene_frame: Natural = 0
    map: Told = "withheld"
    scenery: Told = "withheld"
    noise: Noise = "own"
    mode: RolloutMode | None = None
    turns: tuple[tuple[Natural, Natural, bool], ...] = ()
    parameters: dict[str, Finite | str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    branch: BranchOrigin | None = None
    events: tuple[dict[str, str], ...] = ()
    versions: dict[str, str] = field(default_factory=lambda: software_versions())
    command: tuple[str, ...] = ()
    synthetic: bool = True
    drivesim_manifest: int = MANIFEST_VERSION

    def to_json(self) -> str:
        """The manifest as indented JSON with a final newline, and a hash of itself."""
        return sealed_text(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: bytes | str, where: str) -> Manifest:
        """Read back what :meth:`to_json` wrote. Raises InputError when ``text`` is no manifest of this version."""
        try:
            values = parse_object(text)
            version = values.get("drivesim_manifest")
            if version != MANIFEST_VERSION:
                raise InputError(
                    f"{where} has manifest version {version!r}, this drivesim reads {MANIFEST_VERSION}. "
                    "Use the drivesim version that wrote it."
                )
            values = unsealed_values(values)
            unknown = sorted(set(values) - {one.name for one in dataclasses.fields(cls)})
            if unknown:
                raise JsonFault(f"unknown: {', '.join(unknown)}")
            # Once the road was told with the boxes, and turns had no part of the ego.
            values.setdefault("map", "withheld" if values.get("actors") == "free" else "told")
            if isinstance(turns := values.get("turns", []), list):
                values["turns"] = [[*turn, False][:3] if isinstance(turn, list) else turn for turn in turns]
            return fitted(_READER, values)
        except JsonFault as error:
            raise InputError(f"{where} is damaged or was edited since the run began ({error}).") from error

    def identity(self) -> dict[str, object]:
        """The part that a resumed run must share, by name; its thread counts it takes over from the stored manifest."""
        return {
            "scenario": self.scenario_id,
            "scenario sha256": self.scenario_sha256,
            "variation": self.variation,
            "seed": self.seed,
            "model": self.model,
            "weights sha256": self.weights_sha256,
            "steps": self.steps,
            "mode": self.mode,
            "size": f"{self.width}x{self.height}",
            "fps": self.fps,
            "frames": self.timeline.num_frames,
            "frames per chunk": self.timeline.chunk_frames,
            "chunks per segment": self.timeline.segment_chunks,
            "chunks per state": self.timeline.state_chunks,
            "actors": self.actors,
            "ego": self.ego,
            "map": self.map,
            "scenery": self.scenery,
            "noise": self.noise,
            "turns of the traffic": self.turns,
            "lossless": self.lossless,
            "PNG frames": self.png_frames,
            "device": self.device,
            "dtype": self.dtype,
            "start frame": self.start_source,
            "branch": None if self.branch is None else dataclasses.asdict(self.branch),
        }

    def stream_of(self, future: int) -> NoiseStream:
        """The node of the tree of seeds whose children are the chunks of ``future``."""
        return NoiseStream(self.stream_root, self.stream_key).child(0 if self.noise == "common" else future)

    @property
    def told_boxes(self) -> bool:
        """Whether the model is told the actors' boxes on every frame: those of one development, or each future of its own."""
        return self.actors != "free"

    @property
    def told_motion(self) -> bool:
        """Whether the model is told the ego's motion: one for all futures, or each its own."""
        return self.ego != "free"

    @property
    def begins_s(self) -> float:
        """What the scene's clock says at frame 0 of the videos: later than 0 in a branch."""
        return self.scene_frame / self.fps

    @property
    def develops_apart(self) -> bool:
        """Whether every future has a development of its own."""
        return "simulated" in (self.actors, self.ego)

    def require_same(self, wanted: Manifest, where: str) -> None:
        """Raise InputError naming every difference when ``wanted`` cannot continue this run."""
        require_same(
            "the run",
            self.identity(),
            wanted.identity(),
            refused=f"{where} cannot be resumed with other settings",
            advice="Repeat the command that started it with --resume, or start a new run with --out.",
        )


def require_maker(run: Path, manifest: Manifest, spec: WorldModelSpec, why: str) -> None:
    """Raise InputError, with the reason ``why`` it matters, for another model than the one that made a run, or another mode of it."""
    if manifest.weights_sha256 != spec.weights_sha256:
        raise InputError(
            f"{run} was made by model {manifest.model!r} ({manifest.weights_sha256[:12]}), this is {spec.name!r} "
            f"({spec.weights_sha256[:12]}). {why}; choose it with --model."
        )
    if manifest.mode != spec.mode:
        made, here = (f"in mode {mode}" if mode else "in the model's own mode" for mode in (manifest.mode, spec.mode))
        raise InputError(f"{run} was made {made}, this goes on {here}: {why}. Use the same --mode.")


#: Reads a manifest with the types of its fields; older files lack some of them, others stay as they are.
_READER = TypeAdapter(Manifest)


def software_versions() -> dict[str, str]:
    """Versions of everything that may change a pixel."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("drivesim", "torch", "diffusers", "numpy", "av"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
