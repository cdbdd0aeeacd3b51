"""Two reports side by side: what was set differently, then figure by figure whether the intervals are apart."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

from drivesim.metrics.estimate import Estimate
from drivesim.report.document import COMPARED, Change, Figure, Picture, Plot, Report, Section, Series, Table
from drivesim.report.formatting import decimals_for, full_text, has_interval, number_text
from drivesim.report.standing import apart, measured
from drivesim.report.thresholds import missing_reason

#: Words of a setting's name that decide what was measured on, so that a difference makes figures hard to compare.
_DECISIVE = {
    "seed", "clip", "frame", "second", "data", "dataset", "store", "scenario", "sample", "future", "rollout", "number",
    "count", "probe", "judge", "metric", "stride", "window", "resize", "fps", "version", "drivesim",
}  # fmt: skip

_MOST_HIGHLIGHTS = 8

CHANGE_ORDER: tuple[Change, ...] = ("worse", "better", "different", "no clear difference", "not told", "not comparable")

REASONS: dict[Change, str] = {
    "better": "the 95 % intervals do not overlap",
    "worse": "the 95 % intervals do not overlap",
    "different": "the 95 % intervals do not overlap",
    "no clear difference": "the 95 % intervals overlap",
    "not told": "without intervals nothing tells whether that is much",
    "not comparable": "the units differ",
}

RULE = (
    "“Better” and “worse” are said only where the two 95 % intervals do not overlap. That rule is conservative: intervals "
    "that overlap a little may still belong to a real difference. Where a figure has no interval, nothing is said."
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One figure of two reports; None where a report does not have it."""

    key: str
    before: Figure | None
    after: Figure | None

    @property
    def figure(self) -> Figure:
        """The figure whose words describe the pair."""
        figure = self.after or self.before
        if figure is None:
            raise ValueError(f"no report has the figure {self.key}")
        return figure

    @property
    def values(self) -> tuple[Estimate, Estimate] | None:
        """Both estimates, when both were computed."""
        one = self.before.value if self.before else None
        other = self.after.value if self.after else None
        if one is None or other is None or not measured(one) or not measured(other):
            return None
        return one, other

    @property
    def difference(self) -> float | None:
        """Second minus first."""
        return None if self.values is None else self.values[1].value - self.values[0].value

    @property
    def change(self) -> Change:
        """What the intervals say about the difference."""
        if self.values is None or (self.before and self.after and self.before.unit != self.after.unit):
            return "not comparable"
        one, other = self.values
        if not (has_interval(one) and has_interval(other)):
            return "not told"
        if not apart(one, other):
            return "no clear difference"
        better = self.figure.better
        if better == "near":
            return self._nearer()
        if better == "none":
            return "different"
        return "better" if (other.value > one.value) == (better == "higher") else "worse"

    def _nearer(self) -> Change:
        figures = (self.before, self.after)
        targets = [figure.references.get("rendered") for figure in figures if figure is not None]
        distances = [
            abs(value.value - target.value)
            for value, target in zip(self.values or (), targets, strict=True)
            if target is not None
        ]
        if len(distances) < 2 or not all(math.isfinite(distance) for distance in distances):
            return "different"
        return "better" if distances[1] < distances[0] else "worse"


def compare(a: Report, b: Report) -> Report:
    """Compare report ``b`` with ``a`` before it: settings that differ, every figure, curves of equal title side by side.

    Figures of the result are those of ``b`` with the value of ``a`` as reference :data:`COMPARED`; figures that only ``a``
    has stand in the table alone. Different seeds, data or numbers of clips become warnings.
    """
    befores, afters = a.figures(), b.figures()
    keys = [*afters, *(key for key in befores if key not in afters)]
    pairs = {key: Pair(key=key, before=befores.get(key), after=afters.get(key)) for key in keys}
    sections = [_settings_section(a, b), _figures_section(list(pairs.values()))]
    sections += [made for section in b.sections if (made := _topic(section, a, pairs)) is not None]
    return Report(
        title="Comparison",
        subject=f"A: {a.subject} · B: {b.subject}",
        sections=tuple(sections),
        settings=_labelled(a.settings, b.settings),
        commands=_labelled(a.commands, b.commands),
        highlights=_changed(list(pairs.values()))[:_MOST_HIGHLIGHTS],
        warnings=_warnings(a, b, list(pairs.values())),
    )


