"""The tiny model as ``load_model`` would return it, and a scenario of its size."""

from __future__ import annotations

from dataclasses import dataclass, field

from tiny_model import TinyStartFrameModel, TinyWorldModel

SCENARIO_TEXT = """\
drivesim: 1
id: tiny-cut-in
video: {height: 64, width: 128, fps: 10, duration: 4 s}
vary:
  gap: {uniform: [20 m, 30 m]}
scene:
  environment: {time_of_day: "14:00"}
  road: {type: motorway, lanes: 3, ego_lane: 2}
  ego: {speed: 25 m/s}
  actors:
    - {id: challenger, class: car, lane: left, gap: $gap, speed: 24 m/s, look: red car}
    - {id: lead, class: truck, lane: ego, gap: 60 m, speed: 24 m/s, look: white truck}
events:
  - {id: cut_in, actor: challenger, action: {lane_change: {to: ego, over: 3 s}}, start: {time: 1 s}, within: 8 s, mode: select}
labels:
  crash: {collision: {actor: challenger}}
"""

#: The same with a development that is as long as the longest videos of it: shorter ones are then the beginning of those.
LONG_TEXT = SCENARIO_TEXT.replace("duration: 4 s", "duration: 8 s")


@dataclass(frozen=True, eq=False)
class TinyLoaded:
    """Both tiny models with what decides their pixels."""

    world_model: TinyWorldModel = field(default_factory=TinyWorldModel)
    start_frame_model: TinyStartFrameModel = field(default_factory=TinyStartFrameModel)
    device: str = "cpu"
    dtype: str = "float32"
    steps: int = 1
