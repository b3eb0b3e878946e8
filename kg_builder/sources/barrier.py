"""Genetic barrier derived from a scoring algorithm: the least number of mutations that reach its highest level."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from kg_builder.sources.asi_rule import Group

#: Beyond this many the search stops: such a barrier is higher than any known determinant set.
MOST = 6

Mutation = tuple[int, str]


def least_mutations(groups: Sequence[Group], threshold: Decimal, *, most: int = MOST) -> int | None:
    """Return how many mutations, at different positions, are needed at least for a score of ``threshold``.

    Args:
        groups: groups of scored items of one drug; the highest matched item of a group counts, groups add up.
        threshold: lowest score of the level in question.
        most: number at which the search gives up.
    Returns:
        1 to ``most``; None if no such number reaches it.
    """
    places = sorted({c.position for group in groups for item in group for c in item.conditions})
    choices = {place: _choices(groups, place) for place in places}
    gains = {place: _gain(groups, place) for place in places}
    order = sorted(places, key=lambda p: (-gains[p], p))

    def reach(start: int, left: int, chosen: tuple[Mutation, ...]) -> bool:
        score = _score(groups, dict(chosen))
        if score >= threshold:
            return True
        if left == 0 or score + sum(gains[p] for p in order[start : start + left]) < threshold:
            return False
        return any(
            reach(index + 1, left - 1, (*chosen, (order[index], residue)))
            for index in range(start, len(order))
            for residue in choices[order[index]]
        )

    return next((count for count in range(1, most + 1) if reach(0, count, ())), None)


def _score(groups: Sequence[Group], mutations: dict[int, str]) -> Decimal:
    total = Decimal(0)
    for group in groups:
        matched = [
            item.score for item in group if all(mutations.get(c.position, "-") in c.residues for c in item.conditions)
        ]
        total += max(matched, default=Decimal(0))
    return total


def _choices(groups: Sequence[Group], place: int) -> list[str]:
    """Return one residue for each way in which residues of a position take part in the items."""
    found: dict[tuple[tuple[int, int], ...], str] = {}
    conditions = [
        (g, i, c.residues)
        for g, group in enumerate(groups)
        for i, item in enumerate(group)
        for c in item.conditions
        if c.position == place
    ]
    for residue in sorted({r for _, _, residues in conditions for r in residues}):
        found.setdefault(tuple((g, i) for g, i, residues in conditions if residue in residues), residue)
    return list(found.values())


def _gain(groups: Sequence[Group], place: int) -> Decimal:
    """Return the most that a mutation at a position can add.

    In each group that it takes part in: from the lowest score there, or nought, to the highest of its items.
    """
    gain = Decimal(0)
    for group in groups:
        own = [item.score for item in group if any(c.position == place for c in item.conditions)]
        if own:
            gain += max(Decimal(0), *own) - min(Decimal(0), *(item.score for item in group))
    return gain
