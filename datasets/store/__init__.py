"""The store of packed clips: one zarr 3 group with sharded arrays, made whole shards at a time, read by any stage.

docs/store.md describes the format.
"""

from drivesim.datasets.store.checksum import check_store
from drivesim.datasets.store.files import StoreFiles
from drivesim.datasets.store.latents import write_latents
from drivesim.datasets.store.layout import STORE_VERSION, Skipped, StoreLayout
from drivesim.datasets.store.reader import ClipStore, StoreInfo, count_given, inspect
from drivesim.datasets.store.writer import StoredSample, create_store, finish_store, write_shard

__all__ = [
    "STORE_VERSION",
    "ClipStore",
    "Skipped",
    "StoreFiles",
    "StoreInfo",
    "StoreLayout",
    "StoredSample",
    "check_store",
    "count_given",
    "create_store",
    "finish_store",
    "inspect",
    "write_latents",
    "write_shard",
]
