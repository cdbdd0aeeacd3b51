"""The common ground of all schema models: frozen, no unknown keys, one key chooses among alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen part of a scenario; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def single_key(value: Any) -> str | None:
    """The one key of ``{lane_change: …}``, which tells the alternative; None when there are none or several."""
    if isinstance(value, BaseModel):
        return next(iter(type(value).model_fields))
    return str(next(iter(value))) if isinstance(value, Mapping) and len(value) == 1 else None
