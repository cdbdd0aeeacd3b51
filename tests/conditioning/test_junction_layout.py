"""At a junction layout, picture and flow show one world, as they do on the road."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivesim.conditioning import draw_layout
from drivesim.conditioning.flow import surface_flow
from drivesim.conditioning.layout import LAYOUT_CHANNELS, LayoutPainter
from drivesim.conditioning.scenery import StandingBoxes
from drivesim.conditioning.surfaces import SurfacePainter, layout_flows
from drivesim.controls import LAYOUT_SIZE
from drivesim.junctions import Signals
from drivesim.renderer.semantics import Semantic
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import Scene, Track
from drivesim.scenery import Scenery
from drivesim.scenery.signal_heads import LAMP_COLOURS
from drivesim.traffic.junction_builder import add_junction
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.routes import JunctionRoute, make_route

PLANE = {name: index for index, name in enumerate(LAYOUT_CHANNELS)}
GROUND = (Semantic.SKY, Semantic.ROAD, Semantic.LANE_PAINT, Semantic.PAVEMENT, Semantic.KERB, Semantic.TERRAIN)
#: Metres along the way: before the junction, in the turn, on the arm.
PLACES = (-14.0, 7.0, 40.0)


@pytest.fixture(scope="module", params=["urban", "rural"])
def turning(request: pytest.FixtureRequest) -> Scene:
    """An ego in a right turn, one frame before and one at each place."""
    road = build_road(request.param, lanes=1, ego_lane=1, curvature="straight", parking="none")
    road = add_junction(road, s=60.0, arms=["left", "right"], control="signals", signals=Signals())
    route = make_route(road, road.junctions[0], "behind", "right")
    assert isinstance(route, JunctionRoute)
    x, y, yaw = route.at(np.array([p + step for p in PLACES for step in (0.0, 0.5)]))
    count = len(x)
    ego = Track(
        positions=np.stack([x, y, np.zeros(count)], axis=1),
        yaw_rad=yaw,
        speed_mps=np.full(count, 5.0),
        present=np.ones(count, dtype=bool),
    )
    return Scene(name="turning", fps=10.0, ego=ego, actors=(), road=road, scenery=Scenery(road=road, seed=3))


def shares(mask: np.ndarray) -> np.ndarray:
    height, width = LAYOUT_SIZE
    return mask.reshape(height, 512 // height, width, 1024 // width).mean(axis=(1, 3))


def test_the_layout_shows_the_ground_that_is_rendered(turning: Scene) -> None:
    bare = replace(turning, scenery=Scenery(road=turning.road, seed=3, buildings=0.0, trees=0.0, furniture=0.0))
    world, urban = ProceduralWorld(bare, 3), turning.road is not None and turning.road.road_type == "urban"
    for frame in (1, 3, 5):
        picture, layout = world.render(frame), draw_layout(bare, frame) / 255.0
        ground = shares(np.isin(picture.semantic, GROUND)) == 1.0
        for name, classes, at_least in (
            ("road", (Semantic.ROAD, Semantic.LANE_PAINT), 0.97),
            ("lane_paint", (Semantic.LANE_PAINT,), 0.75),
            ("pavement", (Semantic.PAVEMENT, Semantic.KERB), 0.93),
        ):
            seen, told = shares(np.isin(picture.semantic, classes))[ground], layout[PLANE[name]][ground]
            if name == "pavement" and not urban:
                assert told.sum() == 0.0
                continue
            assert seen.sum() > 40.0
            apart = float(np.minimum(seen, told).sum() / np.maximum(seen, told).sum())
            assert apart > at_least, (frame, name, apart)


def test_an_arm_changes_the_layout_only_where_it_lies(turning: Scene) -> None:
    assert turning.road is not None
    plain = replace(turning, road=replace(turning.road, junctions=()))
    told, without = (LayoutPainter(scene).draw_map(1).astype(int) for scene in (turning, plain))
    changed = np.abs(told - without).max(axis=0) > 8
    assert changed.sum() > 300
    assert not changed[-8:].any(), "the junction is not at the ego's feet"


def test_ground_and_scenery_flow_as_rendered(turning: Scene) -> None:
    world, painter = ProceduralWorld(turning, 3), SurfacePainter(turning, 1024, 512)
    for before, after in ((0, 1), (2, 3), (4, 5)):
        pictures = [world.render(frame) for frame in (before, after)]
        exact = surface_flow(turning, after, before, pictures[1], pictures[0])
        told = next(layout_flows(painter, before, after + 1))
        chosen = np.isin(pictures[1].semantic, [int(kind) for kind in GROUND[1:]]) & exact.valid & told.valid
        apart = np.hypot(*(exact.displacement[chosen] - told.displacement[chosen]).T)
        assert len(apart) > 20_000
        assert np.median(apart) < 0.05 and np.percentile(apart, 95) < 0.5


def test_nothing_stands_in_a_side_road_and_houses_stand_along_it(turning: Scene) -> None:
    road, standing = turning.road, StandingBoxes(turning)
    assert road is not None
    area = road.drivable(0.0, 120.0)
    boxes = standing.at(5)
    from shapely import points

    assert not area.contains(points(boxes.centres[:, :2])).any()
    arm = road.junctions[0].arms[1].road
    beside = np.abs(boxes.centres[:, 0] - float(arm.reference[0, 0])) < 30.0
    assert (beside & (boxes.centres[:, 1] < -40.0)).sum() > 3


def test_signals_are_told_in_the_colour_they_show(turning: Scene) -> None:
    def told(scene: Scene) -> set[tuple[float, ...]]:
        boxes = StandingBoxes(scene).at(1)
        known = {tuple(colour): light for light, colour in LAMP_COLOURS.items()}
        return {known[tuple(colour)] for colour in boxes.colours.tolist() if tuple(colour) in known}

    assert told(turning) == {"green", "red"}
    assert told(replace(turning, start_s=21.0)) == {"amber", "red"}
    assert turning.window(2, 4).start_s == pytest.approx(0.2)
    pictures = [ProceduralWorld(replace(turning, start_s=t), 3).render_rgb(1) for t in (0.0, 21.0)]
    assert (pictures[0] != pictures[1]).any()
