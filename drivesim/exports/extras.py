"""Packages that only some formats need, and how to get them: extras of this package, not part of its core."""

from __future__ import annotations

import importlib

from drivesim.errors import MissingPackageError

#: Modules a format needs, and the extra that installs them; formats that are not listed need nothing more.
NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "mcap": ("mcap", ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf")),
    "xosc": ("xosc", ("scenariogeneration",)),
}


def require_packages(name: str) -> None:
    """Raise MissingPackageError with the line that installs them where a format's packages are not there."""
    extra, modules = NEEDED.get(name, ("", ()))
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingPackageError(
                f'{name} needs {module}, which is not installed ({error}). Run: pip install "drivesim[{extra}]"'
            ) from error
