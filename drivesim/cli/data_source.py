"""What SOURCE of ``drivesim data`` means: the procedural world, a nuScenes folder, or videos; with the options of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.datasets.nuscenes import NuScenesDataset
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
    category_map: Path | None = None
    junction_share: float | None = None
    crowd_share: float | None = None


#: The options of ``drivesim data pack`` that each kind of source has.
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    PROCEDURAL: ("samples", "first_seed", "frames", "height", "width", "junction_share", "crowd_share"),
    "nuScenes": ("samples", "frames", "fps", "height", "width", "split", "version", "category_map"),
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
    from drivesim.datasets.nuscenes.tables import find_versions

    # By what the folders hold: Lyft's tables lie in v1.01-train, others' in a folder of any name.
    return "nuScenes" if find_versions(path) else "video"


def open_source(
    source: str, options: SourceOptions, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> SampleDataset:
    """The dataset behind SOURCE; ``on_progress`` hears recordings read and recordings in all.

    Raises InputError for options that it does not have, and for what cannot be read."""
    kind, given = _settings_for(source, options)
    samples = given.pop("samples", None)
    if kind == PROCEDURAL:
        from drivesim.datasets.procedural.dataset import ProceduralDataset

        return ProceduralDataset(**given, **({} if samples is None else {"num_samples": samples}))
    dataset = _nuscenes(source, given) if kind == "nuScenes" else _video(source, given, on_progress)
    if samples is None:
        return dataset
    from drivesim.datasets.first_samples import FirstSamples

    return FirstSamples(dataset, samples)


def _settings_for(source: str, options: SourceOptions) -> tuple[str, dict[str, Any]]:
    """The kind of a source, and the options as its dataset names them. Raises InputError for one that it has not."""
    kind = kind_of(source)
    given = {name: value for name, value in vars(options).items() if value is not None}
    foreign = sorted(set(given) - set(_ONLY_FOR[kind]))
    if foreign:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise InputError(f"{source} is {_article(kind)}: {named} does not apply to it.")
    if "frames" in given:
        given["num_frames"] = given.pop("frames")
    if "category_map" in given:
        from drivesim.datasets.nuscenes.categories import read_category_map

        given["category_map"] = read_category_map(given["category_map"])
    return kind, given


def _nuscenes(source: str, settings: dict[str, Any]) -> NuScenesDataset:
    from drivesim.datasets.nuscenes import NuScenesDataset, find_versions

    settings, versions = dict(settings), find_versions(Path(source))
    if "version" not in settings and len(versions) == 1:
        settings["version"] = versions[0]
    if "split" not in settings and settings.get("version") == "v1.0-mini":
        settings["split"] = "mini_train"
    return NuScenesDataset(source, **settings)


def _video(source: str, settings: dict[str, Any], on_progress: Callable[[int, int], None]) -> SampleDataset:
    from drivesim.datasets.video_folder import VideoFolderDataset

    return VideoFolderDataset(source, **settings, on_progress=lambda name, number, count: on_progress(number, count))


@dataclass(frozen=True, kw_only=True)
class SourceCheck:
    """What is wrong with a source in ``problems``, and what is worth knowing of it in ``notes``, one line each."""

    problems: list[str]
    notes: list[str]


def check_source(
    source: str, options: SourceOptions, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> SourceCheck:
    """Everything that packing the source with these options would say, found by the same readers.

    Every frame is decoded; ``on_progress`` hears recordings or pictures read and those in all. Raises InputError for options
    that the source does not have.
    """
    kind, given = _settings_for(source, options)
    if kind == PROCEDURAL:
        return SourceCheck(problems=[], notes=[])
    if kind == "nuScenes":
        return _check_nuscenes(source, given, on_progress)
    from drivesim.datasets.video_folder import survey_video_folder

    given.pop("licence", None)
    found = survey_video_folder(source, **given, on_progress=lambda name, number, count: on_progress(number, count))
    return SourceCheck(problems=found.problems, notes=found.notes)


def _check_nuscenes(source: str, given: dict[str, Any], on_progress: Callable[[int, int], None]) -> SourceCheck:
    from drivesim.datasets.nuscenes import check_nuscenes

    findings = check_nuscenes(
        source, given.get("version"), category_map=given.get("category_map"), on_progress=on_progress
    )
    problems = [str(finding) for finding in findings]
    try:
        dataset = _nuscenes(source, given)
    except InputError as error:
        # What keeps it from being opened is among the findings, or is said here.
        told = [line.strip() for line in str(error).splitlines()]
        if not any(line in problems for line in told):
            problems.append(str(error))
        return SourceCheck(problems=problems, notes=[])
    problems += [line for line in dataset.problems if line not in problems]
    return SourceCheck(problems=problems, notes=list(dataset.notes))


def _article(kind: str) -> str:
    return {PROCEDURAL: "the procedural world", "nuScenes": "a nuScenes folder", "video": "a source of video"}[kind]
