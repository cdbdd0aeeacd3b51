"""A run's futures in the format of another tool: :func:`export_run` is what ``drivesim export`` and ``outputs:`` call."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.evidence.measure import Progress
from drivesim.exports.contents import Contents
from drivesim.exports.extras import require_packages
from drivesim.exports.gather import chosen_futures, gather, why_not_measured
from drivesim.exports.publishing import publishing
from drivesim.judges.load import Judges
from drivesim.runs.future import Future
from drivesim.runs.storage import readable_storage_errors, write_atomic

#: Every format and what its files are, in one sentence.
FORMATS: dict[str, str] = {
    "mcap": "one .mcap a future with Foxglove's schemas, and a layout file: video, boxes, curves, events",
    "nuscenes": "tables and pictures that the nuScenes devkit loads and evaluates detections on",
    "coco": "pictures and 2D boxes in COCO's JSON",
    "frames": "a folder of pictures for each future, with calibration, poses, boxes and tracks as JSON and CSV",
    "xosc": "ASAM OpenSCENARIO 1.2 and OpenDRIVE: the scenario as written, and what each future was conditioned on",
}

#: Formats whose futures lie beside each other as things of their own; the others are one whole.
BY_FUTURE = ("mcap", "frames")


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
    progress: Progress = lambda what, share: None,
) -> Exported:
    """Write futures of a run (all that are finished by default) in the format ``name``, one of FORMATS.

    ``out`` is a folder, ``RUN/exports/FORMAT`` by default. What is written there is whole or not there at all. A folder that
    exists is replaced with ``overwrite``; with ``resume`` what is complete in it is kept and the rest is added. With
    ``judges`` what the videos show is measured and exported beside what was conditioned. Raises InputError for what cannot
    be exported, MissingPackageError where a format's packages are not installed.
    """
    writers = _writers()
    if name not in writers:
        raise InputError(f"there is no format {name!r}; there are {', '.join(FORMATS)}.")
    require_packages(name)
    run = Path(run)
    chosen = chosen_futures(run, futures)
    folder = default_folder(run, name) if out is None else Path(out)
    _require_room(folder, overwrite=overwrite, resume=resume)
    why = why_not_measured(chosen[0].manifest) if judges is not None else ""
    look = _Look(None if why else judges, progress)
    with readable_storage_errors(folder):
        kept = writers[name](folder, chosen, look, overwrite)
    notes = [why] if why else []
    return Exported(
        format=name,
        folder=folder,
        futures=tuple(future.id for future in chosen),
        kept=tuple(future.id for future in kept),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Look:
    """How futures are gathered, and who is told."""

    judges: Judges | None
    progress: Progress

    def at(self, future: Future) -> Contents:
        return gather(future, self.judges, self.progress)

    def each(self, futures: Sequence[Future]) -> Iterator[Contents]:
        for future in futures:
            yield self.at(future)

    def hear(self, future: Future) -> Callable[[float], None]:
        return lambda share: self.progress(f"{future.id}: writing", share)


#: Writes futures into a folder, whole or not at all; returns those that were there already and are kept.
Writer = Callable[[Path, Sequence[Future], _Look, bool], Sequence[Future]]


def _writers() -> Mapping[str, Writer]:
    return {"mcap": _mcap, "nuscenes": _nuscenes, "coco": _coco, "frames": _frames}


def _require_room(folder: Path, *, overwrite: bool, resume: bool) -> None:
    """Raise InputError where something stands at ``folder`` that nobody said may be replaced or continued."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; an export is a folder. Name another with --out.")
    if not any(folder.iterdir()) or overwrite or resume:
        return
    raise InputError(
        f"{folder} exists already. Replace it with --overwrite, add to it with --resume, or name another folder with --out."
    )


def _mcap(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> list[Future]:
    from drivesim.exports.foxglove_layout import foxglove_layout
    from drivesim.exports.mcap_file import write_mcap

    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    kept = []
    for future in futures:
        path = folder / f"f{future.index:02d}.mcap"
        if path.is_file():
            kept.append(future)
            continue
        write_mcap(path, look.at(future), look.hear(future))
    sources = ["conditioned"] if look.judges is None else ["conditioned", "measured"]
    write_atomic(folder / "foxglove-layout.json", foxglove_layout(sources))  # type: ignore[arg-type]
    return kept


def _frames(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> list[Future]:
    from drivesim.exports.frame_folder import write_frame_folder

    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    kept = []
    for future in futures:
        path = folder / f"f{future.index:02d}"
        if path.is_dir():
            kept.append(future)
            continue
        contents = look.at(future)
        with publishing(path) as made:
            write_frame_folder(made, contents, look.hear(future))
    return kept


def _coco(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> Sequence[Future]:
    from drivesim.exports.coco import write_coco

    if _is_complete(folder) and not overwrite:
        return futures
    with publishing(folder, overwrite=overwrite) as made:
        write_coco(made, look.each(futures), lambda contents, share: look.hear(contents.future)(share))
    return []


def _nuscenes(folder: Path, futures: Sequence[Future], look: _Look, overwrite: bool) -> Sequence[Future]:
    from drivesim.exports.nuscenes_run import write_nuscenes_run

    if _is_complete(folder) and not overwrite:
        return futures
    with publishing(folder, overwrite=overwrite) as made:
        write_nuscenes_run(made, look.each(futures), lambda contents, share: look.hear(contents.future)(share))
    return []


def _is_complete(folder: Path) -> bool:
    """Whether a format that is one whole stands there: it appears under its name only when it is."""
    return folder.is_dir() and any(folder.iterdir())
