"""``drivesim replay``: one future of a run made again, alone, and held against what was stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli import options as given
from drivesim.options import MOST_FUTURES

#: The replay is not what the run stored.
DIFFERENT = 1

Future = Annotated[
    int, typer.Option("--future", min=0, max=MOST_FUTURES, help="The number of the future, as in f07.mp4.")
]


def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as rollout and futures write it.")],
    machine: given.Machine,
    keeping: given.Keeping,
    speech: given.Speech,
    future: Future = 0,
) -> None:
    """Make one future of a run again, alone, and say whether it is the same, byte for byte.

    Everything that decides its pixels is in the run's manifest: scene, first frame, noise, threads. Goes into RUN-replay-f07.
    Ends with 1 when a video or track is not what the run stored, with what has changed since: versions, device, dtype.

    \b
    Examples:
      drivesim replay runs/highway-cut-in-7
      drivesim replay runs/highway-cut-in-7-futures --future 7 --out runs/seven
    """
    from drivesim.cli import making
    from drivesim.models.hashes import verify_folder
    from drivesim.models.load import model_folder
    from drivesim.replay import compared, decide_replay, replay_folder
    from drivesim.runs.run_folder import RunFolder

    voice = speech.voice()
    manifest = RunFolder(run).manifest()
    machine = replace(machine, device=machine.device or manifest.device, dtype=machine.dtype or manifest.dtype)
    # Another model may not have the run's mode at all; that it is another is what the reader needs to be told.
    is_maker = manifest.mode is None or verify_folder(model_folder(machine.model)) == manifest.weights_sha256
    mode = manifest.mode if is_maker else None
    model = machine.load(manifest.steps, frames_per_call=manifest.timeline.chunk_frames, mode=mode)
    decided = decide_replay(model, run, future)
    out = replay_folder(run, future) if keeping.out is None else keeping.out
    job = making.Job(decided=decided, folder=out, indices=[future])
    for _, (made,) in making.make_all([job], resume=keeping.resume, dry_run=keeping.dry_run, voice=voice):
        found = compared(run, made)
        same = "equal byte for byte" if found.is_equal else f"not equal: {', '.join(found.different)}"
        changes = "".join(f"\nchanged since: {change}" for change in found.changes)
        data = {
            "run": str(run), "future": made.id, "video": str(made.video), "equal": found.is_equal,
            "different": list(found.different), "changes": list(found.changes), "synthetic": True,
        }  # fmt: skip
        voice.result(f"{made.video}: {same}{changes}", data)
        if not found.is_equal:
            raise typer.Exit(DIFFERENT)
