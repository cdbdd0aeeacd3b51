"""What cannot happen is said before anything is made: events that never start, bends that no tyre bears, videos that no model makes."""

from __future__ import annotations

import pytest

from drivesim.models.load import video_of
from drivesim.scenarios import check_text
from drivesim.scenarios.checks.messages import CheckReport
from drivesim.scenarios.checks.video import SHIPPED

SCENE = """\
drivesim: 1
id: case
video: {{duration: 5 s}}
{vary}scene:
  road: {{type: {road}, lanes: 2, ego_lane: 1{curvature}}}
  ego: {{speed: {ego}}}
  traffic: none
  actors:
    - {{id: a, class: car, lane: left, gap: 10 m, speed: {actor}}}
    - {{id: p, class: pedestrian, at: {{x: 10 m, y: -4 m}}, speed: 1.4 m/s}}
    - {{id: o, class: car, lane: oncoming, gap: 40 m, speed: 10 m/s}}
events:
  - {{id: first, actor: a, action: {{lane_change: {{to: ego, over: 3 s}}}}, start: {{time: 1 s}}}}
  - {event}
"""


def found(
    event: str, *, ego: str = "10", actor: str = "10", road: str = "urban", curvature: str = "0", vary: str = ""
) -> CheckReport:
    bend = f", curvature: {curvature}" if curvature else ""
    return check_text(SCENE.format(event=event, ego=ego, actor=actor, road=road, curvature=bend, vary=vary))


def codes(report: CheckReport) -> list[str]:
    assert not report.errors, report.errors
    return [problem.code for problem in report.warnings]


CROSS = "{id: e, actor: p, action: {walk_to: {y: 5 m}}, start: %s}"


@pytest.mark.parametrize(
    ("event", "ego", "says"),
    [
        (CROSS % "{time: 20 s}", "10", "it starts at 20 s or later, and the video ends at 5 s"),
        (CROSS % "{time: 4 s}, within: 2 s", "10", "but 'within' allows it up to 2 s"),
        (CROSS % "{after: first}, within: 3 s", "10", "it starts at 4 s or later, but 'within' allows it up to 3 s"),
        (CROSS % "{ttc_to_ego: {below: 3 s}}", "0", "the ego stands and 'p' does not come nearer along the road"),
        (CROSS % "{distance_to_ego: {below: 5 m}}", "0", None),  # it may walk there: its speed is not 0
        (CROSS % "{ttc_to_ego: {below: 3 s}}", "10", None),
        (CROSS % "{time: 4.9 s}", "10", None),
        ("{id: e, actor: o, action: {speed: {to: 5}}, start: {ttc_to_ego: {below: 3 s}}}", "0", None),
    ],
)
def test_events_that_never_start(event: str, ego: str, says: str | None) -> None:
    report = found(event, ego=ego)
    if says is None:
        assert "DS067" not in codes(report)
        return
    (problem,) = [one for one in report.warnings if one.code == "DS067"]
    assert problem.text.startswith("event 'e' never happens: ") and says in problem.text and problem.path == "events[1]"


def test_some_variations_are_counted() -> None:
    report = found(CROSS % "{time: $late}", vary="vary: {late: {choice: [2 s, 9 s]}}\n")
    (problem,) = [one for one in report.warnings if one.code == "DS067"]
    assert problem.text.startswith("in 50 % of the parameter space (late 9) event 'e' never happens")


def test_a_lane_of_a_parameter_that_is_not_there() -> None:
    event = "{id: e, actor: a, action: {lane_change: {to: $where}}, start: {time: 1 s}}"
    report = found(event, vary="vary: {where: {choice: [left, ramp]}}\n")
    assert any(one.code == "DS067" and "the road has no ramp" in one.text for one in report.warnings)
    text = SCENE.format(
        event=CROSS % "{time: 1 s}",
        ego=5,
        actor=5,
        road="urban",
        curvature="",
        vary="vary: {l: {choice: [left, ramp]}}\n",
    )
    (problem,) = check_text(text.replace("lane: left", "lane: $l")).errors
    assert problem.code == "DS047" and "the road has no ramp" in problem.text


