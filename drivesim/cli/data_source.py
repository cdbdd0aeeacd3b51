"""What SOURCE of ``drivesim data`` means: the procedural world, a nuScenes folder, or videos; with the options of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.datasets.sample import SampleDataset

PROCEDURAL = "procedural"
DEFAULT_VERSION, DEFAULT_SPLIT = "v1.0-trainval", "train"


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """The options that shape samples; None leaves the source's own default."""

    samples: int | None = None
    first_seed: int | None = None
    frames: int | None = None
    fps: float | None = None
    height: int | None = None
    width: int | None = None
    split: str | None = None
    version: str | None = None
    licence: str | None = None


_ONLY_FOR: dict[str, tuple[str, ...]] = {
    PROCEDURAL: ("samples", "first_seed", "frames", "height", "width"),
    "nuScenes": ("samples", "frames", "fps", "height", "width", "split", "version"),
    "video": ("samples", "frames", "fps", "height", "width", "licence"),
}


def kind_of(source: str) -> str:
    """``procedural``, ``nuScenes`` or ``video``. Raises InputError when there is nothing at ``source``."""
    if source == PROCEDURAL:
        return PROCEDURAL
    path = Path(source)
    if not path.exists():
        raise InputError(
            f"{source}: there is no such file or folder. Give a nuScenes folder, a folder or file of video, or the word "
            f"'{PROCEDURAL}'."
        )
    return "nuScenes" if path.is_dir() and any(path.glob("v1.0-*/")) else "video"


def open_source(
    source: str, options: SourceOptions, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> SampleDataset:
    """The dataset behind SOURCE; ``on_progress`` hears recordings read and recordings in all.

    Raises InputError for options that it does not have, and for what cannot be read."""
    kind = kind_of(source)
    given = {name: value for name, value in vars(options).items() if value is not None}
    foreign = sorted(set(given) - set(_ONLY_FOR[kind]))
    if foreign:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise InputError(f"{source} is {_article(kind)}: {named} does not apply to it.")
    samples = given.pop("samples", None)
    if "frames" in given:
        given["num_frames"] = given.pop("frames")
    if kind == PROCEDURAL:
        from drivesim.datasets.procedural.dataset import ProceduralDataset

        return ProceduralDataset(**given, **({} if samples is None else {"num_samples": samples}))
    dataset = _nuscenes(source, given) if kind == "nuScenes" else _video(source, given, on_progress)
    if samples is None:
        return dataset
    from drivesim.datasets.first_samples import FirstSamples

    return FirstSamples(dataset, samples)


def _nuscenes(source: str, settings: dict[str, Any]) -> SampleDataset:
    from drivesim.datasets.nuscenes import NuScenesDataset, find_versions

    versions = find_versions(Path(source))
    if "version" not in settings and len(versions) == 1:
        settings["version"] = versions[0]
    if "split" not in settings and settings.get("version") == "v1.0-mini":
        settings["split"] = "mini_train"
    return NuScenesDataset(source, **settings)


def _video(source: str, settings: dict[str, Any], on_progress: Callable[[int, int], None]) -> SampleDataset:
    from drivesim.datasets.video_folder import VideoFolderDataset

    return VideoFolderDataset(source, **settings, on_progress=lambda name, number, count: on_progress(number, count))


def check_source(source: str) -> list[str]:
    """Everything that is wrong with a source folder, one line each."""
    kind = kind_of(source)
    if kind == PROCEDURAL:
        return []
    if kind == "nuScenes":
        from drivesim.datasets.nuscenes import check_nuscenes

        return [str(finding) for finding in check_nuscenes(source)]
    from drivesim.datasets.video_folder import check_video_folder

    return [str(problem) for problem in check_video_folder(source)]


def _article(kind: str) -> str:
    return {PROCEDURAL: "the procedural world", "nuScenes": "a nuScenes folder", "video": "a source of video"}[kind]
