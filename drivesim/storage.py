"""Atomic files: a reader sees the old file or the whole new one, never half of one, whatever kills the writer."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drivesim.errors import InputError, NotKeptWarning, why
from drivesim.json_text import JsonFault

#: Suffix of files that are still being written; anything with it is left over from a killed writer.
PARTIAL_SUFFIX = ".part"

#: Key of the hash that a JSON file carries of itself.
SEAL = "sha256"

#: ``Path`` makes one slash of two. A letter alone is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def partial_path(path: Path) -> Path:
    """Where ``path`` is written before it is complete (same folder, so that the rename is atomic)."""
    return path.with_name(f".{path.name}{PARTIAL_SUFFIX}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yields a temporary path; on success it is flushed to disk and renamed to ``path``, on failure removed.

    Raises InputError, with what to do, when the disk is full, the folder cannot be written, or what stands there is no ordinary
    file: a device such as /dev/null would be replaced, for everybody.
    """
    temporary = partial_path(path)
    try:
        _require_ordinary(path)
        with readable_storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
            if os.name == "posix":
                _flush(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a whole small file atomically. Raises InputError when the disk is full or not writable."""
    data = content.encode() if isinstance(content, str) else content
    with writing(path) as temporary, temporary.open("wb") as stream:
        stream.write(data)


@contextlib.contextmanager
def kept_if_possible(path: Path, what: str) -> Iterator[None]:
    """The block writes ``what`` to ``path`` so that the next time is spared the work: where it cannot, a NotKeptWarning says so and
    why, and all goes on.
    """
    try:
        yield
    except (OSError, InputError) as error:
        refused = error.__cause__ if isinstance(error.__cause__, OSError) else error
        warnings.warn(
            f"{what} not kept in {path} ({why(refused)}); measured again the next time.", NotKeptWarning, stacklevel=3
        )


@contextlib.contextmanager
def readable_storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder without permission into an InputError that says what to do; any other OSError names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(
                f"the disk is full: could not write {path} ({_free_text(path)}). "
                "Free some space and repeat the command, with --resume if it has one; what is complete is kept."
            ) from error
        if error.errno == errno.EFBIG:
            raise InputError(
                f"could not write {path}: no file may be that large here. Raise the limit (ulimit -f) and repeat the command, with "
                "--resume if it has one, or choose another folder with --out."
            ) from error
        if error.errno in _FORBIDDEN:
            raise InputError(f"cannot write {path}: {error.strerror}. Choose another folder with --out.") from error
        if error.errno in {errno.ENOTDIR, errno.EEXIST}:
            raise InputError(
                f"cannot write {path}: a file stands where a folder is needed. Choose another folder with --out."
            ) from error
        if error.filename is None:  # libraries that write video do not say which file
            error.filename = str(path)
        raise


def require_file(path: Path) -> None:
    """Raise InputError, before anything is made for it, where nobody could write a file ``path``, which need not be there yet."""
    require_place(path)
    _require_ordinary(path)
    require_folder(path.parent)


def require_folder(folder: Path) -> None:
    """Raise InputError, before anything is made for it, where nobody could write into ``folder``, which need not be there yet."""
    require_place(folder)
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise InputError(
            f"cannot write {folder}: a file stands where a folder is needed ({nearest}). Choose another folder with --out."
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"cannot write {folder}: {nearest} is write-protected. Choose another folder with --out.")


def require_place(path: Path) -> None:
    """Raise InputError for what is hardly meant as a place on this machine: it would become a file or folder of that name."""
    text = str(path)
    if _URL.match(text):
        raise InputError(f"cannot write {text}: this is a URL, and only places on this machine can be written to.")
    if text == "-":
        raise InputError("cannot write -: nothing is written to standard output by this name. Name a file or folder.")
    if not text.strip():
        raise InputError(f"cannot write {text!r}: a name of nothing but spaces. Name a file or folder.")
    if path.parts[:1] == ("~",):
        raise InputError(f"cannot write {text}: the shell has not put your home folder in place of ~. Write it out.")


def _require_ordinary(path: Path) -> None:
    """Raise InputError where something stands that is no ordinary file."""
    if path.is_file() or not os.path.lexists(path):
        return
    what = "a folder" if path.is_dir() else "a link that leads nowhere" if path.is_symlink() else "no ordinary file"
    raise InputError(f"cannot write {path}: it is {what}. Choose another name.")


def no_folder(path: Path) -> str:
    """What stands where a folder was expected."""
    if not os.path.lexists(path):
        return "there is nothing"
    return (
        "it is a link that leads nowhere" if path.is_symlink() and not path.exists() else "it is a file, not a folder"
    )


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises InputError where that cannot be."""
    require_folder(folder)
    with readable_storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, in order. Raises OSError for a folder that may not be looked into, over which ``rglob`` passes:
    what is in it would count as not there.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):  # removed meanwhile, or none
            raise error

    return sorted(Path(where, name) for where, _, names in os.walk(folder, onerror=refuse) for name in names)


def remove_partial_files(folder: Path, stem: str = "") -> None:
    """Remove what a killed writer left behind below ``folder``, or only of files there whose names begin with ``stem``."""
    found = folder.glob(f".{stem}.*{PARTIAL_SUFFIX}") if stem else folder.rglob(f".*{PARTIAL_SUFFIX}")
    for leftover in found:
        leftover.unlink(missing_ok=True)


def sha256_of(content: bytes | Path) -> str:
    """Hex digest of bytes or of a file's content."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sealed_text(values: Mapping[str, Any]) -> str:
    """Values as indented JSON with a final newline, and with a hash of themselves under ``SEAL``."""
    return json.dumps({**values, SEAL: _seal(values)}, indent=2, ensure_ascii=False) + "\n"


def unsealed_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parsed values without their hash. Raises JsonFault where it does not fit; a file of before has none, and is taken as it is."""
    own = {key: value for key, value in values.items() if key != SEAL}
    if SEAL in values and values[SEAL] != _seal(own):
        raise JsonFault("its hash of itself does not fit")
    return own


def _seal(values: Mapping[str, Any]) -> str:
    return sha256_of(json.dumps(values, sort_keys=True, ensure_ascii=False).encode())


def cache_folder() -> Path:
    """Where what can be made anew is kept between runs: XDG_CACHE_HOME, else ~/.cache. Raises RuntimeError without a home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "drivesim"


def free_bytes(path: Path) -> int:
    """Free bytes on the disk that holds ``path`` (or its nearest existing parent)."""
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def _free_text(path: Path) -> str:
    return f"{free_bytes(path) / 1e6:.1f} MB free"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