@pytest.mark.parametrize(
    ("ego", "actor", "curvature", "road", "who"),
    [
        ("25", "5", "0.02", "rural", ["the ego at 25 m/s in a bend of 50 m radius needs 1.27 g"]),
        ("10", "22", "-0.02", "rural", ["'a' at 22 m/s in a bend of 50 m radius needs 0.99 g"]),
        ("20", "20", "0.02", "rural", []),
        ("25", "25", "0", "rural", []),
        ("60", "5", "", "rural", ["the ego at 60 m/s"]),
    ],
)
def test_bends(ego: str, actor: str, curvature: str, road: str, who: list[str]) -> None:
    report = found(CROSS % "{time: 1 s}", ego=ego, actor=actor, curvature=curvature, road=road)
    said = [one.text for one in report.warnings if one.code == "DS068"]
    assert len(said) == len(who) and all(text.startswith(start) for text, start in zip(said, who, strict=True))


def test_the_shipped_model_makes_what_check_says() -> None:
    assert video_of("default") == (SHIPPED.height, SHIPPED.width, SHIPPED.fps)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("{id: e, actor: o, action: {brake: {deceleration: 3, to: 12 m/s}}}", "'o' drives at 10 m/s and cannot slow down to 12 m/s"),
        ("{id: e, actor: o, action: {brake: {deceleration: 3, to: 5 m/s}}}", None),
        ("{id: e, actor: o, action: {lane_change: {to: oncoming}}}", "'o' is on that lane from the beginning"),
        ("{id: e, actor: ego, action: {stop: {}}}", None),
    ],
)  # fmt: skip
def test_actions_that_change_nothing(event: str, says: str | None) -> None:
    said = [problem.text for problem in found(event).warnings if problem.code == "DS067"]
    assert (says is None and not said) or (says is not None and says in said[0])


def test_who_stands_or_is_there_already_changes_no_lane() -> None:
    text = SCENE.format(
        event=CROSS % "{time: 1 s}", ego="10", actor="0", road="urban", curvature=", curvature: 0", vary=""
    )
    assert ["'a' stands, and who stands changes no lane" in problem.text for problem in check_text(text).warnings] == [
        True
    ]
    text = text.replace("to: ego", "to: left").replace("speed: 0}", "speed: 9}")
    assert ["'a' is on that lane from the beginning" in problem.text for problem in check_text(text).warnings] == [True]


@pytest.mark.parametrize(("over_s", "heavy"), [("0.7 s", True), ("1.4 s", True), ("1.6 s", False), ("3 s", False)])
def test_lane_changes_that_tyres_do_not_bear(over_s: str, heavy: bool) -> None:
    text = SCENE.format(
        event=CROSS % "{time: 1 s}", ego="10", actor="10", road="urban", curvature=", curvature: 0", vary=""
    )
    said = [
        one.text for one in check_text(text.replace("over: 3 s", f"over: {over_s}")).warnings if one.code == "DS068"
    ]
    assert ["at least 'over: 1.6 s'" in text for text in said] == ([True] if heavy else [])


def test_an_event_that_speeds_up_counts_in_a_bend() -> None:
    report = found("{id: e, actor: ego, action: {speed: {to: 25 m/s}}, start: {time: 1 s}}", curvature="0.02")
    assert [problem.text[:21] for problem in report.warnings if problem.code == "DS068"] == ["the ego at 25 m/s in "]


TURN = """\
drivesim: 1
id: turn
title: Left at a junction
scene:
  road: {{type: urban, lanes: 1, speed_limit: 50 km/h, junction: {{at: 60 m, arms: [left, right], control: priority}}}}
  ego: {{speed: {speed}, reacts: {reacts}}}
  traffic: none
events:
  - {{id: turns, actor: ego, action: {{turn: left}}}}
"""


