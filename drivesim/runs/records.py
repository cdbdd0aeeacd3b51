"""The records of a run: what was stored of a segment and of a finished future, with the hash of every file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from annotated_types import Ge
from pydantic import TypeAdapter

from drivesim.errors import InputError
from drivesim.json_text import JsonFault, fitted, parse_object
from drivesim.storage import sealed_text, unsealed_values

Natural = Annotated[int, Ge(0)]
Record = TypeVar("Record", "SegmentRecord", "FutureRecord")


@dataclass(frozen=True, kw_only=True)
class SegmentRecord:
    """A stored segment: its ``frames`` from and to (exclusive), and the SHA-256 of its files below the future's folder."""

    frames: tuple[Natural, Natural]
    sha256: dict[str, str]

    def to_json(self) -> str:
        """As JSON; the record of the finished future vouches for it."""
        return _SEGMENT.dump_json(self, indent=1).decode() + "\n"


@dataclass(frozen=True, kw_only=True)
class StoredVideo:
    """A finished video as it was written."""

    bytes: Natural
    sha256: str


@dataclass(frozen=True, kw_only=True)
class FutureRecord:
    """A finished future: where its noise is from, and the hashes of its ``videos`` and of the other ``files`` in its folder."""

    id: str
    seed: Natural
    noise_key: tuple[Natural, ...]
    num_frames: Natural
    fps: float
    scenario_sha256: str
    weights_sha256: str
    videos: dict[str, StoredVideo]
    files: dict[str, str] = field(default_factory=dict)
    synthetic: bool = True

    def to_json(self) -> str:
        """As JSON, with a hash of itself."""
        return sealed_text(dataclasses.asdict(self))


_SEGMENT: TypeAdapter[SegmentRecord] = TypeAdapter(SegmentRecord)
_FUTURE: TypeAdapter[FutureRecord] = TypeAdapter(FutureRecord)


def read_segment_record(path: Path) -> SegmentRecord | None:
    """The record of a segment, None where there is none. Raises InputError for a damaged one."""
    return _read(path, _SEGMENT)


def read_future_record(path: Path) -> FutureRecord | None:
    """The record of a finished future, None where there is none. Raises InputError for a damaged or edited one."""
    return _read(path, _FUTURE)


def _read(path: Path, schema: TypeAdapter[Record]) -> Record | None:
    if not path.is_file():
        return None
    try:
        values = parse_object(path.read_bytes())
        if schema is _FUTURE:
            values = unsealed_values(values)
        return fitted(schema, values)
    except JsonFault as error:
        raise InputError(f"{path} is damaged or was edited since it was written ({error}).") from error
