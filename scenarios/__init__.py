"""Scenarios: the language (YAML and Python), its checks, and their expansion into scenes by traffic behaviour."""

from drivesim.scenarios.checks.messages import CheckReport, Problem, ScenarioError
from drivesim.scenarios.checks.scenario import check_scenario
from drivesim.scenarios.concrete import ConcreteScenario
from drivesim.scenarios.language.builder import (
    after,
    brake,
    choice,
    collision,
    distance_to_ego,
    drac,
    gap,
    grid,
    lane_change,
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
from drivesim.scenarios.language.schema import Scenario
from drivesim.scenarios.language.units import deg, kmh
from drivesim.scenarios.load import check, check_text, load, loads

__all__ = [
    "CheckReport",
    "ConcreteScenario",
    "Problem",
    "Scenario",
    "ScenarioError",
    "after",
    "brake",
    "check",
    "check_scenario",
    "check_text",
    "choice",
    "collision",
    "deg",
    "distance_to_ego",
    "drac",
    "gap",
    "grid",
    "kmh",
    "lane_change",
    "load",
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
