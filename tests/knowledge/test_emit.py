"""Rows become quads as docs/architecture.md says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyoxigraph import NamedNode, Quad, Store, Triple

from kg_builder.knowledge import build_quads
from kg_builder.knowledge.knowledge import Knowledge, load_knowledge
from kg_builder.knowledge.terms import TYPE, node, sv
from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_CORE, PREFIXES

Tables = dict[str, list[dict[str, str]]]
Load = Callable[[Tables], Knowledge]
PROLOGUE = "\n".join(f"PREFIX {p}: <{iri}>" for p, iri in PREFIXES.items())
REPOSITORY = Path(__file__).parents[2]


def ask(quads: list[Quad], pattern: str) -> bool:
    store = Store()
    store.extend(quads)
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
    assert ask(build_quads(load(base)), pattern)


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
    assert not ask(build_quads(load(base)), pattern)


def test_conditional_or_partial_resistance_gives_no_direct_edge(base: Tables, load: Load) -> None:
    base["resistances"][0]["degree"] = "partial"
    base["resistances"][1]["conditions"] = "marker RT:E6K; site pneumonia"
    assert not ask(build_quads(load(base)), "?s sv:confersResistanceTo ?o")


def test_line_columns(base: Tables, load: Load) -> None:
    base["indications"][0]["line"] = "2-4"
    base["indications"][1]["line"] = "1"
    quads = build_quads(load(base))
    assert ask(quads, "claim:i-dtg sv:conditionCount 2")
    assert ask(quads, 'claim:i-dtg sv:hasCondition [ sv:comparator ">=" ; sv:limit 2.0 ]')
    assert ask(quads, 'claim:i-dtg sv:hasCondition [ sv:comparator "<=" ; sv:limit 4.0 ]')
    assert ask(quads, 'claim:i-efv sv:hasCondition [ sv:comparator "=" ; sv:limit 1.0 ]')


def test_shorthand_condition_is_not_counted_twice(base: Tables, load: Load) -> None:
    base["prevalence_thresholds"][0]["conditions"] = "disease HIV"
    assert ask(build_quads(load(base)), "claim:t-efv sv:conditionCount 1")


def test_alterations_of_claims_hang_in_the_patterns(base: Tables, load: Load) -> None:
    text = "marker FLT3:D835Y or FLT3:frameshift or FLT3:loss-of-function or FLT3 wild type or FLT3:D835D"
    base["scores"][0]["conditions"] = text
    quads = build_quads(load(base))
    assert ask(quads, "alteration:FLT3-D835Y sv:broader alteration:flt3-d835, alteration:flt3-any")
    assert ask(quads, "alteration:FLT3-frameshift sv:broader alteration:FLT3-loss-of-function, alteration:flt3-any")
    assert ask(quads, 'alteration:FLT3-frameshift sv:patternKind "frameshift"')
    for other in ("flt3-itd", "FLT3-D835Y", "flt3-any", "FLT3-frameshift"):
        assert ask(quads, f"alteration:FLT3-wild-type sv:negates alteration:{other}")
    assert not ask(quads, "alteration:FLT3-wild-type sv:negates alteration:FLT3-wild-type")
    assert not ask(quads, "alteration:FLT3-wild-type sv:negates alteration:FLT3-D835D")
    assert not ask(quads, "alteration:FLT3-D835D sv:broader ?x")


def test_declared_wild_type_negates_what_its_gene_has(base: Tables, load: Load) -> None:
    row = {"id": "alteration:FLT3-wild-type", "label": "FLT3 wild type", "definition": "x", "gene": "FLT3"}
    base["alterations"].insert(0, {**row, "synonyms": "FLT3 unmutated"})
    base["scores"][0]["conditions"] = "marker FLT3:wild type"
    knowledge = load(base)
    assert knowledge.issues == []
    quads = build_quads(knowledge)
    assert ask(quads, "alteration:FLT3-wild-type sv:negates alteration:flt3-itd ; skos:altLabel ?x")
    assert ask(quads, "?c sv:conditionTerm alteration:FLT3-wild-type")


def test_same_tables_give_the_same_quads_in_the_same_order(base: Tables, load: Load) -> None:
    first = load(base)
    again = load_knowledge(first.root)
    assert list(map(str, build_quads(first))) == list(map(str, build_quads(again)))
    assert {q.graph_name.value for q in build_quads(first)} == {GRAPH_ASSERTED}


def test_each_triple_knows_its_row(base: Tables, load: Load) -> None:
    knowledge = load(base)
    rows = knowledge.row_map
    assert rows[Triple(node("drug:dolutegravir"), sv("memberOf"), node("class:antiviral"))] == ("drugs.tsv", 2)
    edge = Triple(node("alteration:RT-E6K"), sv("confersResistanceTo"), node("class:nnrti"))
    assert rows[edge] == ("resistances.tsv", 3)
    assert rows[Triple(node("alteration:RT-E6K"), TYPE, sv("Alteration"))] == ("", 0)
    assert len(rows) == len({q.triple for q in build_quads(knowledge)})


def test_core_ontology_has_its_own_graph(base: Tables, load: Load, tmp_path: Path) -> None:
    core = tmp_path / "core"
    core.mkdir()
    for name in ("a", "b"):
        (core / f"{name}.ttl").write_text(f"<x:{name}> <x:p> [ <x:q> '{name}' ] .", encoding="utf-8")
    quads = [q for q in build_quads(load(base), core) if q.graph_name == NamedNode(GRAPH_CORE)]
    assert len(quads) == 4
    assert len({q.subject for q in quads}) == 4


def test_shipped_tables_use_only_what_the_core_ontology_declares() -> None:
    quads = build_quads(load_knowledge(REPOSITORY / "ontology" / "knowledge"), REPOSITORY / "ontology" / "core")
    declared = {q.subject.value for q in quads if q.graph_name.value == GRAPH_CORE and isinstance(q.subject, NamedNode)}
    asserted = [q for q in quads if q.graph_name.value == GRAPH_ASSERTED]
    used = {t.value for q in asserted for t in (q.predicate, q.object) if isinstance(t, NamedNode)}
    coded = tuple(PREFIXES[p] for p in ("sv", "kind", "effect", "degree", "status", "reason", "trait", "likelihood"))
    assert len(asserted) > 10_000
    assert sorted(u for u in used if u.startswith(coded) and u not in declared) == []
