"""FVD from a TorchScript file: a tiny network that honours the contract, and everything that does not."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drivesim.errors import InputError
from drivesim.metrics.frechet import frechet_distance
from drivesim.metrics.fvd import NOT_COMPUTED, fvd, load_i3d


class Pooled(torch.nn.Module):
    """Honours the contract: an 8 x 8 x (RGB) mean picture and its change over time, in 400 numbers."""

    def forward(
        self, x: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        if rescale:
            x = x / 127.5 - 1.0
        if not return_features:
            return x.mean(dim=[1, 2, 3, 4]).unsqueeze(1)
        if resize:
            x = torch.nn.functional.interpolate(x, [x.shape[2], 32, 32], mode="trilinear", align_corners=False)
        mean = torch.nn.functional.adaptive_avg_pool3d(x, [1, 8, 8]).flatten(1)
        change = torch.nn.functional.adaptive_avg_pool3d((x[:, :, 1:] - x[:, :, :-1]).abs(), [1, 8, 8]).flatten(1)
        return torch.cat([mean, change, torch.zeros(x.shape[0], 16)], dim=1)


class WrongSize(Pooled):
    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        return x.mean(dim=[2, 3, 4])


class NoFlags(torch.nn.Module):
    def forward(self, x: torch.Tensor, resize: bool = True) -> torch.Tensor:
        return x.mean(dim=[2, 3, 4])


class Infinite(torch.nn.Module):
    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        return torch.zeros(x.shape[0], 400) / (x[:, :, 0].mean(dim=[1, 2, 3]) - 200.0).sign().sub(1.0).unsqueeze(1)


class Failing(torch.nn.Module):
    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        return x.reshape(7, -1)


class Several(torch.nn.Module):
    def forward(
        self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


def _saved(module: torch.nn.Module, path: Path) -> Path:
    torch.jit.script(module).save(str(path))
    return path


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(Pooled().eval(), tmp_path_factory.mktemp("i3d") / "i3d_torchscript.pt")


def _clips(seed: int, count: int = 12, num_frames: int = 18) -> list[np.ndarray]:
    """Textures that move by two pixels a frame."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        texture = cv2.GaussianBlur(rng.uniform(0, 255, (32, 130, 3)).astype(np.float32), (0, 0), 2.0) * 2.0 - 128.0
        found.append(np.stack([np.clip(texture[:, 2 * t : 2 * t + 64], 0, 255) for t in range(num_frames)]))
    return [clip.astype(np.uint8) for clip in found]


def test_features_and_distance_are_those_of_the_network(honest: Path) -> None:
    i3d = load_i3d(honest)
    real, generated = _clips(0), _clips(1)
    video = torch.from_numpy(np.stack([clip[:16] for clip in real])).permute(0, 4, 1, 2, 3).float()
    expected = Pooled()(video, rescale=True, resize=True, return_features=True).numpy()
    found = i3d.features(real, batch=5)
    assert np.allclose(found, expected, atol=1e-5)
    result = fvd(real, generated, i3d, np.random.default_rng(0), seeds="real 0, generated 1", resamples=20)
    assert result.value.value == pytest.approx(frechet_distance(found, i3d.features(generated)))
    assert result.value.low <= result.value.value <= result.value.high
    assert result.floor is not None and result.floor.count == 6
    assert result.at_floor_size is not None and result.at_floor_size.count == 6
    assert result.at_floor_size.value > result.value.value, "fewer clips, more bias"


def test_the_protocol_names_what_decides_the_number(honest: Path) -> None:
    i3d = load_i3d(honest)

    def streamed() -> Iterator[np.ndarray]:
        yield from _clips(1, count=3, num_frames=31)

    result = fvd(_clips(0, 2, 31), streamed(), i3d, np.random.default_rng(0), seeds="7 to 9", stride=2, resamples=5)
    for word in (
        "i3d_torchscript.pt", i3d.sha256, "2 real clips (2 of 32x64)", "3 generated clips", "first 16 frames", "stride 2",
        "rescale=True", "resize=True", "seeds: 7 to 9", "Warning: 2 clips are fewer than the usual 2048",
    ):  # fmt: skip
        assert word in result.protocol
    assert result.floor is None
    assert "differ in size" not in result.protocol
    smaller = [clip[:, :16] for clip in _clips(1)]
    mixed = fvd(_clips(0), smaller, i3d, np.random.default_rng(0), seeds="-", resamples=5)
    assert "differ in size" in mixed.protocol


