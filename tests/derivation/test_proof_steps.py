"""Proofs step by step: what a rule concludes from the statements cited, and from nothing less."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib

from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.proof import Proof
from kg_builder.derivation.provenance import trace
from kg_builder.issues import CaseError, QueryError
from kg_builder.render.proof import write_steps_json, write_steps_turtle
from kg_builder.vocabulary import CASE, DCTERMS, SV, expand

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("engine_cases", HERE / "test_engines.py")
assert _SPEC
assert _SPEC.loader
_ENGINES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_ENGINES)
#: made-up cases that between them meet every rule, and one with a candidate by its test alone
CASES: list[dict[str, Any]] = [*_ENGINES.CASES, {}, {"susceptibility": {"stranger": "R"}}]

each_case = pytest.mark.parametrize("parts", CASES, ids=range(len(CASES)))


def run(text: str, triples: Any) -> set[ox.Triple]:
    store = ox.Store()
    store.extend([ox.Quad(*t) for t in triples])
    return set(store.query(text))


_proofs: dict[str, Proof] = {}


def prove(world: Any, agent: str | None = None, **parts: Any) -> Proof:
    """Return the proof of a made-up case; remembered."""
    key = repr((agent, parts))
    if key not in _proofs:
        _proofs[key] = world.kg.prove(world.case(**parts), agent)
    return _proofs[key]


@each_case
def test_each_step_concludes_from_its_premises_and_from_nothing_less(world: Any, parts: dict[str, Any]) -> None:
    proof, rules = prove(world, **parts), {rule.name: rule.text for rule in world.kg._rules}
    known = set(proof.quoted)
    for step in proof.steps:
        assert set(step.used) <= known, f"{step.rule}: a premise comes from nowhere, or from a later step"
        assert run(rules[step.rule], step.used) == set(step.concluded), step.rule
        for premise in step.used:
            assert not set(step.concluded) <= run(rules[step.rule], set(step.used) - {premise}), step.rule
        known |= set(step.concluded)
    assert set(proof.conclusions) <= known


@each_case
def test_everything_concluded_is_proven_and_nothing_else(world: Any, parts: dict[str, Any]) -> None:
    graph, proof = set(world.graph(**parts)), prove(world, **parts)
    ends = ("concludedIn", "findingIn", "goalIn", "receivedIn")
    nodes = {t.subject for t in graph if t.predicate.value in {SV + name for name in ends}}
    assert set(proof.conclusions) == {t for t in graph if t.subject in nodes}
    assert {t for step in proof.steps for t in step.concluded} <= graph
    knowledge = {q.triple for q in world.quads}
    for triple, origin in proof.quoted.items():
        assert triple in (graph if origin == proof.case else knowledge)
        assert origin in (CASE + "one", world.manifest.version_iri)


@pytest.mark.slow
def test_whatever_a_rule_concludes_has_a_step(world: Any) -> None:
    """Not only what findings rest on: each edge that some rule made."""
    for parts in CASES:
        prepared = prepare_case(world.case(**parts), world.kg._context, path="case")
        with trace(world.kg._engine(world.case(**parts)).store, world.kg._rules, prepared) as tracer:
            nodes = {t.subject.value for run in tracer.runs for t in run.concluded}
            proof = tracer.prove(sorted(nodes), world.manifest)
            concluded = {t for run in tracer.runs for t in run.concluded}
        steps = {t for step in proof.steps for t in step.concluded}
        assert steps == concluded - {q.triple for q in world.quads} - set(proof.quoted)


def test_the_proof_of_an_option_is_part_of_that_of_all(world: Any) -> None:
    parts = CASES[1]
    whole = prove(world, **parts)
    by_status = {option.status: name for name, option in world.options(**parts).items()}
    assert len(by_status) > 2
    for name in by_status.values():
        option = world.options(**parts)[name]
        one = prove(world, name, **parts)
        assert set(one.steps) <= set(whole.steps)
        concluded = {t.subject.value for t in one.conclusions}
        assert {f.iri for f in option.findings} <= concluded
        about = [t for t in one.conclusions if t.predicate.value == SV + "hasStatus"]
        assert [t.object.value for t in about] == [expand(f"status:{option.status}")]


def test_what_is_no_candidate_has_no_proof(world: Any) -> None:
    with pytest.raises(CaseError, match="neither indicated"):
        prove(world, "stranger")


def test_claims_are_cited_with_their_sources(world: Any) -> None:
    proof = prove(world, **CASES[0])
    terms = {t for step in proof.steps for triple in step.used for t in triple}
    sourced = {q.triple for q in world.quads if q.predicate.value == DCTERMS + "source" and q.subject in terms}
    assert sourced
    assert {t for t in proof.cited if t.predicate.value == DCTERMS + "source"} == sourced


def test_a_proof_leaves_the_store_as_it_was_and_is_the_same_twice(world: Any) -> None:
    store, kg = world.fresh()
    before = {str(q) for q in store}
    text = write_steps_json(kg.prove(world.case(**CASES[6])))
    assert {str(q) for q in store} == before
    assert text == write_steps_json(prove(world, **CASES[6]))


def test_a_conclusion_without_premises_is_an_error_of_the_program(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kg_builder.derivation import provenance

    monkeypatch.setattr(provenance._Run, "conclude", lambda self, premises: frozenset())
    with pytest.raises(QueryError, match="no premises found"):
        world.kg.prove(world.case())


@pytest.mark.parametrize("parts", CASES[5:7], ids=range(2))
def test_turtle_and_json_say_the_same(world: Any, parts: dict[str, Any]) -> None:
    proof = prove(world, **parts)
    turtle = rdflib.Graph().parse(data=write_steps_turtle(proof), format="turtle")
    text = write_steps_json(proof)
    assert set(turtle) == set(rdflib.Graph().parse(data=text, format="json-ld"))
    data = json.loads(text)
    assert len(data["steps"]) == len(proof.steps)
    prov = rdflib.Namespace("http://www.w3.org/ns/prov#")
    assert len(set(turtle.subjects(rdflib.RDF.type, prov.Activity))) == len(proof.steps)
    premises = {(step, node) for step, node in turtle.subject_objects(prov.used)}
    assert len(premises) == sum(len(step.used) for step in proof.steps)
    assert all((node, rdflib.RDF.type, rdflib.RDF.Statement) in turtle for _, node in premises)