@pytest.mark.parametrize(
    ("speed", "reacts", "heavy"), [("20", "false", True), ("3", "false", False), ("20", "true", False)]
)
def test_turns_that_tyres_do_not_bear(speed: str, reacts: str, heavy: bool) -> None:
    said = [one.text for one in check_text(TURN.format(speed=speed, reacts=reacts)).warnings if one.code == "DS068"]
    assert [text.startswith("'ego' does not react, so it turns at 20 m/s") for text in said] == [True] * heavy
    assert all("Write at most" in text and "reacts: true" in text for text in said)


PLAYED = """\
drivesim: 1
id: played
video: {{duration: 12 s}}
{vary}scene:
  road: {{type: motorway, lanes: 2, ego_lane: 1, curvature: 0}}
  ego: {{speed: 20 m/s}}
  actors:
    - {{id: lead, class: car, lane: ego, gap: {gap}, speed: 20 m/s}}
    - {{id: beside, class: truck, at: {{x: 1 m, y: 3.5 m}}, speed: 20 m/s}}
events:
  - {{id: first, actor: {actor}, action: {action}, start: {start}}}
  - {{id: second, actor: lead, action: {{stop: {{}}}}, start: {{after: first}}}}
"""


def played(
    start: str, *, gap: str = "60 m", actor: str = "lead", action: str = "{speed: {to: 22}}", vary: str = ""
) -> list[str]:
    report = check_text(PLAYED.format(start=start, gap=gap, actor=actor, action=action, vary=vary))
    assert not report.errors, report.errors
    return [problem.text for problem in report.warnings if problem.code == "DS069"]


def test_what_does_not_start_when_it_is_played_is_said_before_anything_is_made() -> None:
    assert played("{gap_to_ego: {below: 70 m}}") == []
    assert played("{time: 2 s}") == []
    (never,) = played("{gap_to_ego: {below: 20 m}}")  # 'second' waits for it, which needs no word of its own
    assert never.startswith(
        "event 'first' does not start: played for 12 s, gap_to_ego is never below 20 m; the two come as near as 6"
    )
    (ttc,) = played("{ttc_to_ego: {below: 1 s}}, within: 6 s")
    assert "played for 6 s, ttc_to_ego is never below 1 s" in ttc
    (blocked,) = played("{time: 1 s}, within: 1.5 s", actor="ego", action="{lane_change: {to: left}}")
    assert "there is never room for it beside 'ego'" in blocked


CUTS = """\
drivesim: 1
id: cuts
video: {{duration: 6 s}}
scene:
  road: {{type: motorway, lanes: 2, ego_lane: 1, curvature: 0}}
  ego: {{speed: 33 m/s, reacts: {ego}}}
  traffic: none
  actors:
    - {{id: lead, class: car, lane: ego, gap: 150 m, speed: 33 m/s}}
    - {{id: cuts, class: car, lane: left, gap: {gap}, speed: 10 m/s, reacts: {cuts}}}
events:
  - {{id: cut, actor: cuts, action: {{lane_change: {{to: ego, over: 2 s}}}}, start: {{time: 0.2 s}}}}
{labels}"""


def test_a_crash_of_two_who_react_is_said_unless_a_label_is_about_it() -> None:
    def crashes(gap: str = "25 m", ego: str = "true", cuts: str = "true", label: str = "") -> list[str]:
        labels = f"labels:\n  hit: {{collision: {{actor: {label}}}}}\n" if label else ""
        report = check_text(CUTS.format(gap=gap, ego=ego, cuts=cuts, labels=labels))
        assert not report.errors, report.errors
        return [problem.text for problem in report.warnings if problem.code == "DS074"]

    (said,) = crashes()
    assert said.startswith("'ego' runs into 'cuts' at ") and "label: {collision: {actor: cuts}}" in said
    assert len(crashes(label="lead")) == 1
    assert crashes(gap="140 m") == []
    assert crashes(label="cuts") == crashes(ego="false") == crashes(cuts="false") == []


def test_variations_in_which_it_does_not_start_are_counted() -> None:
    vary = "sampling: {method: grid}\nvary: {gap: {grid: [15 m, 60 m, 80 m]}}\n"
    (said,) = played("{gap_to_ego: {below: 20 m}}", gap="$gap", vary=vary)
    assert said.startswith("in 2 of 3 variations played event 'first' does not start (gap 60):")
