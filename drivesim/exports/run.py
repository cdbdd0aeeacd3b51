"""A run's futures in the format of another tool: :func:`export_run` is what ``drivesim export`` and ``outputs:`` call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drivesim.errors import InputError
from drivesim.evidence.measure import Progress
from drivesim.evidence.recorded import Commanded, commanded_of
from drivesim.exports.contents import Contents, Source
from drivesim.exports.formats import FORMATS, WITHOUT_BOXES
from drivesim.exports.gather import chosen_futures, gather, why_not_measured
from drivesim.exports.publishing import publishing
from drivesim.exports.resampled import require_rate, resampled_in_words, resampled_suffix, write_resampled
from drivesim.extras import require_packages
from drivesim.json_text import JsonFault, parse
from drivesim.judges.load import Judges
from drivesim.runs.future import Future
from drivesim.runs.run_folder import future_name
from drivesim.storage import readable_storage_errors, require_folder, write_atomic

#: Formats whose futures lie beside each other as things of their own; the others are one whole.
BY_FUTURE = ("mcap", "frames", "video")

#: Beside the files of a format that is one whole: where each future comes from.
PROVENANCE_NAME = "provenance.json"

#: What lies in the folder of a format whose futures are things of their own, leftovers of a killed writer included.
_OURS = re.compile(
    r"f\d+(\.mcap)?(\.unfinished|\.replaced)?|\.f\d+\.mcap\.part|foxglove-layout\.json"
    r"|f\d+-[\d.]+fps\.(mp4|json)|\.{1,2}f\d+-[\d.]+fps\.(mp4|json)(\.part){1,2}"
)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote: its ``folder``, the ``futures`` in it by id, and those of them that were ``kept`` from before."""

    format: str
    folder: Path
    futures: tuple[str, ...]
    kept: tuple[str, ...]
    notes: tuple[str, ...]


def default_folder(run: Path, name: str) -> Path:
    """``RUN/exports/FORMAT``."""
    return run / "exports" / name


def export_run(
    run: Path | str,
    name: str,
    *,
    futures: Sequence[int] | None = None,
    out: Path | str | None = None,
    judges: Judges | None = None,
    overwrite: bool = False,
    resume: bool = False,
    fps: float | None = None,
    progress: Progress = lambda what, share: None,
) -> Exported:
    """Write futures of a run (all that are finished by default) in the format ``name``, one of FORMATS.

    ``out`` is a folder, ``RUN/exports/FORMAT`` by default. What is written there is whole or not there at all. A folder that
    exists is replaced with ``overwrite``; with ``resume`` what is complete in it is kept and the rest is added. With
    ``judges`` what the videos show is measured and exported beside what was conditioned. ``fps`` are the frames a second of the
    format ``video``, which needs it; the others keep the model's. Raises InputError for what cannot be exported,
    MissingPackageError where a format's packages are not installed.
    """
    folders = {name: default_folder(Path(run), name) if out is None else Path(out)}
    return export_formats(
        Path(run),
        folders,
        futures=futures,
        judges=judges,
        overwrite=folders.keys() if overwrite else (),
        resume=resume,
        fps=fps,
        progress=progress,
    )[0]


