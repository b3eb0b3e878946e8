"""What the derivation asks of a store, so that knowledge and case may stand in this process or on a server.

:class:`pyoxigraph.Store` is such a store as it is; :class:`kg_builder.remote.store.RemoteStore` is the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import pyoxigraph as ox

Subject = ox.NamedNode | ox.BlankNode | ox.Triple
Value = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Graph = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
Answer = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples


class KnowledgeStore(Protocol):
    """Knowledge that can be read."""

    def query(self, query: str, /, *, use_default_graph_as_union: bool = False) -> Answer:
        """Answer a SPARQL query over the union of all graphs."""
        ...

    def quads_for_pattern(
        self,
        subject: Subject | None,
        predicate: ox.NamedNode | None,
        object: Value | None,
        graph_name: Graph | None = None,
        /,
    ) -> Iterator[ox.Quad]:
        """Yield the statements that fit; None fits everything."""
        ...


class CaseStore(KnowledgeStore, Protocol):
    """Knowledge beside which a case can stand while it is derived, in a graph of its own."""

    def extend(self, quads: Iterable[ox.Quad], /) -> None:
        """Add the facts of a case."""
        ...

    def load(self, input: bytes, /, format: ox.RdfFormat, *, to_graph: ox.NamedNode, lenient: bool = False) -> None:
        """Add conclusions, as N-Triples, to the graph of the case."""
        ...

    def remove_graph(self, graph_name: ox.NamedNode, /) -> None:
        """Forget the case."""
        ...
