"""Writing a store: arrays first, then whole shards by any number of workers, then one object that says it is complete."""

from __future__ import annotations

import errno
import gzip
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import WrapperStore

from drivesim.controls import RASTER_CHANNELS, Control, Controls
from drivesim.datasets.sample import BrokenSample, Sample
from drivesim.datasets.store.files import StoreFiles, storage_errors
from drivesim.datasets.store.layout import (
    COMPRESSION,
    FINISHED,
    GIVEN,
    ArrayForm,
    Finished,
    ShardMarker,
    Skipped,
    StoreLayout,
    json_bytes,
    marker_object,
    read_sealed,
    refuse_other,
    scenes_object,
    shard_object,
    write_sealed,
)
from drivesim.datasets.store.scenes import scene_to_json
from drivesim.errors import InputError
from drivesim.json_text import JsonFault, parse_object

#: Names of the axes behind the sample axis, for people who open the arrays with zarr alone.
_AXES = {
    "rgb": ("frame", "row", "column", "colour"),
    "semantic": ("frame", "row", "column"),
    **{kind.value: ("frame", "plane", "row", "column") for kind in RASTER_CHANNELS},
    "flow": ("frame", "channel", "row", "column"),
    "motion": ("frame", "channel"),
    "attributes": ("frame", "channel"),
    "times_us": ("frame",),
    "large": ("row", "column", "colour"),
    "latents": ("frame", "channel", "row", "column"),
}


@dataclass(frozen=True, eq=False)
class StoredSample:
    """A sample with the controls that its source knows; what it does not know is None."""

    sample: Sample
    controls: Controls


