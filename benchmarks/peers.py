"""One call of a public video model at its published size, with random weights, at 512 x 1024 on this machine.

python benchmarks/peers.py svd --frames 2

Speed and memory do not depend on the weights' values. One pass of the denoiser over a few frames and one decoding are
timed; ``run_all.py`` multiplies. The arithmetic is counted for the published number of frames without computing
anything (PyTorch's meta device), so what is left to extrapolate is seconds, by the counted arithmetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLLTXVideo,
    AutoencoderKLTemporalDecoder,
    LTXVideoTransformer3DModel,
    UNetMotionModel,
    UNetSpatioTemporalConditionModel,
)
from diffusers.utils import logging
from measuring import flop_of, report, seconds_of
from torch import Tensor, nn

HEIGHT, WIDTH = 512, 1024
#: The widths of the VAEs of Stable Diffusion 1.x and of Stable Video Diffusion; diffusers' defaults are toy sizes.
SD_VAE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4}
SD_BLOCKS = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "norm_num_groups": 32,
}

Made = Callable[[torch.device, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A public model: its networks, and how its published pipeline calls them.

    ``frames`` are made in one sampling of ``steps`` steps with ``passes`` network passes each (2 with classifier-free
    guidance). ``denoise`` runs one pass over so many frames, ``decode`` the decoder over so many.
    """

    title: str
    frames: int
    steps: int
    passes: int
    build: Callable[[], nn.Module]
    build_decoder: Callable[[], nn.Module]
    denoise: Callable[[nn.Module, int, torch.device], object]
    decode: Callable[[nn.Module, int, torch.device], object]


def _made(*shape: int, device: torch.device) -> Tensor:
    return torch.randn(shape, dtype=torch.float32).to(device, torch.bfloat16)


def _svd_denoise(network: Any, frames: int, device: torch.device) -> object:
    return network(
        _made(1, frames, 8, HEIGHT // 8, WIDTH // 8, device=device),
        torch.tensor([1.0], device=device, dtype=torch.bfloat16),
        _made(1, 1, 1024, device=device),
        _made(1, 3, device=device),
    )


def _svd_decode(decoder: Any, frames: int, device: torch.device) -> object:
    return decoder.decode(_made(frames, 4, HEIGHT // 8, WIDTH // 8, device=device), num_frames=frames)


def _animate_build() -> nn.Module:
    """Stable Diffusion 1.5's UNet with the motion modules of AnimateDiff v1.5.3."""
    return UNetMotionModel(cross_attention_dim=768, num_attention_heads=8, use_motion_mid_block=False)


def _animate_denoise(network: Any, frames: int, device: torch.device) -> object:
    return network(
        _made(1, 4, frames, HEIGHT // 8, WIDTH // 8, device=device),
        torch.tensor(1.0, device=device),
        _made(frames, 77, 768, device=device),
    )


def _animate_decode(decoder: Any, frames: int, device: torch.device) -> object:
    return [decoder.decode(_made(1, 4, HEIGHT // 8, WIDTH // 8, device=device)) for _ in range(frames)]


def _ltx_denoise(network: Any, frames: int, device: torch.device) -> object:
    latent_frames, rows, columns = 1 + (frames - 1) // 8, HEIGHT // 32, WIDTH // 32
    return network(
        _made(1, latent_frames * rows * columns, 128, device=device),
        _made(1, 128, 4096, device=device),
        torch.tensor([500.0], device=device),
        torch.ones(1, 128, device=device, dtype=torch.bfloat16),
        num_frames=latent_frames,
        height=rows,
        width=columns,
        rope_interpolation_scale=(8 / 25, 32, 32),
    )


def _ltx_decode(decoder: Any, frames: int, device: torch.device) -> object:
    return decoder.decode(_made(1, 128, 1 + (frames - 1) // 8, HEIGHT // 32, WIDTH // 32, device=device))


PEERS: dict[str, Peer] = {
    "svd": Peer(
        title="Stable Video Diffusion (14 frames, 25 steps, guidance)",
        frames=14,
        steps=25,
        passes=2,
        build=UNetSpatioTemporalConditionModel,
        build_decoder=lambda: AutoencoderKLTemporalDecoder(**SD_VAE, down_block_types=SD_BLOCKS["down_block_types"]),
        denoise=_svd_denoise,
        decode=_svd_decode,
    ),
    "animatediff": Peer(
        title="AnimateDiff on Stable Diffusion 1.5 (16 frames, 25 steps, guidance)",
        frames=16,
        steps=25,
        passes=2,
        build=_animate_build,
        build_decoder=lambda: AutoencoderKL(**SD_VAE, **SD_BLOCKS),
        denoise=_animate_denoise,
        decode=_animate_decode,
    ),
    "ltx": Peer(
        title="LTX-Video 2B (121 frames, 50 steps, guidance)",
        frames=121,
        steps=50,
        passes=2,
        build=LTXVideoTransformer3DModel,
        build_decoder=AutoencoderKLLTXVideo,
        denoise=_ltx_denoise,
        decode=_ltx_decode,
    ),
}


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network of shapes only, in bfloat16."""
    with torch.device("meta"):
        return nn.Module.to(build(), "meta", torch.bfloat16).eval().requires_grad_(False)


def with_random_weights(network: nn.Module) -> nn.Module:
    """The network on the CPU in bfloat16: weights of deviation 0.02, scales 1, shifts 0; one block of noise serves all."""
    network = network.to_empty(device="cpu")
    noise = (0.02 * torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))).to(torch.bfloat16)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if tensor.ndim < 2:
            tensor.fill_(float(name.endswith("weight")))
            continue
        flat = tensor.view(-1)
        for start in range(0, len(flat), len(noise)):
            flat[start : start + len(noise)] = noise[: len(flat) - start]
    return network


def measure(build: Callable[[], nn.Module], call: Callable, frames: int, published: int) -> dict[str, float]:
    """Seconds of one call over ``frames`` frames, its FLOP, and the FLOP of one call over ``published`` frames."""
    meta = torch.device("meta")
    network = on_meta(build)
    flop, published_flop = (flop_of(lambda count=count: call(network, count, meta)) for count in (frames, published))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    network = with_random_weights(network)
    seconds = seconds_of(lambda: call(network, frames, torch.device("cpu")), repeats=1, warm_ups=0)
    return {
        "frames": frames,
        "seconds": seconds,
        "gflop": flop / 1e9,
        "published_gflop": published_flop / 1e9,
        "parameters": parameters,
    }


def main() -> None:
    """Report one line of JSON; the network and the decoder are measured one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--part", choices=["denoiser", "decoder"], default="denoiser")
    parser.add_argument("--frames", type=int, help="frames of the timed call; by default the published number")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    peer = PEERS[arguments.peer]
    build, call = (peer.build, peer.denoise) if arguments.part == "denoiser" else (peer.build_decoder, peer.decode)
    with torch.inference_mode():
        report(measure(build, call, arguments.frames or peer.frames, peer.frames))


if __name__ == "__main__":
    main()
