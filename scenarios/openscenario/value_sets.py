"""Files of parameter values: which sets of values a scenario file is to be read with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from drivesim.errors import InputError
from drivesim.scenarios.openscenario.document import Element
from drivesim.scenarios.openscenario.expressions import Parameters

MOST_VARIATIONS = 200
_NOTHING = Parameters()


def value_sets(distribution: Element) -> Iterator[dict[str, str]]:
    """The sets of values of a <ParameterValueDistribution>: all combinations of its deterministic distributions.

    Raises InputError for stochastic ones, and for more than MOST_VARIATIONS combinations.
    """
    deterministic = distribution.child("Deterministic")
    if deterministic is None:
        raise InputError(
            f"{distribution.where}: only <Deterministic> values are read; stochastic ones belong into 'vary'."
        )
    options = [_options(one) for one in deterministic.children]
    total = math.prod(len(values) for values in options)
    if not 1 <= total <= MOST_VARIATIONS:
        raise InputError(f"{deterministic.where}: {total} combinations of values; 1 to {MOST_VARIATIONS} are read.")
    for chosen in itertools.product(*options):
        merged: dict[str, str] = {}
        for values in chosen:
            merged |= values
        yield {name: _NOTHING.resolve(value, deterministic.where) for name, value in merged.items()}


def _options(one: Element) -> list[dict[str, str]]:
    """What one distribution offers: the values of its parameters, together where it sets several."""
    one.read = True
    if one.tag == "DeterministicSingleParameterDistribution":
        name = one.attributes.get("parameterName", "")
        return [{name: value} for value in _single(one)]
    if one.tag == "DeterministicMultiParameterDistribution":
        return [
            {a.attributes.get("parameterRef", "").lstrip("$"): a.attributes.get("value", "") for a in values.all("ParameterAssignment")}
            for values in one.need("ValueSetDistribution").all("ParameterValueSet")
        ]  # fmt: skip
    raise InputError(
        f"{one.where}: of <{one.tag}> nothing is read; single parameters with a <DistributionSet> or a <DistributionRange>, and "
        "several with a <ValueSetDistribution> are."
    )


def _single(one: Element) -> list[str]:
    listed, ranged = one.child("DistributionSet"), one.child("DistributionRange")
    if listed is not None:
        return [element.attributes.get("value", "") for element in listed.all("Element")]
    if ranged is None:
        raise InputError(f"{one.where}: <{one.tag}> has neither a <DistributionSet> nor a <DistributionRange>.")
    step, limits = _NOTHING.number(ranged, "stepWidth"), ranged.need("Range")
    low, high = _NOTHING.number(limits, "lowerLimit"), _NOTHING.number(limits, "upperLimit")
    if step <= 0.0 or high < low or (high - low) / step > MOST_VARIATIONS:
        raise InputError(
            f"{ranged.where}: {low:g} to {high:g} in steps of {step:g}; expected a step above 0 and at most {MOST_VARIATIONS} values."
        )
    # Half a thousandth of a step more, so that an upper limit that is meant to be met is met.
    return [f"{value:.10g}" for value in np.arange(low, high + 5e-4 * step, step)]
