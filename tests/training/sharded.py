"""Run by torchrun, one process a rank: five steps of a small codec, its parameters sharded over the ranks or not.

KIND (sharded | whole) RECORD: rank 0 writes the parameters and their averages after the steps as safetensors.
"""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.training.optimizer import MasterAdamW


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def main(kind: str, record: str) -> None:
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    codec = FrameCodec(widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 1, 1, 1))
    for layer in codec.decoder.beyond_small():
        layer.requires_grad_(False)
    if kind == "sharded":
        mesh = init_device_mesh("cpu", (dist.get_world_size(),))
        fully_shard(codec.encoder, mesh=mesh)
        fully_shard(codec.decoder, mesh=mesh)
    trained = {name: parameter for name, parameter in codec.named_parameters() if parameter.requires_grad}
    optimizer = MasterAdamW(trained.values(), lr=1e-2, average_decay=0.9)
    for step in range(5):
        frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        codec.draw(codec.read(frames)).sub(frames).square().mean().backward()
        optimizer.step()
    trained = {name: parameter for name, parameter in codec.named_parameters() if parameter.requires_grad}
    tensors = {name: _whole(parameter.detach()) for name, parameter in trained.items()}
    tensors |= {f"average.{name}": _whole(optimizer.state[parameter]["average"]) for name, parameter in trained.items()}
    if dist.get_rank() == 0:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, record)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
