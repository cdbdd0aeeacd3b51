"""``mode: select`` on the command line: futures are drawn until enough show the event, and every try is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.cli import making
from drivesim.cli.progress import Voice
from drivesim.errors import InputError, SelectBudgetError

if TYPE_CHECKING:
    from drivesim.evidence.selection import Selection
    from drivesim.runs.future import Future
    from drivesim.runs.plan import Plan


def maker_of(
    jobs: Sequence[making.Job], max_tries: int | None, judges: Path | None, *, may_select: bool
) -> Selecting | None:
    """What makes jobs of which some select by events, None where none does or none may.

    Raises InputError where no judge can look, and for options that only selecting reads where nothing is selected.
    """
    from drivesim.evidence.recorded import require_judgeable
    from drivesim.evidence.selection import selected_events

    choosing = [job for job in jobs if may_select and selected_events(job.decided.scenario)]
    for job in choosing:
        require_judgeable(job.decided.manifest)
        _require_enough_tries(job, max_tries)
    given = [name for name, value in (("--max-tries", max_tries), ("--judges", judges)) if value is not None]
    if given and not choosing:
        raise InputError(
            f"{' and '.join(given)}: nothing is selected here. Give an event 'mode: select', and leave out --no-select, "
            "--only-future and --from; or leave this out."
        )
    return Selecting(max_tries, judges) if choosing else None


def make(
    jobs: Sequence[making.Job], maker: Selecting | None, *, together: bool, resume: bool, dry_run: bool, voice: Voice
) -> None:
    """Make all jobs and report each, ``together`` with its futures side by side. Raises SelectBudgetError at the end."""
    for job, made in making.make_all(jobs, resume=resume, dry_run=dry_run, voice=voice, maker=maker):
        if made:
            making.report(job, made, voice, sheet=together, grid=together)
    if maker is not None:
        maker.require_met()


class Selecting:
    """Makes the jobs whose scenario selects, and keeps what became of them."""

    def __init__(self, max_tries: int | None, judges: Path | None) -> None:
        from drivesim.judges.load import SHIPPED, load_judges

        self.max_tries = max_tries
        self.judges = load_judges(judges or SHIPPED)
        self.selections: list[Selection] = []

    def __call__(self, job: making.Job, plan: Plan, resume: bool, voice: Voice) -> tuple[Future, ...]:
        """The futures that show the events; all of a scenario that selects nothing."""
        from drivesim.evidence.selection import select, selected_events
        from drivesim.simulate import make as make_futures

        scenario = job.decided.scenario
        if not selected_events(scenario):
            return making.make_job(job, plan, resume, voice)
        frames = job.decided.manifest.timeline.num_frames

        with making.watched(job, plan, resume, voice) as progress:

            def draw(index: int) -> Future:
                goes_on = resume or index > 0
                return make_futures(job.decided, job.folder, indices=[index], resume=goes_on, listener=progress.hear)[0]

            def hear(selection: Selection) -> None:
                last = selection.tries[-1]
                if not last.accepted:
                    progress.expect(frames)
                became = "accepted" if last.accepted else f"not accepted ({'; '.join(last.reasons)})"
                voice.say(
                    f"future {last.future} {became}: {len(selection.accepted)} of {selection.wanted} wanted, "
                    f"{len(selection.tries)} of at most {selection.max_tries} tries"
                )

            selection, accepted = select(
                draw,
                job.folder,
                scenario,
                self.judges,
                wanted=len(job.indices),
                max_tries=_most_tries(job, self.max_tries),
                listener=hear,
            )
        voice.say(selection.summary())
        for reason, count in selection.reasons():
            voice.say(f"  {count:>4} × {reason}")
        self.selections.append(selection)
        return accepted

    def require_met(self) -> None:
        """Raise SelectBudgetError, which ends the command with 3, when a scenario spent its tries too soon."""
        unmet = [selection for selection in self.selections if not selection.is_met]
        if unmet:
            raise SelectBudgetError(
                "the tries were spent: "
                + "; ".join(selection.summary() for selection in unmet)
                + ". The futures that were drawn "
                "are kept. Allow more with --max-tries and --resume, want fewer with --futures, or take all with --no-select."
            )


def _most_tries(job: making.Job, asked: int | None) -> int:
    """Futures to draw at most: as ``asked`` for, else as the scenario says."""
    return asked or job.decided.scenario.sampling_settings.max_tries


def _require_enough_tries(job: making.Job, asked: int | None) -> None:
    """Raise InputError for fewer tries than futures are wanted."""
    most, wanted = _most_tries(job, asked), len(job.indices)
    if most < wanted:
        said = f"--max-tries {most}" if asked else f"'sampling: max_tries: {most}'"
        raise InputError(
            f"{job.decided.scenario.id}: {said} allows fewer futures than the {wanted} that are wanted. Allow at least "
            f"{wanted}, or want fewer with --futures."
        )
