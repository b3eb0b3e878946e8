"""Every rule, stage by stage, on a store, on rdflib and compiled: the same triples from the same graph.

A batch of made-up cases that between them meet every rule stands in one graph, as the rules allow.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
import rdflib.plugins.sparql

from kg_builder.derivation.compiled import compile_rule
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, term_text
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.rules import Rule, schedule, split_statement, told
from kg_builder.vocabulary import RDF, SV, XSD

Triple = tuple[str, str, str]
_STRING = XSD + "string"
_NUMBERS = {XSD + t for t in ("decimal", "integer", "double", "float", "int")}

#: Rules from this stage on are about regimens; they have a made-up world of their own (test_regimens.py).
REGIMENS = 80

CASES: list[dict[str, Any]] = [
    {"failed": ["alpha", "soother"], "mode": "acquired loss", "eGFR": 20,
     "alterations": ["GEN:M4V", "GEN:L3P", "GENC wild type"]},
    {
        "failed": ["alpha/booster", "gamma", "delta", "sigma"], "mode": "late loss",
        "alterations": ["GEN:K2R"], "sequenced": ["GEN", "GENB", "GENC"], "comedications": ["alpha/booster", "inda"],
        "organism": "Bacterium durum",
    },
    {"failed_regimens": [["gamma"], ["epsilon", "pi"]], "mode": "not tolerated", "line": 2,
     "comedications": ["bystander"]},
    {
        "susceptibility": {"alpha": "R", "beta": "R", "betatwo": "R", "epsilon": "I", "gammatwo": "S"},
        "comorbidities": ["second infection", "weakness", "frail"], "local_resistance": {"pi": 0.5},
    },
    {
        "failed": ["gamma", "sigma", "delta", "stranger"], "mode": "refractory course",
        "alterations": ["GENC:A100H", "GEN:K2R"], "sequenced": ["GENB"], "adherence": {"self_report": 0.9, "mems": 0.5},
    },
    {"disease": "otheritis", "failed": ["delta"]},
    {"failed_regimens": [["gamma"]], "mode": "not tolerated"},
    {"alterations": ["GENB:A3T"], "trough_mg_l": {"alpha": 2}},
    {"trough_mg_l": {"alpha": 2}, "ic50_mg_l": {"alpha": 1}},
]  # fmt: skip

each_case = pytest.mark.parametrize("parts", [*CASES, {}], ids=range(len(CASES) + 1))


def plain(term: Any) -> str:
    """Return a term of either library in one way of writing; numbers by value."""
    if isinstance(term, ox.NamedNode | rdflib.URIRef):
        return f"<{term.value if isinstance(term, ox.NamedNode) else term}>"
    is_ox = isinstance(term, ox.Literal)
    assert is_ox or isinstance(term, rdflib.Literal), f"no blank node is constructed: {term!r}"
    datatype = term.datatype.value if is_ox else str(term.datatype or _STRING)
    text = term.value if is_ox else str(term)
    if datatype in _NUMBERS:
        return str(Decimal(text).normalize() + 0)
    return f"{text}^^{datatype}"


def to_rdflib(term: Any) -> Any:
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return rdflib.BNode(term.value)
    datatype = None if term.language or term.datatype.value == _STRING else rdflib.URIRef(term.datatype.value)
    return rdflib.Literal(term.value, lang=term.language or None, datatype=datatype)


def mentioned(rules: tuple[Rule, ...]) -> set[str]:
    """Return the properties that rules mention; none has a variable for a property in its WHERE."""
    return {SV + name for rule in rules for name in re.findall(r"\bsv:(\w+)", rule.text)} | {RDF + "type"}


@pytest.mark.slow
def test_every_rule_gives_the_same_triples_on_both_engines(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rdflib.plugins.sparql, "SPARQL_LOAD_GRAPHS", False)
    used = mentioned(world.kg._rules)
    prepared = [prepare_case(world.case(id=f"c{i}", **p), world.kg._context, path="case") for i, p in enumerate(CASES)]
    given = [q.triple for q in world.quads] + [q.triple for p in prepared for q in p.quads]
    store, graph = ox.Store(), rdflib.Graph()
    for t in given:
        if t.predicate.value in used:
            store.add(ox.Quad(*t))
            graph.add(tuple(map(to_rdflib, t)))
    silent = []
    for rule in schedule(world.kg._rules):
        ours = list(store.query(rule.text))
        theirs = list(graph.query(rule.text))
        one: set[Triple] = {tuple(map(plain, t)) for t in ours}  # type: ignore[misc]
        two: set[Triple] = {tuple(map(plain, t)) for t in theirs}  # type: ignore[misc]
        assert one == two, f"{rule.name}: {sorted(one ^ two)[:6]}"
        if not one and rule.stages[0] < REGIMENS:
            silent.append(rule.name)
        for t in ours:
            store.add(ox.Quad(*t))
            graph.add(tuple(map(to_rdflib, t)))
    assert silent == [], "each rule must have something to say of the made-up cases"


def grounds_given(world: Any) -> dict[str, set[str]]:
    """Return the properties by which the knowledge alone gives each option a ground."""
    given: dict[str, set[str]] = defaultdict(set)
    for quad in world.quads:
        if (name := quad.predicate.value.removeprefix(SV)).startswith("ground"):
            given[str(quad.subject)].add(name)
    return given


def runs(world: Any, case: Any) -> Iterator[tuple[Rule, set[str], list[Any]]]:
    """Run every rule of one case, also where its needs are absent; yield rule, what is present, what it constructs."""
    prepared, given = prepare_case(case, world.kg._context, path="case"), grounds_given(world)
    store, graph = ox.Store(), ox.NamedNode(prepared.iri)
    store.extend([*world.quads, *prepared.quads])
    present = set(world.kg._engine(case).present(prepared))
    for rule in schedule(world.kg._rules):
        found = list(store.query(rule.text, use_default_graph_as_union=True))
        yield rule, set(present), found
        store.extend(ox.Quad(*t, graph) for t in found)
        if found:
            present |= told(rule, [split_statement(f"{t} .") for t in found])
        for t in found:
            if t.predicate.value == SV + "candidateIn":
                present |= given[str(t.subject)]


@each_case
def test_a_rule_whose_needs_are_absent_has_nothing_to_say(world: Any, parts: dict[str, Any]) -> None:
    for rule, present, found in runs(world, world.case(**parts)):
        absent = [need for need in rule.needs if present.isdisjoint(need)]
        assert not absent or not found, f"{rule.name} needs {absent} and constructs without it"


@each_case
def test_leaving_out_what_needs_rule_out_changes_nothing(world: Any, parts: dict[str, Any]) -> None:
    case = world.case(**parts)
    facts = {q.triple for q in prepare_case(case, world.kg._context, path="case").quads}
    kept = {tuple(map(plain, t)) for t in world.graph(**parts)}
    assert kept == {tuple(map(plain, t)) for t in [*facts, *(t for _, _, found in runs(world, case) for t in found)]}


@each_case
def test_a_compiled_rule_says_what_the_store_says(world: Any, parts: dict[str, Any]) -> None:
    case = world.case(**parts)
    prepared, knowledge = prepare_case(case, world.kg._context, path="case"), Knowledge(world.store)
    stated, count = CaseTriples(read(quad) for quad in prepared.quads), 0
    for rule, _, found in runs(world, case):
        ours = compile_rule(rule.text)(knowledge)(stated, prepared.iri)
        assert set(ours) == set(map(read, found)), rule.name
        stated.add(ours)
        count += len(ours)
    assert count > 50


def read(triple: Any) -> Triple:
    return term_text(triple.subject), triple.predicate.value, term_text(triple.object)


def test_every_rule_is_met_by_some_case_alone(world: Any) -> None:
    said = {rule.name for parts in CASES for rule, _, found in runs(world, world.case(**parts)) if found}
    assert {rule.name for rule in world.kg._rules if rule.stages[0] < REGIMENS} - said == set()


def test_cases_in_one_graph_conclude_what_each_concludes_alone(world: Any) -> None:
    """Everything hangs off the case: a batch in one store mixes nothing up."""
    prepared = [prepare_case(world.case(id=f"c{i}", **p), world.kg._context, path="case") for i, p in enumerate(CASES)]

    def conclude(batch: list[Any]) -> set[Triple]:
        store, graph, concluded = ox.Store(), ox.NamedNode("urn:batch"), set()
        store.extend([*world.quads, *(q for one in batch for q in one.quads)])
        for rule in schedule(world.kg._rules):
            found = list(store.query(rule.text, use_default_graph_as_union=True))
            store.extend(ox.Quad(*t, graph) for t in found)
            concluded |= {tuple(map(plain, t)) for t in found}
        return concluded

    assert conclude(prepared) == set().union(*(conclude([one]) for one in prepared))
