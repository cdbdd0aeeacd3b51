"""Five steps of a small codec, its parameters sharded over ranks or whole."""

from __future__ import annotations

import torch
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.training.optimizer import MasterAdamW


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def trained(*, mesh: DeviceMesh | None) -> dict[str, torch.Tensor]:
    """The parameters and their averages after the steps, gathered whole; sharded over ``mesh``, or whole all along."""
    torch.manual_seed(0)
    codec = FrameCodec(widths=(8, 8, 8, 8), encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 1, 1, 1))
    for layer in codec.decoder.beyond_small():
        layer.requires_grad_(False)
    if mesh is not None:
        fully_shard(codec.encoder, mesh=mesh)
        fully_shard(codec.decoder, mesh=mesh)
    parameters = {name: parameter for name, parameter in codec.named_parameters() if parameter.requires_grad}
    optimizer = MasterAdamW(parameters.values(), lr=1e-2, average_decay=0.9)
    for step in range(5):
        frames = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        codec.draw(codec.read(frames)).sub(frames).square().mean().backward()
        optimizer.step()
    parameters = {name: parameter for name, parameter in codec.named_parameters() if parameter.requires_grad}
    tensors = {name: _whole(parameter.detach()) for name, parameter in parameters.items()}
    averages = {f"average.{name}": _whole(optimizer.state[one]["average"]) for name, one in parameters.items()}
    return tensors | averages
