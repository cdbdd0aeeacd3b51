"""Windows that are blended at every noise level: what they cover, and that no seam can be seen where they meet."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.diffusion.windows import Window, WindowLayout, blended

LAYOUT = WindowLayout(rows=32, columns=48, overlap=16, grid=8)
STEPS = SamplerConfig(steps=24, sigma_min=0.02, sigma_max=20.0)


@pytest.mark.parametrize("size", [(32, 48), (40, 64), (104, 200), (16, 256)])
def test_windows_cover_a_picture_and_share_what_they_must(size: tuple[int, int]) -> None:
    windows = LAYOUT.windows(*size)
    seen = torch.zeros(size)
    for rows, columns in windows:
        assert rows.start % 8 == columns.start % 8 == 0
        assert (rows.stop - rows.start, columns.stop - columns.start) == (min(32, size[0]), min(48, size[1]))
        seen[rows, columns] += 1
    assert seen.min() >= 1
    for axis in (0, 1):
        spans = sorted({(window[axis].start, window[axis].stop) for window in windows})
        assert spans[-1][1] == size[axis]
        assert all(before[1] - after[0] >= 16 for before, after in itertools.pairwise(spans))


def test_what_each_window_knows_is_given_back() -> None:
    picture = torch.randn(2, 3, 104, 200, generator=torch.Generator().manual_seed(0))
    again = blended(lambda window: picture[..., window[0], window[1]], picture, LAYOUT)
    assert torch.allclose(again, picture, atol=1e-5)
    small = picture[..., :32, :48]
    assert torch.equal(blended(lambda window: small[..., window[0], window[1]], small, LAYOUT), small)


def test_windows_that_share_too_much_are_refused() -> None:
    with pytest.raises(ValueError, match="windows of 32 pixels cannot share 30"):
        WindowLayout(rows=32, columns=32, overlap=30, grid=8).windows(64, 64)


def _process(count: int, length: float) -> Tensor:
    """Covariance of neighbouring pixels: smooth over ``length`` of them."""
    places = torch.arange(count, dtype=torch.float32)
    return torch.exp(-0.5 * ((places[:, None] - places) / length).square()) + 1e-3 * torch.eye(count)


def _gaussian_estimate(noisy: Tensor, sigma: float) -> Tensor:
    """The exact mean of rows of a Gaussian process given noisy ones, within whatever part of a row this is."""
    covariance = _process(noisy.shape[-1], 6.0)
    gain = torch.linalg.solve(covariance + sigma**2 * torch.eye(len(covariance)), covariance)
    return noisy @ gain


def _drawn(layout: WindowLayout, noise: Tensor) -> Tensor:
    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        def within(window: Window) -> Tensor:
            return _gaussian_estimate(noisy[..., window[0], window[1]], float(sigma[0]))

        return blended(within, noisy, layout)

    return sample(denoise, noise, STEPS)


def test_no_seam_shows_in_samples_of_an_exact_gaussian_denoiser() -> None:
    noise = torch.randn(8, 3, 32, 144, generator=torch.Generator().manual_seed(1))
    steps = {}
    for overlap in (0, 16):
        layout = WindowLayout(rows=32, columns=48, overlap=overlap, grid=8)
        size = _drawn(layout, noise).diff(dim=-1).square().mean((0, 1, 2)).sqrt()
        edges = {columns.start for _, columns in layout.windows(32, 144)} | {c.stop for _, c in layout.windows(32, 144)}
        inner = sorted(edges - {0, 144})
        others = [at for at in range(1, 144) if at not in inner]
        steps[overlap] = size[[at - 1 for at in inner]].max() / size[[at - 1 for at in others]].mean()
    assert steps[0] > 2.0, "windows side by side leave a seam, so the measure can see one"
    assert steps[16] < 1.2
