"""Fréchet video distance (Unterthiner et al. 2018) with the I3D network in a TorchScript file that the user names.

Nothing is downloaded, and no other number goes under this name: without the file the text is :data:`NOT_COMPUTED`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from einops import rearrange

from drivesim.errors import InputError
from drivesim.metrics.estimate import Estimate
from drivesim.metrics.frechet import frechet_at_size, frechet_estimate, split_floor
from drivesim.storage import sha256_of

NOT_COMPUTED = "FVD not computed: no --i3d file"
NUM_FRAMES = 16
"""Frames of a clip in published protocols."""
NUM_FEATURES = 400
USUAL_CLIPS = 2048
"""Clips of each set in published protocols; with fewer the value is biased upwards."""
FLAGS = ("rescale", "resize", "return_features")

_CONTRACT = (
    "expected a TorchScript file of I3D whose forward takes (x, rescale, resize, return_features) and gives "
    f"{NUM_FEATURES} features a clip, such as i3d_torchscript.pt of StyleGAN-V (docs/fvd.md)"
)


@dataclass(frozen=True, eq=False)
class I3D:
    """The network of one file, checked by :func:`load_i3d`; ``sha256`` is the file's."""

    module: torch.jit.ScriptModule
    path: Path
    sha256: str
    device: torch.device

    def features(self, clips: Iterable[np.ndarray], stride: int = 1, batch: int = 8) -> np.ndarray:
        """Features float64 (N, 400) of clips, each uint8 RGB (T, H, W, 3) with T > 15 * stride, read one batch at a time.

        Of each clip the first 16 frames at ``stride`` are taken, as values 0 to 255 with ``rescale=True`` and
        ``resize=True``: scaling and the 224 x 224 size are the file's own. Clips of one batch have one size. Raises
        InputError for too short clips, clips of several sizes, and features of a wrong shape or not finite.
        """
        rows = [self._batch(group, stride) for group in _groups(clips, batch)]
        return np.concatenate(rows) if rows else np.zeros((0, NUM_FEATURES))

    def _batch(self, clips: list[tuple[int, np.ndarray]], stride: int) -> np.ndarray:
        frames = np.stack([_first_frames(clip, index, stride) for index, clip in _of_one_size(clips)])
        video = rearrange(torch.from_numpy(frames), "b t h w c -> b c t h w").to(self.device, torch.float32)
        try:
            with torch.inference_mode():
                found = self.module(video, rescale=True, resize=True, return_features=True)
        except (RuntimeError, torch.jit.Error) as error:
            last = str(error).strip().splitlines()[-1]
            raise InputError(
                f"{self.path}: its network failed on a video of {tuple(video.shape)} ({last}); {_CONTRACT}"
            ) from error
        shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        if shape != (len(frames), NUM_FEATURES):
            raise InputError(f"{self.path}: features are {shape}, not {(len(frames), NUM_FEATURES)}; {_CONTRACT}")
        features = found.to("cpu", torch.float64).numpy()
        if not np.isfinite(features).all():
            bad = clips[int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])][0]
            raise InputError(f"{self.path}: the features of clip {bad} hold NaN or infinity; the file may be damaged")
        return features


@dataclass(frozen=True, kw_only=True)
class FvdResult:
    """``value`` with its interval, over all clips.

    ``floor`` is the distance of random halves of the real clips, ``at_floor_size`` that of real and generated groups as large
    as those halves: these two compare with each other, and hold None when there are too few clips. ``protocol`` is everything that decides the number, to be printed beside it.
    """

    value: Estimate
    floor: Estimate | None
    at_floor_size: Estimate | None
    protocol: str


def load_i3d(path: Path, device: str = "cpu") -> I3D:
    """Open a TorchScript I3D that honours the contract of docs/fvd.md; one grey clip is run through it at once.

    The archive's contents are looked at before it is loaded, and only torch.jit reads it: pickled Python objects and
    state dicts are refused without being unpickled. Raises InputError, saying what the file is and what is expected.
    """
    _refuse_other_files(path)
    try:
        module = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, torch.jit.Error, ValueError) as error:
        raise InputError(
            f"{path}: a damaged TorchScript file ({str(error).strip().splitlines()[0]}); {_CONTRACT}"
        ) from error
    schema = getattr(module.forward, "schema", None)
    names = [argument.name for argument in schema.arguments][1:] if schema is not None else []
    if missing := [flag for flag in FLAGS if flag not in names]:
        raise InputError(f"{path}: its forward takes ({', '.join(names)}), without {', '.join(missing)}; {_CONTRACT}")
    i3d = I3D(module=module, path=path, sha256=sha256_of(path), device=torch.device(device))
    i3d.features([np.full((NUM_FRAMES, 64, 64, 3), 128, np.uint8)])
    return i3d


