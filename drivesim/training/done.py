"""done.json of a stage: how far it was trained and with which settings; written last, it says that the stage is finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from drivesim.errors import InputError
from drivesim.json_text import JsonFault, read_as
from drivesim.storage import write_atomic


@dataclass(frozen=True, kw_only=True)
class StageDone:
    """Weight updates made, samples drawn, and the settings of the recipe that decide both."""

    updates: int
    draws: int
    settings: dict[str, Any]

    @property
    def data_path(self) -> str:
        """The store that was learnt from."""
        return str(self.settings.get("data", {}).get("path", "unknown"))


_READER: TypeAdapter[StageDone] = TypeAdapter(StageDone)


def write_done(path: Path, done: StageDone) -> None:
    """Write the file whole or not at all."""
    write_atomic(path, json.dumps(asdict(done), indent=1))


def read_done(path: Path) -> StageDone | None:
    """What is known of a finished stage, None while it is not finished. Raises InputError for a damaged file."""
    if not path.exists():
        return None
    try:
        return read_as(_READER, path.read_bytes())
    except JsonFault as error:
        raise InputError(
            f"{path} is damaged ({error}). Remove it: the stage then goes on from its last checkpoint."
        ) from error
