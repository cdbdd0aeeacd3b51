"""What PVDM and LVDM have in common as families: the settings of a rollout, and a loaded model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drivesim.controls import Control
from drivesim.models.clip_model import FRAME_SIZE, ClipCodec, ClipPredictor, ClipWorldModel
from drivesim.models.family_files import senseless
from drivesim.models.kept_parts import Keepable, save_parts
from drivesim.models.start_frames import BorrowedStartFrames
from drivesim.world_model import WorldModelSpec


@dataclass(frozen=True, kw_only=True)
class ClipSampling:
    """How clips are drawn by DDIM: steps of the first clip and of later ones (PVDM's N and M), ``eta``, guidance.

    ``guidance`` weighs what the context says (classifier-free guidance); 0 asks the network once a step.
    """

    first_steps: int = 100
    later_steps: int = 20
    eta: float = 1.0
    guidance: float = 0.0

    def steps(self, first: bool) -> int:
        """Steps of a clip."""
        return self.first_steps if first else self.later_steps

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each value with whether it can be used, and what can."""
        return [
            ("sampling: first_steps", self.first_steps, self.first_steps >= 1, "1 or more"),
            ("sampling: later_steps", self.later_steps, self.later_steps >= 1, "1 or more"),
            ("sampling: eta", self.eta, 0.0 <= self.eta <= 1.0, "0 to 1"),
            ("sampling: guidance", self.guidance, self.guidance >= 0.0, "0 or more"),
        ]


def rate_and_name_checks(fps: float, start_frame_model: str, path: Path) -> list[str]:
    """Lines for a rate or a lender of start frames that cannot be."""
    return senseless(
        [
            ("fps", fps, 0.0 < fps < float("inf"), "more than 0"),
            ("start_frame_model", start_frame_model, bool(start_frame_model), "the name or folder of a model"),
        ],
        path,
    )


@dataclass(frozen=True, eq=False)
class LoadedClipModel(Keepable):
    """A model ready for use: a clip by clip world model, and the start frames of the model that it names.

    ``networks`` by the name of their part; ``config`` is the family's, a dataclass with ``sampling``.
    """

    family: str
    version: int
    world_model: ClipWorldModel
    start_frame_model: BorrowedStartFrames
    networks: dict[str, Any]
    config: Any
    device: str
    dtype: str
    card: str | None = None

    @property
    def steps(self) -> int:
        """Sampler steps of every clip but the first."""
        return int(self.config.sampling.later_steps)

    def write_parts(self, folder: Path) -> None:
        """Write networks and configuration into a folder."""
        save_parts(self.networks, settings_of(self.family, self.version, self.config), folder)


def settings_of(family: str, version: int, config: Any) -> dict[str, Any]:
    """What model.json holds."""
    return {"family": family, "version": version, **dataclasses.asdict(config)}


def with_steps(config: Any, steps: int | None) -> Any:
    """The configuration with another number of steps for every clip, where one is asked for."""
    if steps is None:
        return config
    return dataclasses.replace(
        config, sampling=dataclasses.replace(config.sampling, first_steps=steps, later_steps=steps)
    )


def clip_world_model(
    config: Any, codec: ClipCodec, predictor: ClipPredictor, context_frames: int, weights_sha256: str
) -> ClipWorldModel:
    """The world model of a family; all kinds of control are obeyed."""
    spec = WorldModelSpec(
        name=config.name,
        height=FRAME_SIZE[0],
        width=FRAME_SIZE[1],
        fps=config.fps,
        context_frames=context_frames,
        chunk_frames=predictor.num_clips * codec.clip_frames,
        controls=frozenset(Control),
        weights_sha256=weights_sha256,
    )
    return ClipWorldModel(spec, codec, predictor)


def dtype_name(dtype: torch.dtype) -> str:
    """ "bfloat16" and the like."""
    return str(dtype).removeprefix("torch.")
