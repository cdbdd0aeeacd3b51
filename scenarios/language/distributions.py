"""Named parameters of a logical scenario: the distributions of ``vary``."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag, model_validator

from drivesim.scenarios.language.base import Model, single_key
from drivesim.scenarios.language.units import UnitError, parse_any, shown
from drivesim.scenarios.language.values import PlainValue, complain

Value = float | str


def sample_value(value: Any) -> Value:
    """A value a parameter may take: a quantity in SI, or a word. Raises a pydantic error."""
    if isinstance(value, str):
        try:
            return parse_any(value)[0]
        except UnitError as error:
            if error.code == "DS026":
                raise complain(error.code, str(error)) from None
            return value
    return _quantity(value)


def _quantity(value: Any) -> float:
    try:
        return parse_any(value)[0]
    except UnitError as error:
        raise complain(error.code, str(error)) from None


class _Bounds(PlainValue):
    def validate(self, value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise complain("DS032", f"{shown(value)} is not a range. Use [low, high], as [20 m, 40 m].")
        low, high = (_quantity(item) for item in value)
        units = {parse_any(item)[1] for item in value} - {None}
        if len(units) > 1:
            raise complain("DS032", f"the range mixes units of {' and '.join(sorted(map(str, units)))}. Use one.")
        if low >= high:
            raise complain("DS032", f"the range [{low:g}, {high:g}] is empty. Write the smaller number first.")
        return (low, high)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 2}


class _AnyNumber(PlainValue):
    def validate(self, value: Any) -> Any:
        return _quantity(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["number", "string"]}


class _Options(PlainValue):
    """Values to choose from: a list, or a mapping from value to weight."""

    weighted = True

    def validate(self, value: Any) -> Any:
        if isinstance(value, Mapping) and self.weighted:
            options: Any = {sample_value(key): _quantity(weight) for key, weight in value.items()}
            if any(weight < 0 for weight in options.values()) or not sum(options.values()) > 0:
                raise complain("DS032", "weights must be zero or more, and not all zero.")
        elif isinstance(value, list | tuple):
            options = tuple(sample_value(item) for item in value)
            if len(set(options)) < len(options):
                raise complain("DS032", "a value is listed twice. Keep one, or give it a weight: {value: 2}.")
        else:
            kind = "list or a mapping from value to weight" if self.weighted else "list"
            raise complain("DS032", f"{shown(value)} is not a {kind}. Use [a, b].")
        if len(options) == 0:
            raise complain("DS032", "the list of values is empty. Give at least one.")
        if len(options) > 1000:
            raise complain("DS032", f"{len(options)} values are too many. Use at most 1000.")
        return options

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["array", "object"] if self.weighted else "array"}


class _Listed(_Options):
    weighted = False


Bounds = Annotated[tuple[float, float], _Bounds()]


class Uniform(Model):
    """Evenly between two bounds."""

    uniform: Bounds

    def quantile(self, share: float) -> Value:
        """The value below which ``share`` (0-1) of the draws fall."""
        low, high = self.uniform
        return low + share * (high - low)


class NormalParameters(Model):
    """Mean, standard deviation, and bounds beyond which draws are cut."""

    mean: Annotated[float, _AnyNumber()]
    std: Annotated[float, _AnyNumber()]
    clip: Bounds | None = None

    @model_validator(mode="after")
    def _positive(self) -> NormalParameters:
        if self.std <= 0:
            raise complain("DS032", f"std is {self.std:g}; it must be above 0.")
        return self


class Normal(Model):
    """Normally distributed, cut (not piled up) at ``clip``."""

    normal: NormalParameters

    def quantile(self, share: float) -> Value:
        """The value below which ``share`` (0-1) of the draws fall."""
        normal = statistics.NormalDist(self.normal.mean, self.normal.std)
        low, high = (0.0, 1.0) if self.normal.clip is None else (normal.cdf(bound) for bound in self.normal.clip)
        inside = min(max(low + share * (high - low), 1e-9), 1.0 - 1e-9)
        value = normal.inv_cdf(inside)
        return value if self.normal.clip is None else min(max(value, self.normal.clip[0]), self.normal.clip[1])


class Choice(Model):
    """One of several values, by weight."""

    choice: Annotated[dict[Value, float] | tuple[Value, ...], _Options()]

    def quantile(self, share: float) -> Value:
        """The option that holds ``share`` (0-1) of the summed weights, in the order written."""
        options = self.choice if isinstance(self.choice, dict) else dict.fromkeys(self.choice, 1.0)
        total = math.fsum(options.values())
        reached = 0.0
        for value, weight in options.items():
            reached += weight / total
            if share < reached:
                return value
        return next(value for value, weight in reversed(options.items()) if weight > 0)


class Grid(Model):
    """Each of several values in turn."""

    grid: Annotated[tuple[Value, ...], _Listed()]

    def quantile(self, share: float) -> Value:
        """The value at ``share`` (0-1) of the list."""
        return self.grid[min(int(share * len(self.grid)), len(self.grid) - 1)]


Distribution = Annotated[
    Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Grid, Tag("grid")],
    Discriminator(single_key),
]
AnyDistribution = Uniform | Normal | Choice | Grid


def listed_values(distribution: AnyDistribution) -> tuple[Value, ...] | None:
    """The values of a choice or grid, None for a continuous distribution."""
    if isinstance(distribution, Grid):
        return distribution.grid
    return tuple(distribution.choice) if isinstance(distribution, Choice) else None
