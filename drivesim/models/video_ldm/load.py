"""A model folder of the Video LDM: model.json, and one diffusers folder per part, safetensors only.

``codec/``, ``image/`` and ``temporal/`` hold config.json and weights in shards of at most 15 MB.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.utils import logging
from torch import nn

from drivesim.controls import Control
from drivesim.errors import ModelError
from drivesim.models.hub import upload_model
from drivesim.models.latent import LatentWorldModel
from drivesim.models.saving import save_whole
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.config import FRAME_SIZE, VideoLDMConfig
from drivesim.models.video_ldm.format import FORMAT_VERSION, PARTS, check_parts, older_values, read_config
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.parts import ImageStartFrames, LayoutCodec, VideoDenoiser
from drivesim.models.video_ldm.temporal import TemporalLayers
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.world_model import WorldModelSpec

SHARD_SIZE = "14MB"


@dataclass(frozen=True, eq=False)
class VideoLDM:
    """The networks of one model, before they are given their roles."""

    codec: FrameCodec
    image: ImageUNet
    temporal: TemporalLayers


def save_networks(networks: VideoLDM, config: VideoLDMConfig, folder: Path) -> None:
    """Write copies of the networks in bfloat16 and their configuration; existing files of the same parts are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in dataclasses.fields(networks):
        # diffusers' own "to" warns about parts to be kept in float32, of which there are none.
        network = nn.Module.to(copy.deepcopy(getattr(networks, part.name)), "cpu", torch.bfloat16)
        network.save_pretrained(folder / part.name, safe_serialization=True, max_shard_size=SHARD_SIZE)
        forget_origin(folder / part.name / "config.json")
    data = {"family": "video_ldm", "version": FORMAT_VERSION, **dataclasses.asdict(config)}
    (folder / "model.json").write_text(json.dumps(data, indent=2))


def forget_origin(path: Path) -> None:
    """Take out of a config.json the folder that the network was loaded from, which is nobody else's business."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.pop("_name_or_path", None) is not None:
        path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_networks(folder: Path, dtype: torch.dtype) -> VideoLDM:
    """The networks of a checked model folder on the CPU, in eval mode; loading is strict."""
    logging.disable_progress_bar()  # a bar per part for half a second each only hides what the user is told
    options = {"torch_dtype": dtype, "use_safetensors": True, "low_cpu_mem_usage": False, "local_files_only": True}
    loaded = {
        name: network.from_pretrained(folder / name, **options, **older_values(folder, name))  # type: ignore[no-untyped-call]
        for name, network in PARTS.items()
    }
    for name, network in loaded.items():
        _require_finite(folder / name, network)
    return VideoLDM(**{name: network.eval().requires_grad_(False) for name, network in loaded.items()})


def _require_finite(folder: Path, network: torch.nn.Module) -> None:
    """Raise ModelError for weights that are not numbers: they would load without a word and make black video."""
    broken = [name for name, tensor in network.state_dict().items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise ModelError(
            f"{folder}: weights that are not numbers (NaN or infinite) in {broken[0]}{more}. Copy the model again, or go back to a "
            "checkpoint from before the training broke."
        )


@dataclass(frozen=True, eq=False)
class LoadedVideoLDM:
    """A model ready for use: the world model and the start-frame model over the same networks.

    ``card`` is the text of its model card (README.md), if it has one.
    """

    world_model: LatentWorldModel
    start_frame_model: ImageStartFrames
    networks: VideoLDM
    config: VideoLDMConfig
    device: str
    dtype: str
    card: str | None = None

    @property
    def steps(self) -> int:
        """Sampler steps of a rollout."""
        return self.config.rollout.sampler.steps

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as it is now into a folder: parts in bfloat16, model.json, model card, hashes.json.

        The folder appears whole or not at all; an older model in it is replaced. An unchanged model keeps its hash.
        Raises ModelError when something else is in the way or the disk is full.
        """

        def write(unfinished: Path) -> None:
            save_networks(self.networks, self.config, unfinished)
            if self.card is not None:
                (unfinished / "README.md").write_text(self.card, encoding="utf-8")

        save_whole(Path(folder), write)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str = "Upload drivesim model",
    ) -> str:
        """Upload the files of :meth:`save_pretrained` to a hub repository "owner/name"; returns the commit's address.

        The repository is made where it is missing, ``private`` or not; ``token`` defaults to the one logged in with.
        Raises ModelError without a network or without the right to write.
        """
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            self.save_pretrained(folder)
            return upload_model(folder, repo_id, private=private, token=token, commit_message=commit_message)


def assemble(
    networks: VideoLDM, config: VideoLDMConfig, weights_sha256: str, device: torch.device, card: str | None = None
) -> LoadedVideoLDM:
    """Give the networks their roles on a device."""
    codec = networks.codec.to(device, memory_format=torch.channels_last)
    image = networks.image.to(device, memory_format=torch.channels_last)
    temporal = networks.temporal.to(device, memory_format=torch.channels_last)
    frames = LayoutCodec(codec, device)
    spec = WorldModelSpec(
        name=config.name,
        height=FRAME_SIZE[0],
        width=FRAME_SIZE[1],
        fps=config.fps,
        context_frames=config.context_frames,
        chunk_frames=config.chunk_frames,
        controls=frozenset(Control) if image.config.scenery else frozenset(Control) - {Control.SCENERY},
        weights_sha256=weights_sha256,
    )
    world_model = LatentWorldModel(
        spec, frames, VideoDenoiser(VideoUNet(image, temporal).eval(), device), config.rollout
    )
    return LoadedVideoLDM(
        world_model=world_model,
        start_frame_model=ImageStartFrames(image, frames, config.start_frame),
        networks=VideoLDM(codec=codec, image=image, temporal=temporal),
        config=config,
        device=str(device),
        dtype=str(image.dtype).removeprefix("torch."),
        card=card,
    )


def load_folder(
    folder: Path, *, dtype: torch.dtype, device: torch.device, steps: int | None, sha256: str
) -> LoadedVideoLDM:
    """The model of a folder whose hashes were checked. Raises ModelError with every difference from this version."""
    config = read_config(folder)
    check_parts(folder, config)
    networks = load_networks(folder, dtype)
    if steps is not None:
        sampler = dataclasses.replace(config.rollout.sampler, steps=steps)
        config = dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, sampler=sampler))
    path = folder / "README.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else None
    return assemble(networks, config, sha256, device, card)


__all__ = ["LoadedVideoLDM", "VideoLDM", "VideoLDMConfig", "assemble", "load_folder", "load_networks", "save_networks"]
