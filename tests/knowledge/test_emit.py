"""Rows become quads as docs/architecture.md says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyoxigraph import Store

from kg_builder.knowledge import build_statements
from kg_builder.knowledge.knowledge import Knowledge, load_knowledge
from kg_builder.knowledge.statements import ASSERTED, CORE, Statements
from kg_builder.knowledge.terms import TYPE, node, sv
from kg_builder.vocabulary import PREFIXES

Tables = dict[str, list[dict[str, str]]]
Load = Callable[[Tables], Knowledge]
PROLOGUE = "\n".join(f"PREFIX {p}: <{iri}>" for p, iri in PREFIXES.items())
REPOSITORY = Path(__file__).parents[2]


def ask(statements: Statements, pattern: str) -> bool:
    store = Store()
    store.extend(statements.quads())
    return bool(store.query(f"{PROLOGUE} ASK {{ {pattern} }}", use_default_graph_as_union=True))


@pytest.mark.parametrize(
    "pattern",
    [
        # terms
        'drug:dolutegravir a sv:Drug ; rdfs:label "dolutegravir" ; skos:altLabel "DTG" ; sv:memberOf class:antiviral',
        "drug:rifampicin sv:hasRole role:inducer ; sv:hasTrait trait:supportive",
        "gene:RT sv:reportedWhole true ; sv:residueCount 6",
        "disease:hiv a sv:Disease . evidence:a a sv:EvidenceLevel ; sv:order 1",
        'field:egfr sv:casePath "patient.eGFR" ; sv:statesParameter parameter:egfr ; rdfs:label "patient.eGFR"',
        "level:2 sv:minimumScore 10.0 ; sv:hasDegree degree:full ; obo:IAO_0000115 ?definition",
        "drugcode:efv sv:ofAlgorithm algorithm:x ; sv:scoredOn gene:RT ; obo:IAO_0000115 ?definition",
        # claims
        "claim:i-dtg a sv:Indication ; sv:concernsAgent drug:dolutegravir ; sv:forDisease disease:hiv ; "
        "sv:indicationStatus status:current ; sv:hasEvidence evidence:a ; dcterms:source source:guide",
        "claim:i-dtg sv:conditionCount 1 ; sv:hasCondition ?c . ?c a sv:NumericCondition ; "
        'sv:onParameter parameter:next-line ; sv:comparator ">=" ; sv:limit 2.0 ; sv:conditionPhase 1',
        "claim:m-etr sv:requirementCount 1 ; sv:conditionCount 0 ; sv:isMarkerDirected true ; "
        "sv:requiresCondition ?c . ?c sv:conditionTerm alteration:flt3-itd, alteration:flt3-d835",
        "claim:c-efv sv:hasReason reason:contraindicated-organ-function ; sv:hasEffect effect:cautions . "
        "claim:c-efv sv:hasCondition ?c . "
        "?c sv:conditionKind kind:comorbidity ; sv:isNegated true ; sv:conditionTerm comorbidity:ckd",
        "claim:t-efv sv:threshold 0.1 ; sv:hasCondition ?c . "
        "?c sv:conditionKind kind:disease ; sv:conditionTerm disease:hiv",
        "claim:p-dtg sv:preferredOver drug:efavirenz ; sv:hasCondition ?c . ?c sv:conditionPhase 3",
        'claim:x-dtg rdfs:label "Interaction: dolutegravir with rifampicin → rash"',
        'claim:r-nnrti sv:claimKind "Resistance" ; rdfs:label "Resistance: NNRTI if marker RT:M4V"',
        # direct edges
        "alteration:RT-M4V sv:confersResistanceTo class:nnrti",
        "drug:efavirenz sv:selectsFor alteration:RT-M4V",
        # alterations
        'alteration:RT-M4V a sv:Alteration ; sv:inGene gene:RT ; rdfs:label "RT:M4V" ; obo:IAO_0000115 ?d',
        'alteration:flt3-d835 sv:patternKind "position" ; sv:atPosition 835 ; sv:broader alteration:flt3-any',
        # OWL
        "[] owl:onProperty sv:hasMechanism ; owl:hasValue mechanism:nnrti ; "
        "rdfs:subClassOf [ owl:onProperty sv:memberOf ; owl:hasValue class:nnrti ]",
        "drugs:nnrti a owl:Class ; rdfs:subClassOf drugs:antiviral ; owl:equivalentClass [ owl:intersectionOf "
        "( sv:Drug [ owl:onProperty sv:memberOf ; owl:hasValue class:nnrti ] ) ]",
        "drugs:antiviral rdfs:subClassOf sv:Drug",
        "[] a owl:AllDifferent ; owl:distinctMembers ( class:antiviral class:nnrti )",
    ],
)
def test_rows_say(pattern: str, base: Tables, load: Load) -> None:
    assert ask(build_statements(load(base)), pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "?claim sv:isFavourable false",
        "?s ?p ''",
        "?s sv:confersResistanceTo drug:efavirenz",
        "?x a owl:AllDifferent ; owl:distinctMembers ( claim:x-class claim:x-dtg )",
    ],
)
def test_rows_do_not_say(pattern: str, base: Tables, load: Load) -> None:
    assert not ask(build_statements(load(base)), pattern)


def test_conditional_or_partial_resistance_gives_no_direct_edge(base: Tables, load: Load) -> None:
    base["resistances"][0]["degree"] = "partial"
    base["resistances"][1]["conditions"] = "marker RT:E6K; site pneumonia"
    assert not ask(build_statements(load(base)), "?s sv:confersResistanceTo ?o")


def test_line_columns(base: Tables, load: Load) -> None:
    base["indications"][0]["line"] = "2-4"
    base["indications"][1]["line"] = "1"
    statements = build_statements(load(base))
    assert ask(statements, "claim:i-dtg sv:conditionCount 2")
    assert ask(statements, 'claim:i-dtg sv:hasCondition [ sv:comparator ">=" ; sv:limit 2.0 ]')
    assert ask(statements, 'claim:i-dtg sv:hasCondition [ sv:comparator "<=" ; sv:limit 4.0 ]')
    assert ask(statements, 'claim:i-efv sv:hasCondition [ sv:comparator "=" ; sv:limit 1.0 ]')


def test_shorthand_condition_is_not_counted_twice(base: Tables, load: Load) -> None:
    base["prevalence_thresholds"][0]["conditions"] = "disease HIV"
    assert ask(build_statements(load(base)), "claim:t-efv sv:conditionCount 1")


def test_alterations_of_claims_hang_in_the_patterns(base: Tables, load: Load) -> None:
    text = "marker FLT3:D835Y or FLT3:frameshift or FLT3:loss-of-function or FLT3 wild type or FLT3:D835D"
    base["scores"][0]["conditions"] = text
    statements = build_statements(load(base))
    assert ask(statements, "alteration:FLT3-D835Y sv:broader alteration:flt3-d835, alteration:flt3-any")
    assert ask(
        statements, "alteration:FLT3-frameshift sv:broader alteration:FLT3-loss-of-function, alteration:flt3-any"
    )
    assert ask(statements, 'alteration:FLT3-frameshift sv:patternKind "frameshift"')
    for other in ("flt3-itd", "FLT3-D835Y", "flt3-any", "FLT3-frameshift"):
        assert ask(statements, f"alteration:FLT3-wild-type sv:negates alteration:{other}")
    assert not ask(statements, "alteration:FLT3-wild-type sv:negates alteration:FLT3-wild-type")
    assert not ask(statements, "alteration:FLT3-wild-type sv:negates alteration:FLT3-D835D")
    assert not ask(statements, "alteration:FLT3-D835D sv:broader ?x")


def test_declared_wild_type_negates_what_its_gene_has(base: Tables, load: Load) -> None:
    row = {"id": "alteration:FLT3-wild-type", "label": "FLT3 wild type", "definition": "x", "gene": "FLT3"}
    base["alterations"].insert(0, {**row, "synonyms": "FLT3 unmutated"})
    base["scores"][0]["conditions"] = "marker FLT3:wild type"
    knowledge = load(base)
    assert knowledge.issues == []
    statements = build_statements(knowledge)
    assert ask(statements, "alteration:FLT3-wild-type sv:negates alteration:flt3-itd ; skos:altLabel ?x")
    assert ask(statements, "?c sv:conditionTerm alteration:FLT3-wild-type")


def test_same_tables_give_the_same_quads_in_the_same_order(base: Tables, load: Load) -> None:
    first = load(base)
    again = load_knowledge(first.root)
    assert list(build_statements(first)) == list(build_statements(again))
    assert {place for _, place in build_statements(first).placed()} == {ASSERTED}


def test_each_triple_knows_its_row(base: Tables, load: Load) -> None:
    knowledge = load(base)
    rows = knowledge.row_map
    assert rows[node("drug:dolutegravir"), sv("memberOf"), node("class:antiviral")] == ("drugs.tsv", 2)
    edge = (node("alteration:RT-E6K"), sv("confersResistanceTo"), node("class:nnrti"))
    assert rows[edge] == ("resistances.tsv", 3)
    assert rows[node("alteration:RT-E6K"), TYPE, sv("Alteration")] == ("", 0)
    assert len(rows) == len(build_statements(knowledge))


def test_core_ontology_has_its_own_graph(base: Tables, load: Load, tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.mkdir()
    for name in ("a", "b"):
        (core / f"{name}.ttl").write_text(f"<x:{name}> <x:p> [ <x:q> '{name}' ] .", encoding="utf-8")
    rows = [row for row, place in build_statements(load(base), core).placed() if place == CORE]
    assert len(rows) == 4
    assert len({subject for subject, _, _ in rows}) == 4


def test_shipped_tables_use_only_what_the_core_ontology_declares() -> None:
    ontology = REPOSITORY / "ontology"
    statements = build_statements(load_knowledge(ontology / "knowledge"), ontology / "core")
    declared = {row[0] for row, place in statements.placed() if place == CORE}
    asserted = [row for row, place in statements.placed() if place == ASSERTED]
    used = {term for _, predicate, value in asserted for term in (predicate, value)}
    coded = tuple(
        f"<{PREFIXES[p]}" for p in ("sv", "kind", "effect", "degree", "status", "reason", "trait", "likelihood")
    )
    assert len(asserted) > 10_000
    assert sorted(u for u in used if u.startswith(coded) and u not in declared) == []
