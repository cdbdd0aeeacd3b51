"""The world itself: determinism, paint and textures on the ground, light and weather, any camera."""

import dataclasses

import cv2
import numpy as np
import pytest

from drivesim.geometry import project, transform_points
from drivesim.renderer import ProceduralWorld, Semantic, render_clip
from drivesim.scene import NUSCENES_FRONT, Environment, Pose


def pixel_of(scene, frame, x, y, z=0.0):
    point = transform_points(scene.optical_from_world(frame), np.array([[x, y, z]]))
    u, v = project(point, scene.camera.intrinsics())[0]
    return int(u), int(v)


def luma(rgb):
    return float((rgb @ np.array([0.299, 0.587, 0.114])).mean())


def test_equal_arguments_give_equal_pixels_in_any_order(make_scene, make_actor):
    scene = make_scene(make_actor("car", 20.0, 0.0), make_actor("pedestrian", 12.0, 3.0, speed=1.0))
    first, second = ProceduralWorld(scene, 5), ProceduralWorld(scene, 5)
    late = second.render(7, 256, 128)
    early = first.render(0, 256, 128)
    for name in ("rgb", "depth", "semantic", "instance"):
        np.testing.assert_array_equal(getattr(late, name), getattr(first.render(7, 256, 128), name))
        np.testing.assert_array_equal(getattr(early, name), getattr(second.render(0, 256, 128), name))
    np.testing.assert_array_equal(first.render_rgb(7, 256, 128), late.rgb)
    assert (ProceduralWorld(scene, 6).render_rgb(7, 256, 128) != late.rgb).mean() > 0.3


def test_a_clip_holds_the_frames_of_the_world(make_scene):
    scene = make_scene()
    clip = render_clip(scene, 3, 2, 5, 128, 64)
    assert clip.frames.shape == (3, 64, 128, 3) and clip.fps == 10.0
    np.testing.assert_array_equal(clip.frames[1], ProceduralWorld(scene, 3).render_rgb(3, 128, 64))


@pytest.mark.parametrize("curvature", [0.0, 0.004, -0.006])
def test_paint_lies_where_the_road_says(make_scene, make_road, curvature):
    road = make_road(curvature=curvature)
    scene = make_scene(road=road)
    frame = ProceduralWorld(scene, 4).render(0)

    def class_at(s, d):
        x, y, _ = (float(v) for v in road.to_world(s, d))
        u, v = pixel_of(scene, 0, x, y)
        return frame.semantic[v, u]

    for s in (14.0, 26.0):  # dashes cover s = 12 to 16 and 24 to 28
        assert class_at(s, 1.75) == Semantic.LANE_PAINT
        assert class_at(s, -1.6) == Semantic.LANE_PAINT
        assert class_at(s, 0.0) == Semantic.ROAD
        assert class_at(s, -4.0) == Semantic.TERRAIN
    assert class_at(20.0, 1.75) == Semantic.ROAD
    u, v = pixel_of(scene, 0, *(float(c) for c in road.to_world(14.0, -1.6)[:2]))
    red, _, blue = frame.rgb[v, u].astype(int)
    assert red > blue + 60  # yellow paint


def test_far_paint_fades_instead_of_flickering(make_scene, make_road):
    scene = make_scene(road=make_road(length_m=1500.0), speed=8.0)
    world = ProceduralWorld(scene, 4)
    u, v = pixel_of(scene, 0, 150.0, 1.75)
    patches = [world.render_rgb(f)[v - 2 : v + 3, u - 4 : u + 5].astype(float).mean() for f in range(0, 12, 3)]
    assert np.ptp(patches) < 12.0


def test_ground_texture_sticks_to_the_world(make_scene):
    scene = make_scene(speed=6.0)
    world = ProceduralWorld(scene, 8)
    first, second = world.render(0), world.render(5)
    seen = []
    for x in np.arange(9.0, 16.0, 0.4):
        for y in (-4.5, -3.5, 0.3, 4.0):
            (u0, v0), (u1, v1) = pixel_of(scene, 0, x, y), pixel_of(scene, 5, x, y)
            inside = 0 <= u1 < 1024 and 0 <= v1 < 512 and 0 <= u0 < 1024
            if inside and first.semantic[v0, u0] == second.semantic[v1, u1] in (Semantic.ROAD, Semantic.TERRAIN):
                seen.append((first.rgb[v0, u0].astype(float), second.rgb[v1, u1].astype(float)))
    before, after = np.array(seen).transpose(1, 0, 2)
    assert len(seen) > 20
    assert np.abs(before - after).mean() < 2.5
    ground = first.semantic == Semantic.TERRAIN
    assert first.rgb[ground].std() > 4.0  # there is a texture to stick


def test_scenery_stands_still_while_the_ego_drives(make_scene):
    scene = make_scene(speed=1.0)
    world = ProceduralWorld(scene, 8)
    grey = [cv2.cvtColor(world.render_rgb(frame), cv2.COLOR_RGB2GRAY).astype(float) for frame in (0, 1)]
    assert np.abs(grey[1] - grey[0]).mean() < 1.5


def test_the_far_end_of_a_long_road_looks_and_costs_the_same(make_scene, make_road):
    road = make_road(length_m=12_000.0)
    far = ProceduralWorld(make_scene(road=road, x=9_216.0), 4).render(0, 512, 256)
    for kind in (Semantic.ROAD, Semantic.LANE_PAINT, Semantic.VEGETATION):
        assert (far.semantic == kind).sum() > 50
    world = ProceduralWorld(make_scene(road=road, x=9_216.0), 4)
    world.render(0, 256, 128)
    assert len(world._roadside._buckets) < 30


