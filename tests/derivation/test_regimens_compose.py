"""Composition and order by themselves, against brute force on small formularies."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.derivation.compose import Candidate, Composer, Demand
from kg_builder.derivation.pareto import GROUPS, MEASURES, UNKNOWN, USUAL, find_front, read_priorities

NAMES = "abcdefgh"
Pattern = tuple[list[Demand], list[Candidate], set[frozenset[str]]]


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """A small formulary, a pattern of one to three rows over it, and pairs that clash."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    some = st.frozensets(st.sampled_from("PQRS"), min_size=1, max_size=2)
    candidates = [
        Candidate(n, draw(st.booleans()) or draw(st.booleans()), draw(some), draw(some), draw(st.integers(0, 3)))
        for n in names
    ]
    demands = []
    for _ in range(draw(st.integers(1, 3))):
        least = draw(st.integers(0, 2))
        demands.append(
            Demand(
                "row",
                draw(st.frozensets(st.sampled_from(names), min_size=1)),
                least,
                draw(st.integers(max(least, 1), 4)),
                draw(st.sampled_from(["", "", "class", "mechanism"])),
                draw(st.sampled_from([0, 0, 2, 3])),
                draw(st.sampled_from([0, 0, 2])),
                draw(st.sampled_from(["", "", "retained", "active", "any"])),
            )
        )
    pairs = st.frozensets(st.sampled_from(names), min_size=2, max_size=2)
    clashes = set(draw(st.lists(pairs, max_size=2))) if len(names) > 1 else set()
    return demands, candidates, clashes


def meets(chosen: frozenset[str], demands: list[Demand], by_name: dict[str, Candidate]) -> bool:
    for demand in demands:
        active = [by_name[n] for n in chosen if n in demand.pool and by_name[n].is_active]
        classes = frozenset().union(*(c.classes for c in active))
        if len(active) < demand.at_least or len(classes) < demand.classes:
            return False
        if demand.barrier and not any(c.barrier >= demand.barrier for c in active):
            return False
    return True


def fits(chosen: frozenset[str], demands: list[Demand], by_name: dict[str, Candidate], clashes: Any) -> bool:
    for demand in demands:
        own = [by_name[n] for n in chosen if n in demand.pool]
        if len(own) > demand.at_most:
            return False
        for one, other in combinations(own, 2):
            if demand.distinct == "class" and one.classes & other.classes:
                return False
            if demand.distinct == "mechanism" and one.mechanisms & other.mechanisms:
                return False
    return not any(pair <= chosen for pair in clashes)


def brute_force(demands: list[Demand], candidates: list[Candidate], clashes: Any) -> set[frozenset[str]]:
    """Every set that satisfies the pattern and of which each member is needed, or is one that a row adds."""
    by_name = {c.name: c for c in candidates}

    def adds(name: str, *, also: bool) -> bool:
        """Whether a row adds a member; with ``also``, whether it may be a member at all."""
        is_active = by_name[name].is_active
        words = ("active", "any") if is_active else ("retained", "any")
        return any(name in d.pool and (d.adds in words or (also and is_active)) for d in demands)

    names = [c.name for c in candidates if adds(c.name, also=True)]
    subsets = (frozenset(s) for size in range(1, len(names) + 1) for s in combinations(names, size))
    return {
        s
        for s in subsets
        if fits(s, demands, by_name, clashes)
        and meets(s, demands, by_name)
        and all(adds(n, also=False) or not meets(s - {n}, demands, by_name) for n in s)
    }


@settings(deadline=None, max_examples=400)
@given(patterns())
def test_composition_equals_brute_force(pattern: Pattern) -> None:
    demands, candidates, clashes = pattern
    found = Composer(demands, candidates, clashes).compose()
    assert len(found) == len(set(map(frozenset, found)))
    assert set(map(frozenset, found)) == brute_force(demands, candidates, clashes)
    assert [len(one) for one in found] == sorted(len(one) for one in found), "the smallest first"


