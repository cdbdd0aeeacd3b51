"""``drivesim rank``: the futures of a run or sweep in the order of a figure, and the commands that make the picked ones again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli import measuring
from drivesim.cli.options import AsJson, Only, Quiet

if TYPE_CHECKING:
    from drivesim.evidence.ranking import Ranked, Ranking


def rank(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN|SWEEP", help="A run folder, or one that 'drivesim sweep' wrote.")
    ],
    figure: Annotated[
        str,
        typer.Argument(
            metavar="FIGURE",
            help="What to rank by, such as ttc.min or drac.max, or a label of the scenario; a wrong name lists all.",
        ),
    ] = "ttc.min",
    everyone: Annotated[
        bool, typer.Option("--all", help="List every future, the worst first, not just three.")
    ] = False,
    only: Only = None,
    judges: measuring.Judges = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Pick the worst, the median and the best future by a figure, each with the command that makes it again, alone.

    Takes what 'drivesim score' or 'drivesim sweep' measured; of a run that was not scored, the probe looks at the futures now. Values
    come with the error of the measured tracks; where those of best and worst meet, it says so.

    \b
    Examples:
      drivesim rank runs/highway-cut-in-7-futures
      drivesim rank runs/highway-cut-in-7-futures drac.max --all
      drivesim rank runs/sweep close_call --only highway-cut-in
    """
    import json

    from drivesim.cli.progress import Voice, shares
    from drivesim.cli.terminal import say
    from drivesim.errors import InputError
    from drivesim.evidence.ranking import rank_rows, rows_of
    from drivesim.judges.load import load_judges

    voice = Voice(quiet=quiet, as_json=as_json)
    loaded = None if judges is None else load_judges(judges)
    with shares(voice) as progress:
        rows = rows_of(folder, judges=loaded, progress=progress)
    chosen = [(where, row) for where, row in rows if only in (None, row.scenario)]
    if not chosen:
        known = ", ".join(dict.fromkeys(row.scenario for _, row in rows))
        raise InputError(f"--only {only}: {folder} has no such scenario (has: {known}).")
    found = rank_rows(chosen, figure)
    say(json.dumps(_values(found)) if as_json else "\n".join(_lines(found, everyone=everyone)))


def _lines(found: Ranking, *, everyone: bool) -> list[str]:
    import shlex

    from drivesim.wording import number_of

    order = "high" if found.figure.worse_is_high else "low"
    lines = [f"{number_of(len(found), 'future')} by {found.name} ({found.figure.about}; {order} is worse)"]
    if everyone:
        lines += [f"{place:>4}  {one.id}  {_value(found, one)}" for place, one in enumerate(found, 1)]
    for name, one in _picked(found).items():
        lines += [f"{name:6}  {one.id}  {_value(found, one)}", f"        {one.replay}"]
    if len(found) > 1:
        if found.worst.value == found.best.value:
            lines.append(
                f"All are equal by {found.name}: these are the first, the middle and the last by id. Rank by another figure."
            )
        elif not found.told_apart:
            lines.append(
                "The errors of the measured tracks reach from the worst to the best: look at both before you say which is worse."
            )
        diff = shlex.join(["drivesim", "diff", str(found.worst.video), str(found.best.video)])
        lines.append(f"side by side: {diff}")
    if found.unknown:
        lines.append(
            f"not known of {number_of(len(found.unknown), 'future')}: {found.unknown[0][0]}: {found.unknown[0][1]}"
        )
    return lines


def _picked(found: Ranking) -> dict[str, Ranked]:
    return {"worst": found.worst, "median": found.median, "best": found.best}


def _value(found: Ranking, one: Ranked) -> str:
    from drivesim.evidence.sections.figures import with_bar

    if one.value == float("inf"):
        least = f" (as near as {one.low:.2f} {found.figure.unit})" if one.low < one.value else ""
        return f"{found.figure.if_infinite}{least}"
    text = with_bar(one.value, one.low, one.high)
    number = f"{text:.3g}" if isinstance(text, float) else f"{text}"
    return f"{number} {found.figure.unit}".rstrip()


def _values(found: Ranking) -> dict[str, Any]:
    from drivesim.runs.rows import measures

    def values(one: Ranked) -> dict[str, Any]:
        numbers = {"value": one.value, "low": one.low, "high": one.high}
        return {
            "id": one.id, "run": str(one.run), "future": one.row.future, "video": str(one.video), "replay": one.replay,
            **measures(numbers),
        }  # fmt: skip

    return {
        "figure": found.name,
        "unit": found.figure.unit,
        "worse": "high" if found.figure.worse_is_high else "low",
        "told_apart": len(found) > 1 and found.told_apart,
        **{name: values(one) for name, one in _picked(found).items()},
        "futures": [values(one) for one in found],
        "unknown": dict(found.unknown),
        "synthetic": True,
    }
