"""The one verdict on the shape of a video: what a scenario asks for against what a model makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesim.scenarios.checks.messages import Finding

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario


@dataclass(frozen=True, kw_only=True)
class VideoForm:
    """The video that the model ``name`` makes: rows, columns, frames a second."""

    name: str
    height: int
    width: int
    fps: float


#: What the shipped model makes; a test holds it against the model itself.
SHIPPED = VideoForm(name="default", height=512, width=1024, fps=10.0)


def video_finding(scenario: Scenario, made: VideoForm) -> Finding | None:
    """What is wrong with a scenario's video for a model, or None: said by 'check' and, before anything is made, by 'rollout'."""
    video = scenario.video_settings
    asked = (video.height, video.width, float(video.fps))
    if asked == (made.height, made.width, made.fps):
        return None
    text = (
        f"scenario '{scenario.id}' asks for {video.height}x{video.width} at {video.fps:g} fps, model '{made.name}' makes "
        f"{made.height}x{made.width} at {made.fps:g} fps. Write video: {{height: {made.height}, width: {made.width}, "
        f"fps: {made.fps:g}}}, or choose another --model; the finished video can be converted."
    )
    location = ("video", "fps") if asked[:2] == (made.height, made.width) else ("video",)
    return Finding(code="DS073", text=text, location=location)
