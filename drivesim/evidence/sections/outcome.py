"""What the futures of a sweep or a run came to: their modes and how often each is, the worst to look at, and what was told against
what was seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from drivesim.evidence.danger import TTC_THRESHOLD_S
from drivesim.evidence.ranking import rankings
from drivesim.evidence.sections.figures import Row, plain_cell, strip, thumbnail, with_bar
from drivesim.evidence.severity import Expectations, Severe, worst_first
from drivesim.evidence.track_error import SHIPPED
from drivesim.metrics.diversity import position_modes
from drivesim.metrics.estimate import Estimate, mean_of, share_of
from drivesim.report import Picture, Plot, Section, Series, Table
from drivesim.runs.future import open_future
from drivesim.runs.rows import FutureRow

MOST_SHOWN = 5
_BEFORE_S = (2.0, 1.0, 0.0)
_HEIGHT = 128
_WORDS = {True: "seen", False: "not seen", None: "open"}
#: Those who end nearer to each other than this, or than three standard deviations of the probe's distances, end in one place.
_APART_M, _DEVIATIONS = 2.0, 3.0
#: Ranked by it are the worst that are pictured; the others have a table.
_LEAST_TTC = "ttc.min"
#: Videos of that many seconds have a curve of how long they last; so many lines are told apart, of so many points each.
_LONG_S, _MOST_LINES, _POINTS = 10.0, 6, 41

_ABOUT_OUTCOME = (
    "A mode is what the probe found of a scenario's events and labels: seen, not seen, or open where it cannot be said. Ends are groups of "
    f"the places where each was last seen (average linkage, cut at {_DEVIATIONS:g} standard deviations of the probe's distances, at "
    f"{_APART_M:g} m at least). The worst futures are those with a collision; then those that count against an 'expect' that was not "
    "met, by how far they are beyond its bound; then those of which a label, or TTC or PET (held against "
    f"{TTC_THRESHOLD_S:g} s), is farthest below its bound; each with the reason, and its TTC with the bar of the tracks' error; "
    f"beside them the worst {MOST_SHOWN} by every other figure. Measured tracks err, so these are candidates to look at."
)
_ABOUT_TOLD = (
    "The same events and labels judged twice, by one rule: on the tracks that the model was told, and on those that the probe measured in its "
    "video. 'later by' is the median of measured less told. Of the ego's motion 'told' and 'measured' are mean sizes, 'apart' is the mean "
    "size of their difference, and the correlation is over the frames of a future that was told to change; each is the mean over futures with "
    "a 95 % interval. An actor counts as found in a frame where it is told before the camera, "
    "3 to 60 m away, hidden or not. Drift: the second until which a video looks as rendered video does."
)


def mode_of(row: FutureRow) -> str:
    """The mode of a future: which of its events and labels were seen, in words."""
    return seen_words(row) or "nothing is asked"


def seen_words(row: FutureRow) -> str:
    """What became of each event and label of a future, in words; "" without any."""
    return ", ".join(f"{name} {_WORDS[value]}" for name, value in row.verdicts.items())


def modes_of(rows: Sequence[FutureRow]) -> dict[str, int]:
    """The modes of a scenario's futures and how many show each, the most frequent first."""
    return dict(Counter(mode_of(row) for row in rows).most_common())


def mode_table(rows: Sequence[FutureRow]) -> Table:
    """The modes of each scenario, the most frequent first, with their share of its futures (Wilson interval)."""
    lines: list[Row] = []
    for scenario, own in _by_scenario(rows):
        lines += [(scenario, mode, float(count), share_of(count, len(own))) for mode, count in modes_of(own).items()]
    return Table(title="Modes", columns=("scenario", "mode", "futures", "share"), rows=tuple(lines))


def end_table(rows: Sequence[FutureRow]) -> Table:
    """Where the ego and each actor end, in groups, where futures of one start end in more than one; shares have Wilson intervals."""
    lines: list[Row] = []
    together = 0
    for start in dict.fromkeys((row.scenario, row.variation) for row in rows):
        own = [row for row in rows if (row.scenario, row.variation) == start]
        for who in dict.fromkeys(name for row in own for name in row.ends):
            groups = _groups(own, who)
            together += len(groups) == 1
            total = sum(len(group) for group in groups)
            lines += [
                (f"{start[0]}/v{start[1]:03d}", who, float(x), float(y), float(len(group)), share_of(len(group), total))
                for group in groups
                if len(groups) > 1
                for x, y in [np.mean(group, axis=0)]
            ]
    return Table(
        title="Ends",
        columns=("start", "who", "x (m)", "y (m)", "futures", "share"),
        rows=tuple(lines),
        note=f"{together} more end in one place in all futures that show them." if together else "",
    )


