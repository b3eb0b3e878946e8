"""The barrier derived from scores is the least number of mutations, found by trying them all."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from kg_builder.sources.asi_rule import Group, Item, Residues
from kg_builder.sources.barrier import least_mutations

CONDITION = st.builds(Residues, st.integers(1, 4), st.sampled_from(["A", "C", "AC", "d", "Ad"]))
ITEM = st.builds(
    Item,
    st.lists(CONDITION, min_size=1, max_size=3, unique_by=lambda c: c.position).map(tuple),
    st.sampled_from([-10, 5, 10, 15, 30, 60]).map(Decimal),
)
GROUPS = st.lists(st.lists(ITEM, min_size=1, max_size=3).map(tuple), min_size=1, max_size=5)


def try_all(groups: list[Group], threshold: Decimal) -> int | None:
    for count in range(1, 5):
        for places in combinations(range(1, 5), count):
            for residues in product("ACd", repeat=count):
                chosen = dict(zip(places, residues, strict=True))
                total = sum(
                    max(
                        (
                            i.score
                            for i in group
                            if all(chosen.get(c.position, "?") in c.residues for c in i.conditions)
                        ),
                        default=Decimal(0),
                    )
                    for group in groups
                )
                if total >= threshold:
                    return count
    return None


@given(GROUPS, st.sampled_from([15, 30, 60, 75]))
def test_it_equals_trying_all_sets(groups: list[Group], threshold: int) -> None:
    assert least_mutations(groups, Decimal(threshold)) == try_all(groups, Decimal(threshold))


def test_one_position_holds_one_residue() -> None:
    groups = [(Item((Residues(1, "A"),), Decimal(30)),), (Item((Residues(1, "C"),), Decimal(30)),)]
    assert least_mutations(groups, Decimal(60)) is None
