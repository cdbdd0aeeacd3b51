"""Two reports: differences are named, and nothing is called better that the intervals do not carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from drivesim.metrics.estimate import NOTHING, Estimate, exact
from drivesim.report import COMPARED, Figure, Plot, Report, Section, Series
from drivesim.report.compare import Pair, compare, comparison_lines
from drivesim.report.document import Better, Change
from drivesim.report.page import render_html


def about(value: float, half: float = 0.02, count: int = 40) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, count=count, method="bootstrap")


def figure(value: Estimate | None, better: Better = "higher", **references: Estimate) -> Figure:
    return Figure(key="a.b", label="A", value=value, better=better, references=references, note="why")


def changed(report: Report, change: Callable[[Figure], Figure]) -> Report:
    sections = tuple(
        dataclasses.replace(section, figures=tuple(change(one) for one in section.figures))
        for section in report.sections
    )
    return dataclasses.replace(report, sections=sections)


def without_curves(report: Report) -> Report:
    """Curves take longest to draw, and these tests read words."""
    return dataclasses.replace(report, sections=tuple(dataclasses.replace(s, plots=()) for s in report.sections))


@pytest.mark.parametrize(
    ("one", "other", "better", "change"),
    [
        (about(0.5), about(0.6), "higher", "better"),
        (about(0.6), about(0.5), "higher", "worse"),
        (about(0.5), about(0.6), "lower", "worse"),
        (about(0.5), about(0.6), "none", "different"),
        (about(0.5), about(0.539), "higher", "no clear difference"),
        (about(0.5), about(0.541), "higher", "better"),
        (exact(0.5), about(0.9), "higher", "not told"),
        (exact(0.5), exact(0.9), "higher", "not told"),
        (NOTHING, about(0.9), "higher", "not comparable"),
        (None, about(0.9), "higher", "not comparable"),
    ],
)
def test_only_intervals_apart_make_a_change(
    one: Estimate | None, other: Estimate | None, better: Better, change: Change
) -> None:
    pair = Pair(key="a.b", before=figure(one, better), after=figure(other, better))
    assert pair.change == change
    if one is not None and other is not None and change != "not comparable":
        assert pair.difference == pytest.approx(other.value - one.value)


def test_near_means_near_each_reports_own_rendered_video() -> None:
    far, near = figure(about(0.5), "near", rendered=about(1.0)), figure(about(1.3), "near", rendered=about(1.0))
    assert Pair(key="a.b", before=far, after=near).change == "better"
    assert Pair(key="a.b", before=near, after=far).change == "worse"
    moved = figure(about(1.3), "near", rendered=about(2.5))
    assert Pair(key="a.b", before=far, after=moved).change == "worse"
    assert Pair(key="a.b", before=far, after=figure(about(1.3), "near")).change == "different"


def test_other_units_are_not_compared() -> None:
    metres = dataclasses.replace(figure(about(3.0)), unit="m")
    feet = dataclasses.replace(figure(about(9.0)), unit="ft")
    assert Pair(key="a.b", before=metres, after=feet).change == "not comparable"


def test_a_report_against_itself(report: Report) -> None:
    same = compare(report, report)
    assert "same settings" in same.sections[0].about and not same.sections[0].tables
    assert {row[-1] for row in same.sections[1].tables[0].rows} == {"no clear difference", "not told", "not comparable"}
    assert same.warnings == tuple(f"{name}: {warning}" for name in "AB" for warning in report.warnings)


def test_different_clips_and_seeds_are_said_loudly_and_first(report: Report) -> None:
    settings = {**report.settings, "weights sha256": "77", "clips": "8", "seeds": "0 to 7", "steps": "4"}
    fewer = changed(
        report, lambda one: dataclasses.replace(one, value=one.value and dataclasses.replace(one.value, count=8))
    )
    comparison = compare(report, dataclasses.replace(fewer, settings=settings))
    assert "not measured alike" in comparison.warnings[0]
    assert "clips: 48 / 8" in comparison.warnings[0] and "seeds: 0 to 47 / 0 to 7" in comparison.warnings[0]
    assert "weights" not in comparison.warnings[0]
    assert "different numbers of units" in comparison.warnings[1] and "940 / 8" in comparison.warnings[1]
    (table,) = comparison.sections[0].tables
    assert [row[0] for row in table.rows] == ["clips", "seeds", "weights sha256", "steps"]
    assert table.rows[3][1:3] == ("–", "4")
    page = render_html(without_curves(comparison))
    assert page.index("not measured alike") < page.index("At a glance")


def test_figures_stand_beside_their_predecessors(report: Report) -> None:
    def better(one: Figure) -> Figure:
        return dataclasses.replace(one, value=about(0.8, 0.01)) if one.key == "obedience.recall" else one

    comparison = compare(report, changed(report, better))
    found = comparison.figures()["obedience.recall"]
    assert found.references[COMPARED] == report.figures()["obedience.recall"].value
    assert found.note.startswith("B − A = +0.15; the 95 % intervals do not overlap")
    rows = {str(row[0]): row for row in comparison.sections[1].tables[0].rows}
    assert rows["Recall of commanded boxes"][-1] == "better"
    assert rows["FVD"][1] == "not computed: no I3D network was named; give one with --i3d FILE"
    assert comparison.highlights == ("obedience.recall",) and found.change == "better"
    lines = comparison_lines(comparison)
    (line,) = [line for line in lines if line.startswith("  Recall of commanded boxes")]
    assert line.split() == "Recall of commanded boxes 0.65 [0.62, 0.68] 0.800 [0.790, 0.810] 0.149 better".split()


def test_figures_of_one_report_alone_are_named(report: Report) -> None:
    without = dataclasses.replace(report, sections=report.sections[1:], highlights=())
    for comparison in (compare(report, without), compare(without, report)):
        assert any("Only one of the two has: Recall of commanded boxes" in text for text in comparison.warnings)
        rows = {str(row[0]): row for row in comparison.sections[1].tables[0].rows}
        assert "not in this report" in rows["Recall of commanded boxes"]
        assert "Recall of commanded boxes" in render_html(without_curves(comparison))


def test_curves_and_pictures_of_equal_title_stand_side_by_side(report: Report) -> None:
    def lines(*names: str, top: float) -> Report:
        series = tuple(Series(name=name, x=(0.0, 1.0), y=(0.0, top)) for name in names)
        plot = Plot(title="Luma", x_label="s", y_label="grey", series=series)
        alone = dataclasses.replace(plot, title=f"Only {top:g}")
        return Report(title="T", subject="S", sections=(Section(title="Drift", about="", plots=(plot, alone)),))

    topic = compare(lines("free", "scripted", top=1.0), lines("scripted", "free", top=5.0)).sections[2]
    assert [plot.title for plot in topic.plots] == ["A: Luma", "B: Luma"]
    assert [[series.name for series in plot.series] for plot in topic.plots] == [["scripted", "free"]] * 2
    assert topic.plots[0].y_range == topic.plots[1].y_range == pytest.approx((-0.2, 5.2))
    assert topic.about.strip() == "Only in B: Only 5."
    pictures = compare(report, report).sections[-1].pictures
    assert [picture.caption for picture in pictures[:2]] == ["A: Future 0, at 4 s", "B: Future 0, at 4 s"]
