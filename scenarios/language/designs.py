"""Designs: which values the parameters of a logical scenario take in each of its variations.

A design is a pure function of its fields. Where conditions are to be met, variation k is the k-th point of the underlying
design that meets them.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivesim.errors import InputError
from drivesim.scenarios.language.constraints import is_met
from drivesim.scenarios.language.distributions import AnyDistribution, Value, listed_values
from drivesim.scenarios.language.sobol import MAX_DIMENSIONS, sobol

#: Points that are looked at before a share below 1 in _LEAST_SHARE ends the search.
_FIRST_LOOK, _LEAST_SHARE = 4096, 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """``count`` variations of ``vary`` that meet ``where``, by ``method`` grid, sobol, latin, halton or random.

    Parameters are taken in order of their names, so that their order in a file does not matter. Sobol: Joe and Kuo 2008
    direction numbers, randomly shifted; latin: McKay et al. 1979; halton: Halton 1960. Conditions thin these out: what is left
    fills the allowed part evenly, but is no whole sobol net or latin square of it.
    """

    vary: Mapping[str, AnyDistribution]
    method: str
    seed: int
    name: str
    count: int
    where: tuple[str, ...] = ()
    _met: list[int] = field(default_factory=list, init=False, repr=False)

    @property
    def size(self) -> int:
        """How many variations there are: those of the full grid that meet the conditions, those asked for, or 1 when nothing varies."""
        if not self.vary:
            return 1
        return len(self._grid) if self.method == "grid" else self.count

    def values(self, variation: int) -> dict[str, Value]:
        """Values (SI) of all parameters in a variation. Raises InputError where too few points meet the conditions."""
        if not self.vary:
            return {}
        if self.method == "grid":
            if not self._grid:
                raise InputError(self.too_little())
            return dict(self._grid[variation % len(self._grid)])
        if not self.where:
            return self.point(variation)
        while len(self._met) <= variation:
            self._look_further()
        return self.point(self._met[variation])

    def shortage(self) -> str | None:
        """Why there are not as many variations as asked for, or None where there are."""
        try:
            self.values(max(self.size, 1) - 1)
        except InputError as error:
            return str(error)
        return None

    def point(self, index: int) -> dict[str, Value]:
        """Point ``index`` of the underlying design, whatever the conditions (not of a grid)."""
        names = sorted(self.vary)
        key = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")
        shares = _shares(self.method, np.random.SeedSequence([self.seed, key]), len(names), index, self.count)
        return {name: self.vary[name].quantile(share) for name, share in zip(names, shares, strict=True)}

    def meets(self, values: Mapping[str, Value]) -> bool:
        """Whether values of all parameters meet the conditions."""
        return all(is_met(text, values) for text in self.where)

    def too_little(self, looked_at: int | None = None) -> str:
        """What to say where the conditions leave too little."""
        conditions = " and ".join(f"'{text}'" for text in self.where)
        if looked_at is None:
            return f"no combination of the grid meets {conditions}. Loosen 'where', or widen 'vary'."
        return (
            f"{conditions}: {len(self._met)} of {looked_at} points of the design meet this, {self.count} variations are to be "
            "found. Loosen 'where', or narrow the ranges in 'vary' to what it allows."
        )

    @functools.cached_property
    def _grid(self) -> list[dict[str, Value]]:
        """The combinations of a full grid that meet the conditions; a continuous parameter stays at its median."""
        names = sorted(self.vary)
        lists = [listed_values(self.vary[name]) or (self.vary[name].quantile(0.5),) for name in names]
        every = (dict(zip(names, values, strict=True)) for values in itertools.product(*lists))
        return [values for values in every if self.meets(values)]

    def _look_further(self) -> None:
        """Find the next point that meets the conditions."""
        index = self._met[-1] + 1 if self._met else 0
        while not self.meets(self.point(index)):
            index += 1
            if index >= _FIRST_LOOK and index > _LEAST_SHARE * (len(self._met) + 1):
                raise InputError(self.too_little(index))
        self._met.append(index)


class _Vary(dict[str, AnyDistribution]):
    """Distributions by name that can key a cache; the order of options counts, as shares are handed out in it."""

    def __init__(self, vary: Mapping[str, AnyDistribution]) -> None:
        super().__init__(vary)
        self._text = repr(sorted(vary.items(), key=lambda item: item[0]))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Vary) and self._text == other._text


def design_of(
    vary: Mapping[str, AnyDistribution], method: str, seed: int, name: str, count: int, where: tuple[str, ...]
) -> Design:
    """The design of these fields; it is kept, as it remembers which of its points meet the conditions."""
    return _kept(_Vary(vary), method, seed, name, count, where)


@functools.lru_cache(maxsize=256)
def _kept(vary: _Vary, method: str, seed: int, name: str, count: int, where: tuple[str, ...]) -> Design:
    return Design(vary=vary, method=method, seed=seed, name=name, count=count, where=where)


def grid_size(vary: Mapping[str, AnyDistribution]) -> int:
    """Number of combinations of a full grid over ``vary`` (continuous distributions count as one)."""
    return math.prod(len(listed_values(distribution) or (0,)) for distribution in vary.values())


def _shares(method: str, root: np.random.SeedSequence, dimensions: int, index: int, count: int) -> Sequence[float]:
    """Point ``index`` of a design in the unit cube."""
    rng = np.random.default_rng(root)
    if method == "latin":
        block, inside = divmod(index, count)
        rng = np.random.default_rng([*root.generate_state(4), block])
        cells = np.stack([rng.permutation(count) for _ in range(dimensions)])
        jitter = rng.random((dimensions, count))
        return [float(share) for share in (cells[:, inside] + jitter[:, inside]) / count]
    if method == "sobol" and dimensions <= MAX_DIMENSIONS:
        return [float(share) for share in (sobol(index, dimensions) + rng.random(dimensions)) % 1.0]
    if method == "halton":
        point = [_radical_inverse(index, prime) for prime in _primes(dimensions)]
        return [float(share) for share in (np.array(point) + rng.random(dimensions)) % 1.0]
    rng = np.random.default_rng([*root.generate_state(4), index])
    return [float(share) for share in rng.random(dimensions)]


def _radical_inverse(index: int, base: int) -> float:
    result, scale = 0.0, 1.0 / base
    while index:
        index, digit = divmod(index, base)
        result += digit * scale
        scale /= base
    return result


def _primes(count: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes
