"""Runs a function as somebody whom permissions bind: root may read and write everything, so as root they test nothing."""

from __future__ import annotations

import ctypes
import json
import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest

_VERSION, _DAC_OVERRIDE, _DAC_READ_SEARCH = 0x20080522, 1, 2


def unprivileged(work: Callable[[], Any]) -> Any:
    """What ``work`` returns (values that JSON has), called in a forked process without root's right to pass over permissions."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _give_up_rights()
            said = {"value": work()}
        except BaseException:
            said = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w") as stream:
            json.dump(said, stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        found = json.load(stream)
    os.waitpid(child, 0)
    if "cannot give up" in found.get("error", ""):
        pytest.skip("this system has no capabilities to give up, and root may do everything")
    assert "error" not in found, found["error"]
    return found["value"]


def _give_up_rights() -> None:
    """Linux: capabilities(7), without which a file of mode 0 is closed to root too."""
    if os.geteuid() != 0:
        return
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    library = ctypes.CDLL(None)
    if not hasattr(library, "capget") or library.capget(header, sets):
        raise OSError("cannot give up rights")
    for index in range(3):  # effective, permitted, inheritable: the lower 32 of each
        sets[index] &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    if library.capset(header, sets):
        raise OSError("cannot give up rights")
