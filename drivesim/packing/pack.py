"""Packing any dataset into a store: shards made by parallel workers, continued after a stop, done once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import cv2
import zarr

from drivesim.conditioning import build_controls
from drivesim.controls import Controls
from drivesim.datasets.sample import BrokenSample, Sample, SampleDataset
from drivesim.datasets.store.files import StoreFiles, storage_errors
from drivesim.datasets.store.layout import DEFAULT_SHARD_SIZE, FINISHED, StoreLayout, refuse_other
from drivesim.datasets.store.reader import StoreInfo, inspect, read_layout
from drivesim.datasets.store.writer import (
    StoredSample,
    complete_shards,
    create_store,
    finish_store,
    read_attributes,
    rows_of,
    write_shard,
)
from drivesim.errors import InputError
from drivesim.options import MOST_IN_A_SHARD
from drivesim.storage import require_place

#: Hears how many samples are packed and how many there are, those of earlier runs included.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What a pack did: the store as it is now, and how many samples of it were there before."""

    info: StoreInfo
    found_samples: int

    @property
    def nothing_to_do(self) -> bool:
        """Whether the store was finished already."""
        return self.found_samples == self.info.layout.samples


def stored_sample(sample: Sample) -> StoredSample:
    """A sample with the controls that its source knows; those it does not know are withheld."""
    if not sample.known:
        return StoredSample(sample, Controls(num_frames=len(sample.clip)))
    return StoredSample(sample, build_controls(sample.scene, kinds=sample.known, with_flow=True))


def pack(
    dataset: SampleDataset,
    url: Path | str,
    *,
    workers: int = 1,
    shard_size: int = DEFAULT_SHARD_SIZE,
    on_progress: OnProgress = lambda done, total: None,
) -> PackReport:
    """Pack a dataset into the store at ``url``; what an earlier run packed is kept, a finished store is left alone.

    One worker packs in this process, more are spawned and get the dataset pickled. Raises InputError when the store
    holds other data, nothing in the dataset can be read, or the place cannot be written.
    """
    files = StoreFiles(url)
    if files.folder is not None:
        require_place(files.folder)
    if workers > 1 and files.in_memory:
        raise InputError(f"{url}: memory is not shared between processes; pack with one worker")
    layout = _layout(dataset, files, shard_size)
    with storage_errors(files.url):
        if files.folder is not None:
            files.folder.mkdir(parents=True, exist_ok=True)
    with files.locked():
        create_store(files, layout)
        finished = files.exists(FINISHED)
        complete = set(range(layout.num_shards)) if finished else set(complete_shards(files, layout))
        found = sum(len(layout.range_of(shard)) for shard in complete)
        on_progress(found, layout.samples)
        if not finished:
            files.remove_partial()
            left = [shard for shard in range(layout.num_shards) if shard not in complete]
            run = _pack_here if workers <= 1 else _pack_in_workers
            try:
                run(dataset, files, layout, left, workers, lambda done: on_progress(found + done, layout.samples))
            except BaseException:
                files.remove_partial()
                raise
            finish_store(files, layout, problems_of(dataset))
    return PackReport(info=inspect(url), found_samples=found)


def problems_of(dataset: SampleDataset) -> tuple[str, ...]:
    """What a dataset says is wrong with its source, without the source's place on this machine: a store is handed on."""
    lines, root = getattr(dataset, "problems", ()), getattr(dataset, "root", None)
    return tuple(line if root is None else line.replace(f"{root}{os.sep}", "") for line in lines)


def _layout(dataset: SampleDataset, files: StoreFiles, shard_size: int) -> StoreLayout:
    """The layout of the store that is there, if it was begun with this dataset; else one that fits the dataset."""
    if not 1 <= shard_size <= MOST_IN_A_SHARD:
        raise InputError(f"shards of {shard_size} samples, expected 1 to {MOST_IN_A_SHARD}")
    if len(dataset) == 0:
        raise InputError("the dataset holds no samples")
    wanted: dict[str, Any] = {"samples": len(dataset), "shard_size": shard_size, "dataset": dataset.describe()}
    if read_attributes(files) is not None:
        stored = read_layout(files)
        refuse_other(files.url, stored.attributes(), dataclasses.replace(stored, **wanted).attributes())
        return stored
    first = _first_readable(dataset)
    return StoreLayout(
        **wanted,
        frames=len(first.clip),
        fps=first.clip.fps,
        height=first.clip.frames.shape[1],
        width=first.clip.frames.shape[2],
    )


def _first_readable(dataset: SampleDataset) -> Sample:
    reasons = []
    for index in range(len(dataset)):
        try:
            return dataset[index]
        except BrokenSample as error:
            reasons.append(str(error))
    shown = "; ".join(reasons[:5]) + (f"; and {len(reasons) - 5} more" if len(reasons) > 5 else "")
    raise InputError(f"not one of {len(dataset)} samples can be read: {shown}")


def _pack_here(
    dataset: SampleDataset,
    files: StoreFiles,
    layout: StoreLayout,
    shards: list[int],
    workers: int,
    on_done: Callable[[int], None],
) -> None:
    done = 0

    def after() -> None:
        nonlocal done
        done += 1
        on_done(done)

    for shard in shards:
        rows = rows_of(layout.range_of(shard), lambda index: stored_sample(dataset[index]), after)
        write_shard(files, layout, shard, rows)


def _pack_in_workers(
    dataset: SampleDataset,
    files: StoreFiles,
    layout: StoreLayout,
    shards: list[int],
    workers: int,
    on_done: Callable[[int], None],
) -> None:
    # "spawn": where torch was imported, a forked child would inherit its thread pool in an unusable state.
    context = get_context("spawn")
    counter = context.Value("q", 0)
    others = set(active_children())
    setting = (dataset, files, layout, counter)
    executor = ProcessPoolExecutor(min(workers, max(1, len(shards))), context, _begin_worker, setting)
    try:
        with executor:
            pending: set[Future[None]] = {executor.submit(_pack_one, shard) for shard in shards}
            with _stopping(executor, others):
                while pending:
                    done, pending = wait(pending, timeout=0.5, return_when="FIRST_EXCEPTION")
                    on_done(counter.value)
                    for future in done:
                        future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"{files.url}: a worker was killed, most likely for want of memory. Repeat the same command with fewer "
            "--workers; complete shards are kept."
        ) from error


@contextlib.contextmanager
def _stopping(executor: ProcessPoolExecutor, others: set[BaseProcess]) -> Iterator[None]:
    """On any error or Ctrl-C, end the workers at once: what they were writing is not there until it is complete."""
    try:
        yield
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for worker in set(active_children()) - others:
            worker.terminate()
        raise


_setting: tuple[Any, ...] = ()
"""Set once in every worker: dataset, files, layout, counter."""


def _begin_worker(*setting: Any) -> None:
    global _setting
    _setting = setting
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends the workers
    # Who packs needs no torch, which takes longer to import than a clip to make; a dataset of another's may.
    os.environ["OMP_NUM_THREADS"] = "1"
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    cv2.setNumThreads(1)
    zarr.config.set({"threading.max_workers": 1})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave as soon as the parent is gone: killed, it cannot tell its workers, which would wait for work for ever."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _pack_one(shard: int) -> None:
    dataset, files, layout, counter = _setting

    def after() -> None:
        with counter.get_lock():
            counter.value += 1

    rows = rows_of(layout.range_of(shard), lambda index: stored_sample(dataset[index]), after)
    write_shard(files, layout, shard, rows)
