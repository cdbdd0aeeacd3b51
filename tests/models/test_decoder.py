"""The decoder's parts: what is told of boxes, and the picture put together strip by strip."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny_video_ldm import tiny_codec

from drivesim.controls import EXIT_CHANNELS, FIGURE_CHANNELS, POINT_CHANNELS, RASTER_CHANNELS, Control
from drivesim.kinds import KINDS_OF_CLASS
from drivesim.models.carry import Past
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, ControlTensors, planes_named
from drivesim.models.video_ldm import decoder as module
from drivesim.scenery import SCENERY_CLASSES

RASTER_SHAPE = (len(RASTER_CHANNELS[Control.ACTORS]), 128, 256)


def test_the_planes_of_shares_are_found_among_all_planes() -> None:
    names = [name for kind in RASTER_CHANNELS for name in RASTER_CHANNELS[kind]]
    rays = [*POINT_CHANNELS, *EXIT_CHANNELS]
    assert [names[plane] for plane in module.SHARE_PLANES] == [*rays, "bay", "storey", *rays]
    assert [names[plane] for plane in module.FACE_PLANES] == ["shade", "shade", *FIGURE_CHANNELS]
    assert {names[plane] for plane in module.COVER_PLANES} == {*SCENERY_CLASSES, *KINDS_OF_CLASS, *FIGURE_CHANNELS}
    assert planes_named(Control.MAP, ("road", "sky")) == (0, 3)
    (braking,) = planes_named(Control.ACTORS, ("braking",))
    made = ControlTensors.assemble(
        1, {"actors": torch.zeros(1, *RASTER_SHAPE).index_fill(1, torch.tensor(15), 255.0)}, {}
    )
    assert made.layout_planes()[0, braking].min() == 1.0


def test_waves_rise_and_fall_twice_as_often_each_time() -> None:
    pixels = torch.zeros(257, NUM_LAYOUT_PLANES)
    pixels[:, module.SHARE_PLANES[0]] = torch.linspace(0.0, 1.0, 257)
    told = module.with_waves(pixels)
    assert told.shape == (257, NUM_LAYOUT_PLANES + len(module.SHARE_PLANES) * module.NUM_WAVES)
    assert torch.equal(told[:, :NUM_LAYOUT_PLANES], pixels)
    waves = told[:, NUM_LAYOUT_PLANES :: len(module.SHARE_PLANES)].T
    assert waves.min() == 0.0 and waves.max() == 1.0
    turns = (waves.diff(dim=1).sign().diff(dim=1) != 0).sum(dim=1)
    assert turns.tolist() == [2 ** (count + 1) - 1 for count in range(module.NUM_WAVES)]


def test_pixels_are_read_where_boxes_are_and_nowhere_else() -> None:
    reader = module.LayoutReader((8, 8), (12, 6))
    planes = torch.rand(2, NUM_LAYOUT_PLANES, 4, 8, generator=torch.Generator().manual_seed(0))
    planes[:, module.FACE_PLANES] = 0.0
    assert not reader.point_features(planes).any()
    planes[1, module.FACE_PLANES[1], 2, 5] = 0.3
    features = reader.point_features(planes)
    alone = reader.points(module.with_waves(planes[1, :, 2, 5][None]))
    assert features.shape == (2, 6, 4, 8) and torch.allclose(features[1, :, 2, 5], alone[0], atol=1e-6)
    features[1, :, 2, 5] = 0.0
    assert alone.any() and not features.any()


@pytest.mark.parametrize("most", [torch.maximum, torch.minimum])
def test_the_colours_around_are_those_of_six_by_six_pixels(most: object) -> None:
    picture = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    sign = 1.0 if most is torch.maximum else -1.0
    expected = sign * F.max_pool2d(sign * picture, 6, stride=2, padding=2)
    assert torch.equal(module._around(picture, most), expected)


def test_strips_make_the_picture_that_the_whole_makes() -> None:
    generator = torch.Generator().manual_seed(0)
    folded = torch.randn(1, 16, 128, 64, generator=generator).contiguous(memory_format=torch.channels_last)
    small = torch.randn(1, 3, 128, 64, generator=generator)
    drawing = module.Drawing(small, folded)
    past = Past(torch.randn(1, 3, 256, 128, generator=generator), torch.rand(1, 1, 64, 32, generator=generator).round())
    for before in (None, past):
        strips = [module._composed_rows(drawing, before, range(top, top + 32)) for top in range(0, 128, 32)]
        assert torch.equal(torch.cat(strips, dim=-2), module._composed_rows(drawing, before, range(128)))


def test_a_picture_is_the_same_with_and_without_gradients() -> None:
    codec = tiny_codec()
    raw = codec.raw(torch.randn(1, 19, 16, 32, generator=torch.Generator().manual_seed(0)))
    learning = codec.draw_both(raw)[1].detach()
    with torch.no_grad():
        assert torch.equal(codec.draw_both(raw)[1], learning)


def test_the_blocks_quarters_lie_where_one_shuffle_by_four_puts_their_pixels() -> None:
    """The last layer's planes are ordered for two shuffles; both see each block's 16 pixels in its own place."""
    seams = module.Seams(8)
    block = torch.zeros(1, 64, 2, 2)
    block[:, :, 0, 1] = torch.arange(64.0)
    drawn = F.pixel_shuffle(seams(block), 2)
    assert not drawn[:, :, 4:].any() and not drawn[:, :, :4, :4].any()
    assert sorted(drawn[0, :, :4, 4:].flatten().tolist()) == list(range(64))
    assert drawn[0, 3, :4, 4:].min() == 48.0, "the share's planes stay the last sixteen"
