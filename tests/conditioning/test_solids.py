"""Faces of what boxes hold, against the renderer's shapes and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivesim.bodies import CABINS, told_prisms
from drivesim.conditioning.crowns import CROWNS, crown_outlines
from drivesim.conditioning.projection import BoxGeometry
from drivesim.conditioning.solids import Solids
from drivesim.conditioning.surfaces import SurfacePainter
from drivesim.kinds import CAR_FORMS
from drivesim.renderer import ProceduralWorld
from drivesim.scene import Scene
from drivesim.scenery import ThingKind

SIZES = {"truck": (8.0, 2.5, 3.4), "construction_vehicle": (6.0, 2.5, 3.2)}
BODIES = [
    *((form, "car", (4.5, 1.8, 2.1 if form == "van" else 1.5)) for form in CAR_FORMS),
    *((n, n, SIZES[n]) for n in SIZES),
]


def standing(
    make_scene, make_actor, category: str, size: tuple[float, float, float], yaw: float, form: str | None
) -> Scene:
    length, width, height = size
    actor = make_actor("one", category, 14.0, 2.0, yaw=yaw)
    return make_scene(replace(actor, form=form, length=length, width=width, height=height), speed=0.0)


@pytest.mark.parametrize(("name", "category", "size"), BODIES, ids=[name for name, _, _ in BODIES])
@pytest.mark.parametrize("yaw", [0.3, 2.2, 4.0])
def test_a_body_covers_what_is_rendered_of_it(
    make_scene, make_actor, name: str, category: str, size, yaw: float
) -> None:
    scene = standing(make_scene, make_actor, category, size, yaw, name if category == "car" else None)
    told = SurfacePainter(scene, 512, 256).at(0)
    drawn = ProceduralWorld(scene, 3).render(0, 512, 256)
    mine, shown = told.instance == 1, drawn.instance == 1
    assert mine[shown].mean() > 0.97
    rows = (
        np.arange(256)[:, None] < np.flatnonzero(shown.any(axis=1)).max() - 25
    )  # below, shadows are the vehicle's too
    assert shown[mine & rows].mean() > 0.9
    both = mine & shown
    assert np.percentile(np.abs(told.depth[both] / drawn.depth[both] - 1.0), 90) < 0.05


def test_a_car_whose_form_nobody_knows_is_its_box(make_scene, make_actor) -> None:
    known, unknown = (standing(make_scene, make_actor, "car", (4.5, 1.8, 1.5), 0.3, form) for form in ("saloon", None))
    whole, body = (SurfacePainter(scene, 512, 256).at(0).instance == 1 for scene in (unknown, known))
    assert not (body & ~whole).any() and body.sum() < 0.95 * whole.sum()


@pytest.mark.parametrize(("name", "category", "size"), BODIES, ids=[name for name, _, _ in BODIES])
def test_bodies_keep_inside_their_boxes_and_stand_on_the_ground(make_actor, name: str, category: str, size) -> None:
    length, width, height = size
    actor = make_actor("one", category, 14.0, 2.0)
    actor = replace(actor, form=name if category == "car" else None, length=length, width=width, height=height)
    prisms = told_prisms(actor)
    corners = np.array([point for prism in prisms for point in prism.profile])
    assert np.abs(corners[:, 0]).max() <= 0.5 * length + 1e-9 and corners[:, 1].min() == 0.0
    assert corners[:, 1].max() <= height + 1e-9 and max(prism.half_width for prism in prisms) <= 0.5 * width + 1e-9


def test_every_form_of_a_car_has_a_body_and_a_bus_fills_its_box(make_actor) -> None:
    assert {*CABINS, "van"} == set(CAR_FORMS)
    assert told_prisms(make_actor("bus", "bus", 14.0, 2.0)) == ()


def test_only_faces_that_look_at_the_camera_are_painted(make_scene, make_actor) -> None:
    scene = standing(make_scene, make_actor, "car", (4.5, 1.8, 1.5), 0.0, "saloon")
    found = Solids(scene.actors).visible(BoxGeometry(scene).at(0))
    assert 4 <= len(found.points) < 11 and (found.rows == 0).all()
    normals = np.cross(found.points[:, 1] - found.points[:, 0], found.points[:, 2] - found.points[:, 0])
    assert (np.einsum("fk,fk->f", normals, found.points[:, 0]) < 0.0).all()


@pytest.mark.parametrize("kind", CROWNS)
def test_a_crown_faces_the_camera_in_the_middle_of_its_box(kind: ThingKind) -> None:
    corner = np.array([[1, 1, 1], [1, 1, -1], [-1, 1, -1], [-1, 1, 1]]) * (1.5, 0.0, 1.5)
    box = np.concatenate([corner + (0.0, 1.6, 0.0), corner - (0.0, 2.4, 0.0)]) + (5.0, 0.0, 12.0)  # y is down
    (outline,) = crown_outlines([kind], box[None])
    across = np.array([12.0, 0.0, -5.0]) / 13.0
    offset = outline - (5.0, -0.4, 12.0)
    np.testing.assert_allclose(np.cross(offset, (0.0, 1.0, 0.0)) @ across, 0.0, atol=1e-9)
    assert np.abs(offset @ across).max() == pytest.approx(1.5 * np.abs(CROWNS[kind][:, 0]).max())
    assert offset[:, 1].min() == pytest.approx(-2.0) and offset[:, 1].max() == pytest.approx(2.0)