def test_night_is_darker_than_day_and_still_readable(make_scene, make_actor):
    car = make_actor("car", 18.0, 0.0)
    day = luma(ProceduralWorld(make_scene(car, environment=Environment(hour=13.0)), 1).render_rgb(0, 512, 256))
    night = luma(ProceduralWorld(make_scene(car, environment=Environment(hour=23.0)), 1).render_rgb(0, 512, 256))
    assert 100 < day < 160
    assert 25 < night < 70


def test_headlights_and_street_lamps_light_the_road(make_scene, make_road):
    dark = Environment(hour=23.0)
    lit = dataclasses.replace(dark, street_lights=True)
    road = make_road("urban")
    frame = ProceduralWorld(make_scene(road=road, environment=dark), 1).render(0)
    u, v = pixel_of(make_scene(), 0, 14.0, 0.0)
    u2, v2 = pixel_of(make_scene(), 0, 60.0, 0.0)
    assert frame.rgb[v, u].mean() > frame.rgb[v2, u2].mean() + 10
    assert luma(ProceduralWorld(make_scene(road=road, environment=lit), 1).render_rgb(0)) > luma(frame.rgb) + 4


def test_fog_hides_what_is_far(make_scene, make_actor):
    def contrast(visibility):
        red = make_actor("truck", 70.0, 0.0, colour=(200, 20, 20))
        environment = Environment(hour=12.0, sky="overcast", fog_visibility_m=visibility)
        frame = ProceduralWorld(make_scene(red, environment=environment), 1).render(0)
        pixels = frame.rgb[frame.instance == 1].astype(float).mean(0)
        return pixels[0] - pixels[2]

    assert contrast(60.0) < 0.12 * contrast(float("inf"))


@pytest.mark.parametrize("change", [{"rain": 0.8, "wetness": 0.6}, {"snow": 0.7}])
def test_weather_changes_the_picture_but_not_the_labels(make_scene, make_actor, change):
    car = make_actor("car", 20.0, 0.0)
    dry = ProceduralWorld(make_scene(car, environment=Environment(hour=12.0, sky="overcast")), 1).render(0, 512, 256)
    weather = Environment(hour=12.0, sky="overcast", **change)
    wet = ProceduralWorld(make_scene(car, environment=weather), 1).render(0, 512, 256)
    assert np.abs(dry.rgb.astype(int) - wet.rgb).mean() > 8
    np.testing.assert_array_equal(dry.instance, wet.instance)


def test_depth_of_the_ground_is_the_distance_along_the_optical_axis(make_scene):
    camera = dataclasses.replace(NUSCENES_FRONT, mount=Pose(x=1.7, z=1.6, yaw_rad=0.2, pitch_rad=0.1, roll_rad=-0.06))
    scene = make_scene(camera=camera)
    frame = ProceduralWorld(scene, 1).render(0)
    for x, y in ((8.0, 0.0), (14.0, 3.0), (25.0, 2.0)):
        point = transform_points(scene.optical_from_world(0), np.array([[x, y, 0.0]]))[0]
        u, v = pixel_of(scene, 0, x, y)
        if frame.semantic[v, u] in (Semantic.ROAD, Semantic.LANE_PAINT, Semantic.TERRAIN):
            assert frame.depth[v, u] == pytest.approx(point[2], rel=0.02)
    assert np.isinf(frame.depth[frame.semantic == Semantic.SKY]).all()
    assert np.isfinite(frame.depth[frame.semantic != Semantic.SKY]).all()


def test_a_rolled_camera_sees_the_same_world(make_scene, make_actor):
    car = make_actor("car", 16.0, 0.5, colour=(200, 30, 30))
    rolled = dataclasses.replace(NUSCENES_FRONT, mount=Pose(x=1.7, z=1.51, roll_rad=0.35))
    scene = make_scene(car, camera=rolled)
    frame = ProceduralWorld(scene, 1).render(0)
    u, v = pixel_of(scene, 0, 16.0 - 2.25, 0.5, 0.75)
    assert frame.instance[v, u] == 1
    assert (frame.semantic[:, 30] == Semantic.SKY).sum() != (frame.semantic[:, -30] == Semantic.SKY).sum()


@pytest.mark.parametrize("pitch", [-1.2, 1.2])
def test_a_camera_may_see_only_sky_or_only_ground(make_scene, pitch):
    camera = dataclasses.replace(NUSCENES_FRONT, mount=Pose(x=1.7, z=1.51, pitch_rad=pitch))
    frame = ProceduralWorld(make_scene(camera=camera), 1).render(0, 128, 64)
    expected = Semantic.SKY if pitch < 0 else Semantic.ROAD
    assert (frame.semantic == expected).mean() > 0.5


def test_a_scene_without_a_road_still_has_one(make_scene, make_actor):
    scene = dataclasses.replace(make_scene(make_actor("car", 20.0, 0.0)), road=None)
    frame = ProceduralWorld(scene, 1).render(0, 256, 128)
    assert (frame.semantic == Semantic.ROAD).mean() > 0.1


@pytest.mark.parametrize("road_type", ["urban", "motorway"])
def test_each_road_type_has_its_own_scenery(make_scene, make_road, road_type):
    frame = ProceduralWorld(make_scene(road=make_road(road_type, crossings=(30.0,))), 3).render(0, 512, 256)
    expected = {"urban": Semantic.BUILDING, "motorway": Semantic.POLE_SIGN}[road_type]
    assert (frame.semantic == expected).sum() > 30
