"""What every network here derives from: it writes itself into a folder and is read from it again, as diffusers' networks are.

diffusers is imported without torch's compiler. diffusers marks its attention for that compiler, which nothing here uses, and
importing it takes longer than importing torch; diffusers does without where it is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_COMPILER = "torch._dynamo"


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Importing torch's compiler fails meanwhile, unless somebody has it already."""
    there = _COMPILER in sys.modules
    if not there:
        sys.modules[_COMPILER] = None  # type: ignore[assignment]  # what Python's import system takes as "not to be found"
    try:
        yield
    finally:
        if not there:
            del sys.modules[_COMPILER]


with _without_compiler():
    from diffusers import ModelMixin
    from diffusers.configuration_utils import ConfigMixin, register_to_config
    from diffusers.models.modeling_utils import no_init_weights
    from diffusers.utils import logging

__all__ = ["KeptNetwork", "logging", "register_to_config", "shapes_alone"]


class KeptNetwork(ModelMixin, ConfigMixin):
    """A network whose constructor's arguments (``register_to_config``) are kept as config.json beside its weights.

    Where it lies and how it is moved are plain torch: diffusers first asks its hooks for offloading, of which there are none,
    and imports them all for it, the compiler with them.
    """

    to: Any = nn.Module.to

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        weight: Tensor = next(self.parameters())
        return weight.device


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Networks that are built meanwhile have shapes and no weights.

    Nothing is filled, which takes as long as building does without weights too, and for normal numbers torch imports its compiler.
    """
    with torch.device("meta"), no_init_weights():
        yield
