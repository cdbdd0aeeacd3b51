"""Names, shapes and chunks of a store's arrays, and the objects that one shard of samples consists of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import TypeAdapter

from drivesim.controls import ATTRIBUTE_CHANNELS, LAYOUT_SIZE, MOTION_CHANNELS, RASTER_CHANNELS
from drivesim.errors import InputError
from drivesim.json_text import JsonFault, fitted, parse_object

STORE_VERSION = 10

#: What the numbers of a layout must be, as a file may have been edited. Nobody has more samples or pixels.
Count = Annotated[int, Gt(0), Le(100_000_000)]
Rate = Annotated[float, Gt(0.0), Lt(1000.0)]
Natural = Annotated[int, Ge(0)]
Bit = Annotated[int, Ge(0), Le(1)]
DEFAULT_SHARD_SIZE = 16

#: Per sample, which of these the source really gave; where it did not, the array holds zeros.
GIVEN = ("map", "scenery", "actors", "motion", "attributes", "flow", "semantic", "large")

#: zstd with its content checksum: see docs/store.md for what was measured.
COMPRESSION: dict[str, Any] = {"name": "zstd", "level": 3, "checksum": True}


@dataclass(frozen=True)
class ArrayForm:
    """An array over all samples: shape behind the sample axis, and whether one chunk is one frame or one sample."""

    dtype: str
    shape: tuple[int, ...]
    by_frame: bool

    @property
    def chunk(self) -> tuple[int, ...]:
        """Shape of a chunk behind the sample axis."""
        return (1, *self.shape[1:]) if self.by_frame else self.shape

    @property
    def chunks_per_sample(self) -> int:
        """Chunks that one sample has."""
        return self.shape[0] if self.by_frame else 1


@dataclass(frozen=True, kw_only=True)
class StoreLayout:
    """What is fixed when a store is created: number and size of the samples, of a shard, and the dataset's description."""

    samples: Count
    frames: Count
    fps: Rate
    height: Count
    width: Count
    shard_size: Count
    dataset: dict[str, Any]

    @property
    def num_shards(self) -> int:
        """Shards of ``shard_size`` samples; the last may hold fewer."""
        return -(-self.samples // self.shard_size)

    def range_of(self, shard: int) -> range:
        """The samples of a shard."""
        return range(shard * self.shard_size, min(self.samples, (shard + 1) * self.shard_size))

    def forms(self) -> dict[str, ArrayForm]:
        """The arrays that a pack writes, by name."""
        picture, frames = (self.height, self.width), self.frames
        return {
            "rgb": ArrayForm("uint8", (frames, *picture, 3), True),
            "semantic": ArrayForm("uint8", (frames, *picture), True),
            **{
                kind.value: ArrayForm("uint8", (frames, len(planes), *LAYOUT_SIZE), True)
                for kind, planes in RASTER_CHANNELS.items()
            },
            "flow": ArrayForm("float16", (frames, 3, *LAYOUT_SIZE), True),
            "motion": ArrayForm("float32", (frames, len(MOTION_CHANNELS)), False),
            "attributes": ArrayForm("float32", (frames, len(ATTRIBUTE_CHANNELS)), False),
            "times_us": ArrayForm("int64", (frames,), False),
            "large": ArrayForm("uint8", (2 * self.height, 2 * self.width, 3), False),
        }

    def attributes(self) -> dict[str, Any]:
        """The root attributes, as JSON holds them."""
        return json.loads(json.dumps({"drivesim_store": STORE_VERSION, "compression": COMPRESSION, **asdict(self)}))

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> StoreLayout:
        """The layout that :meth:`attributes` wrote. Raises JsonFault when a field is missing or not what it must be."""
        return fitted(_LAYOUT, {name: attributes[name] for name in cls.__dataclass_fields__ if name in attributes})


_LAYOUT: TypeAdapter[StoreLayout] = TypeAdapter(StoreLayout)


def shard_object(name: str, shard: int, form: ArrayForm) -> str:
    """Name of the object that holds one shard of an array."""
    return "/".join([name, "c", str(shard), *("0" for _ in form.shape)])


def scenes_object(shard: int) -> str:
    """Name of the object with the scenes of one shard."""
    return f"scenes/{shard:05d}.json.gz"


def marker_object(shard: int) -> str:
    """Name of the object that says that a shard is complete."""
    return f"shards/{shard:05d}.json"


FINISHED = "finished.json"
"""Written last of all: the store is complete."""

ENCODED = "encoded/finished.json"
"""Written behind the latents: they are complete."""


def json_bytes(content: Any) -> bytes:
    """JSON text that is the same whenever the content is."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def sealed(content: Any) -> bytes:
    """JSON text of ``content`` together with its SHA-256, so that a flipped byte shows."""
    return json_bytes({"content": content, "content_sha256": hashlib.sha256(json_bytes(content)).hexdigest()})


def unsealed(text: bytes) -> Any:
    """The content that :func:`sealed` wrote. Raises JsonFault when any byte of it is another."""
    data = parse_object(text)
    if sealed(data.get("content")) != text:
        raise JsonFault("its checksum does not fit its content")
    return data["content"]


@dataclass(frozen=True)
class Skipped:
    """A sample that could not be read, and why."""

    sample: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ShardMarker:
    """The object that says that a shard is complete: which samples are ``valid``, what each was ``given``, hashes of the rest."""

    first: Natural
    stop: Natural
    valid: tuple[Bit, ...]
    given: tuple[tuple[Bit, ...], ...]
    skipped: tuple[Skipped, ...]
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The object that says that a store is complete, with the number of ``valid`` samples and the hashes of what all share."""

    samples: Natural
    valid: Natural
    skipped: tuple[Skipped, ...]
    problems: tuple[str, ...]
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class EncodedShard:
    """The object that says that the latents of a shard are complete."""

    first: Natural
    stop: Natural
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """The object that says that all latents are there, and which encoder made them."""

    encoder: str
    sha256: dict[str, str]


Sealed = TypeVar("Sealed", bound="ShardMarker | Finished | EncodedShard | Encoded")
_READERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (ShardMarker, Finished, EncodedShard, Encoded)
}


def read_sealed(kind: type[Sealed], text: bytes) -> Sealed:
    """What :func:`write_sealed` made a text of. Raises JsonFault when it is damaged, or vouches for itself but is something else."""
    return fitted(_READERS[kind], unsealed(text))


def write_sealed(content: ShardMarker | Finished | EncodedShard | Encoded) -> bytes:
    """An object that says that something is complete, as JSON with a hash of itself."""
    return sealed(asdict(content))


def differences(stored: Any, wanted: Any, path: str = "") -> list[str]:
    """Each place where two JSON values differ, with both values."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        found = []
        for key in sorted(stored.keys() | wanted.keys()):
            inner = f"{path}.{key}" if path else key
            found += differences(stored.get(key), wanted.get(key), inner)
        return found
    return [] if stored == wanted else [f"{path} is {_short(stored)} in the store and {_short(wanted)} now"]


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def refuse_other(url: str, stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise InputError, naming what differs, unless a store may be continued with the wanted attributes."""
    found = differences(stored, wanted)
    if found:
        raise InputError(
            f"{url}: holds other data: {'; '.join(found)}. Give the settings it was begun with, or another place."
        )
