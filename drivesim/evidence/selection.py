"""``mode: select``: futures are drawn one after the other until enough of them show the scenario's events.

The probe decides, on the tracks that it measures in the finished video, as ``drivesim score`` does: an event that the model
did not draw clearly enough to be measured is not seen, whatever it was told. Nothing is drawn twice: the tries lie beside
the futures in ``selection.json``, so that a run that was stopped goes on with the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from drivesim.errors import InputError
from drivesim.evidence.measure import Progress
from drivesim.evidence.recorded import record, require_judgeable
from drivesim.evidence.traffic import judged_labels, traffic_of
from drivesim.evidence.verdict import Verdict
from drivesim.json_text import JsonFault, fitted, parse_object
from drivesim.judges.load import Judges
from drivesim.metrics.estimate import Estimate, share_of
from drivesim.runs.future import Future
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import Scenario
from drivesim.storage import sealed_text, unsealed_values, write_atomic

#: Draws future ``index`` and returns it finished; one that is there already is opened.
Draw = Callable[[int], Future]


@dataclass(frozen=True, kw_only=True)
class Try:
    """One future that was drawn, and what became of each event in it."""

    future: int
    verdicts: dict[str, Verdict]

    @property
    def accepted(self) -> bool:
        """Whether all events are seen."""
        return all(verdict.value is True for verdict in self.verdicts.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not: a line for each event that is not seen."""
        return tuple(
            f"{name}: {verdict.reason or 'not seen'}"
            for name, verdict in self.verdicts.items()
            if verdict.value is not True
        )


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The tries of a run: ``wanted`` futures that show all ``events`` were to be found in at most ``max_tries``."""

    events: tuple[str, ...]
    wanted: int
    max_tries: int
    tries: tuple[Try, ...] = ()

    @property
    def accepted(self) -> tuple[int, ...]:
        """Futures that show all events, at most as many as were wanted."""
        return tuple(one.future for one in self.tries if one.accepted)[: self.wanted]

    @property
    def is_met(self) -> bool:
        """Whether enough futures show the events."""
        return len(self.accepted) == self.wanted

    @property
    def rate(self) -> Estimate:
        """Share of the tries that was accepted, with its Wilson interval."""
        return share_of(self._hits, len(self.tries))

    @property
    def _hits(self) -> int:
        return sum(one.accepted for one in self.tries)

    def summary(self) -> str:
        """How many of how many tries, and the rate with its interval."""
        rate = self.rate
        share = (
            f" ({100 * rate.value:.0f} %, interval {100 * rate.low:.0f} to {100 * rate.high:.0f} %)"
            if self.tries
            else ""
        )
        return (
            f"{self._hits} of {len(self.tries)} futures show {' and '.join(self.events)}{share}; {self.wanted} wanted"
        )

    def reasons(self) -> tuple[tuple[str, int], ...]:
        """Reasons of those that were not accepted and how often each came up, the most frequent first."""
        return tuple(Counter(reason for one in self.tries for reason in one.reasons).most_common())

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "events": list(self.events),
            "wanted": self.wanted,
            "max_tries": self.max_tries,
            "accepted": list(self.accepted),
            "rate": self.rate.to_dict(),
            "tries": [
                {"future": one.future, "verdicts": {name: verdict.to_dict() for name, verdict in one.verdicts.items()}}
                for one in self.tries
            ],
        }


def selected_events(scenario: Scenario) -> tuple[str, ...]:
    """Ids of the events that futures are selected by."""
    return tuple(event.id for event in scenario.events if event.mode == "select")


def select(
    draw: Draw,
    folder: Path,
    scenario: Scenario,
    judges: Judges,
    *,
    wanted: int,
    max_tries: int,
    progress: Progress = lambda what, share: None,
    listener: Callable[[Selection], None] = lambda selection: None,
) -> tuple[Selection, tuple[Future, ...]]:
    """Draw futures 0, 1, 2, ... of the run in ``folder`` until ``wanted`` show all events of ``mode: select``.

    Returns the tries and the accepted futures: fewer than ``wanted`` when ``max_tries`` were spent. ``listener`` hears of
    every try. Tries that ``selection.json`` knows, measured by the same judges, are not measured again. Raises InputError
    for videos of a size that the judges do not see.
    """
    events = selected_events(scenario)
    path = RunFolder(folder).selection_path
    known = _read(path, judges)
    selection = Selection(events=events, wanted=wanted, max_tries=max_tries)
    accepted: list[Future] = []
    for index in range(max_tries):
        future = draw(index)
        verdicts = known.get(index)
        if verdicts is None or set(verdicts) != set(events):
            verdicts = _verdicts(future, events, judges, progress)
        tried = Try(future=index, verdicts=verdicts)
        selection = Selection(events=events, wanted=wanted, max_tries=max_tries, tries=(*selection.tries, tried))
        _write(path, selection, judges)
        listener(selection)
        if tried.accepted:
            accepted.append(future)
        if selection.is_met:
            break
    return selection, tuple(accepted)


def _verdicts(future: Future, events: tuple[str, ...], judges: Judges, progress: Progress) -> dict[str, Verdict]:
    require_judgeable(future.manifest)
    recorded = record((future,), judges, progress)
    labels = judged_labels(recorded, [traffic_of(recorded[0])])
    return {name: labels.events[name][0] for name in events}


def _read(path: Path, judges: Judges) -> dict[int, dict[str, Verdict]]:
    """Verdicts by future, where these judges gave them."""
    if not path.is_file():
        return {}
    try:
        values = unsealed_values(parse_object(path.read_bytes()))
        if values.get("judges") != judges.sha256:
            return {}
        return {one.future: one.verdicts for one in fitted(_TRIES, values.get("tries"))}
    except JsonFault as error:
        raise InputError(
            f"{path} is damaged or was edited since it was written ({error}). Delete it: the futures are then measured again."
        ) from error


_TRIES: TypeAdapter[tuple[Try, ...]] = TypeAdapter(tuple[Try, ...])


def _write(path: Path, selection: Selection, judges: Judges) -> None:
    write_atomic(path, sealed_text({"judges": judges.sha256, **selection.to_dict()}))
