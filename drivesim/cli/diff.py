"""``drivesim diff``: two futures side by side, and what differs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.options import AsJson, Quiet
from drivesim.cli.values import judged
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.runs.future import Future

WHICH = "The video of a future, such as RUN/f07.mp4, or the folder of a run that has just one."


def _require_video(out: Path) -> None:
    if out.suffix != ".mp4" or out.is_dir():
        raise InputError(f"--out {out} is no name of a video. Choose a file that ends in .mp4, such as difference.mp4.")


def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help=WHICH)],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="The future to set beside it, of the same run or another.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", callback=judged(_require_video), help="The video to write.")
    ] = Path("difference.mp4"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a video that is there already.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a video of two futures on one clock, with what differs below them, and say when they part.

    Futures of one run share their first frame; a branch meets its parent at the moment where it left. The clock is the scene's.

    \b
    Examples:
      drivesim diff runs/highway-cut-in-7-futures/f00.mp4 runs/highway-cut-in-7-futures/f03.mp4
      drivesim diff runs/mine/f00.mp4 runs/mine-f00-at-4.0s/f02.mp4 --out parted.mp4
    """
    from drivesim.cli.progress import Voice
    from drivesim.pictures.difference import write_difference
    from drivesim.storage import require_file

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already. Replace it with --overwrite, or choose another name with --out.")
    require_file(out)
    found = write_difference(out, future_at(first), future_at(second))
    parts = found.parts_at_s
    when = "they never part for good" if parts is None else f"they part at {parts:.1f} s"
    levels = found.levels
    Voice(quiet=quiet, as_json=as_json).result(
        f"{out}: {when}; they differ by {levels.mean():.1f} grey levels on average, {levels[-1]:.1f} at the end",
        {
            "video": str(out), "parts_at_s": parts, "start_s": found.start_s, "fps": found.fps, "levels": levels.round(3).tolist(),
            "synthetic": True,
        },
    )  # fmt: skip


def future_at(path: Path) -> Future:
    """The future of a video in a run folder, or the only one of a run. Raises InputError where that is none, or several."""
    from drivesim.runs.future import open_future, open_run

    if named := re.fullmatch(r"f([0-9]{2,7})\.(mp4|mkv)", path.name):
        found = open_future(path.parent, int(named[1]))
        if found is None:
            raise InputError(f"{path} is no finished future of {path.parent}.")
        return found
    made = open_run(path)
    if len(made) != 1:
        there = ", ".join(one.video.name for one in made) or "none yet"
        raise InputError(f"{path} has {len(made)} finished futures ({there}). Name one, such as {path / 'f00.mp4'}.")
    return made[0]