@settings(deadline=None, max_examples=100)
@given(patterns(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_rows_does_not_matter(pattern: Pattern, random: Any) -> None:
    demands, candidates, clashes = pattern
    found = set(map(frozenset, Composer(demands, candidates, clashes).compose()))
    random.shuffle(demands)
    random.shuffle(candidates)
    assert set(map(frozenset, Composer(demands, candidates, clashes).compose())) == found


@settings(deadline=None, max_examples=200)
@given(patterns(), st.frozensets(st.sampled_from("xyz")))
def test_what_cannot_be_met_says_what_is_lacking(pattern: Pattern, more: frozenset[str]) -> None:
    demands, candidates, clashes = pattern
    demands = [
        Demand(d.claim, d.pool | more, d.at_least, d.at_most, d.distinct, d.barrier, d.classes, d.adds) for d in demands
    ]
    composer = Composer(demands, candidates, clashes)
    if composer.compose():
        return
    given_, lacks, closest = composer.nearest([Candidate(name, is_active=False) for name in sorted(more)])
    by_name = {c.name: c for c in candidates}
    assert lacks or not any(d.at_least or d.barrier or d.classes for d in demands)
    assert fits(frozenset(given_), demands, by_name, clashes)
    assert set(closest) <= more
    assert all(lack.have < lack.need for lack in lacks if lack.kind != "together")


def test_a_pattern_is_filled_as_it_says() -> None:
    candidates = [
        Candidate("high", True, frozenset("A"), frozenset("m"), 3),
        Candidate("low", True, frozenset("B"), frozenset("n"), 1),
        Candidate("same", True, frozenset("A"), frozenset("m"), 3),
        Candidate("kept", False, frozenset("B"), frozenset("n"), 1),
    ]
    everyone = frozenset(c.name for c in candidates)
    whole = Demand("whole", everyone, 2, 4, barrier=3, classes=2)
    kept = Demand("kept", frozenset({"kept"}), 0, 1, adds="retained")
    assert Composer([whole], candidates).compose() == [("high", "low"), ("low", "same")]
    assert Composer([whole, kept], candidates).compose() == [
        ("high", "low"), ("low", "same"), ("high", "low", "kept"), ("low", "same", "kept")
    ]  # fmt: skip
    clash = {frozenset({"low", "same"})}
    assert Composer([whole], candidates, clash).compose() == [("high", "low")]
    three = Demand("three", everyone, 3, 4, distinct="mechanism")
    assert Composer([three], candidates).compose() == []
    found, (lack,), closest = Composer([three], candidates).nearest([Candidate("gone", is_active=False)])
    assert (len(found), lack.kind, lack.have, lack.need, closest) == (2, "members", 2, 3, [])


# --- Pareto front and priorities -------------------------------------------------------------------

NUMBERS = st.sampled_from([UNKNOWN, -3.0, -1.0, 0.0, 0.0333, 1.0, 2.0, 7.0])


@settings(deadline=None, max_examples=400)
@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.tuples(*[NUMBERS] * n), max_size=25)))
def test_the_front_equals_brute_force(vectors: list[tuple[float, ...]]) -> None:
    def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    expected = {v for v in vectors if not any(dominates(w, v) for w in vectors)}
    assert find_front(vectors) == expected


@given(st.permutations(list(range(6))).map(tuple))
def test_the_front_does_not_depend_on_order(order: tuple[int, ...]) -> None:
    vectors = [(0, 3), (1, 2), (2, 1), (3, 0), (2, 2), (3, 3)]
    assert find_front(vectors[i] for i in order) == set(vectors[:4])  # type: ignore[arg-type]


@given(st.lists(st.sampled_from([m.name for m in MEASURES]), unique=True), st.randoms(use_true_random=False))
def test_priorities_name_each_objective_once(names: list[str], random: Any) -> None:
    turned = {name for name in names if random.random() < 0.5}
    found = read_priorities([f"-{name}" if name in turned else name for name in names])
    assert sorted(found.order) == list(range(len(MEASURES)))
    assert [MEASURES[i].name for i in found.order[: len(names)]] == names
    assert {MEASURES[i].name for i in found.reversed} == turned
    rest = list(found.order[len(names) :])
    assert rest == sorted(rest), "what is not named keeps its usual order"


def test_a_reversed_objective_keeps_what_is_unknown_last() -> None:
    barrier = next(i for i, m in enumerate(MEASURES) if m.name == "barrier")
    zeros = [0.0] * len(MEASURES)
    high, low, unknown = ([*zeros[:barrier], value, *zeros[barrier + 1 :]] for value in (-3.0, -1.0, UNKNOWN))
    usual, turned = USUAL, read_priorities(["-barrier"])
    assert sorted([unknown, low, high], key=lambda v: usual.key(tuple(v))) == [high, low, unknown]
    assert sorted([unknown, low, high], key=lambda v: turned.key(tuple(v))) == [low, high, unknown]


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_group_stands_for_its_objectives(group: str) -> None:
    assert read_priorities([group]) == read_priorities(list(GROUPS[group]))
