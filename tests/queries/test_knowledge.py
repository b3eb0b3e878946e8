"""On the knowledge of this repository, both engines answer every question alike, and the checks find nothing.

Each question is asked as its example in docs/questions.md asks it, so that the examples are known to answer too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Store

from kg_builder.ask import bind, load_catalogue, run, run_rdflib
from kg_builder.graph.release import assemble
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import DCTERMS, DEFINITION, RDF, RDFS, SKOS, SV, XSD, compact
from tests.queries.test_questions_page import PAGE, read_calls, read_params

ROOT = Path(__file__).parents[2]
ASK = load_catalogue(ROOT / "queries" / "ask")
CHECK = load_catalogue(ROOT / "queries" / "check")
CALLS = read_calls(PAGE.read_text(encoding="utf-8"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def knowledge() -> Store:
    store = Store()
    store.bulk_extend(assemble(ROOT / "ontology" / "knowledge", ROOT / "ontology" / "core").quads)
    return store


@pytest.fixture(scope="module")
def knowledge_graph(knowledge: Store) -> rdflib.Graph:
    """The statements that questions can see, for rdflib: those of the properties that some question names.

    No question asks for a property without naming it: a variable in that place takes its values from VALUES.
    """
    local = {f"{SV}{name}" for query in ASK.values() for name in re.findall(r"\bsv:(\w+)", query.text)}
    seen = {*local, RDF + "type", RDFS + "label", RDFS + "comment", RDFS + "subClassOf", DEFINITION}
    seen |= {DCTERMS + "source", DCTERMS + "identifier"}
    terms: dict[str, rdflib.URIRef] = {}

    def plain(term: object) -> rdflib.term.Node:
        if isinstance(term, NamedNode):
            return terms.setdefault(term.value, rdflib.URIRef(term.value))
        if isinstance(term, BlankNode):
            return rdflib.BNode(term.value)
        assert isinstance(term, Literal)
        datatype = None if term.datatype.value == XSD + "string" else plain(term.datatype)
        return rdflib.Literal(term.value, datatype=None if term.language else datatype, lang=term.language)

    def triple(quad: Quad) -> tuple[rdflib.term.Node, rdflib.term.Node, rdflib.term.Node]:
        return plain(quad.subject), plain(quad.predicate), plain(quad.object)

    graph = rdflib.Graph()
    graph.addN((*triple(quad), graph) for quad in knowledge if quad.predicate.value in seen)
    return graph


@pytest.fixture(scope="module")
def terms(knowledge: Store) -> NameIndex:
    synonyms: dict[str, list[str]] = {}
    for quad in knowledge.quads_for_pattern(None, NamedNode(SKOS + "altLabel"), None, None):
        synonyms.setdefault(quad.subject.value, []).append(quad.object.value)
    labels = knowledge.quads_for_pattern(None, NamedNode(RDFS + "label"), None, None)
    return NameIndex.from_terms(
        (compact(q.subject.value), q.object.value, synonyms.get(q.subject.value, ())) for q in labels
    )


@pytest.mark.parametrize("name", sorted(ASK))
def test_both_engines_agree(name: str, knowledge: Store, knowledge_graph: rdflib.Graph, terms: NameIndex) -> None:
    query = bind(ASK[name], read_params(CALLS[name]), terms)
    rows = run(knowledge, query)
    assert rows.rows, f"the example answers nothing: {CALLS[name]}"
    assert run_rdflib(knowledge_graph, query) == rows


@pytest.mark.parametrize("name", sorted(CHECK))
def test_checks_find_nothing_wrong(name: str, knowledge: Store, terms: NameIndex) -> None:
    assert run(knowledge, bind(CHECK[name], {}, terms)).rows == ()
