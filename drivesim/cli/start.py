"""``drivesim start``: the first picture of a scenario, and its boxes over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import options as given
from drivesim.cli.terminal import say


def start(
    scenario: given.ScenarioName,
    chosen: given.Chosen,
    machine: given.Machine,
    speech: given.Speech,
    seed: given.Seed = None,
    out: Annotated[Path, typer.Option(help="The .png to write; the boxes go beside it. For a suite, a folder.")] = Path(
        "start.png"
    ),
) -> None:
    """Synthesise the first picture of a scenario, and beside it the same picture with the boxes it was made from.

    It is the picture that 'drivesim rollout' and 'drivesim futures' begin with under the same seed. A scenario with
    'start: {image: photo.jpg}' gives that photo, scaled and cropped.

    Example: drivesim start highway-cut-in --seed 7 --out start.png
    """
    from drivesim.cli.making import chosen_scenarios, scenario_jobs
    from drivesim.errors import InputError
    from drivesim.options import DEFAULT_OPTIONS
    from drivesim.pictures.drawing import camera_overlay
    from drivesim.runs.run_folder import write_png
    from drivesim.storage import require_file, require_folder

    (require_file if out.suffix == ".png" else require_folder)(out)
    voice = speech.voice()
    scenarios = chosen_scenarios(scenario, chosen, voice)
    loaded = machine.load()
    jobs = scenario_jobs(
        loaded, scenarios, chosen.variation, length_s=0.1, seed=seed, options=DEFAULT_OPTIONS, out=None, indices=[0]
    )
    if out.suffix != ".png" and (out.suffix or len(jobs) == 1) and not out.is_dir():
        raise InputError(
            f"--out {out}: expected a .png" + (" or a folder." if out.suffix else ", or an existing folder.")
        )
    if out.suffix == ".png" and len(jobs) > 1:
        raise InputError(f"{scenario} gives {len(jobs)} pictures. Name a folder: --out {out.with_suffix('')}/")
    for job in jobs:
        picture = out if out.suffix == ".png" else out / f"{job.folder.name}.png"
        boxes = picture.with_name(f"{picture.stem}-boxes.png")
        frame = job.decided.beginning.frame
        write_png(picture, frame)
        write_png(boxes, camera_overlay(job.decided.scene, 0, frame))
        data = {"scenario": job.decided.scenario.id, "picture": str(picture), "boxes": str(boxes), "synthetic": True}
        say(json.dumps(data) if speech.as_json else f"{picture}\n{boxes}")
