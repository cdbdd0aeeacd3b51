"""``drivesim preview``: what a scenario looks like from above and through the camera, before any model runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.terminal import say
from drivesim.cli.values import a_time, judged
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.scenarios.expand import Development
    from drivesim.scenarios.language.schema import Scenario

_PNG, _MP4 = ".png", ".mp4"


def _require_place(out: Path) -> None:
    if out.suffix not in ("", _PNG, _MP4) and not out.is_dir():
        raise InputError(f"--out {out}: cannot write {out.suffix}. Name a .png, an .mp4 or a folder.")


def preview(
    scenario: Annotated[str, typer.Argument(help="Scenario file, or the name of a library scenario.")],
    at: Annotated[
        str, typer.Option(callback=a_time("--at"), help="Moment to draw, from the start of the scenario, such as '4s'.")
    ] = "0s",
    seed: Annotated[
        int, typer.Option(min=0, help="Development to draw: another seed, another traffic after t = 0.")
    ] = 0,
    variation: Annotated[
        int, typer.Option(min=0, help="Which variation of a scenario with 'vary' to draw, counted from 0.")
    ] = 0,
    out: Annotated[
        Path,
        typer.Option(
            callback=judged(_require_place),
            help="A .png picture, an .mp4 video of it, or a folder that gets one picture per scenario.",
        ),
    ] = Path("preview"),
    seconds: Annotated[
        str | None,
        typer.Option(
            callback=a_time("--seconds"),
            help="Length of an .mp4 video, such as '10s'; to the end of the scenario by default.",
        ),
    ] = None,
) -> None:
    """Draw a scenario from above, through the camera with its boxes, and as the layout a model is told. No model runs.

    Example: drivesim preview highway-cut-in --at 4s --out cut-in.png
    """
    from drivesim.cli.making import duration_of, require_variation
    from drivesim.scenarios import load
    from drivesim.scenarios.expand import develop
    from drivesim.scenarios.library import find
    from drivesim.storage import require_file

    scenarios = load(find(scenario))
    one_file = out.suffix in (_PNG, _MP4)
    if one_file and len(scenarios) > 1:
        raise InputError(f"{scenario} holds {len(scenarios)} scenarios. Name a folder: --out {out.with_suffix('')}/")
    if seconds is not None and out.suffix != _MP4:
        raise InputError("--seconds is the length of a video. Name an .mp4: --out preview.mp4")
    start_s, length_s = duration_of("--at", at) or 0.0, duration_of("--seconds", seconds)
    for one in scenarios:
        require_variation(one, variation)
    for one in scenarios:
        target = out if one_file else out / f"{one.id}{_PNG}"
        require_file(target)
        development = develop(one, seed=seed, variation=variation)
        frame = _frame(development, start_s)
        if target.suffix == _MP4:
            _write_video(development, one, frame, length_s, target)
        else:
            _picture(development, one, frame, target)
        say(str(target))


def _frame(development: Development, start_s: float) -> int:

    scene = development.scene
    frame = round(start_s * scene.fps)
    if frame >= len(scene):
        raise InputError(
            f"--at {start_s:g}s is past the end of {scene.name}, which lasts {len(scene) / scene.fps:g} s."
        )
    return frame


def _notes(development: Development, scenario: Scenario) -> list[str]:
    """Title, parameters and event times as lines of the heading."""
    notes = [scenario.title] if scenario.title else []
    if development.parameters:
        shown = (f"{k} = {v:.4g}" if isinstance(v, float) else f"{k} = {v}" for k, v in development.parameters.items())
        notes.append("varied: " + ", ".join(shown))
    if development.event_times:
        times = (f"{k} {'never' if v is None else f'at {v:.1f} s'}" for k, v in development.event_times.items())
        notes.append("events: " + ", ".join(times))
    return notes


def _picture(development: Development, scenario: Scenario, frame: int, target: Path) -> None:
    from drivesim.pictures.preview_page import preview_page
    from drivesim.runs.run_folder import write_png

    write_png(target, preview_page(development.scene, frame, _notes(development, scenario)))


def _write_video(
    development: Development, scenario: Scenario, frame: int, length_s: float | None, target: Path
) -> None:
    from drivesim.conditioning import LAYOUT, SceneControls
    from drivesim.pictures.preview_page import preview_page
    from drivesim.runs.video import VideoWriter

    scene, notes = development.scene, _notes(development, scenario)
    controls = SceneControls(scene, LAYOUT)
    stop = len(scene) if length_s is None else min(len(scene), frame + max(1, round(length_s * scene.fps)))
    first = preview_page(scene, frame, notes, controls=controls)
    with VideoWriter(target, first.shape[1], first.shape[0], scene.fps) as video:
        video.write(first)
        for index in range(frame + 1, stop):
            video.write(preview_page(scene, index, notes, controls=controls))
