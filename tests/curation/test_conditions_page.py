"""docs/conditions.md says what the reader of conditions and the checks do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kg_builder.knowledge import Knowledge, check, load_knowledge
from kg_builder.knowledge.columns import describe_columns
from kg_builder.knowledge.conditions import FACT_KINDS, FactCondition, describe
from kg_builder.knowledge.rows import TABLES, ClaimRow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conditions.md").read_text(encoding="utf-8")
KINDS = re.findall(r"^\| `(\w+)` \| .+ \| `(.+)` \|$", PAGE.partition("\n- ")[0], re.M)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(ROOT / "ontology" / "knowledge")


def test_the_page_names_each_kind_once() -> None:
    assert [kind for kind, _ in KINDS] == list(FACT_KINDS)


@pytest.mark.parametrize(("kind", "example"), KINDS)
def test_examples_are_read_and_told_back(knowledge: Knowledge, kind: str, example: str) -> None:
    reader, index = knowledge.resolution.conditions, knowledge.index
    [condition] = reader.read(example)
    assert isinstance(condition, FactCondition)
    assert condition.kind == kind
    assert condition.is_negated == example.startswith("not ")
    [again] = reader.read(describe(condition, index.label, index))
    assert again.canonical == condition.canonical


@pytest.mark.parametrize("example", ["eGFR < 30 mL/min/1.73m2", "CD4 count < 100 cells/uL", "age >= 65 a", "ECOG <= 2"])
def test_numbers_of_the_page_are_read(knowledge: Knowledge, example: str) -> None:
    assert f"`{example}`" in PAGE
    [condition] = knowledge.resolution.conditions.read(example)
    assert describe(condition, knowledge.index.label) == example


def test_the_page_says_who_may_ask_what() -> None:
    rows = dict(
        re.findall(r"^\| (`.+`) \| (.+) \|$", PAGE.partition("## Who may")[2].partition("## Shorthand")[0], re.M)
    )
    early, late = (set(re.findall(r"`(\w+)`", tables)) for tables in list(rows)[:2])
    classes = {table: model.claim_class for table, model in TABLES.items() if issubclass(model, ClaimRow)}
    assert early == {table for table, name in classes.items() if name in check._PHASE_1}
    assert late == {table for table, name in classes.items() if name in check._PHASE_3}


def test_the_page_names_the_shorthand_columns() -> None:
    text = PAGE.partition("## Shorthand columns")[2]
    said = {
        (table, column)
        for column, tables in re.findall(r"^\| `(\w+)` \| (`.+?`) \| ", text, re.M)
        for table in re.findall(r"`(\w+)`", tables)
    }
    found = {(t, c.name) for t, model in TABLES.items() for c in describe_columns(model).values() if c.as_condition}
    assert said == found | {("indications", "line")}


def test_the_message_of_the_page_is_told(knowledge: Knowledge) -> None:
    from kg_builder.knowledge.faults import Fault

    with pytest.raises(Fault) as caught:
        knowledge.resolution.conditions.read("marker FLT3-IDT")
    assert str(caught.value.issue("ontology/knowledge/aml/resistances.tsv", 4, "conditions")) in PAGE