class RecordingStore(WrapperStore):
    """A zarr store that keeps the SHA-256 of every object as it is handed over for writing."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.sha256: dict[str, str] = {}

    async def set(self, key: str, value: Buffer) -> None:
        """Write one object."""
        self.sha256[key] = hashlib.sha256(value.as_buffer_like()).hexdigest()
        await super().set(key, value)


def create_store(files: StoreFiles, layout: StoreLayout) -> None:
    """Create the arrays of an empty store, or check that the one that is there was begun with the same settings.

    Raises InputError when it holds other data or the place cannot be written.
    """
    wanted = layout.attributes()
    stored = read_attributes(files)
    there = files.names()
    if stored is not None:
        refuse_other(files.url, stored, wanted)
    elif there:
        shown = ", ".join(sorted({name.partition("/")[0] for name in there})[:5])
        raise InputError(f"{files.url}: not a store, and not empty (it holds {shown}). Name a new place.")
    else:
        files.write("zarr.json", json_bytes({"zarr_format": 3, "node_type": "group", "attributes": wanted}))
    with storage_errors(files.url):
        store = files.zarr_store(read_only=False)
        for name, form in layout.forms().items():
            if f"{name}/zarr.json" not in there:
                create_array(store, name, form, layout)


def read_attributes(files: StoreFiles) -> dict[str, Any] | None:
    """Root attributes of a store, or None when there is no group yet. Raises InputError for unreadable ones."""
    try:
        text = files.read("zarr.json")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link to itself is nothing, too
            raise
        return None
    try:
        attributes = parse_object(text).get("attributes")
        if not isinstance(attributes, dict):
            raise JsonFault("it holds no attributes")
        return attributes
    except JsonFault as error:
        raise InputError(f"{files.url}/zarr.json: damaged, or no zarr group ({error}); pack the data again") from error


def create_array(store: Any, name: str, form: ArrayForm, layout: StoreLayout, attributes: Any = None) -> None:
    """Create one sharded array without data."""
    zarr.create_array(
        store,
        name=name,
        shape=(layout.samples, *form.shape),
        shards=(layout.shard_size, *form.shape),
        chunks=(1, *form.chunk),
        dtype=form.dtype,
        fill_value=0,
        compressors=ZstdCodec(level=COMPRESSION["level"], checksum=COMPRESSION["checksum"]),
        dimension_names=("sample", *_AXES[name]),
        attributes=attributes,
        overwrite=True,
    )


@dataclass(eq=False)
class _Shard:
    """The arrays of one shard while they are filled."""

    layout: StoreLayout
    shard: int
    arrays: dict[str, np.ndarray] = field(init=False)
    given: np.ndarray = field(init=False)
    valid: list[int] = field(default_factory=list)
    scenes: list[dict[str, Any] | None] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.layout.range_of(self.shard))
        # calloc'ed: what is never written costs no memory.
        self.arrays = {name: np.zeros((count, *form.shape), form.dtype) for name, form in self.layout.forms().items()}
        self.given = np.zeros((count, len(GIVEN)), np.uint8)

    def add(self, row: StoredSample | Skipped) -> None:
        """Take the next sample of the shard."""
        place = len(self.valid)
        if isinstance(row, StoredSample):
            reason = misfit(row.sample, self.layout)
            if reason is not None:
                row = Skipped(self.layout.range_of(self.shard)[place], reason)
        if isinstance(row, Skipped):
            self.skipped.append(row)
            self.scenes.append(None)
            self.valid.append(0)
            return
        sample = row.sample
        self.arrays["rgb"][place] = sample.clip.frames
        self.arrays["times_us"][place] = sample.times_us
        optional = {
            **{kind.value: getattr(row.controls, kind.value) for kind in Control},
            "flow": row.controls.flow,
            "semantic": sample.semantic,
            "large": sample.large,
        }
        for column, name in enumerate(GIVEN):
            if optional[name] is not None:
                self.arrays[name][place] = optional[name]
                self.given[place, column] = 1
        tags = {"id": sample.id, "source": sample.source, "licence": sample.licence}
        self.scenes.append({**tags, "known": sorted(sample.known), "scene": scene_to_json(sample.scene)})
        self.valid.append(1)

    def needed(self) -> list[str]:
        """Arrays of which this shard has something; an optional array that nobody gave takes no space."""
        given = dict(zip(GIVEN, self.given.any(axis=0), strict=True))
        return [name for name in self.arrays if any(self.valid) and given.get(name, True)]


def misfit(sample: Sample, layout: StoreLayout) -> str | None:
    """Why a sample cannot stand beside the others of the store, or None."""
    frames, height, width = sample.clip.frames.shape[:3]
    expected = (layout.frames, layout.height, layout.width)
    if (frames, height, width) != expected:
        return f"{frames} frames of {height}x{width}, the store has {expected[0]} of {expected[1]}x{expected[2]}"
    if abs(sample.clip.fps - layout.fps) > 1e-6:
        return f"{sample.clip.fps:g} frames a second, the store has {layout.fps:g}"
    if sample.large is not None and sample.large.shape != (2 * height, 2 * width, 3):
        return f"a large picture of {sample.large.shape[:2]}, expected {2 * height}x{2 * width}"
    return None


def write_shard(
    files: StoreFiles, layout: StoreLayout, shard: int, rows: Iterable[StoredSample | Skipped]
) -> list[Skipped]:
    """Write all arrays of one shard, its scenes, and last its marker; returns what was skipped.

    ``rows`` are the samples of ``layout.range_of(shard)`` in order. Raises InputError when the place cannot be written.
    """
    content = _Shard(layout, shard)
    for row in rows:
        content.add(row)
    wanted = layout.range_of(shard)
    if len(content.valid) != len(wanted):
        raise ValueError(f"shard {shard} takes {len(wanted)} samples, got {len(content.valid)}")
    forms = layout.forms()
    files.remove([marker_object(shard), *(shard_object(name, shard, form) for name, form in forms.items())])
    sha256: dict[str, str] = {}
    for name in content.needed():
        sha256.update(write_block(files, name, wanted, content.arrays[name]))
    scenes = gzip.compress(json_bytes(content.scenes), mtime=0)  # without the time, equal scenes are equal bytes
    files.write(scenes_object(shard), scenes)
    sha256[scenes_object(shard)] = hashlib.sha256(scenes).hexdigest()
    files.flush(sha256)
    marker = ShardMarker(
        first=wanted.start,
        stop=wanted.stop,
        valid=tuple(content.valid),
        given=tuple(tuple(row) for row in content.given.tolist()),
        skipped=tuple(content.skipped),
        sha256=sha256,
    )
    files.write(marker_object(shard), write_sealed(marker))
    return content.skipped


def write_block(files: StoreFiles, name: str, samples: range, block: np.ndarray) -> dict[str, str]:
    """Write samples of one array that fill a shard; returns the SHA-256 of its object.

    Raises InputError when the place cannot be written.
    """
    with storage_errors(files.url):
        recording = RecordingStore(files.zarr_store(read_only=False))
        array = zarr.open_array(recording, path=name, mode="r+", config={"write_empty_chunks": True})
        array[samples.start : samples.stop] = block
    return recording.sha256


def complete_shards(files: StoreFiles, layout: StoreLayout) -> list[int]:
    """Shards whose marker can be read and whose objects are all there."""
    there = files.names()
    complete = []
    for shard in range(layout.num_shards):
        if marker_object(shard) in there:
            try:
                marker = read_sealed(ShardMarker, files.read(marker_object(shard)))
            except JsonFault:
                continue  # half a marker, on a file system that cannot rename: the shard is written again
            if set(marker.sha256) <= there:
                complete.append(shard)
    return complete


def finish_store(files: StoreFiles, layout: StoreLayout, problems: Iterable[str] = ()) -> None:
    """Write what is known once all shards are complete: ``valid``, ``given`` and, last, the finishing object."""
    there = files.names()
    markers = [(name, files.read(name)) for name in map(marker_object, range(layout.num_shards))]
    parsed = [read_sealed(ShardMarker, content) for _, content in markers]
    valid = np.array([value for marker in parsed for value in marker.valid], np.uint8)
    given = np.array([value for marker in parsed for value in marker.given], np.uint8)
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in markers}
    with storage_errors(files.url):
        recording = RecordingStore(files.zarr_store(read_only=False))
        for name, data in (("valid", valid), ("given", given)):
            array = zarr.create_array(
                recording, name=name, shape=data.shape, chunks=data.shape, dtype="uint8", fill_value=0,
                compressors=None, config={"write_empty_chunks": True}, overwrite=True,
                dimension_names=("sample", "what")[: data.ndim],
            )  # fmt: skip
            array[:] = data
    sha256.update(recording.sha256)
    sha256.update({name: hashlib.sha256(files.read(name)).hexdigest() for name in _metadata(there, layout)})
    files.flush(sha256)
    finished = Finished(
        samples=layout.samples,
        valid=int(valid.sum()),
        skipped=tuple(entry for marker in parsed for entry in marker.skipped),
        problems=tuple(problems),
        sha256=sha256,
    )
    files.write(FINISHED, write_sealed(finished))


def _metadata(there: set[str], layout: StoreLayout) -> list[str]:
    return sorted(there & {"zarr.json", *(f"{name}/zarr.json" for name in layout.forms())})


Make = Callable[[int], StoredSample]


def rows_of(samples: Iterable[int], make: Make, after: Callable[[], None]) -> Iterable[StoredSample | Skipped]:
    """The rows of a shard: ``make(index)`` for each, a damaged one skipped; ``after`` is called behind each."""
    for index in samples:
        try:
            yield make(index)
        except BrokenSample as error:
            yield Skipped(index, str(error))
        after()
