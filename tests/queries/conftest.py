"""A small made-up graph, reasoned over as the build does, in the embedded store and in rdflib."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import rdflib
from pyoxigraph import NamedNode, RdfFormat, Store, parse

from kg_builder.graph.materialise import materialise
from kg_builder.graph.serialise import rows_of, turtle
from kg_builder.knowledge import derive_indexes, derive_narrower, derive_reflexive
from kg_builder.knowledge.knowledge import read_core
from kg_builder.knowledge.names import NameIndex
from kg_builder.knowledge.statements import ASSERTED, Statements
from kg_builder.vocabulary import RDFS, SKOS, compact

ROOT = Path(__file__).parents[2]


def build_store(text: bytes) -> Store:
    """Reason over the core ontology and the Turtle given, as a build does."""
    statements = Statements.of(read_core(ROOT / "ontology" / "core"))
    statements.extend(rows_of(parse(text, format=RdfFormat.TURTLE)), ASSERTED)
    materialise(statements)
    derive_narrower(statements)
    derive_reflexive(statements)
    derive_indexes(statements)
    store = Store()
    store.extend(statements.quads())
    return store


def unite(store: Store) -> rdflib.Graph:
    """Return all statements of a store as one rdflib graph."""
    return rdflib.Graph().parse(data=turtle(store), format="turtle")


@pytest.fixture(scope="session")
def fixture_text() -> bytes:
    return (Path(__file__).parent / "fixture.ttl").read_bytes()


@pytest.fixture(scope="session")
def build() -> Callable[[bytes], Store]:
    return build_store


@pytest.fixture(scope="session")
def union() -> Callable[[Store], rdflib.Graph]:
    return unite


@pytest.fixture(scope="session")
def store(fixture_text: bytes) -> Store:
    return build_store(fixture_text)


@pytest.fixture(scope="session")
def graph(store: Store) -> rdflib.Graph:
    return unite(store)


@pytest.fixture(scope="session")
def names(store: Store) -> NameIndex:
    synonyms: dict[str, list[str]] = {}
    for quad in store.quads_for_pattern(None, NamedNode(SKOS + "altLabel"), None, None):
        synonyms.setdefault(quad.subject.value, []).append(quad.object.value)
    labels = store.quads_for_pattern(None, NamedNode(RDFS + "label"), None, None)
    return NameIndex.from_terms(
        (compact(q.subject.value), q.object.value, synonyms.get(q.subject.value, ())) for q in labels
    )


@pytest.fixture(scope="session")
def page() -> ModuleType:
    """The tool that writes docs/questions.md."""
    spec = importlib.util.spec_from_file_location("questions_page", ROOT / "tools" / "questions_page.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
