"""A report as one self-contained HTML page: no script, no file or request beside it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from drivesim.metrics.estimate import Estimate
from drivesim.report.curves import DASHES, plot_svg
from drivesim.report.document import COMPARED, Change, Figure, Picture, Plot, Report, Table
from drivesim.report.formatting import (
    estimate_text,
    full_text,
    has_interval,
    interval_text,
    number_text,
)
from drivesim.report.standing import Level, Standing, measured, standing_of
from drivesim.report.strip import FigureStrip, strip_of
from drivesim.report.thresholds import missing_reason
from drivesim.report.verdict import Conclusion, Demand, Outcome

_MOST_HIGHLIGHTS = 8
_FOLDER = Path(__file__).parent

REFERENCE_WORDS = {
    "rendered": "rendered video judged against other rendered video: what a perfect generator would score",
    "codec": "rendered video through the model's codec, told nothing: what latents alone can say. A decoder that is told the layout can do better",
    "frozen": "the first frame repeated",
    "shifted": "the first frame moved by the commanded ego motion",
    COMPARED: "the same figure of the first report",
}
LEVEL_WORDS: dict[Level, str] = {
    "good": "as good as reachable",
    "short": "short of reachable",
    "bad": "bad",
    "open": "open",
    "missing": "not computed",
}
LEVEL_SIGNS: dict[Level, str] = {"good": "✓", "short": "◐", "bad": "✕", "open": "?", "missing": "–"}
CHANGE_SIGNS: dict[Change, str] = {
    "worse": "▼",
    "better": "▲",
    "different": "≠",
    "no clear difference": "≈",
    "not told": "?",
    "not comparable": "–",
}
REFERENCE_NAMES = {COMPARED: "A"}
OUTCOME_SIGNS: dict[Outcome, str] = {"passed": "✓", "failed": "✕", "undecided": "?", "not measured": "–"}
_NOTHING_DEMANDED = Conclusion()


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the page shows of a figure."""

    figure: Figure
    anchor: str
    value: str
    interval: str
    basis: str
    references: tuple[tuple[str, str], ...]
    strip: FigureStrip | None
    standing: Standing | None
    reason: str
    demands: tuple[Demand, ...]


def render_html(report: Report, conclusion: Conclusion = _NOTHING_DEMANDED) -> str:
    """The page of a report, with the conclusion on it on top; equal arguments give equal text.

    Raises ValueError when two figures share a key, or ``highlights`` name a figure that is not there.
    """
    cards = {key: _card(figure, conclusion) for key, figure in report.figures().items()}
    if strange := [key for key in report.highlights if key not in cards]:
        raise ValueError(f"highlights name figures that the report does not have: {strange}")
    counts = {level: [c for c in cards.values() if c.standing and c.standing.level == level] for level in LEVEL_WORDS}
    changes = {change: [c for c in cards.values() if c.figure.change == change] for change in CHANGE_SIGNS}
    shown = {name for card in cards.values() for name, _ in card.references}
    page = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            conclusion=conclusion,
            cards=cards,
            highlights=[cards[key] for key in report.highlights or _chosen(report)],
            counts=counts,
            changes=changes if any(changes.values()) else {},
            change_signs=CHANGE_SIGNS,
            reference_names=REFERENCE_NAMES,
            reference_words={name: words for name, words in REFERENCE_WORDS.items() if name in shown},
            level_words=LEVEL_WORDS,
            level_signs=LEVEL_SIGNS,
            outcome_signs=OUTCOME_SIGNS,
        )
    )
    return page.strip() + "\n"


def _chosen(report: Report) -> list[str]:
    """Without a choice by the writer: the first two figures of each section that have references."""
    found = [f.key for section in report.sections for f in [g for g in section.figures if g.references][:2]]
    return found[:_MOST_HIGHLIGHTS]


def _card(figure: Figure, conclusion: Conclusion) -> Card:
    value = figure.value
    known = value is not None and measured(value)
    return Card(
        figure=figure,
        anchor=f"figure-{figure.key}",
        value=estimate_text(value) if value is not None and known else "",
        interval=interval_text(value) if value is not None and known else "",
        basis=_basis(value) if value is not None and known else "",
        references=tuple((name, full_text(estimate)) for name, estimate in figure.references.items()),
        strip=strip_of(figure),
        standing=standing_of(figure),
        reason="" if known else missing_reason(figure),
        demands=tuple(demand for demand in conclusion.demands if demand.key == figure.key),
    )


def _basis(estimate: Estimate) -> str:
    count = f"n = {estimate.count}".replace(" ", "\N{NO-BREAK SPACE}")
    if has_interval(estimate):
        return f"95 % interval, {estimate.method}, {count}"
    return f"no interval, {count}" if estimate.count > 1 else "no interval"


def _cell(value: str | float | Estimate | None) -> Markup:
    """A table cell; an estimate's interval stands smaller behind it."""
    if value is None:
        return Markup("")
    if isinstance(value, Estimate):
        if not measured(value):
            return Markup('<span class="quiet">not computed</span>')
        interval = _signs(interval_text(value))
        behind = Markup(' <span class="interval">{}</span>').format(interval) if interval else ""
        return Markup("{}{}").format(_signs(estimate_text(value)), behind)
    return Markup("{}").format(value if isinstance(value, str) else _signs(number_text(value)))


def _numeric_columns(table: Table) -> set[int]:
    """Columns in which every filled cell but the first column's is a number; they are set flush right."""
    columns = range(1, len(table.columns))
    return {c for c in columns if not any(isinstance(row[c], str) for row in table.rows)}


def _signs(text: str) -> str:
    """A true minus sign in front of numbers."""
    return re.sub(r"(?<![\w.])-(?=[\d∞])", "\N{MINUS SIGN}", text)


def _unbroken(value: Any) -> Any:
    """Keep a number and its per cent sign on one line; markup and commands pass as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", value)
    return value


def _verbatim(command: str) -> Markup:
    """Text to be copied: escaped and nothing else."""
    return Markup("{}").format(command)


def _plot(plot: Plot, salt: str) -> Markup:
    return Markup(plot_svg(plot, salt))  # matplotlib escapes its texts


def _size(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels. Raises ValueError when the bytes are no picture."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"picture {picture.caption!r} holds no PNG or JPEG")
    return pixels.shape[1], pixels.shape[0]


def _source(picture: Picture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    additions: dict[str, Any] = {
        "cell": _cell,
        "signs": _signs,
        "plot": _plot,
        "source": _source,
        "size": _size,
        "full": full_text,
        "verbatim": _verbatim,
    }
    environment.filters.update(additions)
    environment.globals.update(style=Markup(style), dashes=DASHES, numeric_columns=_numeric_columns)
    return environment
