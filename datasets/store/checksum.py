"""Checking a store: every object against the checksum that was kept when it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from drivesim.datasets.store.files import StoreFiles
from drivesim.datasets.store.latents import encoded_object
from drivesim.datasets.store.layout import (
    ENCODED,
    FINISHED,
    Encoded,
    EncodedShard,
    Finished,
    Sealed,
    ShardMarker,
    StoreLayout,
    marker_object,
    read_sealed,
)
from drivesim.datasets.store.reader import written_layout
from drivesim.json_text import JsonFault

_MEND = "remove {marker} and repeat the pack command to write these samples again"


def check_store(url: Path | str, on_shard: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Everything that is wrong with a store, one line each: which array, which object, which samples, and the way out.

    ``on_shard`` hears shards checked and shards in all. Raises InputError when there is no store of this version.
    """
    files = StoreFiles(url)
    layout = written_layout(files)
    problems = _check_whole(files, FINISHED, "the store is not packed to its end; repeat the pack command")
    if any(problem.startswith("zarr.json ") for problem in problems):
        return problems  # what is said there of samples and shards cannot be followed
    if files.exists("latents/zarr.json"):
        problems += _check_whole(files, ENCODED, "the latents are not complete; repeat 'drivesim data encode'")
    for shard in range(layout.num_shards):
        problems += _check_shard(files, layout, shard, marker_object(shard), ShardMarker)
        if files.exists(encoded_object(shard)):
            problems += _check_shard(files, layout, shard, encoded_object(shard), EncodedShard)
        on_shard(shard + 1, layout.num_shards)
    return problems


def _check_whole(files: StoreFiles, name: str, unfinished: str) -> list[str]:
    """Check what a finishing object vouches for."""
    finished: Encoded | Finished | str
    finished = _read(files, name, Encoded) if name == ENCODED else _read(files, name, Finished)
    if isinstance(finished, str):
        return [f"{finished}: {unfinished}"]
    problems = []
    for other, digest in finished.sha256.items():
        problem = _compare(files, other, digest)
        if problem is not None:
            problems.append(f"{other} (about the whole store): {problem}")
    return problems


def _check_shard(
    files: StoreFiles, layout: StoreLayout, shard: int, marker_name: str, kind: type[ShardMarker] | type[EncodedShard]
) -> list[str]:
    samples = layout.range_of(shard)
    which = f"samples {samples.start} to {samples.stop - 1}"
    marker = _read(files, marker_name, kind)
    if isinstance(marker, str):
        return [f"{marker}: {which} are not packed"]
    problems = []
    for name, digest in marker.sha256.items():
        problem = _compare(files, name, digest)
        if problem is not None:
            array = name.partition("/")[0]
            mend = _MEND.format(marker=marker_name)
            problems.append(f"{name} (array {array}, {which}): {problem}; {mend}")
    return problems


def _compare(files: StoreFiles, name: str, digest: str) -> str | None:
    try:
        found = hashlib.sha256(files.read(name)).hexdigest()
    except FileNotFoundError:
        return "missing"
    return None if found == digest else f"damaged (sha256 {found[:12]}, expected {digest[:12]})"


def _read(files: StoreFiles, name: str, kind: type[Sealed]) -> Sealed | str:
    """The content of a sealed object, or what is wrong with it as text."""
    try:
        return read_sealed(kind, files.read(name))
    except FileNotFoundError:
        return f"{name} is missing"
    except JsonFault as error:
        return f"{name} is damaged ({error})"
