"""One row per future of a sweep or a run: what it is, where it lies, what was measured in it; ``futures.jsonl`` has one a line."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from drivesim.errors import InputError
from drivesim.json_text import JsonFault, read_as
from drivesim.storage import write_atomic

ROWS_NAME = "futures.jsonl"

#: A number, or why there is none that JSON could hold: None for unknown, "inf" where nothing came near.
Measure = float | str | None


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a future came about: ``attempts`` to make it, ``wall_s`` seconds of the last one, on ``host``.

    ``found`` says that it was there already. Nothing here decides a pixel.
    """

    attempts: int = 1
    wall_s: float = 0.0
    host: str = ""
    found: bool = False


@dataclass(frozen=True, kw_only=True)
class FutureRow:
    """One future of a sweep, or of a run that was measured.

    ``id`` is ``highway-cut-in/v003/f07``; ``parameters`` are in SI; ``run`` is the run folder and ``video`` the mp4, both
    relative to the sweep's folder, or to the run's where the rows are those of one run. ``events`` and ``labels`` hold the verdicts by
    name (value, reason, time_s, measured …), ``told`` the same verdicts on what the model was told, empty where it was told no boxes;
    ``ends`` where the ego and the scenario's actors were last seen (x, y in metres, in the ego frame at t = 0); ``metrics``
    what was measured of the whole future (ttc_s, thw_s, pet_s, drac, collision, usable_s …); ``unmeasured`` says why they are empty,
    ``error`` why the future could not be made. ``replay`` is the command that makes it alone.
    """

    id: str
    scenario: str
    variation: int
    future: int
    status: Literal["finished", "failed"]
    run: str
    parameters: dict[str, float | str] = field(default_factory=dict)
    seed: int = 0
    video: str = ""
    video_sha256: str = ""
    num_frames: int = 0
    fps: float = 0.0
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    metrics: dict[str, Measure] = field(default_factory=dict)
    judges: str = ""
    unmeasured: str = ""
    error: str = ""
    replay: str = ""
    made: Making = Making()

    @property
    def verdicts(self) -> dict[str, bool | None]:
        """Whether each event and label was seen: yes, no, or None where it cannot be said."""
        return {name: one.get("value") for name, one in {**self.events, **self.labels}.items()}

    def metric(self, name: str) -> float:
        """A measure as a number: inf where nothing came near, NaN where it is unknown or no number."""
        value = self.metrics.get(name)
        try:
            return math.nan if value is None else float(value)
        except ValueError:
            return math.nan

    def to_json(self) -> str:
        """The row as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, allow_nan=False)


def replay_command(run: Path | str, future: int, made_by: Sequence[str] = (), out: str = "") -> str:
    """The command that makes a finished future of a run again, alone, and holds it against what is stored.

    ``made_by`` is the command that made the run: another model than the shipped one is named in it.
    """
    words = ["drivesim", "replay", str(run), "--future", str(future)]
    asked = [word.removeprefix("--model=") for word in made_by if word.startswith("--model=")]
    asked += [after for word, after in itertools.pairwise(made_by) if word == "--model"]
    words += ["--model", asked[-1]] if asked and asked[-1] != "default" else []
    return shlex.join([*words, *(["--out", out] if out else [])])


def measures(values: Mapping[str, Any]) -> dict[str, Measure]:
    """Measures as JSON can hold them."""
    return {name: _measure(value) for name, value in values.items()}


def _measure(value: Any) -> Measure:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def write_rows(path: Path, rows: Iterable[FutureRow]) -> None:
    """Write rows, one a line, atomically."""
    write_atomic(path, "".join(f"{row.to_json()}\n" for row in rows))


def read_rows(path: Path | str) -> list[FutureRow]:
    """The rows of ``futures.jsonl``, or of the sweep's folder that holds it. Raises InputError for a missing or damaged file."""
    path = Path(path)
    file = path / ROWS_NAME if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} is no sweep: it has no {ROWS_NAME}. Name the folder that 'drivesim sweep' wrote.")
    return [read_row(line, f"{file}, line {number}") for number, line in enumerate(file.read_bytes().splitlines(), 1)]


def read_row(text: bytes | str, where: str) -> FutureRow:
    """One row. Raises InputError, naming ``where``, for a damaged one."""
    try:
        return read_as(_READER, text)
    except JsonFault as error:
        raise InputError(f"{where} is damaged ({error}). The same 'drivesim sweep' writes it again.") from error


_READER: TypeAdapter[FutureRow] = TypeAdapter(FutureRow)