def _groups(rows: Sequence[FutureRow], who: str) -> list[np.ndarray]:
    """Places (N, 2) where somebody ends, in groups, the largest first."""
    places = np.array([row.ends[who] for row in rows if who in row.ends])
    egos = np.array([row.ends["ego"] for row in rows if who in row.ends and "ego" in row.ends])
    far = float(np.median(np.hypot(*(places - egos).T))) if len(egos) == len(places) else 0.0
    apart = max(_APART_M, _DEVIATIONS * SHIPPED.distance_share * far)
    labels = position_modes(places[:, None], apart)
    return [places[labels == label] for label in range(int(labels.max()) + 1)]


def worst_table(rows: Sequence[FutureRow], folder: Path) -> Table:
    """The worst futures by every figure and label but the TTC, as far as something is wrong in them by that figure."""
    lines: list[Row] = []
    for ranking in rankings([(folder, row) for row in rows]):
        figure = ranking.figure
        best = 0.0 if figure.worse_is_high else math.inf
        found = [one for one in ranking if one.value != best][:MOST_SHOWN]
        if ranking.name == _LEAST_TTC or len(ranking) < 2:
            continue
        unit = f" ({figure.unit})" if figure.unit else ""
        for number, one in enumerate(found):
            endless = figure.if_infinite if math.isinf(one.value) else None
            value = endless or with_bar(one.value, one.low, one.high)
            name = "" if number else f"{ranking.name}{unit}"
            lines.append((name, "" if number else figure.about, one.row.id, value, one.row.replay))
    columns = ("figure", "", "future", "value", "makes it alone")
    return Table(title="Worst by every other figure", columns=columns, rows=tuple(lines))


def outcome_section(rows: Sequence[FutureRow], folder: Path, expectations: Expectations) -> Section:
    """Modes and the worst futures of the rows, which lie in ``folder``, with pictures of the two seconds before each is at its worst."""
    made = [row for row in rows if row.status == "finished"]
    severe = worst_first(made, expectations)
    shown = severe[:MOST_SHOWN]
    lines = tuple(
        (one.row.id, one.reason, with_bar(one.row.metric("ttc_s"), one.row.metric("ttc_low_s"), one.row.metric("ttc_high_s")),
         str(one.row.metrics.get("ttc_actor") or ""), plain_cell(one.at_s), one.row.replay)
        for one in shown
    )  # fmt: skip
    columns = ("future", "why", "TTC (s)", "of", "at (s)", "makes it alone")
    away = len(made) - len(severe)
    note = f"In {away} more nothing is wrong and nobody comes near the ego." if away else ""
    tables = [mode_table(made), Table(title="Worst", columns=columns, rows=lines, note=note)]
    more = [table for table in (worst_table(made, folder), end_table(made)) if table.rows]
    return Section(
        title="Modes and worst futures",
        about=_ABOUT_OUTCOME,
        tables=(*tables, *more),
        pictures=(_pictures(shown, folder),) if shown else (),
    )


def told_section(rows: Sequence[FutureRow]) -> Section:
    """What was told against what was measured, and how long the videos last."""
    made = [row for row in rows if row.status == "finished"]
    tables = [told_table(made), obeyed_table(made), drift_table(made)]
    lasting = lasting_plot(made)
    return Section(
        title="Conditioned and measured",
        about=_ABOUT_TOLD,
        tables=tuple(table for table in tables if table.rows),
        plots=(lasting,) if lasting.series else (),
    )


def told_table(rows: Sequence[FutureRow]) -> Table:
    """Each event and label: in how many futures it was told, in what share of those it was seen, and in which it was told not to be."""
    lines: list[Row] = []
    for scenario, own in _by_scenario([row for row in rows if row.told]):
        for number, name in enumerate(dict.fromkeys(name for row in own for name in row.told)):
            pairs = [(row.told[name].get("value"), row.verdicts.get(name)) for row in own if name in row.told]
            seen, unasked = ([found for told, found in pairs if told is wanted] for wanted in (True, False))
            late = [
                float(found["time_s"]) - float(told["time_s"])
                for row in own
                for told, found in [(row.told.get(name, {}), {**row.events, **row.labels}.get(name, {}))]
                if told.get("time_s") is not None and found.get("time_s") is not None
            ]
            lines.append(
                (
                    "" if number else scenario, name, float(len(seen)), _seen(seen), float(seen.count(None)), float(len(unasked)), _seen(unasked),
                    float(np.median(late)) if late else None,
                )
            )  # fmt: skip
    columns = (
        "scenario",
        "event or label",
        "told",
        "of these seen",
        "open",
        "told otherwise",
        "seen all the same",
        "later by (s)",
    )
    return Table(title="Events and labels, told and seen", columns=columns, rows=tuple(lines))  # fmt: skip


