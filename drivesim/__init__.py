"""drivesim: driving-scene simulation with a box-conditioned latent-diffusion world model.

Public names are imported when they are first used, so that ``import drivesim`` and ``drivesim --help`` stay quick.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# GNU OpenMP threads spin while they wait. As soon as another process wants the same cores, that costs a factor of 2 to
# 20. The variable is read once, when torch loads, so it has to be set before; a value set by the user stays.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

if TYPE_CHECKING:
    from drivesim.models import load_model
    from drivesim.scenarios import (
        Scenario,
        ScenarioError,
        after,
        brake,
        check,
        choice,
        collision,
        deg,
        distance_to_ego,
        drac,
        gap,
        grid,
        kmh,
        lane_change,
        loads,
        normal,
        pet,
        rain,
        snow,
        speed,
        thw,
        ttc,
        ttc_to_ego,
        uniform,
        walk_to,
    )
    from drivesim.scenarios.expand import expand
    from drivesim.scenarios.library import library
    from drivesim.scenarios.load import load

#: Public name and the module it comes from.
_EXPORTS: dict[str, str] = {
    "Scenario": "drivesim.scenarios",
    "ScenarioError": "drivesim.scenarios",
    "after": "drivesim.scenarios",
    "brake": "drivesim.scenarios",
    "check": "drivesim.scenarios",
    "choice": "drivesim.scenarios",
    "collision": "drivesim.scenarios",
    "deg": "drivesim.scenarios",
    "distance_to_ego": "drivesim.scenarios",
    "drac": "drivesim.scenarios",
    "expand": "drivesim.scenarios.expand",
    "gap": "drivesim.scenarios",
    "grid": "drivesim.scenarios",
    "kmh": "drivesim.scenarios",
    "lane_change": "drivesim.scenarios",
    "library": "drivesim.scenarios.library",
    "load": "drivesim.scenarios",
    "load_model": "drivesim.models",
    "loads": "drivesim.scenarios",
    "normal": "drivesim.scenarios",
    "pet": "drivesim.scenarios",
    "rain": "drivesim.scenarios",
    "snow": "drivesim.scenarios",
    "speed": "drivesim.scenarios",
    "thw": "drivesim.scenarios",
    "ttc": "drivesim.scenarios",
    "ttc_to_ego": "drivesim.scenarios",
    "uniform": "drivesim.scenarios",
    "walk_to": "drivesim.scenarios",
}

__all__ = [
    "Scenario",
    "ScenarioError",
    "__version__",
    "after",
    "brake",
    "check",
    "choice",
    "collision",
    "deg",
    "distance_to_ego",
    "drac",
    "expand",
    "gap",
    "grid",
    "kmh",
    "lane_change",
    "library",
    "load",
    "load_model",
    "loads",
    "normal",
    "pet",
    "rain",
    "snow",
    "speed",
    "thw",
    "ttc",
    "ttc_to_ego",
    "uniform",
    "walk_to",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'drivesim' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
