"""On the knowledge of this repository, both engines answer every question alike, and the checks find nothing.

Each question is asked as its example in docs/questions.md asks it, so that the examples are known to answer too.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
import rdflib
from pyoxigraph import NamedNode, RdfFormat, Store, serialize

from kg_builder.ask import BoundQuery, Iri, Rows, bind, load_catalogue, run, run_rdflib
from kg_builder.graph.release import assemble
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import BASE, PREFIXES, RDF, RDFS, SKOS, SV, compact

ROOT = Path(__file__).parents[2]
ASK = load_catalogue(ROOT / "queries" / "ask")
CHECK = load_catalogue(ROOT / "queries" / "check")

CLAIM = f"{BASE}claim/"
CLAIM_KIND = NamedNode(f"{SV}claimKind")
#: A prefixed name in a query.
NAME = re.compile(r"(?<![\w?$:])([a-z]+):(\w+)")
STEP, MOST = 100, 5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def knowledge() -> Store:
    store = Store()
    store.bulk_extend(assemble(ROOT / "ontology" / "knowledge", ROOT / "ontology" / "core").quads)
    return store


@pytest.fixture(scope="module")
def terms(knowledge: Store) -> NameIndex:
    synonyms: dict[str, list[str]] = {}
    for quad in knowledge.quads_for_pattern(None, NamedNode(SKOS + "altLabel"), None, None):
        synonyms.setdefault(quad.subject.value, []).append(quad.object.value)
    labels = knowledge.quads_for_pattern(None, NamedNode(RDFS + "label"), None, None)
    return NameIndex.from_terms(
        (compact(q.subject.value), q.object.value, synonyms.get(q.subject.value, ())) for q in labels
    )


@pytest.fixture(scope="module")
def examples(page: ModuleType, terms: NameIndex) -> dict[str, BoundQuery]:
    calls = page.read_calls(page.PAGE.read_text(encoding="utf-8"))
    return {name: bind(ASK[name], page.read_params(call), terms) for name, call in calls.items()}


@pytest.fixture(scope="module")
def answers(knowledge: Store, examples: dict[str, BoundQuery]) -> dict[str, Rows]:
    """What the embedded store answers to the examples, from the whole knowledge."""
    return {name: run(knowledge, query) for name, query in examples.items()}


@pytest.fixture(scope="module")
def excerpt(knowledge: Store, answers: dict[str, Rows]) -> Store:
    """All terms, but of the claims only some: rdflib would take minutes for all of them.

    Kept are indications, every STEP-th claim of the others, and those of up to MOST rows of each answer. Of the
    properties those that some question names; a variable in their place takes its values from such names.
    """
    claims = sorted((q.object.value, q.subject.value) for q in knowledge.quads_for_pattern(None, CLAIM_KIND, None))
    kept = {claim for _, claim in claims[::STEP]} | {claim for kind, claim in claims if kind == "Indication"}
    for rows in answers.values():
        some = rows.rows[:: len(rows.rows) // MOST + 1]
        kept |= {cell for row in some for cell in row if isinstance(cell, Iri) and cell.startswith(CLAIM)}
    named = {PREFIXES[p] + name for query in ASK.values() for p, name in NAME.findall(query.text) if p in PREFIXES}
    named.add(RDF + "type")

    def is_kept(term: object) -> bool:
        return not isinstance(term, NamedNode) or not term.value.startswith(CLAIM) or term.value in kept

    store = Store()
    store.bulk_extend(q for q in knowledge if q.predicate.value in named and is_kept(q.subject) and is_kept(q.object))
    return store


@pytest.fixture(scope="module")
def excerpt_graph(excerpt: Store) -> rdflib.Graph:
    triples = serialize((quad.triple for quad in excerpt), format=RdfFormat.N_TRIPLES)
    return rdflib.Graph().parse(data=triples, format="nt")


def test_the_excerpt_is_one(knowledge: Store, excerpt: Store) -> None:
    assert 20_000 < len(excerpt) < len(knowledge) / 2


@pytest.mark.parametrize("name", sorted(ASK))
def test_the_example_answers(name: str, answers: dict[str, Rows]) -> None:
    assert answers[name].rows


@pytest.mark.parametrize("name", sorted(ASK))
def test_both_engines_agree(
    name: str, excerpt: Store, excerpt_graph: rdflib.Graph, examples: dict[str, BoundQuery]
) -> None:
    rows = run(excerpt, examples[name])
    assert rows.rows
    assert run_rdflib(excerpt_graph, examples[name]) == rows


@pytest.mark.parametrize("name", sorted(CHECK))
def test_checks_find_nothing_wrong(name: str, knowledge: Store, terms: NameIndex) -> None:
    assert run(knowledge, bind(CHECK[name], {}, terms)).rows == ()
