"""Where what stands still was in an earlier frame: the newest context frame, moved as the told ego motion moves it.

A layer that looks at one place over time cannot carry what crosses the picture. Ego motion is told, and so is how far
scenery stands; the road is flat. That places every cell of a new frame in the context frame, except what moves by itself.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.controls import INVERSE_DEPTH_M, LAYOUT_SIZE, SCENERY_CHANNELS
from drivesim.models.conditioning_inputs import MOTION_SCALE, ControlTensors
from drivesim.scene import NUSCENES_FRONT

#: A cell shows scenery where that much of it does.
_SCENERY_SHARE = 0.5

#: Least depth, in units of the point's own, at which a moved point is still in front of the camera.
_IN_FRONT = 0.1

_INVERSE_DEPTH = SCENERY_CHANNELS.index("inverse_depth")


def moved(newest: Tensor, controls: ControlTensors, num_context: int, stride: int = 1) -> Tensor:
    """The newest context latents (B, C, h, w) as each frame behind them would show them: (B, T, C, h, w), float32.

    ``controls`` holds B*T frames, the first ``num_context`` of each clip being context. Cells that were out of view are zero, and so
    are all frames up to the newest context frame. ``stride`` is how many times the told motion lies between neighbours. Where ego motion is withheld nothing moves. Actors count as ground, and
    the camera is that of the training data, whose mount differs a little from scene to scene.
    """
    batch, _, height, width = newest.shape
    frames = len(controls.motion) // batch
    inverse = _inverse_depth(controls, height, width).reshape(batch, frames, height, width)
    steps = (controls.motion.float() * MOTION_SCALE.to(newest.device)).reshape(batch, frames, -1)
    newest = newest.float().contiguous()
    result = newest.new_zeros(batch, frames, *newest.shape[1:])
    place, heading = steps.new_zeros(batch, 2), steps.new_zeros(batch)
    for frame in range(num_context, frames):
        forward, left, turn = (stride * steps[:, frame, :3]).unbind(1)
        cos, sin = torch.cos(heading), torch.sin(heading)
        place = place + torch.stack([cos * forward - sin * left, sin * forward + cos * left], dim=1)
        heading = heading + turn
        at = _places(inverse[:, frame], place, heading)
        result[:, frame] = F.grid_sample(newest, at, padding_mode="zeros", align_corners=False)
    return result


def _inverse_depth(controls: ControlTensors, height: int, width: int) -> Tensor:
    """One over the depth in metres of every cell (N, h, w): of scenery where it is told, else of a flat road, 0 for the sky."""
    camera = NUSCENES_FRONT.resized(width, height)
    rows = torch.arange(height, device=controls.motion.device) + 0.5
    ground = ((rows - camera.cy) / (camera.fy * camera.mount.z)).clamp_min(0.0)
    plane = controls.scenery[:, _INVERSE_DEPTH].float()
    sums, shown = F.avg_pool2d(torch.stack([plane, (plane > 0.0).float()], dim=1), LAYOUT_SIZE[0] // height).unbind(1)
    return torch.where(shown >= _SCENERY_SHARE, sums / shown.clamp_min(1e-3) / INVERSE_DEPTH_M, ground[:, None])


def _places(inverse: Tensor, place: Tensor, heading: Tensor) -> Tensor:
    """Where the cells' points (B, h, w) of an ego at ``place`` (B, 2) metres ahead and to the left, turned by ``heading`` (B,) radians,
    were when it stood at the origin: (B, h, w, 2) in [-1, 1], far outside where they were not in front.
    """
    height, width = inverse.shape[-2:]
    camera = NUSCENES_FRONT.resized(width, height)
    columns = torch.arange(width, device=inverse.device) + 0.5
    rows = (torch.arange(height, device=inverse.device) + 0.5)[:, None]
    # All lengths are in units of the point's depth, so that the sky may lie at infinity.
    ahead = 1.0 + inverse * camera.mount.x
    aside = (camera.cx - columns) / camera.fx + torch.zeros_like(inverse)
    cos, sin = torch.cos(heading)[:, None, None], torch.sin(heading)[:, None, None]
    then_ahead = cos * ahead - sin * aside + inverse * (place[:, 0, None, None] - camera.mount.x)
    then_aside = sin * ahead + cos * aside + inverse * place[:, 1, None, None]
    in_front = then_ahead > _IN_FRONT
    depth = then_ahead.clamp_min(_IN_FRONT)
    x = camera.cx - camera.fx * then_aside / depth
    y = camera.cy + (rows - camera.cy) / depth
    at = torch.stack([2.0 * x / width - 1.0, 2.0 * y / height - 1.0], dim=-1)
    return torch.where(in_front[..., None], at, 10.0)
