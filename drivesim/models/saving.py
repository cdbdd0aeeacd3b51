"""Writing a model folder whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from drivesim.errors import ModelError
from drivesim.models.hashes import write_hashes


def save_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder beside ``folder``, add hashes.json, and only then put it in its place.

    An older model there is replaced; any other folder or file with something in it is left alone with a ModelError.
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
    except OSError as error:
        if replaced.is_dir() and not folder.is_dir():
            os.replace(replaced, folder)
        raise ModelError(f"{folder}: cannot be written ({error}); free some space or choose another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
