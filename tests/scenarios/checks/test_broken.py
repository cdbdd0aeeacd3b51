"""Broken scenario files: each ends in exactly the message that is written here, quickly and never in a traceback."""

from __future__ import annotations

import pytest

from drivesim.scenarios import ScenarioError, check_text, loads
from drivesim.scenarios.checks.messages import CODES

#: A good file; each broken one differs from it in one place.
GOOD = """\
drivesim: 1
id: case
scene:
  road: {type: urban, lanes: 2, curvature: 0}
  ego: {speed: 10 m/s}
  actors:
    - {id: lead, class: car, lane: ego, gap: 30 m, speed: 8 m/s}
    - {id: walker, class: pedestrian, at: {x: 20 m, y: -5 m}, speed: 1.4 m/s}
"""


def _with(old: str, new: str) -> str:
    if GOOD.count(old) != 1:
        raise ValueError(f"{old!r} must occur once in the good file")
    return GOOD.replace(old, new)


def _plus(text: str) -> str:
    return GOOD + text


BROKEN: dict[str, str | bytes] = {
    # The file as such.
    "empty file": "",
    "only spaces": "  \n\n",
    "only a comment": "# nothing here\n",
    "binary": b"\x89PNG\r\n\x1a\n\x00\x00",
    "utf-16": GOOD.encode("utf-16"),
    "latin-1": GOOD.replace("case", "stra\u00dfe").encode("latin-1"),
    "control character": GOOD.replace("case", "ca\x07se"),
    "ten megabytes": b"# padding\n" * 1_050_000,
    "alias bomb": "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{c}: &{c} [{', '.join(['*' + p] * 10)}]\n" for p, c in zip("abcde", "bcdef", strict=True)),
    "deep nesting": "[" * 100_000,
    "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(200)),
    "self alias": "drivesim: 1\nid: &x [*x]\n",
    "top-level list": "- id: case\n",
    "top-level text": "just some words\n",
    "two documents": GOOD + "---\n" + GOOD,
    "tab": GOOD.replace("  ego", "\tego"),
    "open bracket": GOOD.replace("curvature: 0}", "curvature: 0"),
    "open quote": GOOD + "title: 'never closed\n",
    "second colon": GOOD + "title: one: two\n",
    "bad indentation": GOOD + "  title: here\n",
    "python tag": GOOD + "title: !!python/object/apply:os.system [ls]\n",
    "merge key": GOOD + "video:\n  <<: {fps: 10}\n",
    "list as key": GOOD + "? [a, b]\n: 1\n",
    "duplicate key": _with("  ego: {speed: 10 m/s}", "  ego: {speed: 10 m/s}\n  ego: {speed: 11 m/s}"),
    # Keys.
    "no version": GOOD.replace("drivesim: 1\n", ""),
    "future version": _with("drivesim: 1", "drivesim: 2"),
    "no id": _with("id: case\n", ""),
    "no scene": "drivesim: 1\nid: case\n",
    "unknown key": _with("lane: ego, gap", "lan: ego, gap"),
    "unknown key far from all": _plus("zebra: 1\n"),
    "missing class": _with("class: car, ", ""),
    "scene is a list": "drivesim: 1\nid: case\nscene: [road]\n",
    "actors is a mapping": "drivesim: 1\nid: case\nscene: {actors: {id: lead}}\n",
    "tags is a word": _plus("tags: motorway\n"),
    "bad id": _with("id: case", "id: my case"),
    "number as title": _plus("title: 5\n"),
    # Quantities and words.
    "bad unit": _with("speed: 8 m/s", "speed: 25 kg"),
    "wrong dimension": _with("gap: 30 m", "gap: 30 m/s"),
    "no number": _with("gap: 30 m", "gap: far"),
    "nan": _with("speed: 8 m/s", "speed: .nan"),
    "infinite": _with("gap: 30 m", "gap: .inf"),
    "nan with unit": _with("gap: 30 m", "gap: nan m"),
    "huge exponent": _with("gap: 30 m", "gap: 1e999"),
    "negative speed": _with("speed: 8 m/s", "speed: -8 m/s"),
    "negative duration": _plus("video: {duration: -60 s}\n"),
    "zero duration": _plus("video: {duration: 0}\n"),
    "bool for number": _with("speed: 8 m/s", "speed: true"),
    "bool for count": _with("lanes: 2", "lanes: true"),
    "half a lane": _with("lanes: 2", "lanes: 1.5"),
    "too many lanes": _with("lanes: 2", "lanes: 40"),
    "empty value": _with("gap: 30 m", "gap: "),
    "text for bool": _with("speed: 8 m/s", "parked: maybe"),
    "unquoted time": _plus("  environment: {time_of_day: 1350}\n"),
    "impossible time": _plus('  environment: {time_of_day: "25:00"}\n'),
    "unknown word": _plus("  environment: {sky: claer}\n"),
    "unknown class": _with("class: car", "class: tank"),
    "unknown camera": _plus("camera: kitti\n"),
    "camera without focal length": _plus("camera: {cx: 512, cy: 256}\n"),
    "zero size": _with("speed: 8 m/s", "size: {length: 0 m}"),
    # Alternatives.
    "unknown action": _plus("events:\n  - {id: e, actor: lead, action: {lane_chnge: {to: left}}}\n"),
    "turn": _plus("events:\n  - {id: e, actor: lead, action: {turn: {to: left}}}\n"),
    "misspelt action": _plus("events:\n  - {id: e, actor: lead, action: {revers: 8 m}}\n"),
    "stopping at nothing": _plus("events:\n  - {id: e, actor: lead, action: {stop: 0}}\n"),
    "following nobody": _plus("events:\n  - {id: e, actor: lead, action: {follow: {headway: 2 s}}}\n"),
    "following a stranger": _plus("events:\n  - {id: e, actor: lead, action: {follow: ego1}}\n"),
    "following itself": _plus("events:\n  - {id: e, actor: lead, action: {follow: lead}}\n"),
    "following a walker": _plus("events:\n  - {id: e, actor: lead, action: {follow: walker}}\n"),
    "following too closely": _plus(
        "events:\n  - {id: e, actor: lead, action: {follow: {actor: ego, headway: 0.1 s}}}\n"
    ),
    "a walker that follows": _plus("events:\n  - {id: e, actor: walker, action: {follow: ego}}\n"),
    "reversing nowhere": _plus("events:\n  - {id: e, actor: lead, action: {reverse: {speed: 2 m/s}}}\n"),
    "reversing a kilometre": _plus("events:\n  - {id: e, actor: lead, action: {reverse: 1 km}}\n"),
    "reversing as a speed": _plus("events:\n  - {id: e, actor: lead, action: {reverse: 2 m/s}}\n"),
    "reversing forwards": _plus("events:\n  - {id: e, actor: lead, action: {reverse: {distance: 5 m, speed: -1}}}\n"),
    "a walker that reverses": _plus("events:\n  - {id: e, actor: walker, action: {reverse: 3 m}}\n"),
    "a gap of nothing": _plus(
        "events:\n  - {id: e, actor: lead, action: {stop: {}}, start: {gap_to_ego: {below: 0}}}\n"
    ),
    "a gap in seconds": _plus(
        "events:\n  - {id: e, actor: lead, action: {stop: {}}, start: {gap_to_ego: {below: 3 s}}}\n"
    ),
    "the ego's gap to itself": _plus(
        "events:\n  - {id: e, actor: ego, action: {stop: {}}, start: {gap_to_ego: {below: 3 m}}}\n"
    ),
    "walking at no pace": _with("speed: 1.4 m/s}", "speed: 0}")
    + "events:\n  - {id: e, actor: walker, action: {walk_to: {y: 3}}}\n",
    "two actions": _plus("events:\n  - {id: e, actor: lead, action: {speed: {to: 5}, lane_change: {to: left}}}\n"),
    "action without target": _plus("events:\n  - {id: e, actor: lead, action: {lane_change: {over: 3 s}}}\n"),
    "unknown mode": _plus("events:\n  - {id: e, actor: lead, action: {speed: {to: 5}}, mode: force}\n"),
    "walk nowhere": _plus("events:\n  - {id: e, actor: walker, action: {walk_to: {}}}\n"),
    "expectation without number": _plus("labels: {hit: {collision: {actor: lead}}}\nexpect:\n  - {label: hit}\n"),
    # Parameters.
    "unknown parameter": GOOD.replace("gap: 30 m", "gap: $gpa") + "vary: {gap: {uniform: [20 m, 40 m]}}\n",
    "parameter without vary": _with("gap: 30 m", "gap: $gap"),
    "parameter of wrong dimension": GOOD.replace("gap: 30 m", "gap: $pace")
    + "vary: {pace: {uniform: [2 m/s, 4 m/s]}}\n",
    "parameter out of range": GOOD.replace("speed: 8 m/s", "speed: $v") + "vary: {v: {uniform: [-5, 5]}}\n",
    "parameter of unknown word": GOOD.replace("class: car", "class: $kind") + "vary: {kind: {choice: [car, tram]}}\n",
    "empty range": GOOD.replace("gap: 30 m", "gap: $gap") + "vary: {gap: {uniform: [40 m, 20 m]}}\n",
    "mixed units": GOOD.replace("gap: 30 m", "gap: $gap") + "vary: {gap: {uniform: [20 m, 40 km/h]}}\n",
    "range of one": GOOD.replace("gap: 30 m", "gap: $gap") + "vary: {gap: {uniform: [20 m]}}\n",
    "negative weight": GOOD.replace("class: car", "class: $kind") + "vary: {kind: {choice: {car: -1, truck: 1}}}\n",
    "unknown distribution": GOOD.replace("gap: 30 m", "gap: $gap") + "vary: {gap: {unifrom: [20 m, 40 m]}}\n",
    "no spread": GOOD.replace("gap: 30 m", "gap: $gap") + "vary: {gap: {normal: {mean: 30 m, std: 0}}}\n",
    "sobol of ten": GOOD.replace("gap: 30 m", "gap: $gap")
    + "vary: {gap: {uniform: [20 m, 40 m]}}\nsampling: {method: sobol, variations: 10}\n",
    "grid of a range": GOOD.replace("gap: 30 m", "gap: $gap")
    + "vary: {gap: {uniform: [20 m, 40 m]}}\nsampling: {method: grid}\n",
    # References between parts.
    "duplicate actor": _with("id: walker", "id: lead"),
    "actor called ego": _with("id: walker", "id: ego"),
    "two placements": _with("lane: ego, gap: 30 m", "lane: ego, gap: 30 m, at: {x: 5, y: 0}"),
    "no placement": _with("lane: ego, gap: 30 m, ", ""),
    "lane without gap": _with("gap: 30 m, ", ""),
    "gap without lane": _with("lane: ego, ", ""),
    "no ramp": _with("lane: ego", "lane: ramp"),
    "no lane to the right": _with("lane: ego", "lane: right"),
    "lane number too high": _with("lane: ego", "lane: 5"),
    "ego lane too high": _with("lanes: 2", "lanes: 2, ego_lane: 3"),
    "unknown event actor": _plus("events:\n  - {id: e, actor: leed, action: {speed: {to: 5}}}\n"),
    "unknown predecessor": _plus("events:\n  - {id: e, actor: lead, action: {speed: {to: 5}}, start: {after: f}}\n"),
    "waiting for itself": _plus("events:\n  - {id: e, actor: lead, action: {speed: {to: 5}}, start: {after: e}}\n"),
    "waiting in a ring": _plus(
        "events:\n  - {id: e, actor: lead, action: {speed: {to: 5}}, start: {after: f}}\n"
        "  - {id: f, actor: lead, action: {speed: {to: 9}}, start: {after: e}}\n"
    ),
    "walking car": _plus("events:\n  - {id: e, actor: lead, action: {walk_to: {y: 6 m}}}\n"),
    "pedestrian changing lanes": _plus("events:\n  - {id: e, actor: walker, action: {lane_change: {to: left}}}\n"),
    "unknown label actor": _plus("labels: {hit: {collision: {actor: walkre}}}\n"),
    "unknown expected label": _plus(
        "labels: {hit: {collision: {actor: lead}}}\nexpect:\n  - {label: hits, at_least: 1}\n"
    ),
    # Geometry and shape.
    "overlap": _with("at: {x: 20 m, y: -5 m}", "at: {x: 36 m, y: 0 m}"),
    "overlap with the ego": _with("at: {x: 20 m, y: -5 m}", "at: {x: 2 m, y: 0.5 m}"),
    "overlap in a part": GOOD.replace("x: 20 m, y: -5 m", "x: $x, y: 0 m") + "vary: {x: {uniform: [20 m, 36 m]}}\n",
    "video height": _plus("video: {height: 500}\n"),
    "no such image": _plus("start: {image: nowhere.jpg}\n"),
    # Suites.
    "suite without list": "drivesim: 1\ndefaults: {outputs: [mp4]}\nscenarios:\n",
    "suite with a stray key": "drivesim: 1\nscenarois: []\nscenarios:\n  - {id: case, scene: {}}\n",
    "repeated scenario": "drivesim: 1\nscenarios:\n  - {id: case, scene: {}}\n  - {id: case, scene: {}}\n",
    "bad defaults": "drivesim: 1\ndefaults: {video: {hight: 512}}\nscenarios:\n  - {id: case, scene: {}}\n",
    # Several at once.
    "several": GOOD.replace("speed: 8 m/s", "speed: 25 kg")
    .replace("lane: ego", "lan: ego")
    .replace("curvature", "curve"),
}

