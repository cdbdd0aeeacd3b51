"""What stands beside a road is a pure function of road and seed, and its boxes lie beside the road."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from drivesim.renderer.lighting import lighting_of
from drivesim.renderer.roadside import Roadside
from drivesim.renderer.semantics import SEMANTIC_OF_THING
from drivesim.renderer.shapes import CAPSULE, DISC, Shape
from drivesim.road import RoadType
from drivesim.scene import Environment
from drivesim.scenery import BUCKET_M, SCENERY_CLASSES, Scenery, ThingKind, boxes_of, paved_edges, told_numbers_of
from drivesim.scenery.things import told_parts
from drivesim.traffic.road_builder import build_road


def road_of(road_type: RoadType):
    return build_road(road_type, lanes=2, ego_lane=1, lane_width=3.5, length_m=2000.0, rng=np.random.default_rng(3))


@pytest.mark.parametrize("road_type", ["motorway", "rural", "urban"])
def test_equal_roads_and_seeds_give_equal_things_in_any_order(road_type: RoadType) -> None:
    road = road_of(road_type)
    first, second = Scenery(road=road, seed=5), Scenery(road=road, seed=5)
    late = first.bucket(40)
    first.bucket(1)
    assert late == second.bucket(40) == pickle.loads(pickle.dumps(first)).bucket(40)
    assert first.between(0.0, 2.5 * BUCKET_M) == tuple(thing for k in range(3) for thing in second.bucket(k))
    other = Scenery(road=road, seed=6)
    assert any(first.bucket(k) != other.bucket(k) for k in range(10))


@pytest.mark.parametrize("road_type", ["motorway", "rural", "urban"])
def test_nothing_but_bridges_and_gantries_stands_on_the_lanes(road_type: RoadType) -> None:
    road = road_of(road_type)
    things = Scenery(road=road, seed=2, lamps=True).between(0.0, 1500.0)
    assert len(things) > 100
    for thing in things:
        if thing.kind in (ThingKind.OVERPASS, ThingKind.GANTRY):
            assert thing.low > 5.0
            continue
        on_lanes = [lane for lane in road.lanes if abs(thing.d - lane.offset) < 0.5 * lane.width]
        assert not on_lanes, f"{thing.kind} at d = {thing.d:.1f}"
        right, left = paved_edges(road, thing.s)
        assert -80.0 + right < thing.d < left + 80.0


def test_boxes_stand_where_their_things_do() -> None:
    things = Scenery(road=road_of("urban"), seed=4).between(0.0, 300.0)
    assert len(boxes_of(told_numbers_of(()))) == 0
    boxes = boxes_of(told_numbers_of(things))
    things = [part for thing in things for part in told_parts(thing)]
    assert len(boxes) == len(things)
    assert (boxes.sizes > 0.0).all() and (boxes.colours >= 0.0).all() and (boxes.colours <= 1.0).all()
    for thing, centre, size, kind in zip(things, boxes.centres, boxes.sizes, boxes.classes, strict=True):
        assert SCENERY_CLASSES[kind] == thing.kind.scenery_class
        assert centre[2] + 0.5 * size[2] == pytest.approx(thing.high)
        away = np.hypot(centre[0] - thing.x, centre[1] - thing.y)
        assert away == pytest.approx(abs(thing.aside))
        if thing.kind is ThingKind.BUILDING:  # its front looks at the road, its body lies behind
            assert away == pytest.approx(0.5 * thing.width) and np.sign(thing.aside) == np.sign(thing.d) == thing.side


@pytest.mark.parametrize("road_type", ["motorway", "rural", "urban"])
def test_each_group_can_be_left_out_and_made_dense(road_type: RoadType) -> None:
    def counts(**amounts: float) -> dict[str, int]:
        things = Scenery(road=road_of(road_type), seed=8, **amounts).between(0.0, 1900.0)
        return {name: sum(thing.kind.scenery_class == name for thing in things) for name in SCENERY_CLASSES}

    usual = counts()
    assert counts(trees=0.0)["vegetation"] == 0 < usual["vegetation"] < counts(trees=2.0)["vegetation"]
    assert counts(buildings=0.0)["building"] == 0
    if road_type != "motorway":
        assert counts(buildings=0.4)["building"] < usual["building"]
    assert counts(furniture=0.0)["street_furniture"] < 0.8 * usual["street_furniture"]


def test_street_lamps_stand_by_night_and_in_towns() -> None:
    def lamps(road_type: RoadType, lit: bool) -> int:
        things = Scenery(road=road_of(road_type), seed=1, lamps=lit).between(0.0, 959.0)
        return sum(thing.kind is ThingKind.STREET_LAMP for thing in things)

    assert lamps("rural", False) == 0 and lamps("rural", True) == lamps("urban", False) == 40


def test_a_gantry_is_told_as_its_beam_and_boards() -> None:
    """Its own box is nearly all sky."""
    things = Scenery(road=road_of("motorway"), seed=2).between(0.0, 6000.0)
    gantries = [thing for thing in things if thing.kind is ThingKind.GANTRY]
    assert gantries
    for gantry in gantries:
        beam, *boards, right, left = told_parts(gantry)
        assert (right.is_support, right.low, right.high) == (left.is_support, left.low, left.high) == (True, 0.0, 7.1)
        assert left.aside - right.aside == pytest.approx(gantry.width)
        assert len(boards) == 2 and beam.width == gantry.width and beam.high - beam.low == pytest.approx(0.5)
        for board in boards:
            assert abs(board.aside - gantry.aside) + 0.5 * board.width <= 0.5 * gantry.width
            assert (board.low, board.high, board.colour) == (gantry.low, gantry.high, gantry.colour)


@pytest.mark.parametrize("road_type", ["motorway", "rural", "urban"])
def test_whatever_stands_beside_the_road_is_within_the_boxes_that_tell_it(road_type: RoadType) -> None:
    """Posts of rails, legs and trunks were left to be guessed."""
    scenery = Scenery(road=road_of(road_type), seed=2, lamps=True)
    roadside = Roadside(scenery, lighting_of(Environment(), 1))
    seen = set()
    for thing in scenery.between(0.0, 3000.0):
        if thing.kind in (ThingKind.BUILDING, ThingKind.HOUSE):  # eaves and gables reach a little beyond
            continue
        seen.add(thing.kind)
        assert set(roadside.shape(thing).semantic) == {SEMANTIC_OF_THING[thing.kind]}
        boxes = boxes_of(thing.told_numbers)
        points = outline_of(roadside.shape(thing))
        across = points[:, None] - boxes.centres
        c, n = np.cos(boxes.yaw_rad), np.sin(boxes.yaw_rad)
        turned = np.stack(
            [c * across[..., 0] + n * across[..., 1], c * across[..., 1] - n * across[..., 0], across[..., 2]], -1
        )
        beyond = (np.abs(turned) - 0.5 * boxes.sizes).max(-1).min(-1)
        assert beyond.max() < (0.15 if thing.kind.scenery_class != "vegetation" else 0.3), thing.kind
    assert len(seen) > 4


def outline_of(shape: Shape) -> np.ndarray:
    """Points (N, 3) on the middle lines of poles, the rims of discs and the corners of faces."""
    found = []
    for kind, points, count, radii in zip(shape.kind, shape.points, shape.count, shape.radii, strict=True):
        if kind == CAPSULE:
            found.append(points[0] + np.linspace(0.0, 1.0, 9)[:, None] * (points[1] - points[0]))
        elif kind == DISC:
            found.append(points[0] + np.array([(0.0, 0.0, radii[1]), (0.0, 0.0, -radii[1]), (radii[0], 0.0, 0.0)]))
        else:
            found.append(points[:count])
    return np.concatenate(found)


def test_supports_are_told_as_long_as_they_can_be_seen() -> None:
    things = Scenery(road=road_of("motorway"), seed=2).between(0.0, 480.0)
    rows = told_numbers_of(things)
    near, far = boxes_of(rows, seen_from=(100.0, 0.0)), boxes_of(rows, seen_from=(1e6, 0.0))
    assert len(far) == len([part for thing in things for part in told_parts(thing) if not part.is_support])
    assert len(far) < len(near) < len(boxes_of(rows))
