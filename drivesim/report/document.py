"""The report as data: sections of figures, tables, plots and pictures; knows no metric and no page."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from drivesim.errors import InputError
from drivesim.json_text import parse_object
from drivesim.metrics.estimate import Estimate

REPORT_VERSION = 1

Part = TypeVar("Part", bound=Any)

#: What a figure is compared with, in the order of display. ``rendered``: rendered against other rendered video, the noise
#: floor; ``codec``: rendered video through the model's codec, the best a latent model can do; ``frozen``: the first frame
#: repeated; ``shifted``: the first frame moved by the commanded ego motion.
REFERENCES = ("rendered", "codec", "frozen", "shifted")

#: The reference that a comparison adds: the same figure of the other report.
COMPARED = "compared"

#: Which way is good; ``near`` means near the ``rendered`` reference.
Better = Literal["higher", "lower", "near", "none"]

#: What a comparison says of a figure; "" outside of comparisons.
Change = Literal["", "better", "worse", "different", "no clear difference", "not told", "not comparable"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number. ``key`` is stable and dotted (``obedience.recall``): thresholds and comparisons name it.

    ``value`` is None when it was not computed, and then ``note`` says why. ``references`` holds the same number for
    (some of) REFERENCES, and COMPARED. ``judge`` says how far the judge itself (the probe) errs on this number. ``unit``
    is "" for shares, which are shown as they are, between 0 and 1. ``change`` is set by a comparison.
    """

    key: str
    label: str
    value: Estimate | None
    unit: str = ""
    better: Better = "none"
    references: dict[str, Estimate] = field(default_factory=dict)
    judge: str = ""
    note: str = ""
    change: Change = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s<>=]+", self.key):
            raise ValueError(f"a figure's key must be without spaces, <, > and =, got {self.key!r}")
        if self.value is None and not self.note:
            raise ValueError(f"figure {self.key} has neither a value nor a reason why not")
        if strange := set(self.references) - {*REFERENCES, COMPARED}:
            raise ValueError(f"figure {self.key}: unknown references {sorted(strange)}; known are {REFERENCES}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells under ``columns``; a cell is text, a number or an Estimate, None is empty."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | Estimate | None, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.title!r} has {len(self.columns)} columns, but a row of {len(row)}: {row}"
                )


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line of a plot; ``low`` and ``high`` are its 95 % bounds, drawn as a band, or empty."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        bounds = {len(self.low), len(self.high)}
        if len(self.y) != len(self.x) or bounds not in ({0}, {len(self.x)}):
            lengths = [len(numbers) for numbers in (self.x, self.y, self.low, self.high)]
            raise ValueError(f"series {self.name!r}: x, y, low and high have lengths {lengths}; bounds may be empty")


@dataclass(frozen=True, kw_only=True)
class Band:
    """A horizontal range of a plot, such as what rendered video spans."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Lines over a common axis; ``y_range`` fixes the axis, so that two plots can be read side by side."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    note: str = ""
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as the bytes of a PNG or JPEG file."""

    caption: str
    data: bytes
    media_type: Literal["image/png", "image/jpeg"] = "image/jpeg"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One topic. ``about`` says what was measured and how, in sentences that need no knowledge of the code."""

    title: str
    about: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report. ``subject`` names what was measured, ``settings`` everything that decides the figures (seeds, hashes,
    numbers of clips), ``commands`` what a reader types to repeat it, by purpose. ``highlights`` are the keys of the figures
    that a page shows first, ``warnings`` what a reader must know before any figure.
    """

    title: str
    subject: str
    sections: tuple[Section, ...]
    settings: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    highlights: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    drivesim_report: int = REPORT_VERSION

    def figures(self) -> dict[str, Figure]:
        """All figures by key. Raises ValueError when two share one."""
        found: dict[str, Figure] = {}
        for figure in (figure for section in self.sections for figure in section.figures):
            if figure.key in found:
                raise ValueError(f"two figures have the key {figure.key}")
            found[figure.key] = figure
        return found

    def to_json(self) -> str:
        """The report as indented JSON, its pictures in base64; :meth:`from_json` reads it back."""
        return json.dumps(_plain(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: bytes | str, where: str) -> Report:
        """Read a report. Raises InputError, naming ``where``, when the text is none of this version."""
        try:
            values = parse_object(text)
            version = values.get("drivesim_report")
            if version != REPORT_VERSION:
                raise InputError(f"{where} has report version {version!r}; this drivesim reads {REPORT_VERSION}")
            sections = tuple(_section(section) for section in values.pop("sections"))
            values |= {name: tuple(values.get(name, ())) for name in ("highlights", "warnings")}
            report = _checked(cls(**values, sections=sections))
            figures = report.figures()
            if strange := [key for key in report.highlights if key not in figures]:
                raise ValueError(f"highlights name figures that it does not have: {strange}")
            return report
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise InputError(f"{where} is damaged or no drivesim report ({error})") from error


def _checked(part: Part) -> Part:
    """A part of a report that was read, if every field holds what it is declared to hold. Raises TypeError naming the field."""
    for name, reader in _readers_of(part).items():
        try:
            reader.validate_python(getattr(part, name), strict=True)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = ".".join(map(str, (type(part).__name__, name, *fault["loc"])))
            raise TypeError(f"{place}: {fault['msg']}") from error
    return part


def _readers_of(part: object) -> dict[str, TypeAdapter[Any]]:
    kind: Any = type(part)  # a dataclass, which the type checker does not take for hashable
    return _readers(kind)


@cache
def _readers(kind: Any) -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(kind).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return {"estimate": value.to_dict()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _estimate_or_none(value: Any) -> Estimate | None:
    """A figure's value: nothing but an estimate will do."""
    found = _estimate(value)
    if found is not None and not isinstance(found, Estimate):
        raise TypeError(f"{value!r} is no Estimate")
    return found


def _estimate(value: Any) -> Any:
    return _checked(Estimate.from_dict(value["estimate"])) if isinstance(value, dict) and "estimate" in value else value


def _numbers(values: list[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


def _section(values: dict[str, Any]) -> Section:
    section = Section(
        title=values["title"],
        about=values["about"],
        figures=tuple(_figure(figure) for figure in values["figures"]),
        tables=tuple(_table(table) for table in values["tables"]),
        plots=tuple(_plot(plot) for plot in values["plots"]),
        pictures=tuple(_picture(picture) for picture in values["pictures"]),
    )
    return _checked(section)


def _picture(values: dict[str, Any]) -> Picture:
    return _checked(Picture(**{**values, "data": base64.b64decode(values["data"], validate=True)}))


def _figure(values: dict[str, Any]) -> Figure:
    references = {name: _estimate_or_none(value) for name, value in values["references"].items()}
    return _checked(Figure(**{**values, "value": _estimate_or_none(values["value"]), "references": references}))


def _table(values: dict[str, Any]) -> Table:
    rows = tuple(tuple(_estimate(cell) for cell in row) for row in values["rows"])
    return _checked(Table(**{**values, "columns": tuple(values["columns"]), "rows": rows}))


def _plot(values: dict[str, Any]) -> Plot:
    series = tuple(
        _checked(Series(name=s["name"], **{axis: _numbers(s[axis]) for axis in ("x", "y", "low", "high")}))
        for s in values["series"]
    )
    bands = tuple(_checked(Band(**band)) for band in values["bands"])
    y_range = values.get("y_range")
    return _checked(
        Plot(**{**values, "series": series, "bands": bands, "y_range": tuple(y_range) if y_range else None})
    )
