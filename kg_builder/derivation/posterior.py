"""Proportions from counts: Beta posteriors with their intervals, and what a whole empirical regimen covers.

The prior is uniform, so that ``resistant`` of ``tested`` isolates leave a Beta(1 + resistant, 1 + susceptible). What a
regimen covers is the probability that one of its drugs at least is active, resistance to each being independent of the
others, as in a weighted-incidence syndromic combination antibiogram (Hebert et al., Infection Control and Hospital
Epidemiology 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

LEVEL = 0.95
#: Evenly spread quantiles that stand for a distribution.
POINTS = 201


@dataclass(frozen=True, slots=True)
class Proportion:
    """A proportion, 0 to 1, with the interval that holds it with a probability of 95 %; one point if it is given."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it in per cent.

        >>> str(Proportion(0.25, 0.1, 0.4)), str(Proportion(0.2, 0.2, 0.2))
        ('25 % (95 % interval 10 to 40 %)', '20 %')
        """
        mean, low, high = (f"{100 * one:.0f}" for one in (self.mean, self.low, self.high))
        return f"{mean} %" if self.low == self.high else f"{mean} % (95 % interval {low} to {high} %)"


@dataclass(frozen=True, slots=True)
class Resistance:
    """Local resistance to one drug: counts, or a fraction that is taken as it is.

    Attributes:
        resistant: isolates that were resistant.
        tested: isolates that were tested; 0 where only a fraction is known.
        fraction: proportion, 0 to 1, where there are no counts.
    """

    resistant: int = 0
    tested: int = 0
    fraction: float = 0.0

    @property
    def mean(self) -> float:
        """Posterior mean.

        >>> Resistance(1, 8).mean
        0.2
        """
        return (self.resistant + 1) / (self.tested + 2) if self.tested else self.fraction

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return the proportions below which the posterior has these shares of its mass."""
        if not self.tested:
            return [self.fraction] * len(shares)
        from scipy.special import betaincinv  # type: ignore[import-untyped]

        below, above = self.resistant + 1, self.tested - self.resistant + 1
        return [float(betaincinv(below, above, share)) for share in shares]

    def proportion(self) -> Proportion:
        """Return posterior mean and interval."""
        low, high = self.quantiles([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Proportion(self.mean, low, high)


def cover(drugs: Sequence[Resistance]) -> Proportion:
    """Return the probability that one drug at least is active, with its interval.

    The mean is exact. The interval comes from combinations of evenly spread quantiles, without chance, so that it is
    the same each time.

    Raises:
        ValueError: without any drug.
    """
    if not drugs:
        raise ValueError("a regimen without drugs covers nothing")
    shares = [(i + 0.5) / POINTS for i in range(POINTS)]
    missed = [1.0]
    for drug in drugs:
        spread = drug.quantiles(shares) if drug.tested else [drug.fraction]
        missed = _thin(sorted(one * other for one, other in product(missed, spread)))
    low, high = (1 - _at(missed, share) for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2))
    return Proportion(1 - prod(one.mean for one in drugs), low, high)


def _thin(values: list[float]) -> list[float]:
    """Return evenly spread quantiles of many sorted values, so that the next drug does not multiply them all."""
    if len(values) <= POINTS:
        return values
    return [_at(values, (i + 0.5) / POINTS) for i in range(POINTS)]


def _at(values: list[float], share: float) -> float:
    """Return a quantile of sorted values, each standing for an equal share, between neighbours in proportion."""
    place = min(max(share * len(values) - 0.5, 0), len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
