"""From a dataset to a store; needs neither networks nor Lightning."""

from drivesim.packing.pack import OnProgress, PackReport, pack, stored_sample

__all__ = ["OnProgress", "PackReport", "pack", "stored_sample"]
