"""Compiled rules against two SPARQL engines: made-up rules over random graphs.

test_engines.py compares the rules of the house over made-up cases, tests/cases over the shipped knowledge.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
import rdflib.plugins.sparql
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.derivation.compiled import compile_rule
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, number, term_text, write_triple
from kg_builder.issues import QueryError
from kg_builder.vocabulary import CASE

Triples = set[tuple[str, str, str]]
GRAPH = ox.NamedNode("urn:graph")


def read(triple: ox.Triple | ox.Quad) -> tuple[str, str, str]:
    return term_text(triple.subject), triple.predicate.value, term_text(triple.object)


# --- made-up rules --------------------------------------------------------------------------------

PREFIXES = "PREFIX : <urn:>\nPREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n"
RULES = [
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b }",
    "CONSTRUCT { ?a :r ?c . ?c :s ?case } WHERE { ?a :in ?case ; :p ?b . ?b :p ?c }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p :x ; :q ?b }",
    "CONSTRUCT { ?a :r 1.50, true, \"a b\", -3 } WHERE { ?a :p :y }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . FILTER(?b = :x || ?b = :y) }",
    "CONSTRUCT { ?a :r ?n } WHERE { ?a :n ?n . FILTER(?n > 2) }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :n ?n . ?b :n ?m . FILTER(?n = ?m && ?a != ?b) }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :n ?n . ?b :n ?m . FILTER(?n < ?m * 2 + 1) }",
    "CONSTRUCT { ?a :r ?n } WHERE { ?a :n ?n . ?b :n ?n ; :p ?a }",
    "CONSTRUCT { ?a :r :x } WHERE { ?a :flag ?f . FILTER(?f) }",
    "CONSTRUCT { ?a :r :x } WHERE { ?a :flag ?f . FILTER(!?f) }",
    "CONSTRUCT { ?a :r :x } WHERE { ?a :flag true }",
    "CONSTRUCT { ?a :r ?w } WHERE { ?a :word ?w . FILTER(?w = \"high\") }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . FILTER(?b IN (:x, :z)) FILTER(STRSTARTS(STR(?a), \"urn:\")) }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?a :q ?b } }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?a :q ?any } }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?c :q ?d } }",
    "CONSTRUCT { ?a :r ?c } WHERE { ?a :p ?b . MINUS { ?a :q ?c } ?b :p ?c }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?b :q ?c . FILTER(?c != :x) MINUS { ?c :p ?b } } }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?a :n ?n . FILTER(?n >= 3) } MINUS { ?b :in ?case } }",
    "CONSTRUCT { ?a :r ?k ; :s ?l } WHERE { ?a :p ?b . VALUES (?b ?k ?l) { (:x :one :two) (:y :three UNDEF) } }",
    "CONSTRUCT { ?a :r ?b } WHERE { VALUES ?how { :p :q } ?a ?how ?b }",
    "CONSTRUCT { ?a ?how ?b } WHERE { ?a :p ?b . VALUES ?how { :r :s } }",
    "CONSTRUCT { ?y :r ?a } WHERE { ?a :p ?b . "
    "BIND(IRI(CONCAT(\"urn:\", MD5(CONCAT(STR(?a), \" \", STR(?b))))) AS ?y) }",
    "CONSTRUCT { ?a :r ?e } WHERE { ?a :p ?b . BIND(IF(?b = :x, :one, :two) AS ?e) }",
    "CONSTRUCT { ?a :r ?c } WHERE { ?a :in ?case . BIND(IRI(CONCAT(STR(?a), \"y\")) AS ?b) ?b :p ?c }",
    "CONSTRUCT { ?a :r ?b } WHERE { { SELECT ?a (MIN(STR(?o)) AS ?f) WHERE { ?a :p ?o } GROUP BY ?a }"
    " BIND(IRI(?f) AS ?b) }",
    "CONSTRUCT { ?a :r ?k } WHERE { { SELECT ?a (COUNT(DISTINCT ?o) AS ?k) WHERE { ?a :p ?o . ?o :q ?z }"
    " GROUP BY ?a } }",
    "CONSTRUCT { ?a :r ?k } WHERE { { SELECT ?a (COUNT(?o) AS ?k) WHERE { ?a :p ?o . ?z :q ?o } GROUP BY ?a } }",
    "CONSTRUCT { ?a :r ?s ; :s ?m ; :t ?l } WHERE { { SELECT ?a (SUM(?n) AS ?s) (MAX(?n) AS ?m) (MIN(?n) AS ?l)"
    " WHERE { ?b :p ?a . ?b :n ?n } GROUP BY ?a } }",
    "CONSTRUCT { ?a :r :x } WHERE { { SELECT ?a ?n (COUNT(DISTINCT ?o) AS ?k) WHERE { ?a :n ?n ; :p ?o }"
    " GROUP BY ?a ?n } FILTER(?k = ?n) }",
    "CONSTRUCT { ?b :r ?case } WHERE { { SELECT DISTINCT ?case WHERE { ?a :in ?case } } ?b :p :x }",
    "CONSTRUCT { ?s :r ?f } WHERE { { SELECT ?a (MIN(CONCAT(STR(?o), \" \", STR(?z))) AS ?l) WHERE { ?a :p ?o ; :q ?z }"
    " GROUP BY ?a } BIND(IRI(STRBEFORE(?l, \" \")) AS ?s) BIND(IRI(STRAFTER(?l, \" \")) AS ?f) }",
    "CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . ?b ?how :x . ?c :names ?how }",
]  # fmt: skip

nodes = st.sampled_from([ox.NamedNode(f"urn:{name}") for name in ("x", "y", "z", "xy", "yy")])
_XSD = "http://www.w3.org/2001/XMLSchema#"
numbers = st.one_of(
    st.integers(-2, 4).map(ox.Literal),
    st.sampled_from(["2.0", "2.5", "-1", "3", "0.10"]).map(
        lambda t: ox.Literal(t, datatype=ox.NamedNode(_XSD + "decimal"))
    ),
)


def triples(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[ox.Triple]]:
    predicate = ox.NamedNode(f"urn:{name}")
    return st.lists(st.builds(lambda s, o: ox.Triple(s, predicate, o), nodes, values), max_size=6)


@st.composite
def graphs(draw: st.DrawFn) -> list[ox.Triple]:
    flags = st.booleans().map(ox.Literal)
    words = st.sampled_from(["high", "low"]).map(ox.Literal)
    names = st.sampled_from([ox.NamedNode("urn:p"), ox.NamedNode("urn:q")])
    case = st.just(ox.NamedNode(CASE + "one"))
    rooms = {"p": nodes, "q": nodes, "n": numbers, "flag": flags, "word": words, "names": names, "in": case}
    return [triple for name, values in rooms.items() for triple in draw(triples(name, values))]


def by_value(found: set[tuple[str, str, str]]) -> Triples:
    return {(s, p, str(v.normalize() + 0) if (v := number(o)) is not None else o) for s, p, o in found}


def on_rdflib(text: str, given: list[ox.Triple]) -> Triples:
    graph = rdflib.Graph()
    graph.parse(data="".join(write_triple(read(t)) for t in given), format="nt")
    found = "".join(f"{s.n3()} {p.n3()} {o.n3()} .\n" for s, p, o in graph.query(PREFIXES + text))
    return by_value(set(map(read, ox.parse(found, format=ox.RdfFormat.N_TRIPLES))))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(RULES), graphs(), st.sets(st.integers(0, 60)))
def test_a_compiled_rule_means_what_sparql_says(text: str, given: list[ox.Triple], of_case: set[int]) -> None:
    """Whichever statements are the case's and whichever the knowledge's."""
    rdflib.plugins.sparql.SPARQL_LOAD_GRAPHS = False
    store, whole = ox.Store(), ox.Store()
    whole.extend(ox.Quad(*t, GRAPH) for t in given)
    store.extend(ox.Quad(*t, GRAPH) for i, t in enumerate(given) if i not in of_case)
    case = CaseTriples(read(t) for i, t in enumerate(given) if i in of_case and t not in {q.triple for q in store})
    ours = by_value(set(compile_rule(PREFIXES + text)(Knowledge(store))(case, CASE + "one")))
    theirs = list(whole.query(PREFIXES + text, use_default_graph_as_union=True))  # type: ignore[arg-type]
    assert ours == by_value(set(map(read, theirs)))
    assert ours == on_rdflib(text, given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . FILTER(?c = :x) }", "has no value"),
        ("CONSTRUCT { ?a :r ?b } WHERE { ?a :p ?b . MINUS { ?a :q ?c . FILTER(?b = :x) } }", "has no value"),
        ("CONSTRUCT { ?a :r ?c } WHERE { ?a :p ?b . BIND(IRI(STR(?d)) AS ?c) ?d :p ?a }", "BIND uses"),
        ("CONSTRUCT { ?a :r ?b } WHERE { ?a ?how ?b }", "has no value"),
        ("CONSTRUCT { ?a :r ?a } WHERE { ?a :p ?a }", "stands twice"),
        ("CONSTRUCT { ?a :r ?b } WHERE { VALUES (?a ?b) { (:x UNDEF) } ?b :p ?a }", "UNDEF"),
        ("CONSTRUCT { ?a :r ?b } WHERE { ?a :n ?b . FILTER(?b IN (1, 2)) }", "IN lists IRIs"),
        (
            "CONSTRUCT { ?v0 :r ?v21 } WHERE { " + " . ".join(f"?v{i} :p ?v{i + 1}" for i in range(22)) + " }",
            "too many",
        ),
    ],
)
def test_what_cannot_be_compiled_is_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        compile_rule(PREFIXES + text)


def test_a_number_that_is_none_makes_a_filter_fail_and_a_sum_impossible() -> None:
    facts = [("urn:a", "urn:n", '"high"'), ("urn:a", "urn:in", "urn:case")]
    fails = compile_rule(PREFIXES + "CONSTRUCT { ?a :r :x } WHERE { ?a :n ?n . FILTER(?n > 2) }")
    assert fails(Knowledge(ox.Store()))(CaseTriples(facts), "urn:case") == []
    text = "CONSTRUCT { ?a :r ?s } WHERE { { SELECT ?a (SUM(?n) AS ?s) WHERE { ?a :n ?n } GROUP BY ?a } }"
    with pytest.raises(QueryError, match="number"):
        compile_rule(PREFIXES + text)(Knowledge(ox.Store()))(CaseTriples(facts), "urn:case")


def test_knowledge_passes_over_a_case_that_stands_in_the_store() -> None:
    store = ox.Store()
    name, a, b = (ox.NamedNode(f"urn:{n}") for n in "pab")
    store.add(ox.Quad(a, name, b, GRAPH))
    store.add(ox.Quad(b, name, a, ox.NamedNode(CASE + "one")))
    assert Knowledge(store).by_subject("urn:p") == {"urn:a": ["urn:b"]}
    assert Knowledge(store).by_value("urn:p") == {"urn:b": ["urn:a"]}


def test_numbers_are_written_as_a_store_writes_them() -> None:
    store = ox.Store()
    texts = [("0.0", "decimal"), ("60.10", "decimal"), ("-2", "integer"), ("100", "decimal"), ("+7", "integer")]
    terms = [ox.Literal(t, datatype=ox.NamedNode(_XSD + kind)) for t, kind in texts]
    for term in terms:
        store.add(ox.Quad(ox.NamedNode("urn:a"), ox.NamedNode("urn:p"), term))
    assert {term_text(term) for term in terms} == {str(quad.object) for quad in store}
    assert {number(term_text(term)) for term in terms} == {Decimal(t) for t, _ in texts}
