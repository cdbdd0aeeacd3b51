"""Reading a store: valid samples only, on demand, cheap to hand to data loader workers."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Gt
from pydantic import TypeAdapter, ValidationError

from drivesim.clip import Clip
from drivesim.controls import Control
from drivesim.datasets.sample import Sample
from drivesim.datasets.store.files import StoreFiles
from drivesim.datasets.store.layout import (
    ENCODED,
    FINISHED,
    GIVEN,
    STORE_VERSION,
    ArrayForm,
    Encoded,
    Finished,
    Sealed,
    ShardMarker,
    Skipped,
    StoreLayout,
    marker_object,
    read_sealed,
    scenes_object,
)
from drivesim.datasets.store.scenes import scene_from_json
from drivesim.datasets.store.shard_file import ShardReader
from drivesim.datasets.store.writer import read_attributes
from drivesim.errors import InputError, why
from drivesim.json_text import JsonFault, fitted, parse, parse_object
from drivesim.scene import Scene

_CHECK = "'drivesim data check' lists all damage."
_PACK_AGAIN = "Pack the data again: drivesim data pack SOURCE OUT.zarr"


@dataclass(frozen=True, kw_only=True)
class StoreInfo:
    """What a store holds: its layout, what was skipped, and whether it is complete.

    ``encoder`` is the hash of the encoder that made the latents, None without latents.
    """

    url: str
    layout: StoreLayout
    num_valid: int
    skipped: tuple[Skipped, ...]
    problems: tuple[str, ...]
    complete_shards: int
    finished: bool
    encoder: str | None


def inspect(url: Path | str) -> StoreInfo:
    """What a store holds, complete or not. Raises InputError when there is no store of this version."""
    files = StoreFiles(url)
    return _info(files, *_layout_and_finished(files))


def _info(files: StoreFiles, layout: StoreLayout, finished: Finished | None) -> StoreInfo:
    if finished is None:
        names = files.names()
        markers = [shard for shard in range(layout.num_shards) if marker_object(shard) in names]
        parsed = [_read_sealed(files, marker_object(shard), ShardMarker) for shard in markers]
        return StoreInfo(
            url=files.url,
            layout=layout,
            num_valid=sum(sum(marker.valid) for marker in parsed if marker is not None),
            skipped=tuple(entry for marker in parsed if marker is not None for entry in marker.skipped),
            problems=(),
            complete_shards=len(markers),
            finished=False,
            encoder=None,
        )
    return StoreInfo(
        url=files.url,
        layout=layout,
        num_valid=finished.valid,
        skipped=finished.skipped,
        problems=finished.problems,
        complete_shards=layout.num_shards,
        finished=True,
        encoder=encoder_of(files),
    )


def count_given(info: StoreInfo) -> dict[str, int]:
    """For how many samples of a finished store each optional array is given; empty while it is not finished."""
    if not info.finished:
        return {}
    store = ClipStore(info.url)
    counts = {name: sum(store.gives(name, index) for index in range(len(store))) for name in GIVEN}
    return {name: count for name, count in counts.items() if count}


def read_layout(files: StoreFiles) -> StoreLayout:
    """The layout of a store. Raises InputError for what is no store, one of another version, or one that was edited since."""
    return _layout_and_finished(files)[0]


def _layout_and_finished(files: StoreFiles) -> tuple[StoreLayout, Finished | None]:
    layout, finished = written_layout(files), read_finished(files)
    if finished is not None:
        vouched(files, "zarr.json", finished.sha256)
    return layout, finished


def written_layout(files: StoreFiles) -> StoreLayout:
    """The layout as it is written, whoever wrote it. Raises InputError for what is no store, or one of another version."""
    attributes = read_attributes(files)
    if attributes is None:
        raise InputError(_not_a_store(files))
    version = attributes.get("drivesim_store")
    if version is None:
        raise InputError(f"{files.url}: a zarr group, but not one that 'drivesim data pack' wrote. {_PACK_AGAIN}")
    if version != STORE_VERSION:
        raise InputError(
            f"{files.url}: written as store version {version}, this drivesim reads version {STORE_VERSION}. {_PACK_AGAIN}"
        )
    try:
        return StoreLayout.from_attributes(attributes)
    except JsonFault as error:
        raise InputError(f"{files.url}/zarr.json: damaged or edited ({error}). {_PACK_AGAIN}") from error


def read_finished(files: StoreFiles) -> Finished | None:
    """The object that says that a store is complete, None before that. Raises InputError for a damaged one."""
    return _read_sealed(files, FINISHED, Finished)


def vouched(files: StoreFiles, name: str, sha256: Mapping[str, str]) -> bytes:
    """The bytes of an object that another one vouches for. Raises InputError when it is missing or is not what was written."""
    try:
        content = files.read(name)
    except FileNotFoundError:
        raise InputError(f"{files.url}/{name}: missing. {_PACK_AGAIN}") from None
    found, expected = hashlib.sha256(content).hexdigest(), sha256.get(name, "none")
    if found != expected:
        raise InputError(
            f"{files.url}/{name}: damaged or edited (sha256 {found[:12]}, expected {expected[:12]}). {_PACK_AGAIN}"
        )
    return content


def _not_a_store(files: StoreFiles) -> str:
    if not files.url.strip():
        return f"store {files.url!r}: no name. Give the folder that 'drivesim data pack' wrote."
    if not files.exists():
        return f"{files.url}: there is nothing. Pack data first: drivesim data pack SOURCE OUT.zarr"
    if files.folder is not None and any(files.folder.glob("part-*")):
        return (
            f"{files.url}: a store of version 1 (folders part-0000000, ...), this drivesim reads version "
            f"{STORE_VERSION}. {_PACK_AGAIN}"
        )
    return f"{files.url}: not a store, zarr.json is missing. Give the folder that 'drivesim data pack' wrote."


def _read_sealed(files: StoreFiles, name: str, kind: type[Sealed]) -> Sealed | None:
    try:
        return read_sealed(kind, files.read(name))
    except FileNotFoundError:
        return None
    except JsonFault as error:
        raise InputError(f"{files.url}/{name}: damaged ({error}). {_PACK_AGAIN}") from error


def encoder_of(files: StoreFiles) -> str | None:
    """Hash of the encoder whose latents are complete in the store, or None."""
    encoded = _read_sealed(files, ENCODED, Encoded)
    return None if encoded is None else encoded.encoder


def _latents_form(files: StoreFiles) -> ArrayForm:
    """Shape of the latents, which their metadata alone say."""
    encoded = _read_sealed(files, ENCODED, Encoded)
    text = vouched(files, "latents/zarr.json", {} if encoded is None else encoded.sha256)
    try:
        shape = fitted(_SHAPE, parse_object(text).get("shape"))
    except JsonFault as error:
        raise InputError(f"{files.url}/latents/zarr.json: damaged or edited ({error}). {_PACK_AGAIN}") from error
    return ArrayForm("float16", shape[1:], True)


def _whole(files: StoreFiles, finished: Finished, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of bytes (uint8, ``shape``) about the whole store: one chunk, not compressed.

    Read directly: to zarr a chunk that is gone is a chunk of zeros, "nothing was given".
    """
    content = vouched(files, name, finished.sha256)
    if len(content) != math.prod(shape):
        raise InputError(f"{files.url}/{name}: {len(content)} bytes for {shape} samples. {_PACK_AGAIN}")
    return np.frombuffer(content, np.uint8).reshape(shape)