def test_damage_is_ranked_by_severity(honest: Path) -> None:
    i3d = load_i3d(honest)
    real, other = _clips(0), _clips(1)
    tinted = [
        fvd(real, [np.clip(c + np.array([tint, 0, 0]), 0, 255).astype(np.uint8) for c in other], i3d,
            np.random.default_rng(0), seeds="-", resamples=5).value.value
        for tint in (0, 40, 80, 160)
    ]  # fmt: skip
    frozen = [np.repeat(c[:1], 16, axis=0) for c in other]
    still = fvd(real, frozen, i3d, np.random.default_rng(0), seeds="-", resamples=5).value.value
    assert tinted == sorted(tinted)
    assert still > tinted[0]


def test_files_that_are_no_torchscript_are_refused_without_unpickling(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    pickled, old = tmp_path / "pickled.pt", tmp_path / "old.pt"
    torch.save(Bomb(), pickled)
    torch.save(Bomb(), old, _use_new_zipfile_serialization=False)
    state = tmp_path / "i3d_pretrained_400.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), state)
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "page.pt").write_text("<!DOCTYPE html>")
    (tmp_path / "empty.pt").touch()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photos/one.txt", "one")
    for name, words in {
        "absent.pt": "no such file", "pickled.pt": "what torch.save wrote", "old.pt": "a pickle",
        "i3d_pretrained_400.pt": "a state dict such as", "picture.png": "a picture", "page.pt": "a text file",
        "empty.pt": "an empty file", "photos.zip": "without a TorchScript program",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=words) as caught:
            load_i3d(tmp_path / name)
        assert name in str(caught.value) and "docs/fvd.md" in str(caught.value)
    assert not (tmp_path / "ran").exists()
    torch.load(pickled, weights_only=False)
    assert (tmp_path / "ran").exists(), "the pickle was harmless, so the lines above showed nothing"


def test_a_cut_or_hollow_archive_is_refused(honest: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pt"
    cut.write_bytes(honest.read_bytes()[:-200])
    with pytest.raises(InputError, match="cut short"):
        load_i3d(cut)
    hollow = tmp_path / "hollow.pt"
    with zipfile.ZipFile(hollow, "w") as archive:
        archive.writestr("a/code/__torch__.py", "")
        archive.writestr("a/constants.pkl", "")
    with pytest.raises(InputError, match="damaged TorchScript file"):
        load_i3d(hollow)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (WrongSize(), r"features are \(1, 3\), not \(1, 400\)"),
        (NoFlags(), r"takes \(x, resize\), without rescale, return_features"),
        (Failing(), "its network failed"),
        (Several(), "features are tuple"),
    ],
)
def test_networks_that_break_the_contract_are_refused_at_once(
    module: torch.nn.Module, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        load_i3d(_saved(module, tmp_path / "other.pt"))


def test_features_that_are_not_finite_name_the_clip(tmp_path: Path) -> None:
    i3d = load_i3d(_saved(Infinite(), tmp_path / "nan.pt"))
    bright = np.full((16, 8, 8, 3), 250, np.uint8)
    with pytest.raises(InputError, match="features of clip 2 hold NaN"):
        i3d.features([bright // 2, bright // 2, bright])


def test_unusable_clips_are_refused(honest: Path) -> None:
    i3d = load_i3d(honest)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="clip 1 has 15 frames; FVD takes 16 at stride 1"):
        i3d.features([np.zeros((16, 8, 8, 3), np.uint8), np.zeros((15, 8, 8, 3), np.uint8)])
    with pytest.raises(InputError, match="at stride 2, so at least 31"):
        i3d.features([np.zeros((30, 8, 8, 3), np.uint8)], stride=2)
    with pytest.raises(InputError, match="several sizes in one set"):
        i3d.features([np.zeros((16, 8, 8, 3), np.uint8), np.zeros((16, 8, 9, 3), np.uint8)])
    with pytest.raises(InputError, match="two generated clips, got 1"):
        fvd(_clips(0, 2), _clips(1, 1), i3d, rng, seeds="-")
    with pytest.raises(InputError, match="two real clips, got 0"):
        fvd([], _clips(1, 2), i3d, rng, seeds="-")
    with pytest.raises(ValueError, match="uint8 frames"):
        i3d.features([np.zeros((16, 8, 8, 3))])


def test_the_text_for_absence_is_fixed() -> None:
    assert NOT_COMPUTED == "FVD not computed: no --i3d file"
