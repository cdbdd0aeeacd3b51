"""``drivesim check``: every mistake in a scenario file, with its line, what is wrong and how to mend it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from drivesim.cli.terminal import say


def check(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(help="Scenario files (.yaml), or names from the library such as highway-cut-in."),
    ] = None,
    library: Annotated[bool, typer.Option("--library", help="List the library scenarios with their tags.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    model: Annotated[
        str | None,
        typer.Option(help="The model that will make the video, where it is not the shipped one: a name or folder."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON, for tools.")] = False,
) -> None:
    """Read scenario files and list every mistake.

    Needs no model, no GPU and no map, and takes under a second. Rules between parts are checked on all that is right by itself,
    geometry once everything is. Exit code 0: good; 2: at least one error.

    \b
    Examples:
      drivesim check my.yaml
      drivesim check highway-cut-in rain-merge --strict
      drivesim check --library
    """
    if library:
        _print_library()
    if not scenarios:
        if library:
            return
        say("error: name a scenario file or a library scenario; 'drivesim check --library' lists those.", err=True)
        raise typer.Exit(2)
    from drivesim.scenarios import Problem, ScenarioError
    from drivesim.scenarios import check as check_file
    from drivesim.scenarios.checks.video import SHIPPED, VideoForm
    from drivesim.scenarios.library import find

    made = SHIPPED
    if model is not None:
        from drivesim.models.load import video_of

        height, width, fps = video_of(model)
        made = VideoForm(name=model, height=height, width=width, fps=fps)
    findings: list[Problem] = []
    for name in scenarios:
        try:
            path = find(name)
        except ScenarioError as error:
            findings += error.problems
            continue
        report = check_file(path, made)
        findings += [*report.errors, *report.warnings]
        if report.ok and not as_json:
            _print_plan(name, str(path))
    if as_json:
        say(json.dumps([_as_dict(problem) for problem in findings], indent=2))
    else:
        for problem in findings:
            say(str(problem))
    if any(problem.severity == "error" or strict for problem in findings):
        raise typer.Exit(2)


def _print_library() -> None:
    from itertools import groupby

    from drivesim.scenarios.library import COLLECTIONS, EVERYDAY, FAMILIES, library

    order = [EVERYDAY, *FAMILIES.values()]
    entries = sorted((e for name in COLLECTIONS for e in library(name)), key=lambda entry: order.index(entry.family))
    for number, (family, group) in enumerate(groupby(entries, key=lambda entry: entry.family)):
        say(("\n" if number else "") + family)
        for entry in group:
            say(f"  {entry.name:24} {entry.title}  [{', '.join(entry.tags)}]")


def _print_plan(name: str, path: str) -> None:
    """One line for each scenario of a good file: how much it asks for."""
    from drivesim.scenarios import load
    from drivesim.scenarios.scene_text import text_lines
    from drivesim.wording import number_of

    for scenario in load(path):
        actors = number_of(len(scenario.scene.actors), "actor")
        beside = (
            "" if scenario.scene.traffic.density == "none" else f" and {scenario.scene.traffic.density} ambient traffic"
        )
        video, sampling = scenario.video_settings, scenario.sampling_settings
        frames = round(float(video.duration) * video.fps)
        title = scenario.id if scenario.id == name else f"{name}: {scenario.id}"
        say(
            f"{title} is good: {actors}{beside}, {number_of(scenario.num_variations, 'variation')} × "
            f"{number_of(sampling.futures, 'future')} × {number_of(frames, 'frame')} of {video.height}×{video.width}"
        )
        for line in text_lines(scenario):
            say(f"  text: {line}")


def _as_dict(problem: object) -> dict[str, object]:
    from dataclasses import asdict, is_dataclass

    return asdict(problem) if is_dataclass(problem) and not isinstance(problem, type) else {}
