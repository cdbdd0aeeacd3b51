"""The Video LDM's networks behind the contracts of a latent world model: codec, denoiser, start frames."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.controls import LAYOUT_SIZE, RASTER_CHANNELS, Control, Controls
from drivesim.diffusion.edm import Preconditioning
from drivesim.diffusion.sampler import Denoise, SamplerConfig, guided, sample
from drivesim.models.carry import carried
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.decoder import Drawing
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.known import KnownFrames, strided_motion
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.noise import NoiseStream


class LayoutCodec:
    """A frame codec that encodes half-size frames and decodes to the output size, told the layout."""

    def __init__(self, codec: FrameCodec, device: torch.device) -> None:
        self.codec = codec
        self.device = device

    @torch.inference_mode()
    def encode(self, frames: Tensor) -> Tensor:
        """Frames (T, 3, H, W) at the output size to latents (T, C, H/32, W/32) on the CPU."""
        small = F.avg_pool2d(frames.to(self.device), 2)
        return self.codec.encode(small).cpu()

    @torch.inference_mode()
    def draw(self, latents: Tensor, controls: Controls) -> list[Drawing]:
        """Latents and the controls of their frames to the frames' drawings, one each, on the codec's device."""
        drawings = []
        for index, row in enumerate(latents):
            told = layout_of(controls.window(index, index + 1))
            told = None if told is None else told.to(self.device, self.codec.dtype)
            drawings.append(self.codec.drawing(row[None].to(self.device), told))
        return drawings

    @torch.inference_mode()
    def finish(self, drawn: list[Drawing], controls: Controls, previous: Tensor | None = None) -> Tensor:
        """Drawings to frames (T, 3, H, W).

        Where the flow is told, every frame carries on the one before, beginning with ``previous`` (3, H, W).
        """
        frames: list[Tensor] = []
        shown = None if previous is None else previous[None].to(self.device)
        for index, drawing in enumerate(drawn):
            past = None
            if controls.flow is not None and shown is not None:
                past = carried(shown, torch.from_numpy(controls.flow[index : index + 1]).to(self.device))
            shown = self.codec.finished(drawing, past)
            frames.append(shown)
        return torch.cat(frames).cpu()

    def decode(self, latents: Tensor, controls: Controls, previous: Tensor | None = None) -> Tensor:
        """Latents and the controls of their frames to frames (T, 3, H, W): :meth:`finish` of :meth:`draw`."""
        return self.finish(self.draw(latents, controls), controls, previous)


@dataclass(frozen=True, eq=False)
class PreparedControls:
    """What the video network is told in one call: the controls, and the layout already read."""

    controls: ControlTensors
    layout_features: Tensor


class VideoDenoiser:
    """The video network as a denoiser of one clip at a time, of frames ``stride`` apart; latents stay float32 outside of the network."""

    def __init__(self, network: VideoUNet, device: torch.device, stride: int = 1) -> None:
        self.network = network
        self.device = device
        self.stride = stride

    def at(self, stride: int) -> VideoDenoiser:
        """The same network for frames another time apart."""
        return VideoDenoiser(self.network, self.device, stride)

    def prepare(self, context: Controls, new: Controls) -> PreparedControls:
        """Controls as tensors on the network's device and in its dtype."""
        joined = ControlTensors.from_controls(context).followed_by(ControlTensors.from_controls(new))
        controls = joined.to(self.device, self.network.image.dtype)
        return PreparedControls(controls, self.network.image.read_layout(controls))

    def without_context(self, prepared: PreparedControls, num_context: int) -> PreparedControls:
        """What was prepared, for the new frames alone."""
        return PreparedControls(prepared.controls.since(num_context), prepared.layout_features[num_context:])

    def denoise(self, noisy: Tensor, sigma: Tensor, num_context: int, prepared: PreparedControls) -> Tensor:
        """Estimate of the clean latents (T, C, h, w) on the CPU."""
        return self.denoise_clips(noisy[None], sigma[None], KnownFrames(num_context, stride=self.stride), prepared)[0]

    def intervals(self, prepared: PreparedControls, new: Controls, stride: int, ratio: int) -> PreparedControls:
        """What was prepared of a frame and the ``new`` ones behind it, for all clips of ``ratio`` + 1 frames ``stride`` apart, end to end.

        Motion is told from frame to frame of a clip, a frame of the video; of a clip's first frame none is, as it lies before.
        """
        count = new.num_frames // (stride * ratio)
        inside = torch.arange(ratio + 1)
        places = (stride * (ratio * torch.arange(count)[:, None] + inside)).flatten()
        controls = prepared.controls.at(places)
        if new.motion is not None:
            told = strided_motion(new.motion, (places - 1).clamp_min(0).tolist(), stride)
            begun = inside.repeat(count) > 0
            motion = ControlTensors.assemble(len(places), {"motion": told}, {"motion": begun.float()})
            given = {name: getattr(motion, name).to(controls.motion) for name in ("motion", "motion_given")}
            controls = dataclasses.replace(controls, **given)
        return PreparedControls(controls, prepared.layout_features[places.to(self.device)])

    def denoise_clips(self, noisy: Tensor, sigma: Tensor, known: KnownFrames, prepared: PreparedControls) -> Tensor:
        """Estimate of the clean latents (B, T, C, h, w) of clips of which some frames are ``known``, on the CPU."""
        clips, levels = noisy.to(self.device), sigma.to(self.device)
        return self.network.denoised(clips, levels, known, prepared.controls, prepared.layout_features).cpu()


