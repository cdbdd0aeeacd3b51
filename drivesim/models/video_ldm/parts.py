"""The Video LDM's networks behind the contracts of a latent world model: codec with upsampler, denoiser, start frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.controls import LAYOUT_SIZE, Control, Controls
from drivesim.diffusion.edm import Preconditioning
from drivesim.diffusion.sampler import Denoise, SamplerConfig, guided, sample
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.image_unet import ImageUNet
from drivesim.models.video_ldm.upsampler import Upsampler
from drivesim.models.video_ldm.video_unet import VideoUNet
from drivesim.noise import NoiseStream


class UpsampledCodec:
    """A frame codec at half the output size with the x2 upsampler behind its decoder."""

    def __init__(self, codec: FrameCodec, upsampler: Upsampler, device: torch.device) -> None:
        self.codec = codec
        self.upsampler = upsampler
        self.device = device

    @torch.inference_mode()
    def encode(self, frames: Tensor) -> Tensor:
        """Frames (T, 3, H, W) at the output size to latents (T, C, H/32, W/32) on the CPU."""
        small = F.avg_pool2d(frames.to(self.device), 2)
        return self.codec.encode(small).cpu()

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents to frames (T, 3, H, W), frame by frame: the working set then stays in the processor's cache."""
        frames = [self.upsampler(self.codec.decode(row[None].to(self.device))) for row in latents]
        return torch.cat(frames).clamp(-1.0, 1.0).cpu()


@dataclass(frozen=True, eq=False)
class PreparedControls:
    """What the video network is told in one call: the controls, and the layout already read."""

    controls: ControlTensors
    layout_features: Tensor


class VideoDenoiser:
    """The video network as a denoiser of one clip at a time; latents stay float32 outside of the network."""

    def __init__(self, network: VideoUNet, device: torch.device) -> None:
        self.network = network
        self.device = device

    def prepare(self, context: Controls, new: Controls) -> PreparedControls:
        """Controls as tensors on the network's device and in its dtype."""
        joined = ControlTensors.from_controls(context).followed_by(ControlTensors.from_controls(new))
        controls = joined.to(self.device, self.network.image.dtype)
        return PreparedControls(controls, self.network.image.read_layout(controls))

    def denoise(self, noisy: Tensor, sigma: Tensor, num_context: int, prepared: PreparedControls) -> Tensor:
        """Estimate of the clean latents (T, C, h, w) on the CPU."""
        clip, levels = noisy[None].to(self.device), sigma[None].to(self.device)
        return self.network.denoised(clip, levels, num_context, prepared.controls, prepared.layout_features)[0].cpu()


@dataclass(frozen=True, kw_only=True)
class StartFrameConfig:
    """How start frames are drawn: more and higher noise levels than a rollout, and guidance on the layout."""

    sampler: SamplerConfig = SamplerConfig(steps=18, sigma_max=80.0)
    guidance: float = 1.5
    guidance_low: float = 0.3
    guidance_high: float = 5.0


class ImageStartFrames:
    """The box-conditioned image LDM as a :class:`drivesim.world_model.StartFrameModel`."""

    def __init__(self, network: ImageUNet, codec: UpsampledCodec, config: StartFrameConfig) -> None:
        self.network = network
        self.codec = codec
        self.config = config
        self.preconditioning = Preconditioning()

    @torch.inference_mode()
    def sample(self, controls: Controls, noise: NoiseStream) -> Tensor:
        """One frame (1, 3, H, W) for the controls of one frame; layout, scenery and attributes may be withheld."""
        if controls.num_frames != 1:
            raise ValueError(f"a start frame takes the controls of one frame, got {controls.num_frames}")
        told = self._denoiser(controls)
        if Control.LAYOUT in controls.given() and self.config.guidance != 1.0:
            untold = self._denoiser(controls.without(Control.LAYOUT, Control.SCENERY))
            told = guided(told, untold, self.config.guidance, self.config.guidance_low, self.config.guidance_high)
        size = latent_size()
        latents = sample(told, noise.normal(1, self.network.config.latent_channels, *size), self.config.sampler)
        return self.codec.decode(latents)

    def _denoiser(self, controls: Controls) -> Denoise:
        device, dtype = self.codec.device, self.network.dtype
        tensors = ControlTensors.from_controls(controls.without(Control.MOTION)).to(device, dtype)

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            noisy, sigma = noisy.to(device), sigma.to(device)
            scaled = (noisy * self.preconditioning.input_scale(sigma)).to(dtype)
            raw = self.network(scaled, self.preconditioning.noise_condition(sigma), tensors)
            return self.preconditioning.denoised(noisy, raw.float(), sigma).cpu()

        return denoise


def latent_size() -> tuple[int, int]:
    """Height and width of the latents, which the layout raster fixes: a quarter of it."""

    return LAYOUT_SIZE[0] // 4, LAYOUT_SIZE[1] // 4
