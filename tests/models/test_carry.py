"""Warping a shown frame by a told flow."""

from __future__ import annotations

import torch

from drivesim.models.carry import carried


def _flow(across: float, down: float, seen: float = 1.0) -> torch.Tensor:
    flow = torch.zeros(1, 3, 8, 16)
    flow[:, 0], flow[:, 1], flow[:, 2] = across, down, seen
    return flow


def _picture() -> torch.Tensor:
    return torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9


def test_a_flow_of_zero_carries_the_picture_as_it_is() -> None:
    past = carried(_picture(), _flow(0.0, 0.0))
    assert torch.allclose(past.picture, _picture(), atol=1e-5) and bool((past.seen == 1.0).all())


def test_whole_pixels_move_in_the_pixels_of_the_raster() -> None:
    past = carried(_picture(), _flow(2.0, -1.0))  # a raster pixel is four of the picture's
    assert torch.allclose(past.picture[..., 4:, :56], _picture()[..., :28, 8:], atol=1e-4)


def test_what_was_out_of_view_or_hidden_is_not_seen() -> None:
    past = carried(_picture(), _flow(2.0, 0.0))
    assert not past.seen[..., -2:].any() and bool((past.seen[..., :-2] == 1.0).all())
    hidden = carried(_picture(), _flow(0.0, 0.0, seen=0.0))
    assert not hidden.seen.any()
