"""Mistakes between parts come in the same pass as mistakes inside parts, wherever they do not come from those."""

from __future__ import annotations

from drivesim.scenarios import check_text

BAD = """\
drivesim: 1
id: a
scene:
  ego: {speed: fast}
  road: {lanes: 2}
  actors:
    - {id: a, class: car, lane: left, gap: 10 m, speed: -x}
    - {id: b, class: car, lane: left}
    - {id: c, class: cat, lane: left, gap: 3}
    - {id: ego, class: car, lane: ego, gap: 50 m}
events:
  - {id: e, actor: nobody, action: {lane_change: {to: left}}, start: {after: e}}
  - {id: f, actor: a, action: {lane_change: {to: ramp}}, start: {time: soon}}
  - {id: g, actor: a, action: {lane_change: {to: ramp}}}
expect:
  - {label: zzz, at_least: 1}
"""


def test_all_that_can_be_found_is_found_at_once() -> None:
    problems = [(one.line, one.code) for one in check_text(BAD).errors]
    assert problems == [
        (4, "DS025"),  # the ego's speed
        (7, "DS025"),  # a's speed
        (8, "DS046"),  # b has no gap
        (9, "DS024"),  # no such class
        (10, "DS042"),  # an actor called ego
        (12, "DS043"),  # nobody
        (12, "DS048"),  # waits for itself
        (13, "DS025"),  # soon is no time: of that event nothing else is said
        (14, "DS047"),  # no ramp
        (16, "DS044"),  # no such label
    ]  # fmt: skip


def test_nothing_is_said_that_comes_from_what_is_missing() -> None:
    """An actor without a usable id is gone: whoever names one may mean it."""
    text = BAD.replace(
        "{id: a, class: car, lane: left, gap: 10 m, speed: -x}", "{id: 7, class: car, lane: left, gap: 10 m}"
    )
    found = [(one.line, one.code) for one in check_text(text).errors]
    assert (7, "DS031") in found and (8, "DS046") in found and (10, "DS042") in found
    assert not any(code in ("DS043", "DS044") for _, code in found)


def test_items_that_are_left_keep_their_numbers() -> None:
    text = BAD.replace("    - {id: a, class: car, lane: left, gap: 10 m, speed: -x}\n", "    - {class: car}\n    - 7\n")
    (problem,) = [one for one in check_text(text).errors if one.code == "DS046"]
    assert problem.path == "scene.actors[2]" and problem.line == 9


def test_a_file_of_which_nothing_is_left() -> None:
    assert [one.code for one in check_text("drivesim: 1\nid: a\nscene: 7\n").errors] == ["DS023"]
