"""What a full disk, or a folder that nobody may write into, says while a model is trained."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from drivesim.errors import InputError
from drivesim.models.saving import why_not_written

_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def storage_said(folder: Path) -> Iterator[None]:
    """Turn a write below ``folder`` that the system refuses, by whichever library, into an InputError that says what to do."""
    try:
        yield
    except SafetensorError as error:
        if "while serializing" not in str(error):
            raise
        raise _said(folder, error) from error
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise _said(folder, error) from error


def _said(folder: Path, error: OSError | SafetensorError) -> InputError:
    return InputError(
        f"{folder}: cannot be written ({why_not_written(error)}). Free some space and repeat the same command: it goes on from the "
        "last checkpoint."
    )