#: The whole message of each: one line for each problem, errors first.
MESSAGES: dict[str, str] = {
    "empty file": "bad.yaml — the file is empty. Start from a library scenario: 'drivesim check --library'. [DS006]",
    "only spaces": "bad.yaml — the file is empty. Start from a library scenario: 'drivesim check --library'. [DS006]",
    "only a comment": "bad.yaml — the file holds no values. Start from a library scenario: 'drivesim check --library'. [DS006]",
    "binary": "bad.yaml — this is a binary file, not a YAML text. Give a scenario .yaml file. [DS004]",
    "utf-16": "bad.yaml — the text is UTF-16. Save it as UTF-8. [DS005]",
    "latin-1": "bad.yaml:2:9 — byte 0xdf is not UTF-8. Save the file as UTF-8. [DS005]",
    "control character": "bad.yaml:2:7 — control character 7 is not text. Give a scenario .yaml file. [DS004]",
    "ten megabytes": "bad.yaml — 10.5 MB is too large for a scenario file (at most 256 KiB). Split the suite. [DS003]",
    "alias bomb": "bad.yaml:5:8 — the file expands to more than 20000 values. Use fewer aliases, or split the suite. [DS008]",
    "deep nesting": "bad.yaml:1:25 — nested deeper than 24 levels. A scenario needs fewer than 10. [DS008]",
    "deep blocks": "bad.yaml:25:25 — nested deeper than 24 levels. A scenario needs fewer than 10. [DS008]",
    "self alias": "bad.yaml:2:9 — alias '*x' has no anchor '&x' before it. [DS007]",
    "top-level list": "bad.yaml:1:1 — the file must hold a mapping ('drivesim: 1', 'id: …', 'scene: …'), not a list. Put the list under 'scenarios:'. [DS010]",
    "top-level text": "bad.yaml:1:1 — the file must hold a mapping ('drivesim: 1', 'id: …', 'scene: …'), not a single value. [DS010]",
    "two documents": "bad.yaml:9:1 — a second document starts here. Use one file per scenario, or 'scenarios:'. [DS010]",
    "tab": "bad.yaml:5:1 — a tab is used for indentation. Use spaces. [DS007]",
    "open bracket": "bad.yaml:5:6 — not valid YAML: expected ',' or '}', but got ':'. A comma, bracket or brace is missing. [DS007]",
    "open quote": "bad.yaml:10:1 — not valid YAML: found unexpected end of stream. A quote is not closed. [DS007]",
    "second colon": "bad.yaml:9:11 — not valid YAML: mapping values are not allowed here. Is there a second ':' on the line? Quote the value. [DS007]",
    "bad indentation": "bad.yaml:9:3  scene.title — unknown key 'title'. Known here: actors, ego, environment, road, roadside, text, traffic. [DS021]",
    "python tag": "bad.yaml:9:8 — tag '!!python/object/apply:os.system' is not used in scenarios. Remove it. [DS011]",
    "merge key": "bad.yaml:10:3 — merge keys ('<<') are not YAML 1.2. Use 'defaults:' of a suite, or repeat the keys. [DS011]",
    "list as key": "bad.yaml:9:3 — a key must be a plain word here, not a list, mapping or alias. [DS011]",
    "duplicate key": "bad.yaml:6:3 — key 'ego' was given before, on line 5. Keep one. [DS009]",
    "no version": "bad.yaml:1:1 — missing key 'drivesim'. Add 'drivesim: 1' as the first line. [DS020]",
    "future version": "bad.yaml:1:11  drivesim — schema version 2 is not known. This release reads 'drivesim: 1'. [DS020]",
    "no id": "bad.yaml:1:1  id — missing key 'id'. Add 'id: my-scenario'. [DS022]",
    "no scene": "bad.yaml:1:1 — missing key 'scene'. Add 'scene:' with road, ego and actors ('scene: {}' for an empty road). [DS022]",
    "unknown key": "bad.yaml:7:30  scene.actors[0].lan — unknown key 'lan'. Did you mean 'lane'? [DS021]",
    "unknown key far from all": "bad.yaml:9:1  zebra — unknown key 'zebra'. Known here: camera, events, expect, id, labels, outputs, sampling, scene, start, tags, title, traffic, variation, vary, video, where, world. [DS021]",
    "missing class": "bad.yaml:7:7  scene.actors[0].class — missing key 'class'. Add 'class: car'. [DS022]",
    "scene is a list": "bad.yaml:3:8  scene — a list is not a mapping. Use {key: value}. [DS023]",
    "actors is a mapping": "bad.yaml:3:17  scene.actors — a mapping is not a list. Use [item, item]. [DS023]",
    "tags is a word": "bad.yaml:9:7  tags — 'motorway' is not a list. Use [item, item]. [DS023]",
    "bad id": "bad.yaml:2:5  id — 'my case' is not an id. Use letters, digits, '-' and '_', a letter first, at most 64. [DS031]",
    "number as title": 'bad.yaml:9:8  title — 5 is not text. Quote it: "5". [DS023]',
    "bad unit": "bad.yaml:7:59  scene.actors[0].speed — '25 kg' is not a speed. Use a number in m/s, or '25 m/s', '90 km/h', '56 mph'. [DS025]",
    "wrong dimension": "bad.yaml:7:46  scene.actors[0].gap — '30 m/s' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS025]",
    "no number": "bad.yaml:7:46  scene.actors[0].gap — 'far' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS025]",
    "nan": "bad.yaml:7:59  scene.actors[0].speed — nan is not a finite number. Use a number in m/s, or '25 m/s', '90 km/h', '56 mph'. [DS026]",
    "infinite": "bad.yaml:7:46  scene.actors[0].gap — inf is not a finite number. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS026]",
    "nan with unit": "bad.yaml:7:46  scene.actors[0].gap — 'nan m' is not a finite number. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS026]",
    "huge exponent": "bad.yaml:7:46  scene.actors[0].gap — inf is not a finite number. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS026]",
    "negative speed": "bad.yaml:7:59  scene.actors[0].speed — '-8 m/s' is out of range: it must be at least 0 m/s. [DS027]",
    "negative duration": "bad.yaml:9:19  video.duration — '-60 s' is out of range: it must be at least 0.1 s. [DS027]",
    "zero duration": "bad.yaml:9:19  video.duration — 0 is out of range: it must be at least 0.1 s. [DS027]",
    "bool for number": "bad.yaml:7:59  scene.actors[0].speed — true is not a speed. Use a number in m/s, or '25 m/s', '90 km/h', '56 mph'. [DS028]",
    "bool for count": "bad.yaml:4:30  scene.road.lanes — true is not a whole number. Use 1 to 6. [DS028]",
    "half a lane": "bad.yaml:4:30  scene.road.lanes — 1.5 is not a whole number. Use 1 to 6. [DS025]",
    "too many lanes": "bad.yaml:4:30  scene.road.lanes — 40 is out of range: it must be 1 to 6. [DS027]",
    "empty value": "bad.yaml:7:45  scene.actors[0].gap — 'gap' has no value. Write one, or remove the key. [DS023]",
    "text for bool": "bad.yaml:7:60  scene.actors[0].parked — 'maybe' is not true or false. [DS023]",
    "unquoted time": 'bad.yaml:9:30  scene.environment.time_of_day — 1350 was read as a number. Quote a clock time: "22:30". [DS029]',
    "impossible time": 'bad.yaml:9:30  scene.environment.time_of_day — \'25:00\' is not a clock time. Use "14:00", from "00:00" to "23:59". [DS029]',
    "unknown word": "bad.yaml:9:22  scene.environment.sky — 'claer' is not one of: clear, overcast. Did you mean 'clear'? [DS024]",
    "unknown class": "bad.yaml:7:25  scene.actors[0].class — 'tank' is not one of: car, truck, bus, trailer, construction_vehicle, pedestrian, motorcycle, bicycle, traffic_cone, barrier. [DS024]",
    "unknown camera": "bad.yaml:9:9  camera — 'kitti' is not a camera. Use nuscenes_front, or your own as {fx, fy, cx, cy, width, height, mount}. [DS024]",
    "camera without focal length": "bad.yaml:9:9  camera.fx — missing key 'fx'. Add 'fx: 810'. [DS022]",
    "zero size": "bad.yaml:7:67  scene.actors[0].size.length — '0 m' is out of range: it must be above 0 m. [DS027]",
    "unknown action": "bad.yaml:10:35  events[0].action.lane_chnge — unknown key 'lane_chnge'. Did you mean 'lane_change'? [DS021]",
    "turn": "bad.yaml:10:41  events[0].action.turn — 'lead' cannot turn: the road has no junction. Add 'junction: {at: 60 m}' to 'road'. [DS051]",
    "misspelt action": "bad.yaml:10:35  events[0].action.revers — unknown key 'revers'. Did you mean 'reverse'? [DS021]",
    "stopping at nothing": "bad.yaml:10:41  events[0].action.stop — 0 is out of range: it must be above 0 m/s2. [DS027]",
    "following nobody": "bad.yaml:10:43  events[0].action.follow.actor — missing key 'actor'. Add 'actor: lead'. [DS022]",
    "following a stranger": "bad.yaml:10:43  events[0].action.follow.actor — there is no actor 'ego1' (has: ego, lead, walker). Did you mean 'ego'? [DS043]",
    "following itself": "bad.yaml:10:43  events[0].action.follow.actor — 'lead' cannot follow itself. Name another actor, or 'ego'. [DS049]",
    "following a walker": "bad.yaml:10:43  events[0].action.follow.actor — 'walker' does not drive along the road, so nobody can follow it. Name a vehicle that drives, or 'ego'. [DS049]",
    "following too closely": "bad.yaml:10:65  events[0].action.follow.headway — '0.1 s' is out of range: it must be at least 0.3 s. [DS027]",
    "a walker that follows": "bad.yaml:10:36  events[0].action — 'walker' is a pedestrian and does not follow. Use {walk_to: {y: 6 m}}. [DS049]",
    "reversing nowhere": "bad.yaml:10:44  events[0].action.reverse.distance — missing key 'distance'. Add it. [DS022]",
    "reversing a kilometre": "bad.yaml:10:44  events[0].action.reverse — '1 km' is out of range: it must be at most 100 m. [DS027]",
    "reversing as a speed": "bad.yaml:10:44  events[0].action.reverse — '2 m/s' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS025]",
    "reversing forwards": "bad.yaml:10:67  events[0].action.reverse.speed — -1 is out of range: it must be at least 0.2 m/s. [DS027]",
    "a walker that reverses": "bad.yaml:10:36  events[0].action — 'walker' is a pedestrian and does not reverse. Use {walk_to: {y: 6 m}}. [DS049]",
    "a gap of nothing": "bad.yaml:10:74  events[0].start.gap_to_ego.below — 0 is out of range: it must be above 0 m. [DS027]",
    "a gap in seconds": "bad.yaml:10:74  events[0].start.gap_to_ego.below — '3 s' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. [DS025]",
    "the ego's gap to itself": "bad.yaml:10:52  events[0].start — the ego cannot wait for its own distance to itself. Use 'start: {time: 2 s}', {ttc_to: {actor: lead, below: 1.5 s}} or {after: event}. [DS049]",
    "walking at no pace": "bad.yaml:10:36  events[0].action — 'walker' walks at 0 m/s and so never arrives. Write its pace as 'speed: 1.4 m/s': it stands until walk_to starts. [DS049]",
    "two actions": "bad.yaml:10:34  events[0].action — exactly one of brake, follow, lane_change, open_door, reverse, speed, stop, turn, walk_to is due here, got speed, lane_change. Write it as {brake: …}. [DS030]",
    "action without target": "bad.yaml:10:48  events[0].action.lane_change.to — missing key 'to'. Add 'to: ego'. [DS022]",
    "unknown mode": "bad.yaml:10:58  events[0].mode — 'force' is not one of: condition, select, tag. [DS024]",
    "walk nowhere": "bad.yaml:10:46  events[0].action.walk_to — walk_to has no target. Give 'y', 'x' or both, in the ego frame. [DS022]",
    "expectation without number": "bad.yaml:11:5  expect[0] — expectation of 'hit' has no number. Give 'at_least', 'at_most' or both. [DS022]",
    "unknown parameter": (
        "bad.yaml:7:46  scene.actors[0].gap — $gpa is not in 'vary' (has: gap). Did you mean '$gap'? [DS040]\n"
        "bad.yaml:9:13  vary.gap — warning: parameter 'gap' is never used. Write $gap where it applies, or remove it. [DS041]"
    ),
    "parameter without vary": "bad.yaml:7:46  scene.actors[0].gap — $gap is not in 'vary' (it is empty). [DS040]",
    "parameter of wrong dimension": "bad.yaml:7:46  scene.actors[0].gap — '2 m/s' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. (parameter 'pace') [DS025]",
    "parameter out of range": "bad.yaml:7:59  scene.actors[0].speed — -5 is out of range: it must be at least 0 m/s. (parameter 'v') [DS027]",
    "parameter of unknown word": "bad.yaml:7:25  scene.actors[0].class — 'tram' is not one of: car, truck, bus, trailer, construction_vehicle, pedestrian, motorcycle, bicycle, traffic_cone, barrier. (parameter 'kind') [DS024]",
    "empty range": "bad.yaml:9:23  vary.gap.uniform — the range [40, 20] is empty. Write the smaller number first. [DS032]",
    "mixed units": (
        "bad.yaml:7:46  scene.actors[0].gap — '40 km/h' is not a length. Use a number in m, or '25 m', '0.5 km', '80 ft'. (parameter 'gap') [DS025]\n"
        "bad.yaml:9:23  vary.gap.uniform — the range mixes units of length and speed. Use one. [DS032]"
    ),
    "range of one": "bad.yaml:9:23  vary.gap.uniform — a list is not a range. Use [low, high], as [20 m, 40 m]. [DS032]",
    "negative weight": "bad.yaml:9:23  vary.kind.choice — weights must be zero or more, and not all zero. [DS032]",
    "unknown distribution": "bad.yaml:9:14  vary.gap.unifrom — unknown key 'unifrom'. Did you mean 'uniform'? [DS021]",
    "no spread": "bad.yaml:9:22  vary.gap.normal — std is 0; it must be above 0. [DS032]",
    "sobol of ten": "bad.yaml:10:11  sampling — method: sobol with variations: 10: use a power of two (8 or 16) or 'latin'. [DS070]",
    "grid of a range": "bad.yaml:9:13  vary.gap — method: grid needs values to step through, but 'gap' is continuous. Use {grid: [..]} for it, or 'latin'. [DS071]",
    "duplicate actor": "bad.yaml:8:12  scene.actors[1].id — actor id 'lead' is used twice. Give each actor its own id. [DS042]",
    "actor called ego": "bad.yaml:8:12  scene.actors[1].id — 'ego' is a name of the ego vehicle. Give the actor another id. [DS042]",
    "two placements": "bad.yaml:7:7  scene.actors[0] — actor 'lead' has both 'lane' and 'at'. Keep one: 'lane'+'gap', or 'at' in the ego frame (x forward, y left). [DS045]",
    "no placement": "bad.yaml:7:7  scene.actors[0] — actor 'lead' has no place. Add 'lane'+'gap', or 'at: {x: 20 m, y: -3 m}' in the ego frame. [DS046]",
    "lane without gap": "bad.yaml:7:7  scene.actors[0] — actor 'lead' has 'lane' but no 'gap'. Add 'gap', the bumper-to-bumper distance from the ego, as 'gap: 30 m'. [DS046]",
    "gap without lane": "bad.yaml:7:7  scene.actors[0] — actor 'lead' has 'gap' but no 'lane'. Add 'lane: ego', left, right, ramp, oncoming or a number. [DS046]",
    "no ramp": "bad.yaml:7:36  scene.actors[0].lane — actor 'lead': the road has no ramp. Add 'ramp: right' to 'road'. [DS047]",
    "no lane to the right": "bad.yaml:7:36  scene.actors[0].lane — actor 'lead': there is no lane to the right of lane 1 (the road has lanes 1 to 2 from the kerb). Change ego_lane or lanes. [DS047]",
    "lane number too high": "bad.yaml:7:36  scene.actors[0].lane — actor 'lead': there is no lane 5: the road has lanes 1 to 2. [DS047]",
    "ego lane too high": "bad.yaml:4:43  scene.road.ego_lane — the ego is on lane 3, but the road has lanes 1 to 2 (1 = nearest the kerb). Lower ego_lane or raise lanes. [DS047]",
    "unknown event actor": "bad.yaml:10:20  events[0].actor — there is no actor 'leed' (has: ego, lead, walker). Did you mean 'lead'? [DS043]",
    "unknown predecessor": "bad.yaml:10:67  events[0].start.after — there is no event 'f' (there is none). [DS044]",
    "waiting for itself": "bad.yaml:10:67  events[0].start.after — event 'e' waits for itself. Name another event, or use 'start: {time: 2 s}'. [DS048]",
    "waiting in a ring": "bad.yaml:10:59  events[0].start — events wait for each other: e → f → e. Start one by time. [DS048]",
    "walking car": "bad.yaml:10:34  events[0].action — 'lead' is not a pedestrian and cannot walk. Use lane_change or speed. [DS049]",
    "pedestrian changing lanes": "bad.yaml:10:36  events[0].action — 'walker' is a pedestrian and has no lane to change. Use {walk_to: {y: 6 m}}. [DS049]",
    "unknown label actor": "bad.yaml:9:35  labels.hit.collision.actor — there is no actor 'walkre' (has: lead, walker). Did you mean 'walker'? [DS043]",
    "unknown expected label": "bad.yaml:11:13  expect[0].label — there is no label or event 'hits' (has: hit). Did you mean 'hit'? [DS044]",
    "overlap": "bad.yaml:8:7  scene.actors[1] — 'lead' and 'walker' overlap by 0.6 m at t = 0. Move 'walker' to x ≥ 38.4 m or set allow_overlap: true. [DS060]",
    "overlap with the ego": "bad.yaml:8:7  scene.actors[1] — 'ego' and 'walker' overlap by 0.6 m at t = 0. Move 'walker' to x ≥ 3.9 m or set allow_overlap: true. [DS060]",
    "overlap in a part": "bad.yaml:8:7  scene.actors[1] — in 12 % of the parameter space 'lead' and 'walker' overlap at t = 0 (x 34.4). Narrow the ranges. [DS065]",
    "video height": "bad.yaml:9:17  video.height — height 500 must be a multiple of 64. Nearest: 512. [DS072]",
    "no such image": "bad.yaml:9:16  start.image — there is no picture 'nowhere.jpg'. Give a path relative to the scenario file. [DS080]",
    "suite without list": "bad.yaml:4:1  scenarios — 'scenarios' must be a list with at least one scenario. Write '- id: …' entries below it. [DS010]",
    "suite with a stray key": "bad.yaml:2:1  scenarois — unknown key 'scenarois'. Did you mean 'scenarios'? [DS021]",
    "repeated scenario": "bad.yaml:4:10  scenarios[1].id — scenario id 'case' is used twice (first on line 3). Give each its own id. [DS042]",
    "bad defaults": "bad.yaml:2:20  defaults.video.hight — unknown key 'hight'. Did you mean 'height'? [DS021]",
    "several": (
        "bad.yaml:4:33  scene.road.curve — unknown key 'curve'. Did you mean 'curvature'? [DS021]\n"
        "bad.yaml:7:30  scene.actors[0].lan — unknown key 'lan'. Did you mean 'lane'? [DS021]\n"
        "bad.yaml:7:58  scene.actors[0].speed — '25 kg' is not a speed. Use a number in m/s, or '25 m/s', '90 km/h', '56 mph'. [DS025]"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_message(name: str) -> None:
    report = check_text(BROKEN[name], "bad.yaml")
    assert "\n".join(str(problem) for problem in (*report.errors, *report.warnings)) == MESSAGES[name]
    assert report.errors


@pytest.mark.parametrize("name", BROKEN)
def test_loading_raises_the_same(name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(BROKEN[name], "bad.yaml")
    assert caught.value.exit_code == 2
    assert str(caught.value) == "\n".join(line for line in MESSAGES[name].split("\n") if "warning: " not in line)
    assert all(problem.code in CODES for problem in caught.value.problems)


def test_the_good_file_is_good() -> None:
    assert check_text(GOOD, "good.yaml").ok


def test_every_broken_file_has_a_message() -> None:
    assert BROKEN.keys() == MESSAGES.keys()
    assert len(BROKEN) >= 40