_SHAPE: TypeAdapter[tuple[int, ...]] = TypeAdapter(tuple[Annotated[int, Gt(0)], ...])


class ClipStore:
    """The valid samples of a finished store as one list of clips, read on demand.

    Cheap to pickle and to fork: shard indices are read when needed. Raises InputError when there is no store, one of
    another version, or one that is not packed to its end.
    """

    def __init__(self, url: Path | str) -> None:
        self.files = StoreFiles(url)
        layout, finished = _layout_and_finished(self.files)
        self.info = _info(self.files, layout, finished)
        if finished is None:
            raise InputError(
                f"{self.files.url}: {self.info.complete_shards} of {self.layout.num_shards} shards are packed. "
                "Repeat the 'drivesim data pack' command that began it; it continues."
            )
        self.rows = np.flatnonzero(_whole(self.files, finished, "valid/c/0", (layout.samples,)))
        self._given = _whole(self.files, finished, "given/c/0/0", (layout.samples, len(GIVEN)))[self.rows].astype(bool)
        self._forms = self.layout.forms()
        if self.info.encoder is not None:
            self._forms["latents"] = _latents_form(self.files)
        self._scenes_read: tuple[int, list[Any]] | None = None
        size = self.layout.shard_size
        self._readers = {name: ShardReader(self.files, name, form, size) for name, form in self._forms.items()}

    @property
    def layout(self) -> StoreLayout:
        """Sizes and the dataset's description."""
        return self.info.layout

    def __len__(self) -> int:
        return len(self.rows)

    def require_samples(self) -> None:
        """Raise InputError for a store of which every sample was left out."""
        if not len(self):
            reasons = "; ".join(sorted({entry.reason for entry in self.info.skipped})[:3]) or "none was packed"
            raise InputError(
                f"{self.files.url}: holds no sample that can be used ({reasons}). Mend the source and pack again."
            )

    @property
    def frames_per_clip(self) -> int:
        """T of every clip."""
        return self.layout.frames

    @property
    def fps(self) -> float:
        """Frames a second of every clip."""
        return self.layout.fps

    def has(self, name: str) -> bool:
        """Whether array ``name`` is in the store and given for at least one sample."""
        if name in GIVEN:
            return bool(self._given[:, GIVEN.index(name)].any())
        return name in self._forms

    def given(self, index: int) -> frozenset[Control]:
        """The controls that the source of a clip knows; the others' arrays hold zeros."""
        return frozenset(kind for kind in Control if self.gives(kind.value, index))

    def gives(self, name: str, index: int) -> bool:
        """Whether an optional array (a control by its name, ``semantic``, ``large``) is given for a clip."""
        return bool(self._given[index, GIVEN.index(name)])

    def read(self, name: str, index: int, frames: slice | int = slice(None)) -> np.ndarray:
        """Array ``name`` of one clip (for frames of it, where the array has frames); zeros where it is not given.

        Raises InputError for damaged data, KeyError for an array that the store does not have.
        """
        form, row = self._forms[name], int(self.rows[index])
        if name in GIVEN and not self.gives(name, index):
            empty = np.zeros(form.shape, form.dtype)
            return empty if name == "large" else empty[frames]
        reader = self._readers[name]
        if not form.by_frame:
            whole = reader.read(row, range(1))[0]
            return whole if name == "large" else whole[frames]
        numbers = range(form.shape[0])[frames]
        if isinstance(numbers, int):
            return reader.read(row, range(numbers, numbers + 1))[0]
        return reader.read(row, numbers)

    def read_all(self, name: str) -> np.ndarray:
        """Array ``name`` of all clips (N, ...), shard by shard; for what fits into memory."""
        form, size = self._forms[name], self.layout.shard_size
        out = np.zeros((len(self), *form.shape), form.dtype)
        wanted = np.ones(len(self), bool) if name not in GIVEN else self._given[:, GIVEN.index(name)]
        for shard in range(self.layout.num_shards):
            places = np.flatnonzero((self.rows // size == shard) & wanted)
            if len(places):
                block = np.empty((len(places), *form.shape), form.dtype)
                self._readers[name].read_shard(shard, self.rows[places] % size, block)
                out[places] = block
        return out

    def sample(self, index: int) -> Sample:
        """One clip as the sample it was packed from; its scene has no road and no actors that are never present."""
        data = self._stored(index)
        return Sample(
            id=data.id,
            clip=Clip(self.read("rgb", index), self.fps),
            scene=self._scene_of(index, data),
            times_us=self.read("times_us", index),
            known=frozenset(Control(name) for name in data.known),
            source=data.source,
            licence=data.licence,
            semantic=self.read("semantic", index) if self.gives("semantic", index) else None,
            large=self.read("large", index) if self.gives("large", index) else None,
        )

    def scene(self, index: int) -> Scene:
        """The scene of one clip, as :meth:`sample` gives it, without reading pictures."""
        return self._scene_of(index, self._stored(index))

    def _scene_of(self, index: int, data: _Stored) -> Scene:
        try:
            return scene_from_json(data.scene)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged_scenes(int(self.rows[index]), error) from error

    def _stored(self, index: int) -> _Stored:
        row = int(self.rows[index])
        shard, place = divmod(row, self.layout.shard_size)
        try:
            return _STORED.validate_python(self._scenes(shard)[place])
        except (ValidationError, IndexError) as error:
            raise self._damaged_scenes(row, error) from error

    def _damaged_scenes(self, row: int, error: Exception) -> InputError:
        name = scenes_object(row // self.layout.shard_size)
        reason = str(error).partition("\n")[0]
        return InputError(
            f"{self.files.url}/{name}: damaged at sample {row} ({type(error).__name__}: {reason}). {_CHECK}"
        )

    def _scenes(self, shard: int) -> list[Any]:
        name = scenes_object(shard)
        if self._scenes_read is None or self._scenes_read[0] != shard:
            try:
                content = parse(gzip.decompress(self.files.read(name)))
                if not isinstance(content, list):
                    raise JsonFault("no list of samples")
            except (OSError, EOFError, JsonFault, zlib.error) as error:
                raise InputError(f"{self.files.url}/{name}: missing or damaged ({why(error)}). {_CHECK}") from error
            self._scenes_read = shard, content
        return self._scenes_read[1]


@dataclass(frozen=True, eq=False)
class _Stored:
    """What is kept of a sample beside its arrays."""

    id: str
    source: str
    licence: str
    known: tuple[Literal["map", "scenery", "actors", "motion", "attributes"], ...]
    scene: dict[str, Any]


_STORED: TypeAdapter[_Stored] = TypeAdapter(_Stored)
