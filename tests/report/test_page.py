"""The page: complete, reachable by its links, readable without eyes, the same bytes every time."""

from __future__ import annotations

import dataclasses
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from drivesim.report import Picture, Plot, Report, Section, Series
from drivesim.report.curves import plot_svg
from drivesim.report.files import read_report, write_report
from drivesim.report.page import render_html
from drivesim.report.thresholds import Threshold, judge
from drivesim.report.verdict import conclude

VOID = {"meta", "link", "img", "br", "line", "rect", "circle", "path", "use"}


class Outline(HTMLParser):
    """What a page holds: ids, links, headings, attributes by tag; raises when elements are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))


TEXTS = ("obedience.recall>=0.8", "obedience.speed_error<5", "drift.fvd<=400")


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(
        report, conclude(one.demand({}) for one in judge(report, [Threshold.parse(text) for text in TEXTS]))
    )


def test_everything_of_the_report_is_on_the_page(report: Report, page: str) -> None:
    text = Outline(page).text
    wanted = [report.title, report.subject, *report.warnings, *report.settings, *report.commands.values()]
    for section in report.sections:
        wanted += [section.title, *section.about.split("\n\n")]
        wanted += [word for f in section.figures for word in (f.label, f.key, f.judge, f.note)]
        wanted += [word for table in section.tables for word in (table.title, table.note, *table.columns)]
        wanted += [series.name for plot in section.plots for series in plot.series]
        wanted += [picture.caption for picture in section.pictures]
    assert not [
        words
        for words in wanted
        if words.replace(" %", "\N{NO-BREAK SPACE}%").replace("\N{NO-BREAK SPACE}", " ") not in text
    ]
    assert "none in these clips <b>& such</b>" in text
    assert "0.65 [0.62, 0.68]" in text and "−0.31" in text


def test_bad_failed_and_missing_figures_are_said_in_words(page: str) -> None:
    text = Outline(page).text
    assert "1 bad : Error of the yaw rate" in text.replace("bad:", "bad :")
    assert "bad – no better than frozen" in text
    assert "Verdict: failed, 1 of 3 passed" in text
    assert "failed obedience.recall ≥ 0.8 0.65 [0.62, 0.68]" in text
    assert "not measured drift.fvd ≤ 400 (no I3D network was named" in text
    assert "not computed: no I3D network was named; give one with --i3d FILE" in text
    assert "not computed: there was nothing to measure it on" in text
    assert text.index("1 bad") < text.index("Contents")


def test_links_lead_somewhere_and_ids_are_unique(page: str) -> None:
    outline = Outline(page)
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = [a["href"].removeprefix("#") for tag in ("a", "use") for a in outline.all(tag)]
    used += [attributes["aria-labelledby"] for _, attributes in outline.elements if "aria-labelledby" in attributes]
    used += re.findall(r"url\(#([\w-]+)\)", page)
    assert used and set(used) <= set(ids)


def test_the_page_asks_for_nothing_and_runs_nothing(page: str) -> None:
    outline = Outline(page)
    assert not outline.all("script") and not [
        a for _, a in outline.elements if any(name.startswith("on") for name in a)
    ]
    sources = [a[name] for _, a in outline.elements for name in ("src", "href", "xlink:href") if name in a]
    assert not [source[:60] for source in sources if not source.startswith(("#", "data:"))]
    assert not re.search(r"@import|url\((?!#)|https?://", page)


def test_headings_tables_and_pictures_are_read_aloud_in_order(page: str) -> None:
    outline = Outline(page)
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for attributes in outline.all("th"))
    assert all(attributes["alt"] for attributes in outline.all("img"))
    images = [attributes for _, attributes in outline.elements if attributes.get("role") == "img"]
    assert images and all(attributes["aria-label"] for attributes in images)
    assert all(attributes.get("aria-hidden") == "true" or "overflow" in attributes for attributes in outline.all("svg"))
    assert outline.all("html") == [{"lang": "en"}]


def test_equal_reports_give_equal_bytes(report: Report, page: str) -> None:
    again = Report.from_json(report.to_json(), "here")
    assert (
        render_html(again, conclude(one.demand({}) for one in judge(again, [Threshold.parse(text) for text in TEXTS])))
        == page
    )


def test_texts_of_plots_are_text_and_their_colours_the_pages() -> None:
    series = Series(name="s", x=(0.0, 1.0, 2.0), y=(float("nan"), 1.0, 2.0))
    plot = Plot(title="T", x_label="cost in $ & $", y_label="<b>", series=(series,))
    svg = plot_svg(plot, "one")
    assert ">cost in $ &amp; $</text>" in svg and ">&lt;b&gt;</text>" in svg
    assert "var(--series-1)" in svg and "var(--muted)" in svg
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]|font-family|<style|<metadata", svg)
    names = {salt: set(re.findall(r'id="([^"]+)"', plot_svg(plot, salt))) for salt in ("one", "two")}
    assert names["one"] and not names["one"] & names["two"]


def test_a_bare_report_and_wrong_contents() -> None:
    bare = Report(title="T", subject="S", sections=())
    outline = Outline(render_html(bare))
    assert "At a glance" not in outline.text and "Settings" not in outline.text
    with pytest.raises(ValueError, match="highlights name figures"):
        render_html(dataclasses.replace(bare, highlights=("a.b",)))
    section = Section(title="P", about="", pictures=(Picture(caption="one", data=b"no picture"),))
    with pytest.raises(ValueError, match="'one' holds no PNG or JPEG"):
        render_html(dataclasses.replace(bare, sections=(section,)))


def test_writing_leaves_both_files_and_nothing_else(report: Report, tmp_path: Path) -> None:
    report = dataclasses.replace(report, sections=report.sections[:1], highlights=())
    write_report(report, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert read_report(folder).to_json() == read_report(folder / "report.json").to_json() == report.to_json()