def obeyed_table(rows: Sequence[FutureRow]) -> Table:
    """The ego's motion and the actors, as they were told and as they were measured: means over futures with 95 % intervals."""
    lines: list[Row] = []
    rng = np.random.default_rng(0)
    for scenario, own in _by_scenario(rows):
        for what, names in _OBEYED.items():
            values = [[value for row in own if math.isfinite(value := row.metric(name))] for name in names]
            if any(values):
                lines.append((scenario, what, *(mean_of(found, rng) if found else None for found in values)))
    columns = ("scenario", "what", "told", "measured", "apart", "correlation")
    return Table(title="The ego's motion and actors, told and measured", columns=columns, rows=tuple(lines))


_OBEYED = {
    "ego's speed (m/s)": ("ego_speed_told_mps", "ego_speed_measured_mps", "ego_speed_error_mps", "ego_speed_correlation"),
    "ego's yaw rate (°/s)": (
        "ego_yaw_rate_told_dps", "ego_yaw_rate_measured_dps", "ego_yaw_rate_error_dps", "ego_yaw_rate_correlation",
    ),
    "actors that are found, share of their frames": ("", "told_found_share", "", ""),
    "actors' places (m)": ("", "", "told_place_error_m", ""),
}  # fmt: skip


def drift_table(rows: Sequence[FutureRow]) -> Table:
    """How many futures of each scenario look as rendered video does to their end, and which breaks first."""
    lines: list[Row] = []
    for scenario, own in _by_scenario(_lasting(rows)):
        first = min(own, key=lambda row: row.metric("usable_s"))
        whole = sum(row.metric("usable_s") >= row.metric("length_s") for row in own)
        least = f"{first.id} at {first.metric('usable_s'):.1f} s" if whole < len(own) else ""
        lines.append((scenario, share_of(whole, len(own)), least))
    return Table(title="Drift", columns=("scenario", "usable to their end", "the first to drift"), rows=tuple(lines))


def lasting_plot(rows: Sequence[FutureRow]) -> Plot:
    """Over time the share of the videos that still look as rendered video does, of long ones; a line for each of few scenarios."""
    long = [row for row in _lasting(rows) if row.metric("length_s") >= _LONG_S]
    groups = list(_by_scenario(long))
    if len(groups) > _MOST_LINES:
        groups = [(f"all {len(groups)} scenarios", long)]
    return Plot(
        title="Videos that have not drifted",
        x_label="seconds",
        y_label="share",
        series=tuple(_lasting_series(name, own) for name, own in groups),
        note="Bands are 95 % Wilson intervals.",
        y_range=(0.0, 1.05),
    )


def _lasting_series(name: str, rows: Sequence[FutureRow]) -> Series:
    times = np.linspace(0.0, max(row.metric("length_s") for row in rows), _POINTS)
    shares = []
    for time in times:
        there = [row.metric("usable_s") >= time for row in rows if row.metric("length_s") >= time]
        shares.append(share_of(sum(there), len(there)))
    return Series(
        name=name,
        x=tuple(times.tolist()),
        y=tuple(share.value for share in shares),
        low=tuple(share.low for share in shares),
        high=tuple(share.high for share in shares),
    )


def _lasting(rows: Sequence[FutureRow]) -> list[FutureRow]:
    """Those long enough to say until when they can be used."""
    return [row for row in rows if math.isfinite(row.metric("usable_s"))]


def _seen(verdicts: Sequence[bool | None]) -> Estimate | None:
    known = [value for value in verdicts if value is not None]
    return share_of(sum(known), len(known)) if known else None


def _by_scenario(rows: Sequence[FutureRow]) -> Iterable[tuple[str, list[FutureRow]]]:
    for scenario in dict.fromkeys(row.scenario for row in rows):
        yield scenario, [row for row in rows if row.scenario == scenario]


def _pictures(shown: Sequence[Severe], folder: Path) -> Picture:
    lines = []
    for one in shown:
        row = one.row
        future = open_future(folder / row.run, row.future)
        assert future is not None, "its row says that it is finished"
        last = (future.num_frames - 1) / future.fps
        at = last if math.isnan(one.at_s) else one.at_s
        times = [min(max(at - before, 0.0), last) for before in _BEFORE_S]
        frames = [future.frame_at(time) for time in times]
        lines.append((f"{row.id}: {one.reason}, at {at:.1f} s", [thumbnail(frame, _HEIGHT) for frame in frames]))
    return strip(
        lines, "Two seconds and one before they are at their worst, and then; the end where no moment is known"
    )
