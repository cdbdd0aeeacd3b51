"""Problems of a scenario file: one line each, with file, line, column, path, what, why, fix and a stable code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from drivesim.errors import InputError, printable

#: Every code with its meaning in a few words; docs/errors.md explains each.
CODES: dict[str, str] = {
    "DS001": "file not found",
    "DS002": "not a readable file",
    "DS003": "file too large",
    "DS004": "not a text file",
    "DS005": "not UTF-8",
    "DS006": "empty file",
    "DS007": "not valid YAML",
    "DS008": "nested too deep or expands too far",
    "DS009": "duplicate key",
    "DS010": "wrong overall form",
    "DS011": "YAML feature that scenarios do not use",
    "DS020": "schema version missing or unknown",
    "DS021": "unknown key",
    "DS022": "missing key",
    "DS023": "wrong kind of value",
    "DS024": "not one of the known words",
    "DS025": "bad number or unit",
    "DS026": "not a finite number",
    "DS027": "number out of range",
    "DS028": "true/false where a number is due",
    "DS029": "time of day is not a clock time",
    "DS030": "exactly one key expected",
    "DS031": "bad identifier",
    "DS032": "bad distribution",
    "DS033": "bad constraint",
    "DS034": "constraint that leaves too little",
    "DS035": "meeting that cannot be",
    "DS040": "unknown parameter",
    "DS041": "unused parameter",
    "DS042": "duplicate id",
    "DS043": "unknown actor",
    "DS044": "unknown event or label",
    "DS045": "two placements",
    "DS046": "no placement",
    "DS047": "no such lane",
    "DS048": "events wait for each other",
    "DS049": "action does not suit the actor",
    "DS050": "road that cannot have this junction",
    "DS051": "turn that leads nowhere",
    "DS060": "boxes overlap at t = 0",
    "DS061": "behind the camera at t = 0",
    "DS062": "length and width look swapped",
    "DS063": "suspicious magnitude",
    "DS064": "outside the model's range",
    "DS065": "impossible corner of the parameter space",
    "DS066": "placed off the road",
    "DS067": "event that cannot happen",
    "DS068": "more sideways than tyres hold",
    "DS069": "event that does not start when the traffic is played",
    "DS070": "number of variations does not suit the method",
    "DS071": "sampling method does not suit the parameters",
    "DS072": "video shape",
    "DS073": "shape or rate of the video is not the model's",
    "DS074": "crash that no label is about",
    "DS080": "start image not found",
    "DS081": "unknown library scenario",
    "DS082": "suite entry that names nothing, or too much",
    "DS083": "suite that leads back to itself",
    "DS090": "plan of the ego cannot be read",
    "DS091": "plan of the ego does not work",
    "DS092": "plan of the ego contradicts the scenario",
    "DS093": "plan of the ego ends before the video",
    "DS094": "text of the scene cannot be read",
    "DS095": "text that says nothing of the scene",
    "DS096": "text that was changed after it was read",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding: ``text`` says what, why and the fix; ``line`` and ``column`` count from 1 and are 0 when unknown."""

    code: str
    text: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place = f"{place}:{self.line}:{self.column}"
        where = "  ".join(part for part in (place, self.path) if part)
        label = "warning: " if self.severity == "warning" else ""
        return printable(
            f"{where} — {label}{self.text} [{self.code}]" if where else f"{label}{self.text} [{self.code}]"
        )


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A problem at a place inside a scenario (keys and indices), before it is known where in a file that is."""

    code: str
    text: str
    location: tuple[str | int, ...] = ()
    severity: Literal["error", "warning"] = "error"

    def problem(self, *, file: str = "", line: int = 0, column: int = 0, prefix: tuple[str | int, ...] = ()) -> Problem:
        """The finding as a problem of a file."""
        return Problem(
            code=self.code,
            text=self.text,
            path=path_text((*prefix, *self.location)),
            file=file,
            line=line,
            column=column,
            severity=self.severity,
        )


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What :func:`drivesim.scenarios.check` found: errors stop a run, warnings do not."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the file can be run."""
        return not self.errors


class ScenarioError(InputError):
    """One or more problems that make a scenario unusable; ``problems`` holds them, the message has one line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def report(problems: Iterable[Problem]) -> CheckReport:
    """Errors and warnings apart, each in the order of the file, without repeats."""
    ordered = sorted(dict.fromkeys(problems), key=lambda p: (p.line or 10**9, p.column))
    return CheckReport(
        errors=tuple(p for p in ordered if p.severity == "error"),
        warnings=tuple(p for p in ordered if p.severity == "warning"),
    )


def path_text(location: Iterable[str | int]) -> str:
    """``("actors", 0, "lane")`` as ``actors[0].lane``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
