"""drivesim: driving-scene simulation with a box-conditioned latent-diffusion world model.

``import drivesim as ds`` gives everything that docs/python.md lists. Names are imported when they are first used, so that
``import drivesim`` and ``drivesim --help`` stay quick.
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
    from drivesim.errors import DriveSimError as DriveSimError
    from drivesim.errors import InputError as InputError
    from drivesim.errors import ModelError as ModelError
    from drivesim.evidence.ranking import Ranking as Ranking
    from drivesim.evidence.ranking import rank as rank
    from drivesim.exports.run import export_run as export_run
    from drivesim.models import load_model as load_model
    from drivesim.replay import replay as replay
    from drivesim.runs.rows import FutureRow as FutureRow
    from drivesim.runs.rows import read_rows as read_rows
    from drivesim.scenarios import Scenario as Scenario
    from drivesim.scenarios import ScenarioError as ScenarioError
    from drivesim.scenarios import after as after
    from drivesim.scenarios import brake as brake
    from drivesim.scenarios import check as check
    from drivesim.scenarios import choice as choice
    from drivesim.scenarios import collision as collision
    from drivesim.scenarios import deg as deg
    from drivesim.scenarios import distance_to_ego as distance_to_ego
    from drivesim.scenarios import drac as drac
    from drivesim.scenarios import follow as follow
    from drivesim.scenarios import gap as gap
    from drivesim.scenarios import gap_to_ego as gap_to_ego
    from drivesim.scenarios import grid as grid
    from drivesim.scenarios import junction as junction
    from drivesim.scenarios import kmh as kmh
    from drivesim.scenarios import lane_change as lane_change
    from drivesim.scenarios import loads as loads
    from drivesim.scenarios import meets as meets
    from drivesim.scenarios import normal as normal
    from drivesim.scenarios import off_road as off_road
    from drivesim.scenarios import open_door as open_door
    from drivesim.scenarios import pet as pet
    from drivesim.scenarios import rain as rain
    from drivesim.scenarios import reverse as reverse
    from drivesim.scenarios import snow as snow
    from drivesim.scenarios import speed as speed
    from drivesim.scenarios import stop as stop
    from drivesim.scenarios import thw as thw
    from drivesim.scenarios import ttc as ttc
    from drivesim.scenarios import ttc_to as ttc_to
    from drivesim.scenarios import ttc_to_ego as ttc_to_ego
    from drivesim.scenarios import turn as turn
    from drivesim.scenarios import uniform as uniform
    from drivesim.scenarios import walk_to as walk_to
    from drivesim.scenarios.expand import expand as expand
    from drivesim.scenarios.library import find as find
    from drivesim.scenarios.library import library as library
    from drivesim.scenarios.load import load as load
    from drivesim.scenarios.suite import Suite as Suite
    from drivesim.scenarios.suite import load_suite as load_suite
    from drivesim.simulate import Future as Future
    from drivesim.simulate import Options as Options
    from drivesim.simulate import Piece as Piece
    from drivesim.simulate import Plan as Plan
    from drivesim.simulate import branch as branch
    from drivesim.simulate import futures as futures
    from drivesim.simulate import generate as generate
    from drivesim.simulate import open_run as open_run
    from drivesim.simulate import plan as plan
    from drivesim.simulate import rollout as rollout
    from drivesim.simulate import start_frame as start_frame
    from drivesim.sweeps.run import sweep as sweep
    from drivesim.sweeps.task import SweepSettings as SweepSettings

_NAMES_OF = {
    "drivesim.errors": "DriveSimError InputError ModelError",
    "drivesim.evidence.ranking": "Ranking rank",
    "drivesim.exports.run": "export_run",
    "drivesim.models": "load_model",
    "drivesim.runs.rows": "FutureRow read_rows",
    "drivesim.replay": "replay",
    "drivesim.scenarios": "Scenario ScenarioError check load loads after brake choice collision deg distance_to_ego drac follow "
    "gap gap_to_ego grid junction kmh lane_change meets normal off_road open_door pet rain reverse snow speed stop thw ttc ttc_to ttc_to_ego turn uniform walk_to",
    "drivesim.scenarios.expand": "expand",
    "drivesim.scenarios.library": "find library",
    "drivesim.scenarios.suite": "Suite load_suite",
    "drivesim.simulate": "Future Options Piece Plan branch futures generate open_run plan rollout start_frame",
    "drivesim.sweeps.run": "sweep",
    "drivesim.sweeps.task": "SweepSettings",
}
_MODULE_OF = {name: module for module, names in _NAMES_OF.items() for name in names.split()}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'drivesim' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
