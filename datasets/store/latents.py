"""Latents in a store: written after packing, shard by shard, under the hash of the encoder that made them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivesim.datasets.store.files import StoreFiles, storage_errors
from drivesim.datasets.store.layout import ENCODED, ArrayForm, Encoded, EncodedShard, shard_object, write_sealed
from drivesim.datasets.store.reader import ClipStore
from drivesim.datasets.store.writer import create_array, write_block
from drivesim.json_text import JsonFault, parse_object

#: uint8 RGB frames (T, H, W, 3) to latents (T, C, h, w).
Encode = Callable[[np.ndarray], np.ndarray]


def encoded_object(shard: int) -> str:
    """Name of the object that says that the latents of a shard are complete."""
    return f"encoded/{shard:05d}.json"


def write_latents(
    url: Path | str, encoder: str, encode: Encode, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> bool:
    """Encode every clip into the array ``latents`` (float16), and keep the hash of the encoder beside it.

    Continues where an earlier run stopped; latents of another encoder are removed first. Returns whether anything was
    encoded. ``on_progress`` hears clips done and clips in all. Raises InputError when the store is not finished or
    cannot be written.
    """
    store = ClipStore(url)
    files, layout = store.files, store.layout
    with files.locked():
        if store.info.encoder == encoder:
            return False
        files.remove_partial()
        form = _prepare(store, encoder, encode)
        done = 0
        for shard in range(layout.num_shards):
            samples = layout.range_of(shard)
            clips = np.flatnonzero((store.rows >= samples.start) & (store.rows < samples.stop))
            if not files.exists(encoded_object(shard)):
                block = np.zeros((len(samples), *form.shape), form.dtype)
                for clip in clips:
                    block[store.rows[clip] - samples.start] = encode(store.read("rgb", int(clip)))
                    on_progress(done + 1 + int(clip - clips[0]), len(store))
                files.remove([shard_object("latents", shard, form)])
                sha256 = write_block(files, "latents", samples, block)
                files.flush(sha256)
                marker = EncodedShard(first=samples.start, stop=samples.stop, sha256=sha256)
                files.write(encoded_object(shard), write_sealed(marker))
            done += len(clips)
        _finish(files, layout.num_shards, encoder)
    return True


def _prepare(store: ClipStore, encoder: str, encode: Encode) -> ArrayForm:
    """The array to write into, begun by an earlier run of the same encoder or made now."""
    files = store.files
    first = encode(store.read("rgb", 0))
    form = ArrayForm("float16", tuple(first.shape), True)
    if files.exists("latents/zarr.json"):
        if _begun_by(files) == encoder:
            return form
        # The object that vouches for the old latents goes first.
        files.remove([ENCODED])
        files.remove_folder("encoded")
        files.remove_folder("latents")
    with storage_errors(files.url):
        create_array(files.zarr_store(read_only=False), "latents", form, store.layout, attributes={"encoder": encoder})
    return form


def _begun_by(files: StoreFiles) -> str | None:
    """The encoder of latents that are under way; None where their metadata are damaged: then they are made again."""
    try:
        attributes = parse_object(files.read("latents/zarr.json")).get("attributes")
    except JsonFault:
        return None
    encoder = attributes.get("encoder") if isinstance(attributes, dict) else None
    return encoder if isinstance(encoder, str) else None


def _finish(files: StoreFiles, num_shards: int, encoder: str) -> None:
    names = ["latents/zarr.json", *map(encoded_object, range(num_shards))]
    sha256 = {name: hashlib.sha256(files.read(name)).hexdigest() for name in names}
    files.write(ENCODED, write_sealed(Encoded(encoder=encoder, sha256=sha256)))
