"""Tiny judges, and a tiny world model whose frames they can look at, with scenarios of its size."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from tiny_model import HEIGHT as SMALL_HEIGHT
from tiny_model import WIDTH as SMALL_WIDTH
from tiny_model import TinyStartFrameModel, TinyWorldModel
from torch.nn import functional as F

from drivesim.controls import Controls
from drivesim.judges.features import FeatureNetwork
from drivesim.judges.load import Judges, load_judges
from drivesim.judges.probe import ProbeNetwork
from drivesim.models.hashes import write_hashes
from drivesim.noise import NoiseStream

HEIGHT, WIDTH = 256, 512

JUDGED_SCENARIO = """\
drivesim: 1
id: judged-cut-in
video: {height: 256, width: 512, fps: 10, duration: 4 s}
scene:
  road: {type: motorway, lanes: 3, ego_lane: 2}
  ego: {speed: 25 m/s}
  traffic: {density: none}
  actors:
    - {id: challenger, class: car, lane: left, gap: 20 m, speed: 24 m/s, look: red car}
    - {id: lead, class: truck, lane: ego, gap: 30 m, speed: 24 m/s, look: white truck}
events:
  - {id: cut_in, actor: challenger, action: {lane_change: {to: ego, over: 2 s}}, start: {time: 0 s}, mode: select}
labels:
  crash: {collision: {actor: challenger}}
"""


class TinyCodec:
    """Averages 8 x 8 pixels and enlarges them again."""

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(frames, 8)

    def decode(self, latents: torch.Tensor, controls: Controls) -> torch.Tensor:
        return F.interpolate(latents, scale_factor=8, mode="bilinear")


class JudgedWorldModel(TinyWorldModel):
    """The tiny world model, its frames enlarged to what judges see."""

    def __init__(self, *, codec: bool = True) -> None:
        super().__init__()
        self.spec = replace(self.spec, name="judged", height=HEIGHT, width=WIDTH)
        if codec:
            self.codec = TinyCodec()

    def decode(self, chunk: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        small = F.interpolate(previous[None], size=(SMALL_HEIGHT, SMALL_WIDTH), mode="area")[0]
        return F.interpolate(super().decode(chunk, small), size=(HEIGHT, WIDTH))


class JudgedStartFrames(TinyStartFrameModel):
    """The tiny start frames, enlarged alike."""

    def sample(self, controls: Controls, noise: NoiseStream) -> torch.Tensor:
        return F.interpolate(super().sample(controls, noise), size=(HEIGHT, WIDTH))


@dataclass(frozen=True, eq=False)
class JudgedLoaded:
    """Both as ``load_model`` would return them."""

    world_model: JudgedWorldModel = field(default_factory=JudgedWorldModel)
    start_frame_model: JudgedStartFrames = field(default_factory=JudgedStartFrames)
    device: str = "cpu"
    dtype: str = "float32"
    steps: int = 1


def write_judges(folder: Path) -> Path:
    """Untrained judges as they are shipped: two diffusers folders and hashes.json. Returns the folder."""
    torch.manual_seed(0)
    probe = ProbeNetwork(widths=(8, 8, 8, 8), num_blocks=(1, 1, 1, 1), features=8, motion_widths=(4, 4))
    probe.save_pretrained(folder / "probe", safe_serialization=True)
    FeatureNetwork(widths=(4, 4, 4, 4)).save_pretrained(folder / "features", safe_serialization=True)
    write_hashes(folder)
    return folder


def tiny_judges(folder: Path) -> Judges:
    """The same, loaded in float32."""
    return load_judges(write_judges(folder), torch.float32)


def silent(what: str, share: float) -> None:
    """A listener that says nothing."""
