"""``drivesim render``: a scenario in the procedural world, exact but drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.terminal import say
from drivesim.cli.values import a_time, judged
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.scene import Scene


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise InputError(f"--size {text}: expected WIDTHxHEIGHT such as 1024x512.")
    if any(not 64 <= int(side) <= 8192 or int(side) % 2 for side in (width, height)):
        raise InputError(f"--size {text}: use even numbers from 64 to 8192.")
    return int(width), int(height)


def _require_place(out: Path) -> None:
    if out.suffix not in ("", ".mp4") and not out.is_dir():
        raise InputError(f"--out {out}: cannot write {out.suffix}. Name an .mp4 or a folder.")


def render(
    scenario: Annotated[str, typer.Argument(help="Scenario file, or the name of a library scenario.")],
    out: Annotated[
        Path,
        typer.Option(
            callback=judged(_require_place), help="The .mp4 to write, or a folder that gets one video per scenario."
        ),
    ] = Path("render"),
    seconds: Annotated[
        str | None,
        typer.Option(
            callback=a_time("--seconds"),
            help="Length of the video, such as '8s'; the scenario's own length by default.",
        ),
    ] = None,
    appearance_seed: Annotated[
        int, typer.Option(min=0, help="Another number, another place: colours, buildings, trees, clouds, sun.")
    ] = 0,
    seed: Annotated[
        int, typer.Option(min=0, help="Development to render: another seed, another traffic after t = 0.")
    ] = 0,
    variation: Annotated[
        int, typer.Option(min=0, help="Which variation of a scenario with 'vary' to render, counted from 0.")
    ] = 0,
    size: Annotated[
        str | None,
        typer.Option(
            callback=judged(_size), help="Picture size as WIDTHxHEIGHT in pixels; the scenario's own by default."
        ),
    ] = None,
) -> None:
    """Render a scenario in the procedural world: every box and lane exactly where the scenario says, in drawn pictures.

    The video says 'synthetic' in its metadata. No model runs; equal options give an equal file.

    Example: drivesim render highway-cut-in --seconds 8 --appearance-seed 3 --out cut-in.mp4
    """
    from drivesim.cli.making import duration_of, require_variation
    from drivesim.scenarios import load
    from drivesim.scenarios.expand import expand
    from drivesim.scenarios.library import find
    from drivesim.storage import require_file

    scenarios = load(find(scenario))
    if out.suffix == ".mp4" and len(scenarios) > 1:
        raise InputError(f"{scenario} holds {len(scenarios)} scenarios. Name a folder: --out {out.with_suffix('')}/")
    length_s = duration_of("--seconds", seconds)
    if length_s == 0.0:
        raise InputError(f"--seconds: got {seconds}, expected a length above zero such as '8s'.")
    for one in scenarios:
        require_variation(one, variation)
    for one in scenarios:
        target = out if out.suffix == ".mp4" else out / f"{one.id}.mp4"
        require_file(target)
        width, height = (one.video_settings.width, one.video_settings.height) if size is None else _size(size)
        scene = expand(one, seed=seed, duration_s=length_s, variation=variation)
        _write_video(scene, appearance_seed, width, height, target)
        say(str(target))


def _write_video(scene: Scene, appearance_seed: int, width: int, height: int, target: Path) -> None:
    from drivesim.renderer import ProceduralWorld
    from drivesim.runs.video import VideoWriter

    world = ProceduralWorld(scene, appearance_seed)
    with VideoWriter(target, width, height, scene.fps) as video:
        for frame in range(len(scene)):
            video.write(world.render_rgb(frame, width, height))
