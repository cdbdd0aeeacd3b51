"""What PVDM and LVDM have in common as families: the settings of a rollout, and a loaded model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_type_hints

import torch

from drivesim.controls import Control
from drivesim.models.clip_model import ClipCodec, ClipPredictor, ClipWorldModel
from drivesim.models.differences import read_object
from drivesim.models.family_files import AddedKeys, raise_if, read_settings, senseless
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


class ClipConfig(Protocol):
    """What model.json of such a family holds, at least; a dataclass."""

    @property
    def name(self) -> str: ...
    @property
    def fps(self) -> float: ...
    @property
    def start_frame_model(self) -> str: ...

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Any:
        """From the parsed model.json."""
        ...

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each further value with whether it can be used, and what can."""
        ...


def read_clip_config(folder: Path, kind: type[ClipConfig], version: int, added: AddedKeys) -> Any:
    """The configuration in model.json. Raises ModelError with every difference from what this version expects."""
    data = read_settings(folder, get_type_hints(kind), version=version, added=added, changed="its networks are others")
    config = kind.from_json(data)
    checks = [
        ("fps", config.fps, 0.0 < config.fps < float("inf"), "more than 0"),
        (
            "start_frame_model",
            config.start_frame_model,
            bool(config.start_frame_model),
            "the name or folder of a model",
        ),
        *config.checks(),
    ]
    raise_if(senseless(checks, folder / "model.json"), folder)
    return config


def require_fitting(folder: Path, part: str, wanted: dict[str, Any]) -> None:
    """Raise ModelError where a part's config.json does not say what follows from the autoencoder's."""
    path = folder / part / "config.json"
    has = read_object(path)
    raise_if(
        senseless(
            [(key, has[key], has[key] == value, f"{value}, the autoencoder's") for key, value in wanted.items()], path
        ),
        folder,
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


def assembled(
    family: str,
    version: int,
    networks: dict[str, Any],
    config: Any,
    predictor: ClipPredictor,
    *,
    weights_sha256: str,
    device: torch.device,
    card: str | None,
    frame_size: tuple[int, int],
) -> LoadedClipModel:
    """A model of networks that are on their device; all kinds of control are obeyed."""
    codec = ClipCodec(networks["autoencoder"], device, frame_size)
    spec = WorldModelSpec(
        name=config.name,
        height=frame_size[0],
        width=frame_size[1],
        fps=config.fps,
        context_frames=codec.clip_frames,
        chunk_frames=predictor.num_clips * codec.clip_frames,
        controls=frozenset(Control),
        weights_sha256=weights_sha256,
    )
    dtype = str(networks["denoiser"].dtype).removeprefix("torch.")
    return LoadedClipModel(
        family=family,
        version=version,
        world_model=ClipWorldModel(spec, codec, predictor),
        start_frame_model=BorrowedStartFrames(config.start_frame_model, str(device), dtype),
        networks=networks,
        config=config,
        device=str(device),
        dtype=dtype,
        card=card,
    )
