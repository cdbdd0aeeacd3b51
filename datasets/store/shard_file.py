"""Reading single chunks out of zarr's shard objects, in the calling thread.

zarr reads a chunk through its event loop and a pool of threads: on a busy machine every hop waits for the scheduler, which
costs far more than the chunk. The format is simple enough to read directly: compressed chunks, then an index of offset
and length (uint64, little endian) per chunk, then a CRC-32C of the index. Everything is written by zarr, and the tests
compare what is read here with what zarr reads.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numcodecs import Zstd

from drivesim.datasets.store.files import StoreFiles
from drivesim.datasets.store.layout import ArrayForm, shard_object
from drivesim.errors import InputError

_INDEX_CHECKSUM_BYTES = 4
_ABSENT = np.iinfo(np.uint64).max


class ShardReader:
    """Chunks of one array; keeps the indices of the shards it read last."""

    def __init__(
        self, files: StoreFiles, name: str, form: ArrayForm, shard_size: int, keep_indices: int = 4096
    ) -> None:
        self.files = files
        self.name = name
        self.form = form
        self.shard_size = shard_size
        self.keep_indices = keep_indices
        self._indices: OrderedDict[int, np.ndarray] = OrderedDict()
        self._codec = Zstd()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.files, self.name, self.form, self.shard_size, self.keep_indices)

    def read(self, sample: int, chunks: range) -> np.ndarray:
        """Chunks of one sample: (len(chunks), *chunk shape without the frame axis), or (*shape) when not by frame.

        Raises InputError, naming the shard, for damaged or missing data.
        """
        shard, row = divmod(sample, self.shard_size)
        index = self._index(shard)
        out = np.empty(
            (len(chunks), *(self.form.shape[1:] if self.form.by_frame else self.form.shape)), self.form.dtype
        )
        for place, chunk in enumerate(chunks):
            offset, length = index[row * self.form.chunks_per_sample + chunk]
            if offset == _ABSENT:
                out[place] = 0  # zarr leaves out chunks that hold the fill value alone
                continue
            data = self._bytes(shard, int(offset), int(offset + length))
            self._decode(data, out[place], shard)
        return out

    def read_shard(self, shard: int, rows: np.ndarray, out: np.ndarray) -> None:
        """Rows of a whole shard into ``out`` (len(rows), *shape), with one read."""
        content = self._bytes(shard, None, None)
        index = self._parse(shard, content[-self._index_bytes :])
        per_sample = self.form.chunks_per_sample
        for place, row in enumerate(rows):
            for chunk in range(per_sample):
                offset, length = index[int(row) * per_sample + chunk]
                target = out[place, chunk] if self.form.by_frame else out[place]
                if offset == _ABSENT:
                    target[...] = 0
                    continue
                self._decode(content[int(offset) : int(offset + length)], target, shard)

    @property
    def _index_bytes(self) -> int:
        return 16 * self.shard_size * self.form.chunks_per_sample + _INDEX_CHECKSUM_BYTES

    def _index(self, shard: int) -> np.ndarray:
        index = self._indices.get(shard)
        if index is None:
            index = self._parse(shard, self._bytes(shard, -self._index_bytes, None))
            self._indices[shard] = index
            if len(self._indices) > self.keep_indices:
                self._indices.popitem(last=False)
        return index

    def _parse(self, shard: int, content: bytes) -> np.ndarray:
        if len(content) != self._index_bytes:
            raise self._damaged(shard, "the file is cut short")
        return np.frombuffer(content[:-_INDEX_CHECKSUM_BYTES], "<u8").reshape(-1, 2)

    def _bytes(self, shard: int, start: int | None, stop: int | None) -> bytes:
        try:
            return self.files.read(shard_object(self.name, shard, self.form), start, stop)
        except FileNotFoundError:
            raise self._damaged(shard, "the file is missing") from None
        except (OSError, OverflowError, ValueError) as error:
            raise self._damaged(shard, str(error)) from error

    def _decode(self, data: bytes, out: np.ndarray, shard: int) -> None:
        try:
            decoded = np.frombuffer(self._codec.decode(data), self.form.dtype)
            out[...] = decoded.reshape(out.shape)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise self._damaged(shard, str(error)) from error

    def _damaged(self, shard: int, reason: str) -> InputError:
        first = shard * self.shard_size
        return InputError(
            f"{self.files.url}: {shard_object(self.name, shard, self.form)} (array {self.name}, samples {first} to "
            f"{first + self.shard_size - 1}) is damaged: {reason}. 'drivesim data check' lists all damage."
        )
