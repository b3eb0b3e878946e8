"""What the build adds after reasoning: reflexive edges and which claim is narrower."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg_builder.knowledge import build_statements, derive_narrower, derive_reflexive
from kg_builder.knowledge.derive import implies
from kg_builder.knowledge.knowledge import Knowledge
from kg_builder.knowledge.statements import INFERRED, Statements
from kg_builder.knowledge.terms import node, sv
from kg_builder.vocabulary import compact

SIGNS = st.sampled_from(["<", "<=", "=", ">=", ">"])
LIMITS = st.integers(0, 4).map(Decimal)

Tables = dict[str, list[dict[str, str]]]
Load = Callable[[Tables], Knowledge]

#: What reasoning would add: drug → class → broader class, drug → role, alteration → pattern.
CLOSURE = [
    ("drug:efavirenz", "class:nnrti"),
    ("drug:efavirenz", "class:antiviral"),
    ("drug:etravirine", "class:nnrti"),
    ("drug:etravirine", "class:antiviral"),
    ("drug:dolutegravir", "class:antiviral"),
    ("class:nnrti", "class:antiviral"),
    ("drug:rifampicin", "role:inducer"),
    ("alteration:FLT3-D835Y", "alteration:flt3-d835"),
]


def statements_of(knowledge: Knowledge) -> Statements:
    assert knowledge.issues == []
    statements = build_statements(knowledge)
    rows = [(node(low), sv(predicate), node(high)) for low, high in CLOSURE for predicate in ("isKindOf", "reaches")]
    statements.extend(rows, INFERRED)
    return statements


def narrower(knowledge: Knowledge) -> set[tuple[str, str]]:
    statements = statements_of(knowledge)
    derive_reflexive(statements)
    count = derive_narrower(statements)
    found = [(a, b) for a, wider in statements.about(sv("narrowerThan")).items() for b in wider]
    assert count == len(found)
    return {(compact(a[1:-1]).removeprefix("claim:"), compact(b[1:-1]).removeprefix("claim:")) for a, b in found}


def claim(tables: Tables, table: str, slug: str, **cells: str) -> None:
    like = {k: v for k, v in tables["indications"][0].items() if k in ("source", "curator", "date")}
    tables.setdefault(table, []).append({"id": f"claim:{slug}", **like, **cells})
    tables[table].sort(key=lambda row: row["id"])


def test_each_term_reaches_itself(base: Tables, load: Load) -> None:
    statements = statements_of(load(base))
    count = derive_reflexive(statements)
    loops = [(subject, predicate) for subject, predicate, value in statements if subject == value]
    assert len(loops) == count
    assert {predicate for _, predicate in loops} == {sv("isKindOf"), sv("reaches")}
    subjects = {subject for subject, _ in loops}
    assert {node("drug:efavirenz"), node("alteration:RT-M4V")} <= subjects
    assert not any("/claim/" in subject or "/condition/" in subject for subject in subjects)


def test_exception_for_a_drug_is_narrower_than_the_rule_for_its_class(base: Tables, load: Load) -> None:
    pairs = narrower(load(base))
    assert ("x-dtg", "x-class") in pairs
    assert ("x-class", "x-dtg") not in pairs


def test_broader_in_one_role_is_not_narrower(base: Tables, load: Load) -> None:
    claim(base, "interactions", "x-nnrti", agent="NNRTI", precipitant="strong CYP3A4 inducer", effect="none")
    claim(base, "interactions", "x-rif", agent="antiviral", precipitant="rifampicin", effect="cautions")
    pairs = narrower(load(base))
    assert {("x-nnrti", "x-class"), ("x-rif", "x-class")} <= pairs
    assert ("x-nnrti", "x-rif") not in pairs
    assert ("x-rif", "x-nnrti") not in pairs


def test_sensitivity_overrides_resistance_by_the_same_marker_only(base: Tables, load: Load) -> None:
    pairs = narrower(load(base))
    assert ("s-etr", "r-nnrti") in pairs
    # E6K is another marker: being spared by M4V says nothing of it
    assert ("s-etr", "r-nnrti-2") not in pairs


def test_sensitivity_to_a_kind_of_the_marker_overrides(base: Tables, load: Load) -> None:
    base["resistances"][0]["conditions"] = "marker FLT3 D835 substitution"
    base["sensitivities"][0].update(agent="NNRTI", conditions="marker FLT3:D835Y; marker RT:M4V")
    pairs = narrower(load(base))
    assert ("s-etr", "r-nnrti") in pairs


@pytest.mark.parametrize(("agent", "expected"), [("etravirine", True), ("dolutegravir", False)])
def test_sensitivity_without_marker_holds_for_all(agent: str, expected: bool, base: Tables, load: Load) -> None:
    base["sensitivities"][0].update(agent=agent, conditions="")
    assert (("s-etr", "r-nnrti-2") in narrower(load(base))) is expected


def test_narrower_resistance_overrides_only_for_the_same_marker(base: Tables, load: Load) -> None:
    claim(base, "resistances", "r-efv", agent="efavirenz", degree="partial", conditions="marker RT:M4V")
    pairs = narrower(load(base))
    assert ("r-efv", "r-nnrti") in pairs
    assert ("r-efv", "r-nnrti-2") not in pairs


def test_sensitivity_overrides_intrinsic_and_cross_resistance(base: Tables, load: Load) -> None:
    base["sensitivities"][0]["conditions"] = ""
    claim(base, "intrinsic_resistances", "intrinsic", organism="Escherichia coli", agent="antiviral")
    claim(base, "cross_resistances", "cross", failed="efavirenz", agent="NNRTI", likelihood="expected")
    pairs = narrower(load(base))
    assert {("s-etr", "intrinsic"), ("s-etr", "cross")} <= pairs


@pytest.mark.parametrize(("favours", "expected"), [("no", False), ("yes", True)])
def test_a_harmless_marker_says_nothing_of_a_failed_relative(
    favours: str, expected: bool, base: Tables, load: Load
) -> None:
    """Only a marker that favours the drug overrides what no marker was asked for."""
    base["sensitivities"][0].update(conditions="marker RT:M4V", favours=favours)
    claim(base, "cross_resistances", "cross", failed="efavirenz", agent="NNRTI", likelihood="expected")
    pairs = narrower(load(base))
    assert (("s-etr", "cross") in pairs) is expected
    assert ("s-etr", "r-nnrti") in pairs


def test_constraints_override_only_for_the_same_reason(base: Tables, load: Load) -> None:
    reason = "contraindicated-organ-function"
    claim(base, "constraints", "c-organ", agent="antiviral", reason=reason, effect="excludes")
    claim(base, "constraints", "c-pregnancy", agent="antiviral", reason="pregnancy", effect="excludes")
    pairs = narrower(load(base))
    assert ("c-efv", "c-organ") in pairs
    assert ("c-efv", "c-pregnancy") not in pairs


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("", True),
        ("disease HIV", True),
        ("eGFR < 20 mL/min/1.73m2", True),
        ("eGFR < 30 mL/min/1.73m2; comorbidity CKD", True),
        ("eGFR < 60 mL/min/1.73m2", False),
        ("eGFR > 30 mL/min/1.73m2", False),
        ("comorbidity CKD", False),
        ("state pregnant", False),
    ],
)
def test_constraint_on_another_matter_is_not_overridden(
    conditions: str, expected: bool, base: Tables, load: Load
) -> None:
    reason = "contraindicated-organ-function"
    organ = "eGFR < 30 mL/min/1.73m2"
    claim(base, "constraints", "c-wide", agent="antiviral", reason=reason, effect="excludes", conditions=organ)
    base["constraints"][0]["conditions"] = conditions
    assert (("c-efv", "c-wide") in narrower(load(base))) is expected


def test_sensitivity_in_one_organism_does_not_override_resistance_by_a_marker(base: Tables, load: Load) -> None:
    base["sensitivities"][0]["conditions"] = "organism Escherichia coli"
    claim(base, "intrinsic_resistances", "intrinsic", organism="Escherichia coli", agent="antiviral")
    pairs = narrower(load(base))
    assert ("s-etr", "intrinsic") in pairs
    assert ("s-etr", "r-nnrti") not in pairs


@given(st.tuples(SIGNS, LIMITS), st.tuples(SIGNS, LIMITS))
def test_one_comparison_implies_another(one: tuple[str, Decimal], other: tuple[str, Decimal]) -> None:
    compare = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt}
    numbers = [Decimal(n) / 2 for n in range(-4, 13)]
    meeting = [n for n in numbers if compare[one[0]](n, one[1])]
    assert implies(one, other) == all(compare[other[0]](n, other[1]) for n in meeting)


def test_items_of_a_score_do_not_override_each_other(base: Tables, load: Load) -> None:
    claim(base, "scores", "s-2", code="EFV", group="5", score="10", conditions="marker RT:M4V")
    claim(base, "regimen_patterns", "g-2", disease="HIV", pick_from="NNRTI", at_least="1", at_most="1", pattern="two")
    assert not {p for pair in narrower(load(base)) for p in pair} & {"s-2", "s-efv", "g-2", "g-hiv"}
