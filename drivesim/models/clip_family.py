"""What PVDM and LVDM have in common as families: the settings of a rollout, and a loaded model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_type_hints

import torch

from drivesim.controls import Control
from drivesim.errors import InputError
from drivesim.models.clip_model import FRAME_SIZE, ClipCodec, ClipPredictor, ClipWorldModel
from drivesim.models.differences import read_object
from drivesim.models.enlarging import (
    UPSAMPLER,
    Enlarger,
    UpsamplingConfig,
    parts_of,
    upsampling_faults,
    upsampling_from,
)
from drivesim.models.family_files import (
    AddedKeys,
    Overrides,
    check_networks,
    older_keys,
    raise_if,
    read_settings,
    senseless,
    settings_of,
)
from drivesim.models.kept_network import KeptNetwork
from drivesim.models.kept_parts import Keepable, load_parts, read_card, save_parts
from drivesim.models.start_frames import BorrowedStartFrames
from drivesim.options import RolloutMode
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


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """What model.json holds beside the networks: rate, how to sample, and whose start frames a video begins with.

    ``upsampling`` says how an upsampler is asked; without one, or with None, there is no such key.
    """

    name: str
    fps: float = 10.0
    sampling: ClipSampling = ClipSampling()
    start_frame_model: str = "default"
    upsampling: UpsamplingConfig | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From the parsed model.json; unknown keys raise TypeError."""
        upsampling = upsampling_from(data["upsampling"])
        return cls(**{**data, "sampling": ClipSampling(**data["sampling"]), "upsampling": upsampling})

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each value with whether it can be used, and what can."""
        named = bool(self.start_frame_model)
        return [
            ("fps", self.fps, 0.0 < self.fps < float("inf"), "more than 0"),
            ("start_frame_model", self.start_frame_model, named, "the name or folder of a model"),
            *self.sampling.checks(),
            *(self.upsampling.checks() if self.upsampling else []),
        ]

    def with_mode(self, mode: RolloutMode | None) -> Self:
        """The same rolled out another way, where one is asked for. Raises InputError where the family has one way only."""
        if mode is None:
            return self
        raise InputError(
            f"mode {mode}: models of the family of {self.name!r} make clip after clip and know no other way. Leave --mode out."
        )

    def with_steps(self, steps: int | None) -> Self:
        """The same with another number of steps for every clip, where one is asked for."""
        if steps is None:
            return self
        sampling = dataclasses.replace(self.sampling, first_steps=steps, later_steps=steps)
        return dataclasses.replace(self, sampling=sampling)


@dataclass(frozen=True, eq=False)
class LoadedClipModel(Keepable):
    """A model ready for use: a clip by clip world model, and the start frames of the model that it names.

    ``networks`` by the name of their part; ``config`` is of the family's kind.
    """

    family: ClipFamily
    world_model: ClipWorldModel
    start_frame_model: BorrowedStartFrames
    networks: dict[str, Any]
    config: ClipConfig
    device: str
    dtype: str
    card: str | None = None

    @property
    def steps(self) -> int:
        """Sampler steps of every clip but the first."""
        return self.config.sampling.later_steps

    def write_parts(self, folder: Path) -> None:
        """Write networks and configuration into a folder."""
        save_parts(self.networks, settings_of(self.family.name, self.family.version, self.config), folder)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipFamily:
    """One family: its parts, its configuration, and what is its own.

    ``disagreements`` gives lines for values of the parts or of model.json that do not fit each other, of parts that are right
    by themselves. ``added`` see :data:`drivesim.models.family_files.AddedKeys`; ``renamed`` are values of model.json that were once another.
    """

    name: str
    version: int
    parts: dict[str, type[KeptNetwork]]
    config: type[ClipConfig]
    disagreements: Callable[[Path, Any], list[str]]
    predictor: Callable[[dict[str, Any], Any, torch.device], ClipPredictor]
    added: AddedKeys = field(default_factory=dict)
    renamed: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)

    def read_config(self, folder: Path) -> ClipConfig:
        """The configuration in model.json. Raises ModelError with every difference from what this version expects."""
        data = read_settings(
            folder,
            get_type_hints(self.config),
            version=self.version,
            added=self.added,
            renamed=self.renamed,
            changed="its layout has other planes",
        )
        config = self.config.from_json(data)
        raise_if(senseless(config.checks(), folder / "model.json"), folder)
        return config

    def new_settings(self, name: str) -> dict[str, Any]:
        """What model.json of a new model holds."""
        return settings_of(self.name, self.version, self.config(name=name))

    def check_files(self, folder: Path) -> None:
        """Look whether a folder's files fit this version, without loading weights. Raises ModelError with every difference."""
        config = self.read_config(folder)
        check_networks(folder, parts_of(folder, self.parts), self.added)
        raise_if([*self.disagreements(folder, config), *self._unfitting_upsampler(folder, config)], folder)

    def _unfitting_upsampler(self, folder: Path, config: ClipConfig) -> list[str]:
        frames = read_object(folder / "autoencoder" / "config.json")["num_frames"]
        return upsampling_faults(
            folder, config.upsampling, small=self.small_size(folder), shown=FRAME_SIZE, frames=frames
        )

    def small_size(self, folder: Path) -> tuple[int, int]:
        """Rows and columns of the frames before they are enlarged. Raises ModelError."""
        coder = read_object(folder / "autoencoder" / "config.json")
        return coder["height"], coder["width"]

    def video_of(self, folder: Path) -> tuple[int, int, float]:
        """Rows, columns and frames a second of what the model makes. Raises ModelError."""
        return *FRAME_SIZE, self.read_config(folder).fps

    def older_values(self, folder: Path, part: str) -> dict[str, Any]:
        """The keys that an older part's config.json lacks, with the values that their absence means."""
        return older_keys(folder, part, self.added)

    def load_folder(
        self, folder: Path, *, dtype: torch.dtype, device: torch.device, overrides: Overrides, sha256: str
    ) -> LoadedClipModel:
        """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version, InputError
        for another number of frames per call than its networks make, and for a mode that the family does not have.
        """
        self.check_files(folder)
        parts = parts_of(folder, self.parts)
        older = {name: self.older_values(folder, name) for name in parts}
        networks = load_parts(folder, parts, dtype, older)
        own = self.read_config(folder).with_steps(overrides.steps)
        config = own.with_mode(overrides.mode)
        other = None if config == own else overrides.mode
        model = self.assemble(networks, config, sha256, device, card=read_card(folder), mode=other)
        makes = model.world_model.spec.chunk_frames
        overrides.require_call_of(
            makes,
            f"A model of the family {self.name!r} makes whole clips, whose length is that of its networks; {config.name!r} makes "
            f"{makes} frames a call.",
        )
        return model

    def assemble(
        self,
        networks: dict[str, Any],
        config: ClipConfig,
        weights_sha256: str,
        device: torch.device,
        *,
        card: str | None = None,
        frame_size: tuple[int, int] = FRAME_SIZE,
        mode: RolloutMode | None = None,
    ) -> LoadedClipModel:
        """Give the networks, by the name of their part, their roles on a device; all kinds of control are obeyed.

        ``mode`` is what the configuration's is where the files say another.
        """
        placed = {name: network.to(device) for name, network in networks.items()}
        upsampler = placed.get(UPSAMPLER)
        enlarger = None if upsampler is None else Enlarger(upsampler, config.upsampling, device, frame_size)
        codec = ClipCodec(placed["autoencoder"], device, frame_size, enlarger)
        predictor = self.predictor(placed, config, device)
        spec = WorldModelSpec(
            name=config.name,
            height=frame_size[0],
            width=frame_size[1],
            fps=config.fps,
            context_frames=codec.clip_frames,
            chunk_frames=predictor.num_clips * codec.clip_frames,
            controls=frozenset(Control),
            weights_sha256=weights_sha256,
            mode=mode,
        )
        dtype = str(placed["denoiser"].dtype).removeprefix("torch.")
        return LoadedClipModel(
            family=self,
            world_model=ClipWorldModel(spec, codec, predictor),
            start_frame_model=BorrowedStartFrames(config.start_frame_model, str(device), dtype),
            networks=placed,
            config=config,
            device=str(device),
            dtype=dtype,
            card=card,
        )


def unfitting(folder: Path, part: str, wanted: dict[str, Any]) -> list[str]:
    """Lines for what a part's config.json says otherwise than what follows from the autoencoder's."""
    path = folder / part / "config.json"
    has = read_object(path)
    checks = [(key, has[key], has[key] == value, f"{value}, the autoencoder's") for key, value in wanted.items()]
    return senseless(checks, path)
