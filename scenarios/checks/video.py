"""The one verdict on the shape of a video: what a scenario asks for against what a model makes."""

from __future__ import annotations

from collections.abc import Iterator
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


def form_findings(scenario: Scenario, made: VideoForm | None) -> Iterator[Finding]:
    """What is wrong with a scenario's video for the model that makes ``made``, else for the shipped one and the camera."""
    form = _rate(scenario) if made is None else video_finding(scenario, made)
    if form is not None:
        yield form
    if (made is None or form is None) and (stretch := _stretch(scenario)) is not None:
        yield stretch


def _rate(scenario: Scenario) -> Finding | None:
    fps = scenario.video_settings.fps
    if fps == SHIPPED.fps:
        return None
    text = f"fps {fps:g} is not what the shipped model was trained for. Use {SHIPPED.fps:g}. {_resampling(fps)}"
    return Finding(code="DS073", text=text, location=("video", "fps"), severity="warning")


def _resampling(fps: float) -> str:
    """How to come by a video file at a rate that the model does not make."""
    return f"'drivesim export RUN --to video --fps {fps:g}' then writes the finished video at {fps:g}."


def _stretch(scenario: Scenario) -> Finding | None:
    video, rig = scenario.video_settings, scenario.camera
    aspect = 2.0 if isinstance(rig, str) else rig.width / rig.height
    if abs(video.width / video.height / aspect - 1.0) <= 0.02 or video.height % 64 or video.width % 64:
        return None
    text = f"{video.width}×{video.height} stretches the camera's picture ({aspect:.3g} times as wide as high). Use {round(video.height * aspect)}×{video.height}."
    return Finding(code="DS073", text=text, location=("video",), severity="warning")


def video_finding(scenario: Scenario, made: VideoForm) -> Finding | None:
    """What is wrong with a scenario's video for a model, or None: said by 'check' and, before anything is made, by 'rollout'."""
    video = scenario.video_settings
    asked = (video.height, video.width, float(video.fps))
    if asked == (made.height, made.width, made.fps):
        return None
    text = (
        f"scenario '{scenario.id}' asks for {video.height}x{video.width} at {video.fps:g} fps, model '{made.name}' makes "
        f"{made.height}x{made.width} at {made.fps:g} fps. Write video: {{height: {made.height}, width: {made.width}, "
        f"fps: {made.fps:g}}}, or choose another --model."
    )
    if video.fps != made.fps:
        text += f" {_resampling(video.fps)}"
    if asked[:2] != (made.height, made.width):
        text += " The finished video can be scaled."
    location = ("video", "fps") if asked[:2] == (made.height, made.width) else ("video",)
    return Finding(code="DS073", text=text, location=location)
