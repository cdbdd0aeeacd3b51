"""Reports as JSON: nothing is lost, and what is no report is refused with its name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from drivesim.errors import InputError
from drivesim.metrics.estimate import exact
from drivesim.report import Figure, Plot, Report, Section, Series, Table


def test_a_report_comes_back_whole(report: Report) -> None:
    text = report.to_json()
    again = Report.from_json(text, "here")
    assert again.to_json() == text
    assert [picture.data for picture in again.sections[2].pictures] == [p.data for p in report.sections[2].pictures]
    assert again.figures()["obedience.recall"] == report.figures()["obedience.recall"]
    assert (again.settings, again.commands, again.highlights, again.warnings) == (
        report.settings, report.commands, report.highlights, report.warnings,
    )  # fmt: skip
    assert isinstance(again.sections, tuple) and isinstance(again.sections[0].tables[0].rows[0], tuple)


def test_nan_survives_as_nan_though_json_has_none(report: Report) -> None:
    text = report.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = Report.from_json(text, "here")
    value = again.figures()["futures.collisions"].value
    assert value is not None and math.isnan(value.value) and value.count == 0
    assert again.figures()["drift.fvd"].value is None
    series = again.sections[1].plots[1].series[1]
    assert math.isnan(series.y[-1]) and series.y[0] == report.sections[1].plots[1].series[1].y[0]
    assert series.low == ()


def broken(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        values = json.loads(text)
        change(values)
        return json.dumps(values)

    return apply


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[: len(text) // 2], "damaged or no drivesim report"),
        (lambda text: "", "damaged or no drivesim report"),
        (lambda text: "[1, 2]", "damaged or no drivesim report"),
        (lambda text: '{"drivesim_manifest": 1}', "report version None; this drivesim reads 1"),
        (broken(lambda v: v.update(drivesim_report=2)), "report version 2; this drivesim reads 1"),
        (broken(lambda v: v.pop("sections")), "'sections'"),
        (broken(lambda v: v.update(surprise=1)), "surprise"),
        (broken(lambda v: v.update(settings={"clips": 48})), "Report.settings.clips: Input should be a valid string"),
        (broken(lambda v: v["sections"].append(v["sections"][0])), "two figures have the key"),
        (broken(lambda v: v["sections"][0]["figures"][0].update(value="0.8")), "no Estimate"),
        (broken(lambda v: v["sections"][0]["tables"][0]["rows"][0].pop()), "5 columns"),
        (broken(lambda v: v["sections"][2]["pictures"][0].update(data="%%%")), "damaged"),
    ],
)
def test_what_is_no_report_is_refused_by_name(report: Report, damage: Callable[[str], str], says: str) -> None:
    with pytest.raises(InputError, match=r"runs/a\.json") as caught:
        Report.from_json(damage(report.to_json()), "runs/a.json")
    assert says in str(caught.value)


def test_contradictions_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="neither a value nor a reason"):
        Figure(key="a", label="A", value=None)
    with pytest.raises(ValueError, match="without spaces"):
        Figure(key="a b", label="A", value=exact(1))
    with pytest.raises(ValueError, match="unknown references"):
        Figure(key="a", label="A", value=exact(1), references={"best": exact(1)})
    with pytest.raises(ValueError, match="2 columns, but a row of 1"):
        Table(title="T", columns=("a", "b"), rows=(("x",),))
    with pytest.raises(ValueError, match="lengths"):
        Series(name="s", x=(0.0, 1.0), y=(0.0,))
    with pytest.raises(ValueError, match="lengths"):
        Series(name="s", x=(0.0,), y=(0.0,), low=(0.0,))
    twice = Section(title="T", about="", figures=(Figure(key="a", label="A", value=exact(1)),) * 2)
    with pytest.raises(ValueError, match="two figures have the key a"):
        Report(title="T", subject="S", sections=(twice,)).figures()


def test_the_axis_of_a_plot_comes_back() -> None:
    plot = Plot(title="T", x_label="x", y_label="y", series=(Series(name="s", x=(0,), y=(1,)),), y_range=(0.0, 2.0))
    text = Report(title="T", subject="S", sections=(Section(title="A", about="", plots=(plot,)),)).to_json()
    assert Report.from_json(text, "here").sections[0].plots[0].y_range == (0.0, 2.0)
