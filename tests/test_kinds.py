"""Which body an actor has: decided by preset and size, else by who it is, and the same for renderer and layout."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hand_made import build_actor, build_scene

from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.kinds import CAR_FORMS, KINDS_OF_CLASS, car_form, kind_of
from drivesim.renderer import ProceduralWorld
from drivesim.scene import CATEGORIES, CLASS_OF_CATEGORY


def test_every_category_and_form_has_a_number_of_three_digits_within_its_class() -> None:
    members = [name for names in KINDS_OF_CLASS.values() for name in names]
    assert {*members} == {*CATEGORIES, *CAR_FORMS} - {"car"} and len(members) == len({*members})
    assert set(KINDS_OF_CLASS) == set(CLASS_OF_CATEGORY.values())
    assert max(len(names) for names in KINDS_OF_CLASS.values()) < 8


@pytest.mark.parametrize(
    ("preset", "length", "height", "form"),
    [
        ("estate", 3.0, 2.4, "estate"),
        ("small", 3.8, 1.48, "hatchback"),
        (None, 5.2, 2.2, "van"),
        (None, 4.6, 1.7, "suv"),
        (None, 4.0, 1.5, "hatchback"),
    ],
)
def test_preset_and_size_decide_the_form(preset: str | None, length: float, height: float, form: str) -> None:
    assert car_form("anyone", preset, length, height) == form


def test_cars_of_the_usual_size_are_saloons_hatchbacks_and_estates_alike() -> None:
    forms = [car_form(f"car-{number}", None, 4.5, 1.5) for number in range(300)]
    assert forms == [car_form(f"car-{number}", None, 4.5, 1.5) for number in range(300)]
    assert all(70 < forms.count(form) < 130 for form in ("saloon", "hatchback", "estate"))


def test_simulated_cars_know_their_form_and_nobody_else_has_one() -> None:
    actors = sample_scene(3, 12, 10.0).actors
    assert {actor.category for actor in actors} > {"car"}
    assert all((actor.form in CAR_FORMS) == (actor.category == "car") for actor in actors)
    assert all(kind_of(actor) >= 1 for actor in actors)
    assert kind_of(build_actor("photographed", "car", 12.0, 0.0)) == 0


def test_the_renderer_draws_the_form_that_the_layout_tells() -> None:
    pictures = {}
    for form in ("saloon", "estate", None):
        actor = build_actor("lead", "car", 9.0, 0.0, yaw=0.5, form=form)
        pictures[form] = ProceduralWorld(build_scene(actor), 1).render(0).rgb
    assert (pictures["saloon"] != pictures["estate"]).any(axis=-1).sum() > 200
    drawn = car_form("lead", None, actor.length, actor.height)
    told = dataclasses.replace(actor, form=drawn)
    assert np.array_equal(pictures[None], ProceduralWorld(build_scene(told), 1).render(0).rgb)