def fvd(
    real_clips: Iterable[np.ndarray],
    generated_clips: Iterable[np.ndarray],
    i3d: I3D,
    rng: np.random.Generator,
    *,
    seeds: str,
    stride: int = 1,
    batch: int = 8,
    resamples: int = 100,
) -> FvdResult:
    """FVD of two sets of clips, each uint8 RGB (T, H, W, 3), with an interval over clips and the printed protocol.

    ``seeds`` says in words which seeds made the clips. The sets may be generators: only features are kept. Raises
    InputError for fewer than two clips in a set, and as :meth:`I3D.features`.
    """
    sizes: dict[str, dict[str, int]] = {"real": {}, "generated": {}}
    features = {
        name: i3d.features(_counted(clips, sizes[name]), stride, batch)
        for name, clips in (("real", real_clips), ("generated", generated_clips))
    }
    for name, rows in features.items():
        if len(rows) < 2:
            raise InputError(f"FVD needs at least two {name} clips, got {len(rows)}; generate or name more")
    real, generated = features["real"], features["generated"]
    half = min(len(real) // 2, len(generated))
    return FvdResult(
        value=frechet_estimate(real, generated, rng, resamples),
        floor=split_floor(real, rng, half, splits=20) if half >= 2 else None,
        at_floor_size=frechet_at_size(real, generated, half, rng, splits=20) if half >= 2 else None,
        protocol=_protocol(i3d, sizes, stride, seeds),
    )


def _protocol(i3d: I3D, sizes: dict[str, dict[str, int]], stride: int, seeds: str) -> str:
    sets = [
        f"{sum(of.values())} {name} clips ({', '.join(f'{count} of {size}' for size, count in of.items())})"
        for name, of in sizes.items()
    ]
    fewest = min(sum(of.values()) for of in sizes.values())
    notes = []
    if fewest < USUAL_CLIPS:
        notes.append(
            f"{fewest} clips are fewer than the usual {USUAL_CLIPS}: the value is biased upwards and compares only with "
            "figures at the same number of clips"
        )
    if set(sizes["real"]) != set(sizes["generated"]):
        notes.append(
            "real and generated clips differ in size: their sharpness differs before any model has a part in it"
        )
    return (
        f"FVD with {i3d.path.name} (sha256 {i3d.sha256}); {' against '.join(sets)}; the first {NUM_FRAMES} frames of each "
        f"clip at stride {stride}; RGB values 0 to 255, rescale=True, resize=True (both done by the file), "
        f"return_features=True, {NUM_FEATURES} features; unbiased covariances; seeds: {seeds}."
    ) + "".join(f" Warning: {note}." for note in notes)


def _refuse_other_files(path: Path) -> None:
    """TorchScript archives are zip files with code/ and constants.pkl; what torch.save writes has neither."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; {_CONTRACT}")
    with path.open("rb") as file:
        head = file.read(64)
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: {_kind(head)}; {_CONTRACT}")
    try:
        with zipfile.ZipFile(path) as archive:
            inner = {name.split("/", 1)[1] for name in archive.namelist() if "/" in name}
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: a damaged zip archive ({error}); {_CONTRACT}") from error
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return
    if "data.pkl" in inner:
        raise InputError(
            f"{path}: what torch.save wrote (a state dict such as i3d_pretrained_400.pt, or a pickled module), which is "
            f"not opened because pickles run code; convert it with torch.jit.script where its source is; {_CONTRACT}"
        )
    raise InputError(f"{path}: a zip archive without a TorchScript program; {_CONTRACT}")


def _kind(head: bytes) -> str:
    if head.startswith(b"\x80"):
        return "a pickle (an old torch.save file), which is not opened because pickles run code"
    if not head:
        return "an empty file"
    if head.startswith((b"\x89PNG", b"\xff\xd8")):
        return "a picture"
    if head.startswith(b"PK"):
        return "a zip archive that is cut short"
    return "a text file" if head.isascii() else "no TorchScript file"


def _groups(clips: Iterable[np.ndarray], batch: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    numbered = enumerate(clips)
    while group := list(islice(numbered, batch)):
        yield group


def _counted(clips: Iterable[np.ndarray], sizes: dict[str, int]) -> Iterator[np.ndarray]:
    for clip in clips:
        size = "x".join(str(length) for length in clip.shape[1:3])
        sizes[size] = sizes.get(size, 0) + 1
        yield clip


def _of_one_size(clips: list[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    if len({clip.shape[1:] for _, clip in clips}) > 1:
        found = sorted({f"{clip.shape[1]}x{clip.shape[2]}" for _, clip in clips})
        raise InputError(f"clips of several sizes in one set ({', '.join(found)}); FVD takes sets of one size")
    return clips


def _first_frames(clip: np.ndarray, index: int, stride: int) -> np.ndarray:
    if clip.dtype != np.uint8 or clip.ndim != 4 or clip.shape[-1] != 3:
        raise ValueError(f"clip {index}: FVD takes uint8 frames (T, H, W, 3), got {clip.dtype} {clip.shape}")
    span = (NUM_FRAMES - 1) * stride + 1
    if len(clip) < span:
        raise InputError(
            f"clip {index} has {len(clip)} frames; FVD takes {NUM_FRAMES} at stride {stride}, so at least {span}: "
            "give longer clips, or a smaller stride"
        )
    return clip[:span:stride]