@dataclass(frozen=True, kw_only=True)
class StartFrameConfig:
    """How start frames are drawn: more and higher noise levels than a rollout, and guidance on the layout."""

    sampler: SamplerConfig = SamplerConfig(steps=18, sigma_max=80.0)
    guidance: float = 1.5
    guidance_low: float = 0.3
    guidance_high: float = 5.0


class ImageStartFrames:
    """The box-conditioned image LDM as a :class:`drivesim.world_model.StartFrameModel`."""

    def __init__(self, network: ImageUNet, codec: LayoutCodec, config: StartFrameConfig) -> None:
        self.network = network
        self.codec = codec
        self.config = config

    @torch.inference_mode()
    def sample(self, controls: Controls, noise: NoiseStream) -> Tensor:
        """One frame (1, 3, H, W) for the controls of one frame; layout, scenery and attributes may be withheld."""
        if controls.num_frames != 1:
            raise ValueError(f"a start frame takes the controls of one frame, got {controls.num_frames}")
        told = self._denoiser(controls)
        if controls.given() & set(RASTER_CHANNELS) and self.config.guidance != 1.0:
            untold = self._denoiser(controls.without(*RASTER_CHANNELS))
            told = guided(told, untold, self.config.guidance, self.config.guidance_low, self.config.guidance_high)
        config: Any = self.network.config
        channels, size = config.latent_channels, latent_size()
        latents = sample(told, noise.normal(1, channels, *size), self.config.sampler)
        return self.codec.decode(latents, controls)

    def _denoiser(self, controls: Controls) -> Denoise:
        device = self.codec.device
        told = ControlTensors.from_controls(controls.without(Control.MOTION)).to(device, self.network.dtype)
        denoise = image_denoiser(self.network, told)
        return lambda noisy, sigma: denoise(noisy.to(device), sigma.to(device)).cpu()


def image_denoiser(network: ImageUNet, told: ControlTensors) -> Denoise:
    """The image network as a denoiser of latents on its device, float32, told the same at every noise level."""
    preconditioning = Preconditioning()
    call: Any = network  # diffusers does not say that its modules can be called

    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        scaled = (noisy * preconditioning.input_scale(sigma)).to(network.dtype)
        raw: Tensor = call(scaled, preconditioning.noise_condition(sigma), told)
        return preconditioning.denoised(noisy, raw.float(), sigma)

    return denoise


def layout_of(controls: Controls) -> ControlTensors | None:
    """The rasters of ``controls`` alone, or None where none is told."""
    rasters = controls.without(*(kind for kind in Control if kind not in RASTER_CHANNELS))
    return ControlTensors.from_controls(rasters) if rasters.given() else None


def latent_size() -> tuple[int, int]:
    """Height and width of the latents, which the rasters of the layout fix: an eighth of theirs."""

    return LAYOUT_SIZE[0] // 8, LAYOUT_SIZE[1] // 8
