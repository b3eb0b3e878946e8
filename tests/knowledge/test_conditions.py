"""The condition language: read, told at the character, and written back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.knowledge.conditions import (
    FACT_KINDS,
    Condition,
    FactCondition,
    NumberCondition,
    condition_id,
    describe,
)
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.knowledge import Knowledge

Tables = dict[str, list[dict[str, str]]]
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


@pytest.fixture
def knowledge(base: Tables, load: Callable[[Tables], Knowledge]) -> Knowledge:
    """The small knowledge base, with names that are hard to read."""
    base["terms"][0]["synonyms"] = "CKD|renal or hepatic failure"
    base["terms"].insert(1, {"id": "comorbidity:hepatic", "label": "hepatic failure; acute", "definition": "x"})
    loaded = load(base)
    assert loaded.issues == []
    return loaded


def test_all_of_several_conditions(knowledge: Knowledge) -> None:
    text = "marker FLT3-ITD or RT:M4I/V;not comorbidity renal or hepatic failure ; eGFR<30.50 mL/min/1.73m2"
    assert knowledge.resolution.conditions.read(text) == (
        FactCondition("marker", ("alteration:flt3-itd", "alteration:RT-M4I", "alteration:RT-M4V")),
        FactCondition("comorbidity", ("comorbidity:ckd",), is_negated=True),
        NumberCondition("parameter:egfr", "<", Decimal("30.50"), "mL/min/1.73m2"),
    )


def test_name_that_holds_or_is_taken_whole(knowledge: Knowledge) -> None:
    (condition,) = knowledge.resolution.conditions.read("comorbidity renal or hepatic failure or HIV-1 infection")
    assert condition == FactCondition("comorbidity", ("comorbidity:ckd", "disease:hiv"))


def test_unit_of_a_plain_number_may_be_left_out(knowledge: Knowledge) -> None:
    read = knowledge.resolution.conditions.read
    assert read("next line >= 2") == read("next line ≥ 2 1")


def test_equal_conditions_share_an_id(knowledge: Knowledge) -> None:
    read = knowledge.resolution.conditions.read
    assert condition_id(read("marker FLT3-ITD or RT:M4V")[0]) == condition_id(read("marker RT:M4V or FLT3-ITD")[0])
    assert condition_id(read("eGFR < 30 mL/min/1.73m2")[0]) == condition_id(read("eGFR < 30.0 mL/min/1.73m2")[0])
    assert condition_id(read("site pneumonia")[0]) != condition_id(read("not site pneumonia")[0])


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("site pneumonia; marker RT:M4X", "A007", 28),
        ("site pneumonia; marker FLT3-ITD or RT:M4X", "A007", 40),
        ("  site pnemonia", "T007", 7),
        ("not  failed pneumonia", "T022", 12),
        ("eGFR < 30 mL", "L008", 10),
        ("eGFR <", "L007", 6),
        ("not", "L004", 0),
        ("site pneumonia;", "L001", 14),
        ("hello", "L003", 0),
    ],
)
def test_fault_points_at_the_character(knowledge: Knowledge, text: str, code: str, at: int) -> None:
    with pytest.raises(Fault) as caught:
        knowledge.resolution.conditions.read(text)
    assert (caught.value.code, caught.value.at) == (code, at)


@given(st.text(max_size=40), st.sampled_from(["", "marker ", "not site ", "eGFR < ", "site pneumonia; "]))
@SHARED
def test_any_text_is_read_or_told(knowledge: Knowledge, text: str, head: str) -> None:
    try:
        knowledge.resolution.conditions.read(head + text)
    except Fault as fault:
        assert -1 <= fault.at <= len(head + text)


@given(st.data())
@SHARED
def test_conditions_are_read_back_from_their_words(knowledge: Knowledge, data: st.DataObject) -> None:
    index, reader = knowledge.index, knowledge.resolution.conditions
    kinds = {k: [c for group in groups for kind in group for c in index.ids(kind)] for k, groups in FACT_KINDS.items()}
    kinds["marker"] = [*kinds["marker"], "alteration:RT-M4V", "alteration:RT-E6stop", "alteration:FLT3-wild-type"]

    def label(curie: str) -> str:
        return index.label(curie) if curie in index else knowledge.resolution.alterations.read(curie)[0].label

    facts = st.sampled_from(sorted(k for k, terms in kinds.items() if terms)).flatmap(
        lambda kind: st.builds(
            FactCondition,
            st.just(kind),
            st.lists(st.sampled_from(kinds[kind]), min_size=1, max_size=3, unique=True).map(tuple),
            st.booleans(),
        )
    )
    numbers = st.builds(
        NumberCondition,
        st.just("parameter:egfr"),
        st.sampled_from(["<", "<=", "=", ">=", ">"]),
        st.decimals(0, 300, places=3),
        st.just("mL/min/1.73m2"),
    )
    conditions: list[Condition] = data.draw(
        st.lists(st.one_of(facts, numbers), min_size=1, max_size=4, unique_by=lambda c: c.canonical)
    )
    text = "; ".join(describe(c, label, index) for c in conditions)
    assert [c.canonical for c in reader.read(text)] == [c.canonical for c in conditions]
