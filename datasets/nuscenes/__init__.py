"""nuScenes v1.0, the real one or an export in its layout, as samples; read through nuscenes-devkit."""

from drivesim.datasets.nuscenes.check import check_nuscenes
from drivesim.datasets.nuscenes.dataset import NuScenesDataset
from drivesim.datasets.nuscenes.tables import TableFinding, find_versions

__all__ = ["NuScenesDataset", "TableFinding", "check_nuscenes", "find_versions"]
