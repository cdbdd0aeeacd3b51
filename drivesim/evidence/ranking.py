"""Ranking: the futures of runs and sweeps in the order of one figure, the worst first."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError
from drivesim.evidence.labels import MEASURES
from drivesim.evidence.measure import Progress
from drivesim.evidence.of_future import measured_alone, row_of_future
from drivesim.evidence.recorded import record
from drivesim.judges.load import SHIPPED, Judges, load_judges
from drivesim.runs.future import Future, open_future, open_run
from drivesim.runs.rows import ROWS_NAME, FutureRow, read_rows, replay_command, write_rows
from drivesim.runs.run_folder import RunFolder
from drivesim.storage import kept_if_possible

#: Where ``drivesim score`` puts what it measured of a run, inside the run's folder.
REPORT_FOLDER = "report"


@dataclass(frozen=True, kw_only=True)
class RankFigure:
    """A figure that futures are ranked by: the ``measure`` of a row that holds it, its ``unit``, and which way is worse.

    ``low`` and ``high`` name the measures of its error bar, "" where it has none; ``if_infinite`` says what an infinite value means.
    """

    measure: str
    unit: str
    worse_is_high: bool
    about: str
    if_infinite: str = "nobody came near"
    low: str = ""
    high: str = ""


FIGURES: dict[str, RankFigure] = {
    "ttc.min": RankFigure(
        measure="ttc_s", unit="s", worse_is_high=False, about="least time to collision", low="ttc_low_s", high="ttc_high_s",
    ),
    "thw.min": RankFigure(measure="thw_s", unit="s", worse_is_high=False, about="least time headway"),
    "pet.min": RankFigure(measure="pet_s", unit="s", worse_is_high=False, about="least post-encroachment time"),
    "drac.max": RankFigure(measure="drac", unit="m/s²", worse_is_high=True, about="greatest deceleration that is needed", if_infinite="no braking helps"),
    "tet": RankFigure(measure="tet_s", unit="s", worse_is_high=True, about="time exposed to a low TTC"),
    "tit": RankFigure(measure="tit_s2", unit="s²", worse_is_high=True, about="low TTC, integrated over time"),
    "off_road": RankFigure(measure="off_road_s", unit="s", worse_is_high=True, about="time that a free ego leaves the road"),
    "usable": RankFigure(measure="usable_s", unit="s", worse_is_high=False, about="time until the video drifts"),
    "ego_speed_error": RankFigure(
        measure="ego_speed_error_mps", unit="m/s", worse_is_high=True, about="measured less told speed of the ego, mean",
    ),
    "ego_yaw_rate_error": RankFigure(
        measure="ego_yaw_rate_error_dps", unit="°/s", worse_is_high=True, about="measured less told yaw rate of the ego, mean",
    ),
    "told_found": RankFigure(
        measure="told_found_share", unit="", worse_is_high=False, about="share of the told actors that are found",
    ),
}  # fmt: skip
"""Figures by the names that users write; labels of a scenario are figures too, by their own names."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """One future in a ranking: its ``row``, the ``value`` it is ranked by, from ``low`` to ``high`` as far as the tracks' error
    reaches, and the ``folder`` that the row's run lies in.
    """

    row: FutureRow
    folder: Path
    value: float
    low: float
    high: float

    @property
    def id(self) -> str:
        """``highway-cut-in/v000/f07``."""
        return self.row.id

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.folder / self.row.run

    @property
    def future(self) -> Future:
        """The stored future. Raises InputError where it is no longer there."""
        found = open_future(self.run, self.row.future)
        if found is None:
            raise InputError(f"{self.id} is no longer in {self.run}. Make it again: {self.row.replay}")
        return found

    @property
    def replay(self) -> str:
        """The command that makes it again, alone, to be run where the ranking was."""
        if self.row.run == ".":
            return replay_command(self.folder, self.row.future, RunFolder(self.folder).manifest().command)
        return f"(cd {shlex.quote(str(self.folder))} && {self.row.replay})"

    @property
    def video(self) -> Path:
        """Its mp4."""
        return self.folder / self.row.video


@dataclass(frozen=True, kw_only=True)
class Ranking(Sequence[Ranked]):
    """Futures by one figure, the worst first, of equal ones the first by id; ``unknown`` says of which futures it is not known, and why.

    ``best`` and ``worst`` mean for whom it was measured: a small TTC is worse, a small needed deceleration is better.
    """

    name: str
    figure: RankFigure
    ranked: tuple[Ranked, ...]
    unknown: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.ranked)

    def __getitem__(self, index: Any) -> Any:
        return self.ranked[index]

    def __iter__(self) -> Iterator[Ranked]:
        return iter(self.ranked)

    @property
    def worst(self) -> Ranked:
        """The first."""
        return self.ranked[0]

    @property
    def median(self) -> Ranked:
        """The one in the middle; of an even number the worse of the two."""
        return self.ranked[(len(self.ranked) - 1) // 2]

    @property
    def best(self) -> Ranked:
        """The last."""
        return self.ranked[-1]

    @property
    def told_apart(self) -> bool:
        """Whether the error bars of the best and the worst do not meet; without error bars, whether the values differ."""
        worst, best = self.worst, self.best
        return worst.low > best.high if self.figure.worse_is_high else worst.high < best.low


def rank(
    futures: Iterable[Future] | Path | str,
    figure: str = "ttc.min",
    *,
    judges: Judges | None = None,
    progress: Progress = lambda what, share: None,
) -> Ranking:
    """Futures of runs, or those of a run's or sweep's folder, in the order of a figure, the worst first.

    ``figure`` is one of FIGURES or a label of the scenario. What 'drivesim score' or 'drivesim sweep' measured is taken from there;
    else the probe looks at the futures now (a few seconds of processor time for one of video), and what it found is kept in the run's
    folder. Raises InputError for a figure that is none, where no future has it, or for videos that the judges cannot look at.
    """
    if isinstance(futures, Path | str):
        return rank_rows(rows_of(Path(futures), judges=judges, progress=progress), figure)
    found: list[tuple[Path, FutureRow]] = []
    chosen = list(futures)
    for folder in dict.fromkeys(future.folder for future in chosen):
        indices = {future.index for future in chosen if future.folder == folder}
        found += [(folder, row) for row in rows_of_run(folder, indices, judges, progress)]
    return rank_rows(found, figure)


def rows_of(
    folder: Path, *, judges: Judges | None = None, progress: Progress = lambda what, share: None
) -> list[tuple[Path, FutureRow]]:
    """The rows of a sweep's or run's folder, each with that folder. Raises InputError for a folder that is neither."""
    if (folder / ROWS_NAME).is_file():
        return [(folder, row) for row in read_rows(folder)]
    if not RunFolder(folder).manifest_path.is_file():
        raise InputError(
            f"{folder} is neither a run nor a sweep. Name a folder that 'drivesim futures', 'drivesim rollout' or 'drivesim sweep' wrote."
        )
    return [(folder, row) for row in rows_of_run(folder, None, judges, progress)]


def rows_of_run(folder: Path, indices: set[int] | None, judges: Judges | None, progress: Progress) -> list[FutureRow]:
    """The rows of some futures of a run, all by default: those that are kept, and of whichever these judges have not seen, measured now."""
    loaded = load_judges(SHIPPED) if judges is None else judges
    path = folder / REPORT_FOLDER / ROWS_NAME
    made = {future.index: future for future in open_run(folder)}
    if not made:
        raise InputError(f"{folder} has no finished future yet. Continue it with --resume, then rank.")
    indices = set(made) if indices is None else indices
    if gone := sorted(indices - set(made)):
        raise InputError(
            f"{folder} has no finished future {gone[0]}. Make it first ('drivesim futures --only-future {gone[0]}')."
        )
    kept = {row.future: row for row in (read_rows(path) if path.is_file() else [])}
    known = {
        index: row
        for index, row in kept.items()
        if index in made and (row.judges, row.video_sha256) == (loaded.sha256, made[index].video_sha256)
    }
    missing = [made[index] for index in sorted(indices - set(known))]
    for each in record(tuple(missing), loaded, progress) if missing else []:
        known[each.future.index] = row_of_future(each, measured_alone(each), loaded.sha256)
    if missing:
        with kept_if_possible(path, "measured rows"):
            write_rows(path, [known[index] for index in sorted(known)])
    return [known[index] for index in sorted(indices)]


def rank_rows(rows: Sequence[tuple[Path, FutureRow]], name: str) -> Ranking:
    """Rows, each with the folder it belongs to, by a figure. Raises InputError for one that is none, or that no row has."""
    found = _ranking(rows, name)
    if not found.ranked:
        why = "; ".join(f"{one}: {text}" for one, text in found.unknown[:3])
        raise InputError(f"{name} is known of none of {len(found.unknown)} futures ({why}). Rank by another figure.")
    return found


def rankings(rows: Sequence[tuple[Path, FutureRow]]) -> list[Ranking]:
    """Rows, each with the folder it belongs to, by every figure and label that is known of one of them."""
    labels = dict.fromkeys(name for _, row in rows for name, label in row.labels.items() if _has_measure(label))
    found = (_ranking(rows, name) for name in (*FIGURES, *(name for name in labels if name not in FIGURES)))
    return [one for one in found if one.ranked]


def _ranking(rows: Sequence[tuple[Path, FutureRow]], name: str) -> Ranking:
    figure = figure_of(name, [row for _, row in rows])
    ranked, unknown = [], []
    for folder, row in rows:
        value, low, high = _value(row, name, figure)
        if math.isnan(value):
            unknown.append((row.id, row.error or row.unmeasured or _why(row, name)))
        else:
            ranked.append(Ranked(row=row, folder=folder, value=value, low=low, high=high))
    sign = -1.0 if figure.worse_is_high else 1.0
    ranked.sort(key=lambda one: (sign * one.value, one.id))
    return Ranking(name=name, figure=figure, ranked=tuple(ranked), unknown=tuple(unknown))


def figure_of(name: str, rows: Sequence[FutureRow]) -> RankFigure:
    """The figure of a name: one of FIGURES, or a label that the rows have. Raises InputError for another one."""
    if name in FIGURES:
        return FIGURES[name]
    found: dict[str, Mapping[str, Any]] = {key: label for row in rows for key, label in row.labels.items()}
    if name in found and _has_measure(found[name]):
        measure = MEASURES[str(found[name]["measure"])]
        return RankFigure(
            measure=name, unit=measure.unit, worse_is_high=measure.relation == ">", about="a label of the scenario",
            if_infinite="nobody came near" if measure.relation == "<" else "no braking helps",
        )  # fmt: skip
    labels = f"; labels: {', '.join(sorted(found))}" if found else ""
    raise InputError(f"'{name}' is no figure to rank by. Known are {', '.join(FIGURES)}{labels}.")


def _has_measure(label: Mapping[str, Any]) -> bool:
    return str(label.get("measure")) in MEASURES


def _value(row: FutureRow, name: str, figure: RankFigure) -> tuple[float, float, float]:
    """The value of a row and the ends of its error bar, NaN where it is not known."""
    if name in FIGURES:
        value = row.metric(figure.measure)
        low, high = (row.metric(end) if end else value for end in (figure.low, figure.high))
    else:
        verdict = row.labels.get(name, {})
        value, low, high = (_number(verdict, key) for key in ("measured", "low", "high"))
    return value, value if math.isnan(low) else low, value if math.isnan(high) else high


def _number(verdict: Mapping[str, Any], key: str) -> float:
    """A number of a verdict: JSON has no infinity, so one that was measured and is not there is infinite, but for the lower end."""
    value = verdict.get(key)
    if value is not None:
        return float(value)
    return math.inf if key != "low" and _was_measured(verdict) else math.nan


def _was_measured(verdict: Mapping[str, Any]) -> bool:
    """Whether there is a figure behind a verdict: yes, no, or only its error bar leaves it open."""
    return verdict.get("value") is not None or verdict.get("low") is not None


def _why(row: FutureRow, name: str) -> str:
    return str(row.labels.get(name, {}).get("reason") or "nothing was seen that it could be measured of")
