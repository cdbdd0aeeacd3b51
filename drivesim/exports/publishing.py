"""A folder that is written beside its place and appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def publishing(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yields an empty folder; on success it becomes ``folder``, on failure it is removed and ``folder`` is as it was.

    With ``overwrite`` a folder that exists is replaced, only once the new one is whole. Raises FileExistsError without it.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if overwrite and folder.exists():
            replaced = folder.with_name(folder.name + ".replaced")
            shutil.rmtree(replaced, ignore_errors=True)
            os.replace(folder, replaced)
            try:
                os.replace(unfinished, folder)
            except OSError:
                os.replace(replaced, folder)
                raise
            shutil.rmtree(replaced)
        else:
            os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
