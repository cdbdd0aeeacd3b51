"""What a command says while it works: one way for all, and rates of what was really made."""

from __future__ import annotations

import pytest

from drivesim.cli import progress
from drivesim.cli.progress import Progress, ProgressCount, Voice, counting, shares

LOUD = Voice(quiet=False, as_json=False)


def test_what_was_found_counts_as_done_but_not_into_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    count = ProgressCount("frames", 100)
    count.add(40, found=True)
    assert count.status() == "40 of 100 frames"
    for _ in range(3):
        now[0] += 2.0
        count.add(10)
    assert count.status() == "70 of 100 frames, 5 frames/s, 0:00:06 left"
    assert count.made == 30


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with counting("packing") as hear:
        for done in (3, 4, 5, 6):
            hear(done, 9)
            now[0] += 20.0
    assert capsys.readouterr().err.splitlines() == ["packing: 5 of 9 clips, 0.05 clips/s, 0:01:20 left"]
    with shares(LOUD) as tell:
        tell("rendering", 0.5)
        tell("measuring", 0.25)
    assert capsys.readouterr().err.splitlines() == ["measuring: 25%"]


def test_a_run_that_expects_more_frames_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    run = Progress(8, LOUD)
    monkeypatch.setattr(run, "_show", lambda what, done, total, status: shown.append(status.split(",")[0]))
    run.hear(0, 4, True)
    run.expect(8)
    assert shown == ["4 of 8 frames", "4 of 16 frames"]
