"""Writing a model folder whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from drivesim.errors import InputError, ModelError
from drivesim.models.hashes import write_hashes


def save_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder beside ``folder``, add hashes.json, and only then put it in its place.

    An older model there is replaced; any other folder or file with something in it is left alone with a ModelError. Raises
    InputError where the disk is full or the place cannot be written.
    """
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "model.json").is_file())
    if taken:
        raise ModelError(f"{folder}: already there, and no drivesim model; choose another folder or remove it first")
    unfinished = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
    replaced = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        write(unfinished)
        write_hashes(unfinished)
        if folder.is_dir():
            os.replace(folder, replaced)
        os.replace(unfinished, folder)
    except (OSError, SafetensorError) as error:
        if replaced.is_dir() and not folder.is_dir():
            os.replace(replaced, folder)
        raise InputError(
            f"{folder}: cannot be written ({why_not_written(error)}); free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def why_not_written(error: OSError | SafetensorError) -> str:
    """What the system refused, without its number; copying a tree gives a list of (from, to, words)."""
    if isinstance(error, SafetensorError):
        return str(error).rpartition("I/O error: ")[2].partition(" (os error")[0]
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return re.sub(r"^\[Errno \d+\] ", "", str(error.args[0][-1][-1])).partition(":")[0]
    return error.strerror or str(error)
