"""On the knowledge of this repository, both engines answer every question and every check alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import rdflib
from pyoxigraph import NamedNode, Store

from kg_builder.ask import Iri, Rows, bind, load_catalogue, run, run_rdflib
from kg_builder.graph.release import assemble
from kg_builder.graph.serialise import turtle
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import RDFS, compact

ROOT = Path(__file__).parents[2]
ASK = load_catalogue(ROOT / "queries" / "ask")
CHECK = load_catalogue(ROOT / "queries" / "check")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def knowledge() -> Store:
    store = Store()
    store.bulk_extend(assemble(ROOT / "ontology" / "knowledge", ROOT / "ontology" / "core").quads)
    return store


@pytest.fixture(scope="module")
def knowledge_graph(knowledge: Store) -> rdflib.Graph:
    return rdflib.Graph().parse(data=turtle(knowledge), format="turtle")


@pytest.fixture(scope="module")
def terms(knowledge: Store) -> NameIndex:
    labels = knowledge.quads_for_pattern(None, NamedNode(RDFS + "label"), None, None)
    return NameIndex.from_terms((compact(q.subject.value), q.object.value, ()) for q in labels)


def params_of_a_row(rows: Rows, names: tuple[str, ...]) -> dict[str, str]:
    """Return as parameters what the row in the middle holds in columns of their names."""
    if not rows.rows:
        return {}
    row = dict(zip(rows.columns, rows.rows[len(rows.rows) // 2], strict=True))
    return {name: cell.curie for name in names if isinstance(cell := row.get(name), Iri)}


@pytest.mark.parametrize("name", sorted(ASK))
def test_both_engines_agree(name: str, knowledge: Store, knowledge_graph: rdflib.Graph, terms: NameIndex) -> None:
    query = ASK[name]
    everything = run(knowledge, bind(query, {}, terms))
    params = params_of_a_row(everything, tuple(param.name for param in query.header.params))
    bound = bind(query, params, terms)
    rows = run(knowledge, bound)
    assert bool(rows.rows) == bool(everything.rows)
    assert run_rdflib(knowledge_graph, bound) == rows


@pytest.mark.parametrize("name", sorted(CHECK))
def test_checks_find_nothing_wrong(name: str, knowledge: Store, terms: NameIndex) -> None:
    assert run(knowledge, bind(CHECK[name], {}, terms)).rows == ()
