"""What became of a scenario's labels, events and expectations."""

from __future__ import annotations

from collections.abc import Sequence

from drivesim.evidence.labels import LabelOutcome
from drivesim.evidence.recorded import Recorded
from drivesim.evidence.sections.figures import Row, with_bar
from drivesim.evidence.track_error import TrackError
from drivesim.report import Figure, Section, Table


def label_section(recorded: Sequence[Recorded], outcome: LabelOutcome, error: TrackError) -> Section:
    """What became of the scenario's labels, events and expectations, on tracks with that error."""
    figures = [
        Figure(
            key=f"labels.{name}", label=f"futures that show '{name}'", value=share if share.count else None,
            note="" if share.count else "of no future can it be said",
        )
        for name, share in outcome.shares.items()
    ]  # fmt: skip
    rows: list[Row] = []
    for name, verdicts in {**outcome.events, **outcome.labels}.items():
        for each, verdict in zip(recorded, verdicts, strict=True):
            said = {True: "yes", False: "no", None: "cannot be said"}[verdict.value]
            rows.append(
                (
                    name,
                    each.future.id,
                    said,
                    verdict.time_s,
                    with_bar(verdict.measured, verdict.low, verdict.high),
                    verdict.reason or verdict.unit,
                )
            )
    expectations = tuple((o.message(), o.outcome) for o in outcome.expectations)
    tables = [
        Table(
            title="Labels and events", columns=("name", "future", "shown", "at (s)", "measured", ""), rows=tuple(rows)
        )
    ]
    if expectations:
        tables.insert(0, Table(title="Expectations", columns=("expectation", "outcome"), rows=expectations))
    return Section(
        title="Labels",
        about=(
            "The scenario's labels and events, judged on measured tracks. A measured object is an actor of the scenario if it is "
            "where that one should be: all along where actors are scripted, at the beginning where they are free. An actor that "
            "is not found leaves its label open, and so does a figure whose error bar reaches to both sides of its bound: the "
            f"probe's {error.words()}."
        ),
        figures=tuple(figures),
        tables=tuple(tables),
    )
