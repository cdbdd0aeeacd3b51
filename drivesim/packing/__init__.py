"""From a dataset to a store, and a look at what is in it; needs neither networks nor Lightning."""

from drivesim.packing.pack import OnProgress, PackReport, pack, stored_sample
from drivesim.packing.sheet import spread, store_sheet

__all__ = ["OnProgress", "PackReport", "pack", "spread", "store_sheet", "stored_sample"]
