"""A check returns nothing for sound knowledge and the culprits for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import rdflib
from pyoxigraph import Store

from kg_builder.ask import Iri, bind, load_catalogue, run, run_rdflib
from kg_builder.knowledge.names import NameIndex

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "queries" / "check")

#: check -> faulty statements, and what it then returns in its first column
FAULTS = {
    "term-is-broader-than-itself": (
        "class:a a :DrugClass ; rdfs:label 'a' ; :broader class:b . class:b a :DrugClass ; rdfs:label 'b' ; "
        ":broader class:a .",
        ["class:a", "class:b"],
    ),
    "claim-without-source": (
        "claim:no a :Barrier ; :concernsAgent drug:alpha . claim:odd a :Barrier ; dcterms:source drug:alpha .",
        ["claim:no", "claim:odd"],
    ),
    "drug-without-class-and-mechanism": (
        "drug:lone a :Drug ; rdfs:label 'lone' . claim:lone a :Indication ; :concernsAgent drug:lone ; "
        ":indicationStatus status:current .",
        ["drug:gamma", "drug:lone"],
    ),
    "preference-contradicts-preference": (
        "claim:back a :Preference ; :concernsAgent drug:alpha ; :preferredOver drug:beta ; :conditionCount 1 ; "
        ":hasCondition condition:from-second . "
        "claim:else a :Preference ; :concernsAgent drug:alpha ; :preferredOver drug:beta ; :conditionCount 1 ; "
        ":hasCondition condition:first . "
        "claim:self a :Preference ; :concernsAgent drug:beta ; :preferredOver drug:beta ; :conditionCount 0 .",
        ["claim:back", "claim:self"],
    ),
    "code-without-gene": (
        "drug:beta :hasCode drugcode:none . drugcode:none a :DrugCode ; :ofAlgorithm algorithm:x .",
        ["drug:beta"],
    ),
    "code-without-level": (
        "drugcode:y a :DrugCode ; :ofAlgorithm algorithm:y ; :scoredOn gene:g . algorithm:y a :Algorithm .",
        ["drugcode:y"],
    ),
    "level-overlaps-level": (
        "level:x-3 a :ResistanceLevel ; :ofAlgorithm algorithm:x ; :minimumScore 50.0 ; :maximumScore 60.0 . "
        "level:x-4 a :ResistanceLevel ; :ofAlgorithm algorithm:x ; :minimumScore 50.0 ; :maximumScore 60.0 ; "
        ":forCode drugcode:x-alf .",
        ["level:x-2"],
    ),
    "indication-without-evidence": (
        "claim:weak a :Indication ; rdfs:label 'weak' ; :concernsAgent drug:beta ; :forDisease disease:pox .",
        ["claim:weak"],
    ),
    "class-without-member": (
        "class:empty a :DrugClass ; rdfs:label 'empty' . claim:e a :Barrier ; :concernsAgent class:empty .",
        ["class:empty"],
    ),
    "condition-without-term": (
        "condition:void a :Condition ; :conditionKind kind:marker . "
        "claim:v a :Barrier ; :hasCondition condition:void .",
        ["condition:void"],
    ),
}


def test_every_check_has_a_fault() -> None:
    assert sorted(FAULTS) == sorted(CATALOGUE)
    assert len(CATALOGUE) == 10


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_sound_knowledge_gives_no_row(name: str, store: Store, names: NameIndex) -> None:
    rows = run(store, bind(CATALOGUE[name], {}, names)).rows
    known = 1 if name == "drug-without-class-and-mechanism" else 0  # gamma of the fixture
    assert len(rows) == known


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_faults_are_found_by_both_engines(
    name: str,
    fixture_text: bytes,
    names: NameIndex,
    build: Callable[[bytes], Store],
    union: Callable[[Store], rdflib.Graph],
) -> None:
    text, culprits = FAULTS[name]
    store = build(fixture_text + text.encode())
    query = bind(CATALOGUE[name], {}, names)
    rows = run(store, query)
    assert [row[0].curie for row in rows.rows if isinstance(row[0], Iri)] == culprits
    assert run_rdflib(union(store), query) == rows