def comparison_lines(report: Report) -> list[str]:
    """A comparison in plain lines for a terminal: warnings, settings that differ, figures with what the intervals say."""
    lines = [report.subject, *(f"warning: {warning}" for warning in report.warnings)]
    for table in (table for section in report.sections[:2] for table in section.tables):
        cells = [[_plain_cell(cell) for cell in row] for row in (table.columns, *table.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
        lines += ["", table.title]
        lines += [
            "  " + "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
    return [*lines, "", RULE]


def _settings_section(a: Report, b: Report) -> Section:
    different = _different_settings(a, b)
    rows = tuple((name, a.settings.get(name, "–"), b.settings.get(name, "–"), _decides(name)) for name in different)
    about = (
        f"A is {a.title}: {a.subject}. B is {b.title}: {b.subject}. "
        + (f"They differ in {len(different)} settings." if different else "Both were measured with the same settings.")
    ).replace("in 1 settings", "in 1 setting")
    columns = ("setting", "A", "B", "what it decides")
    tables = (Table(title="Settings that differ", columns=columns, rows=rows),) if rows else ()
    return Section(title="What was compared", about=about, tables=tables)


def _figures_section(pairs: list[Pair]) -> Section:
    rows = tuple(
        (
            pair.figure.label + (f" ({pair.figure.unit})" if pair.figure.unit else ""),
            _shown(pair.before),
            _shown(pair.after),
            pair.difference,
            pair.change,
        )
        for pair in sorted(pairs, key=lambda pair: CHANGE_ORDER.index(pair.change))
    )
    counts = {change: sum(pair.change == change for pair in pairs) for change in CHANGE_ORDER}
    summary = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    columns = ("figure", "A", "B", "B − A", "B against A")
    return Section(
        title="Figure by figure",
        about=f"{len(pairs)} figures: {summary}.\n\n{RULE}",
        tables=(Table(title="Figures", columns=columns, rows=rows),),
    )


def _topic(section: Section, a: Report, pairs: dict[str, Pair]) -> Section | None:
    """A section of B beside what A has under the same titles; None when A has nothing of it."""
    figures = tuple(_beside(pairs[figure.key]) for figure in section.figures)
    theirs = {plot.title: plot for other in a.sections for plot in other.plots}
    plots = tuple(p for plot in section.plots if plot.title in theirs for p in _side_by_side(theirs[plot.title], plot))
    captions = {picture.caption: picture for other in a.sections for picture in other.pictures}
    pictures = tuple(
        Picture(caption=f"{name}: {picture.caption}", data=picture.data, media_type=picture.media_type)
        for mine in section.pictures
        if mine.caption in captions
        for name, picture in (("A", captions[mine.caption]), ("B", mine))
    )
    alone = [plot.title for plot in section.plots if plot.title not in theirs]
    if not (figures or plots or pictures):
        return None
    about = section.about + (f"\n\nOnly in B: {', '.join(alone)}." if alone else "")
    return Section(title=section.title, about=about, figures=figures, plots=plots, pictures=pictures)


def _beside(pair: Pair) -> Figure:
    figure = pair.figure
    if pair.values is None or pair.difference is None:
        return dataclasses.replace(figure, change=pair.change)
    widest = max(value.high - value.low for value in pair.values)
    difference = number_text(pair.difference, decimals_for(widest) if widest > 0 else None)
    words = f"B − A = {'+' if pair.difference > 0 else ''}{difference} {figure.unit}".rstrip()
    note = f"{words}; {REASONS[pair.change]}. {figure.note}".rstrip()
    references = {**figure.references, COMPARED: pair.values[0]}
    return dataclasses.replace(figure, references=references, note=note, change=pair.change)


def _side_by_side(one: Plot, other: Plot) -> tuple[Plot, Plot]:
    """Both plots on the y axis that holds either."""
    numbers = [y for plot in (one, other) for series in plot.series for y in (*series.y, *series.low, *series.high)]
    numbers += [y for plot in (one, other) for band in plot.bands for y in (band.low, band.high)]
    finite = [y for y in numbers if math.isfinite(y)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    y_range = (low - room, high + room)
    a = dataclasses.replace(one, title=f"A: {one.title}", y_range=y_range, series=_in_order(one.series, other.series))
    return a, dataclasses.replace(other, title=f"B: {other.title}", y_range=y_range)


def _in_order(series: tuple[Series, ...], example: tuple[Series, ...]) -> tuple[Series, ...]:
    """Series of equal name at equal places, so that they get equal colours."""
    places = {one.name: place for place, one in enumerate(example)}
    return tuple(sorted(series, key=lambda one: places.get(one.name, len(places))))


def _warnings(a: Report, b: Report, pairs: list[Pair]) -> tuple[str, ...]:
    """What makes the two hard to compare, and what each report warns of itself."""
    decisive = [name for name in _different_settings(a, b) if _decides(name)]
    found = []
    if decisive:
        values = "; ".join(f"{n}: {a.settings.get(n, 'not set')} / {b.settings.get(n, 'not set')}" for n in decisive)
        found.append(f"A and B were not measured alike, differences may come from that alone. {values}.")
    uneven = [p for p in pairs if p.values is not None and p.values[0].count != p.values[1].count]
    if uneven:
        examples = "; ".join(
            f"{p.figure.label}: {p.values[0].count} / {p.values[1].count}" for p in uneven[:4] if p.values
        )
        rest = f"; and {len(uneven) - 4} more" if len(uneven) > 4 else ""
        found.append(
            f"{len(uneven)} of {len(pairs)} figures rest on different numbers of units (A / B). {examples}{rest}."
        )
    lost = [pair.figure.label for pair in pairs if pair.before is None or pair.after is None]
    if lost:
        found.append(f"Only one of the two has: {', '.join(lost)}.")
    return (*found, *(f"A: {warning}" for warning in a.warnings), *(f"B: {warning}" for warning in b.warnings))


def _different_settings(a: Report, b: Report) -> list[str]:
    """Names whose values differ, those that decide what was measured on first."""
    names = [n for n in dict.fromkeys((*a.settings, *b.settings)) if a.settings.get(n) != b.settings.get(n)]
    return sorted(names, key=lambda name: not _decides(name))


def _decides(name: str) -> str:
    words = {word.removesuffix("s") for word in re.findall(r"[a-z]+", name.lower())}
    return "what was measured on" if words & {word.removesuffix("s") for word in _DECISIVE} else ""


def _changed(pairs: list[Pair]) -> tuple[str, ...]:
    """Keys of figures that became worse, better or other, in that order."""
    changes: tuple[Change, ...] = ("worse", "better", "different")
    return tuple(pair.key for change in changes for pair in pairs if pair.change == change)


def _labelled(a: dict[str, str], b: dict[str, str]) -> dict[str, str]:
    return {f"A: {name}": value for name, value in a.items()} | {f"B: {name}": value for name, value in b.items()}


def _shown(figure: Figure | None) -> str | Estimate:
    if figure is None:
        return "not in this report"
    if figure.value is None or not measured(figure.value):
        return f"not computed: {missing_reason(figure)}"
    return figure.value


def _plain_cell(cell: str | float | Estimate | None) -> str:
    if isinstance(cell, str):
        return cell
    return full_text(cell) if isinstance(cell, Estimate) else number_text(cell) if cell is not None else ""
