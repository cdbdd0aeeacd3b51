"""The page in a real browser at the widths of a phone and a desk: nothing sticks out, nothing is fetched."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from drivesim.report import Report
from drivesim.report.page import render_html
from drivesim.report.thresholds import Threshold, judge
from drivesim.report.verdict import conclude

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (320, 400, 1200)
HEIGHT = 4000

# Each copy of the page tells the frame around it how wide it is, which elements stick out, and what it fetched.
MEASURE = """<script>addEventListener("load", () => {
  const scrolls = element => element.closest(".scroll");
  const out = [...document.querySelectorAll("body *")].filter(
    element => !scrolls(element) && element.getBoundingClientRect().right > innerWidth + 1);
  parent.postMessage(JSON.stringify({width: innerWidth, content: document.documentElement.scrollWidth,
    out: out.map(element => element.outerHTML.slice(0, 80)), height: document.body.scrollHeight,
    fetched: performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !name.startsWith("data:")),
    small: [...document.images].filter(image => !image.naturalWidth).length}), "*")
})</script>"""
COLLECT = '<pre id="found"></pre><script>addEventListener("message", e => found.textContent += e.data + "\\n")</script>'


@pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed (searched: chromium, chromium-browser, google-chrome)"
)
def test_a_phone_and_a_desk_show_the_whole_page(report: Report, tmp_path: Path) -> None:
    """One start of the browser: a frame per width, screenshots cut from one picture and left in ``tmp_path``."""
    thresholds = [Threshold.parse(text) for text in ("obedience.recall>=0.8", "drift.fvd<=400")]
    copy = html.escape(
        render_html(report, conclude(one.demand({}) for one in judge(report, thresholds))).replace(
            "</body>", MEASURE + "</body>"
        )
    )
    frames = "".join(f'<iframe width="{w}" height="{HEIGHT}" srcdoc="{copy}"></iframe>' for w in WIDTHS)
    style = "<style>body{margin:0;display:flex;align-items:start} iframe{border:0;flex:none}</style>"
    around = tmp_path / "frames.html"
    around.write_text(f"<!DOCTYPE html>{style}{frames}{COLLECT}", encoding="utf-8")
    shown = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'all.png'}", "--dump-dom",
            f"--window-size={sum(WIDTHS) + 200},{HEIGHT}", "--virtual-time-budget=5000", around.as_uri(),
        ],
        capture_output=True, text=True, timeout=180, check=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None, shown[-500:]
    measured = sorted((json.loads(html.unescape(line)) for line in found[1].splitlines()), key=lambda m: m["width"])
    assert [m["width"] for m in measured] == list(WIDTHS)
    for one in measured:
        assert one["content"] == one["width"] and one["out"] == [], one
        assert one["fetched"] == [] and one["small"] == 0, one
    assert measured[0]["height"] > measured[2]["height"] > 1500, "figures stack on a phone"
    _cut(tmp_path / "all.png", tmp_path)


def _cut(picture: Path, folder: Path) -> None:
    """Store the frames of the screenshot one by one; each must show something."""
    pixels = cv2.imread(str(picture))
    assert pixels is not None
    left = 0
    for width in WIDTHS:
        part = pixels[:, left : left + width]
        assert part.shape[1] == width and part.std() > 10
        cv2.imwrite(str(folder / f"report-{width}.png"), part)
        left += width
