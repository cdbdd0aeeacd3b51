"""The formats, and packages that only some of them and some features need: extras of this package, not part of its core."""

from __future__ import annotations

import importlib

from drivesim.errors import MissingPackageError

#: Every format and what its files are, in one sentence.
FORMATS: dict[str, str] = {
    "mcap": "one .mcap a future with Foxglove's schemas, and a layout file: video, boxes, curves, events",
    "nuscenes": "tables and pictures that the nuScenes devkit loads and evaluates detections on",
    "coco": "pictures and 2D boxes in COCO's JSON",
    "frames": "a folder of pictures for each future, with calibration, poses, boxes and tracks as JSON and CSV",
    "xosc": "ASAM OpenSCENARIO 1.2 and OpenDRIVE: the scenario as written, and what each future was conditioned on",
    "video": "an mp4 a future at another frame rate, and a JSON file that says which frame each of its frames shows",
}

#: Formats without boxes, for which nothing needs to be measured.
WITHOUT_BOXES = ("video",)

#: What a format or feature needs: the extra that installs it, and its modules; those that are not listed need nothing more.
NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "mcap": ("mcap", ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf")),
    "xosc": ("xosc", ("scenariogeneration",)),
    "gym": ("gym", ("gymnasium",)),
}


def require_packages(name: str) -> None:
    """Raise MissingPackageError with the line that installs them where the packages of a format or feature are not there."""
    extra, modules = NEEDED.get(name, ("", ()))
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingPackageError(
                f'{name} needs {module}, which is not installed ({error}). Run: pip install "drivesim[{extra}]"'
            ) from error
