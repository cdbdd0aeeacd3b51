"""One writer at a time: the lock of a folder, which the system frees even after ``kill -9``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from drivesim.errors import InputError
from drivesim.storage import make_folder, readable_storage_errors

_BETWEEN_TRIES_S = 0.05


class FolderInUseError(InputError):
    """Another process is writing where this one would."""


@contextlib.contextmanager
def locked_file(path: Path, *, shared: bool = False, wait_s: float = 0.0, option: str = "--out") -> Iterator[None]:
    """Hold the lock of a file, which is made with its folder if need be. ``option`` says where another folder is chosen.

    Raises FolderInUseError, and InputError where the folder cannot be made.
    """
    make_folder(path.parent)
    with readable_storage_errors(path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        while not _lock(descriptor, shared):
            if time.monotonic() >= deadline:
                raise FolderInUseError(
                    f"another drivesim process is writing to {path.parent}. Wait for it, stop it, or choose another {option}."
                )
            time.sleep(_BETWEEN_TRIES_S)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, shared: bool) -> bool:
    """Whether the lock could be had. Windows has none that is shared: there those who would share it take turns."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