def export_formats(
    run: Path,
    folders: Mapping[str, Path],
    *,
    futures: Sequence[int] | None,
    judges: Judges | None,
    overwrite: Collection[str],
    resume: bool,
    fps: float | None,
    progress: Progress,
) -> list[Exported]:
    """The same in several formats, each in its folder by its name; every future is gathered and measured once.

    ``overwrite`` names the formats whose folder is replaced. What all formats need is checked before the first is written.
    """
    for name in folders:
        if name not in FORMATS:
            raise InputError(f"there is no format {name!r}; there are {', '.join(FORMATS)}.")
        require_packages(name)
    chosen = chosen_futures(run, futures)
    require_fps(folders, fps, chosen[0])
    writers = _writers(fps)
    for name, folder in folders.items():
        _require_room(folder, name, overwrite=name in overwrite, resume=resume)
    looks = judges is not None and any(name not in WITHOUT_BOXES for name in folders)
    why = why_not_measured(chosen[0].manifest) if looks else ""
    told = {each.index: one for each, one in zip(chosen, commanded_of(chosen, progress), strict=True)}
    look = _Look(None if why else judges, progress, told)
    exported = []
    for name, folder in folders.items():
        with readable_storage_errors(folder):
            kept = writers[name](folder, chosen, look, name in overwrite)
        exported.append(
            Exported(
                format=name,
                folder=folder,
                futures=tuple(future.id for future in chosen),
                kept=tuple(future.id for future in kept),
                notes=_notes(name, why, chosen[0], fps),
            )
        )
    return exported


def _notes(name: str, why: str, future: Future, fps: float | None) -> tuple[str, ...]:
    if fps is not None:
        return (resampled_in_words(future, fps),)
    return (why,) if why and name not in WITHOUT_BOXES else ()


