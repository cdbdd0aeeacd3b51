"""``mode: select``: futures are drawn until enough show the events, each measured once, and the budget is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_judges import JUDGED_SCENARIO, JudgedLoaded, tiny_judges

from drivesim.errors import InputError
from drivesim.evidence import selection as module
from drivesim.evidence.selection import Selection, select, selected_events
from drivesim.evidence.verdict import Verdict
from drivesim.judges.load import Judges
from drivesim.options import Options, Threads
from drivesim.run_spec import decide
from drivesim.runs.future import Future
from drivesim.runs.run_folder import RunFolder
from drivesim.scenarios import Scenario, loads
from drivesim.simulate import make
from drivesim.storage import sealed_text

SEEN, UNSEEN = Verdict(value=True, time_s=1.0), Verdict(value=False)
LOST = Verdict(value=None, reason="actor 'challenger' was not found in the video")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return loads(JUDGED_SCENARIO)[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, scenario: Scenario) -> tuple[Path, list[Future]]:
    """Eight futures of one frame: what they show is said by the test."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = Options(threads=Threads(denoise=1, decode=1))
    decided = decide(JudgedLoaded(), scenario, num_frames=1, seed=3, options=options, several=True)
    return folder, list(make(decided, folder, indices=range(8)))


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    return tiny_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture(autouse=True)
def unmeasured(run: tuple[Path, list[Future]]) -> None:
    RunFolder(run[0]).selection_path.unlink(missing_ok=True)


class Verdicts:
    """Stands in for the probe: says what it is told of each future, and remembers which it was asked about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, by_future: list[Verdict]) -> None:
        self.asked: list[int] = []
        self.by_future = by_future
        monkeypatch.setattr(module, "_verdicts", self)

    def __call__(self, future: Future, events: tuple[str, ...], judges: Judges, progress: object) -> dict[str, Verdict]:
        self.asked.append(future.index)
        return {"cut_in": self.by_future[future.index]}


def chosen(
    run: tuple[Path, list[Future]], scenario: Scenario, judges: Judges, wanted: int, max_tries: int
) -> tuple[Selection, tuple[Future, ...]]:
    folder, futures = run
    return select(futures.__getitem__, folder, scenario, judges, wanted=wanted, max_tries=max_tries)


def test_only_events_that_say_so_select(scenario: Scenario) -> None:
    assert selected_events(scenario) == ("cut_in",)
    assert selected_events(loads(JUDGED_SCENARIO.replace("mode: select", "mode: tag"))[0]) == ()


def test_it_draws_until_enough_futures_show_the_event(
    monkeypatch: pytest.MonkeyPatch, run: tuple[Path, list[Future]], scenario: Scenario, judges: Judges
) -> None:
    verdicts = Verdicts(monkeypatch, [UNSEEN, SEEN, LOST, LOST, SEEN, SEEN, SEEN, SEEN])
    selection, accepted = chosen(run, scenario, judges, 2, 8)
    assert selection.is_met and selection.accepted == (1, 4) and [one.index for one in accepted] == [1, 4]
    assert verdicts.asked == [0, 1, 2, 3, 4]
    assert selection.rate.value == pytest.approx(0.4) and selection.rate.low < 0.4 < selection.rate.high
    assert selection.reasons() == (
        ("cut_in: actor 'challenger' was not found in the video", 2),
        ("cut_in: not seen", 1),
    )
    assert selection.summary() == "2 of 5 futures show cut_in (40 %, interval 12 to 77 %); 2 wanted"


def test_a_spent_budget_leaves_what_was_found(
    monkeypatch: pytest.MonkeyPatch, run: tuple[Path, list[Future]], scenario: Scenario, judges: Judges
) -> None:
    Verdicts(monkeypatch, [UNSEEN, SEEN, *[UNSEEN] * 6])
    selection, accepted = chosen(run, scenario, judges, 2, 6)
    assert not selection.is_met and len(selection.tries) == 6 and [one.index for one in accepted] == [1]
    stored = json.loads(RunFolder(run[0]).selection_path.read_text())
    assert stored["accepted"] == [1] and stored["wanted"] == 2 and len(stored["tries"]) == 6
    assert stored["tries"][1]["verdicts"]["cut_in"]["time_s"] == 1.0


def test_what_was_measured_is_not_measured_again_unless_by_other_judges(
    monkeypatch: pytest.MonkeyPatch,
    run: tuple[Path, list[Future]],
    scenario: Scenario,
    judges: Judges,
) -> None:
    verdicts = Verdicts(monkeypatch, [UNSEEN, SEEN, LOST, UNSEEN, SEEN, UNSEEN, UNSEEN, SEEN])
    first, _ = chosen(run, scenario, judges, 2, 3)
    assert not first.is_met
    again, accepted = chosen(run, scenario, judges, 2, 8)
    assert verdicts.asked == [0, 1, 2, 3, 4] and again.accepted == (1, 4) and len(accepted) == 2
    assert again.tries[:3] == first.tries
    stored = json.loads(RunFolder(run[0]).selection_path.read_text())
    del stored["sha256"]
    RunFolder(run[0]).selection_path.write_text(sealed_text({**stored, "judges": "others"}))
    chosen(run, scenario, judges, 1, 8)
    assert verdicts.asked == [0, 1, 2, 3, 4, 0, 1]


def test_the_probe_itself_says_why_not(run: tuple[Path, list[Future]], scenario: Scenario, judges: Judges) -> None:
    selection, accepted = chosen(run, scenario, judges, 1, 2)
    assert accepted == () and len(selection.tries) == 2
    for one in selection.tries:
        assert one.verdicts["cut_in"].value is not True
        assert one.reasons[0].startswith("cut_in: ") and len(one.reasons[0]) > len("cut_in: ")


def test_a_damaged_file_says_what_to_do(run: tuple[Path, list[Future]], scenario: Scenario, judges: Judges) -> None:
    edited = sealed_text({"judges": judges.sha256, "tries": []}).replace("[]", '[{"future": 0, "verdicts": {}}]')
    for text in ("{", "[" * 100_000, edited):
        RunFolder(run[0]).selection_path.write_text(text)
        with pytest.raises(InputError, match=r"selection\.json is damaged .* Delete it"):
            chosen(run, scenario, judges, 1, 1)
