"""The chain of stages that made the default model: pack, codec, decoder, upsampler, image, video, export.

Each stage keeps its checkpoints in ``work``/<stage>, continues when it is called again, and spends a budget of wall
time. The chain is what ``drivesim train`` runs.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.load import file_hashes
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.load import VideoLDM, VideoLDMConfig, save_networks
from drivesim.models.video_ldm.upsampler import Upsampler
from drivesim.models.video_ldm.video_unet import VideoUNet, temporal_layers_for
from drivesim.training.codec_stage import CodecBatches, CodecStage, DecoderStage
from drivesim.training.image_stage import ImageBatches, ImageStage
from drivesim.training.latents import LatentClips, load_latents, measure_statistics
from drivesim.training.stage import Stage, train_stage
from drivesim.training.upsampler_stage import UpsamplerBatches, UpsamplerStage
from drivesim.training.video_stage import VideoBatches, VideoStage


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Folders of one training: ``data`` the packed clips, ``work`` the checkpoints of all stages."""

    data: Path
    work: Path
    dtype: torch.dtype = torch.bfloat16

    def train_codec(self, minutes: float) -> None:
        """The autoencoder on packed frames and dead leaves."""
        codec = self._fresh(FrameCodec)
        stage = CodecStage(codec, budget_s=60.0 * minutes)
        train_stage(stage, CodecBatches(ClipStore(self.data)), self.work / "codec")

    def train_decoder(self, minutes: float) -> None:
        """More of the decoder behind the finished encoder; latents, and so the diffusion stages, stay valid."""
        codec = self._fresh(FrameCodec)
        load_average(codec, self.work / "codec" / "last.ckpt")
        codec.encoder.requires_grad_(False)
        stage = DecoderStage(codec, budget_s=60.0 * minutes)
        train_stage(stage, CodecBatches(ClipStore(self.data)), self.work / "decoder")

    def train_upsampler(self, minutes: float) -> None:
        """The x2 upsampler on decoded frames."""
        stage = UpsamplerStage(self._fresh(Upsampler), budget_s=60.0 * minutes)
        train_stage(stage, UpsamplerBatches(self.codec(), ClipStore(self.data)), self.work / "upsampler")

    def train_image(self, minutes: float) -> None:
        """The box-conditioned image LDM on latents."""
        stage = ImageStage(self._fresh(ImageUNet), budget_s=60.0 * minutes)
        train_stage(stage, ImageBatches(self.latents()), self.work / "image")

    def train_video(self, minutes: float) -> None:
        """The temporal layers behind the frozen image LDM."""
        image = self.image()
        network = VideoUNet(image, temporal_layers_for(image)).to(self.dtype).to(memory_format=torch.channels_last)
        stage = VideoStage(network, budget_s=60.0 * minutes)
        train_stage(stage, VideoBatches(self.latents()), self.work / "video")

    def codec(self) -> FrameCodec:
        """The trained codec (averaged weights) with its latent statistics, measured once."""
        codec = self._fresh(FrameCodec)
        load_average(codec, self.work / "codec" / "last.ckpt")
        if (self.work / "decoder" / "last.ckpt").exists():
            codec.encoder.requires_grad_(False)
            load_average(codec, self.work / "decoder" / "last.ckpt")
        statistics = self.work / "codec" / "statistics.json"
        if not statistics.exists():
            measure_statistics(codec, ClipStore(self.data))
            text = json.dumps({"mean": codec.config.latent_mean, "std": codec.config.latent_std})
            statistics.write_text(text)
        stored = json.loads(statistics.read_text())
        codec.set_statistics(torch.tensor(stored["mean"]), torch.tensor(stored["std"]))
        return codec.eval().requires_grad_(False)

    def image(self) -> ImageUNet:
        """The trained image LDM (averaged weights)."""
        image = self._fresh(ImageUNet)
        load_average(image, self.work / "image" / "last.ckpt")
        return image

    def latents(self) -> LatentClips:
        """Latents of all packed clips under the trained codec."""
        return load_latents(self.codec(), ClipStore(self.data), self.work / "latents.npy")

    def export(self, folder: Path, config: VideoLDMConfig) -> None:
        """Write a loadable model folder with hashes; parts that are not trained yet start from their initial weights."""
        image = self.image() if (self.work / "image" / "last.ckpt").exists() else self._fresh(ImageUNet)
        temporal = temporal_layers_for(image)
        if (self.work / "video" / "last.ckpt").exists():
            network = VideoUNet(image.requires_grad_(False), temporal)  # only the trained weights have an average
            load_average(network, self.work / "video" / "last.ckpt")
        upsampler = self._fresh(Upsampler)
        if (self.work / "upsampler" / "last.ckpt").exists():
            load_average(upsampler, self.work / "upsampler" / "last.ckpt")
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        save_networks(VideoLDM(self.codec(), upsampler, image, temporal), config, unfinished)
        write_hashes(unfinished)
        if (folder / "README.md").exists():
            shutil.copy2(folder / "README.md", unfinished / "README.md")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unfinished, folder)

    def _fresh(self, network: type[nn.Module]) -> nn.Module:
        torch.manual_seed(0)
        return network().to(self.dtype).to(memory_format=torch.channels_last)


def load_average(network: nn.Module, checkpoint: Path) -> None:
    """Set the averaged weights of a stage's checkpoint into its network. Raises InputError when there is none."""
    if not checkpoint.exists():
        raise InputError(f"{checkpoint}: no checkpoint; train the stage '{checkpoint.parent.name}' first")
    # Our own checkpoint from our own disk: Lightning writes optimiser state that only a pickle can hold.
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["state_dict"]
    trainable = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    with torch.no_grad():
        for index, (_, parameter) in enumerate(trainable):
            parameter.copy_(state[f"masters.average.{index}"])


def write_hashes(folder: Path) -> None:
    """Write hashes.json, which loading checks; make all files readable, as safetensors are written for their owner only."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "hashes.json").write_text(json.dumps(file_hashes(folder), indent=2))


__all__ = ["Chain", "Stage", "load_average", "write_hashes"]