@dataclass(frozen=True, eq=False)
class _Look:
    """How futures are gathered, each once, and who is told."""

    judges: Judges | None
    progress: Progress
    commanded: Mapping[int, Commanded]
    gathered: dict[int, Contents] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What boxes there will be."""
        return ("conditioned",) if self.judges is None else ("conditioned", "measured")

    def at(self, future: Future) -> Contents:
        if future.index not in self.gathered:
            self.gathered[future.index] = gather(future, self.judges, self.progress, self.commanded[future.index])
        return self.gathered[future.index]

    def each(self, futures: Sequence[Future]) -> Iterator[Contents]:
        for future in futures:
            yield self.at(future)

    def hear_of(self, contents: Contents, share: float) -> None:
        self.hear(contents.future)(share)

    def hear(self, future: Future) -> Callable[[float], None]:
        return lambda share: self.progress(f"{future.id}: writing", share)


#: Writes futures into a folder, whole or not at all; returns those that were there already and are kept.
Writer = Callable[[Path, Sequence[Future], _Look, bool], Sequence[Future]]


def _writers(fps: float | None) -> Mapping[str, Writer]:
    writers: dict[str, Writer] = {
        "mcap": _mcap,
        "nuscenes": _as_whole(_nuscenes),
        "coco": _as_whole(_coco),
        "frames": _frames,
        "xosc": _as_whole(_xosc),
    }
    return writers if fps is None else writers | {"video": _video(fps)}


def require_fps(names: Collection[str], fps: float | None, future: Future) -> None:
    """Raise InputError where a frame rate is missing, is none, or would not act on all of the formats."""
    if fps is None:
        if "video" in names:
            raise InputError(
                f"the format video needs the frame rate that is wanted (--fps). At the model's own {future.fps:g} frames a second "
                f"{future.video} is there already."
            )
        return
    require_rate(fps)
    if others := [name for name in names if name != "video"]:
        raise InputError(
            f"--fps {fps:g} has no meaning for {', '.join(others)}: boxes, poses and pictures are those of the frames that the model "
            f"made, {future.fps:g} a second. Only 'video' is resampled; export it by itself: --to video --fps {fps:g}."
        )


def _require_room(folder: Path, name: str, *, overwrite: bool, resume: bool) -> None:
    """Raise InputError where something stands at ``folder`` that nobody said may be replaced or continued, or that is not ours."""
    require_folder(folder)
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (overwrite or resume):
        raise InputError(
            f"{folder} exists already. Replace it with --overwrite, add to it with --resume, or name another folder with --out."
        )
    if name in BY_FUTURE:
        strange = sorted(entry.name for entry in folder.iterdir() if not _OURS.fullmatch(entry.name))
    else:
        strange = [] if (folder / PROVENANCE_NAME).is_file() else sorted(entry.name for entry in folder.iterdir())
    if strange:
        raise InputError(
            f"{folder} holds {', '.join(strange[:3])}, which no export wrote. Name another folder with --out."
        )


def _mcap(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> list[Future]:
    from drivesim.exports.foxglove_layout import foxglove_layout
    from drivesim.exports.mcap_file import write_mcap

    def write(path: Path, future: Future) -> None:
        write_mcap(path, look.at(future), look.hear(future))

    kept = _one_by_one(folder, ".mcap", futures, overwrite, write)
    write_atomic(folder / "foxglove-layout.json", foxglove_layout(look.sources))
    return kept


def _frames(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> list[Future]:
    from drivesim.exports.frame_folder import write_frame_folder

    def write(path: Path, future: Future) -> None:
        contents = look.at(future)
        with publishing(path, overwrite=overwrite) as made:
            write_frame_folder(made, contents, look.hear(future))

    return _one_by_one(folder, "", futures, overwrite, write)


def _one_by_one(
    folder: Path, suffix: str, futures: Sequence[Future], overwrite: bool, write: Callable[[Path, Future], None]
) -> list[Future]:
    """Write each future that is not there yet, or all with ``overwrite``; returns those that are kept."""
    kept = []
    for future in futures:
        path = folder / (future_name(future.index) + suffix)
        if path.exists() and not overwrite:
            kept.append(future)
        else:
            write(path, future)
    return kept


def _video(fps: float) -> Writer:
    """A writer of videos at ``fps`` frames a second."""

    def writer(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> list[Future]:
        return _one_by_one(
            folder,
            resampled_suffix(fps),
            futures,
            overwrite,
            lambda path, future: write_resampled(path, future, fps, look.hear(future)),
        )

    return writer


def _coco(made: Path, futures: Iterator[Contents], look: _Look) -> None:
    from drivesim.exports.coco import write_coco

    write_coco(made, futures, look.hear_of)


def _nuscenes(made: Path, futures: Iterator[Contents], look: _Look) -> None:
    from drivesim.exports.nuscenes_run import write_nuscenes_run

    write_nuscenes_run(made, futures, look.hear_of)


def _xosc(made: Path, futures: Iterator[Contents], look: _Look) -> None:
    from drivesim.exports.openscenario import write_description, write_future, write_road

    for number, contents in enumerate(futures):
        if number == 0 and contents.future.manifest.scene_frame == 0:
            write_description(made, contents)
        elif number == 0:  # a branch begins in the middle: there is no t = 0 to describe
            write_road(made, contents)
        write_future(made / f"{future_name(contents.future.index)}.xosc", contents)
        look.hear_of(contents, 1.0)


def _as_whole(write: Callable[[Path, Iterator[Contents], _Look], None]) -> Writer:
    """A writer of a format that is one whole, with a file beside it that says where each future comes from."""

    def writer(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> Sequence[Future]:
        if not overwrite and _holds(folder, futures):
            return futures
        told: list[dict[str, object]] = []

        def gathered() -> Iterator[Contents]:
            for contents in look.each(futures):
                told.append(contents.provenance())
                yield contents

        with publishing(folder, overwrite=overwrite) as made:
            write(made, gathered(), look)
            (made / PROVENANCE_NAME).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        return []

    return writer


def _holds(folder: Path, futures: Sequence[Future]) -> bool:
    """Whether a whole with these futures stands there. Raises InputError for one with others, which cannot be added to."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    try:
        there = [one["future"] for one in parse((folder / PROVENANCE_NAME).read_bytes())]
    except (OSError, JsonFault, KeyError, TypeError) as error:
        raise InputError(f"{folder} is no export of drivesim. Name another folder with --out.") from error
    if sorted(there) != sorted(future.id for future in futures):
        raise InputError(
            f"{folder} holds {', '.join(there)}. This format is one whole: write it anew with --overwrite, or name another folder "
            "with --out."
        )
    return True
