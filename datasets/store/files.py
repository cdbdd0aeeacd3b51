"""Objects of a store by name, in a local folder or under any fsspec URL; local writes are atomic."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fsspec
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore

from drivesim.errors import InputError
from drivesim.storage import files_below

#: What zarr and this module add to the name of a file that is still being written.
PARTIAL_SUFFIX = ".partial"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class StoreFiles:
    """The objects below ``url``, a local path or an fsspec URL such as ``s3://bucket/day.zarr``; cheap to pickle.

    Raises InputError for a URL whose file system is not known or not installed.
    """

    def __init__(self, url: Path | str) -> None:
        text = str(url)
        protocol = text.partition("://")[0] if "://" in text else "file"
        self.url = text
        self.folder = Path(text.removeprefix("file://")) if protocol == "file" else None
        self._remote: tuple[Any, str] | None = None
        if self.folder is None:
            self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "folder": self.folder, "_remote": None}

    @property
    def in_memory(self) -> bool:
        """Whether the objects live in this process only."""
        return self.url.startswith("memory://")

    def _open(self) -> tuple[Any, str]:
        if self._remote is None:
            try:
                filesystem, root = fsspec.core.url_to_fs(self.url)
            except (ImportError, ValueError) as error:
                raise InputError(f"{self.url}: no file system for this address: {error}") from error
            self._remote = filesystem, str(root).rstrip("/")
        return self._remote

    def zarr_store(self, *, read_only: bool) -> Store:
        """The same place as a zarr store."""
        if self.folder is not None:
            return LocalStore(self.folder, read_only=read_only)
        return FsspecStore.from_url(self.url, read_only=read_only)

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of an object, or those from ``start`` (from the end if negative) to ``stop``.

        Raises FileNotFoundError.
        """
        if self.folder is None:
            filesystem, root = self._open()
            return bytes(filesystem.cat_file(f"{root}/{name}", start=start, end=stop))
        with (self.folder / name).open("rb") as stream:
            if start is not None:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size + start) if start < 0 else start)
            return stream.read(-1 if stop is None else stop - (start or 0))

    def write(self, name: str, content: bytes) -> None:
        """Write a whole object; on a local disk it appears complete or not at all.

        Raises InputError when the disk is full or not writable.
        """
        with storage_errors(self.url):
            if self.folder is None:
                filesystem, root = self._open()
                filesystem.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
                filesystem.pipe_file(f"{root}/{name}", content)
                return
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(path.name + PARTIAL_SUFFIX)
            try:
                with temporary.open("wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise

    def exists(self, name: str = "") -> bool:
        """Whether there is an object (or, locally, a folder) of this name."""
        if self.folder is not None:
            return (self.folder / name).exists()
        filesystem, root = self._open()
        return bool(filesystem.exists(f"{root}/{name}" if name else root))

    def names(self) -> set[str]:
        """Names of all objects below the root."""
        if self.folder is not None:
            return {path.relative_to(self.folder).as_posix() for path in files_below(self.folder) if path.is_file()}
        filesystem, root = self._open()
        filesystem.invalidate_cache()
        return {str(path)[len(root) :].lstrip("/") for path in filesystem.find(root)}

    def size(self) -> int:
        """Bytes of all objects together."""
        if self.folder is not None:
            return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        filesystem, root = self._open()
        return int(filesystem.du(root))

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects that are there."""
        with storage_errors(self.url):
            for name in names:
                if self.folder is not None:
                    (self.folder / name).unlink(missing_ok=True)
                elif self.exists(name):
                    filesystem, root = self._open()
                    filesystem.rm_file(f"{root}/{name}")

    def remove_folder(self, name: str) -> None:
        """Remove everything below a name."""
        with storage_errors(self.url):
            if self.folder is not None:
                if (self.folder / name).exists():
                    shutil.rmtree(self.folder / name)
            elif self.exists(name):
                filesystem, root = self._open()
                filesystem.rm(f"{root}/{name}", recursive=True)

    def remove_partial(self) -> None:
        """Remove files that a killed writer left unfinished."""
        if self.folder is not None:
            for path in self.folder.rglob(f"*{PARTIAL_SUFFIX}"):
                path.unlink(missing_ok=True)

    def flush(self, names: Iterable[str]) -> None:
        """Have the disk take these objects before anything written later, so that a marker never outlives its data."""
        if self.folder is not None:
            for name in names:
                descriptor = os.open(self.folder / name, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers away from a local store; needs its folder. Raises InputError when one is at work."""
        if self.folder is None or os.name != "posix":
            yield
            return
        import fcntl

        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise InputError(f"{self.url}: another process is writing this store; wait until it has ended") from None
        try:
            yield
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn a full disk or a folder without permission into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(
                f"{url}: the disk is full. Free some space and repeat the same command; complete shards are kept."
            ) from error
        if error.errno in _FORBIDDEN:
            raise InputError(f"{url}: cannot be written ({error.strerror}). Choose another place for it.") from error
        if error.errno in {errno.ENOTDIR, errno.EEXIST}:
            raise InputError(
                f"{url}: a file stands where a folder is needed. Choose another place for the store."
            ) from error
        raise
