"""A server as a store: knowledge that is read in batches, and a graph in which one case at a time stands."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import pyoxigraph as ox

from kg_builder.ask.guard import check_query
from kg_builder.graph.protocol import Answer, Graph, Subject, Value
from kg_builder.remote import texts
from kg_builder.remote.client import Client, CutError, EndpointError
from kg_builder.remote.dialect import is_beyond_virtuoso, put_in_order, write_for_virtuoso
from kg_builder.remote.endpoint import shown
from kg_builder.remote.fetch import PAGE, Fetcher, count_graph
from kg_builder.vocabulary import BASE, GRAPH_ASSERTED, GRAPH_CORE, GRAPH_INFERRED, GRAPH_MAPPINGS

KNOWLEDGE: Final = (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_INFERRED, GRAPH_MAPPINGS)
#: Graphs of cases under way begin so; what follows is random, so that nobody else's case is met or removed.
CASES: Final = BASE + "graph/case/"
#: Nodes described in one request.
BATCH: Final = 200
#: Statements in one INSERT DATA.
CHUNK: Final = 1_000
#: Times that a case is removed again where an update was broken off and may still be at work, and seconds between.
_REMOVALS: Final = 4
_PAUSE: Final = 0.25
_WHERE: Final = ox.NamedNode(GRAPH_ASSERTED)
_NO_QUADS: Final[dict[str, list[ox.Quad]]] = {}


class RemoteStore:
    """The knowledge graphs of a server, and beside them the graph of the case that is being derived.

    It is a :class:`~kg_builder.graph.protocol.CaseStore`. Quads come back in the graph ``graph:asserted``, whichever
    they stand in. What was read is remembered: the knowledge must not change meanwhile.

    Attributes:
        case_graph: IRI of the graph of the case on the server; None where no case is under way.
    """

    def __init__(self, client: Client, say: Callable[[str], None] = lambda _: None) -> None:
        self._client, self._say = client, say
        self._copy: ox.Store | None = None
        self._fetcher = Fetcher(client, KNOWLEDGE)
        self._nodes: dict[str, list[ox.Quad]] = {}
        self._extents: dict[str, dict[str, list[ox.Quad]]] = {}
        self._properties: frozenset[str] | None = None
        #: node → properties under which it was met but not yet described, and the other way round
        self._met: dict[str, list[str]] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        self.case_graph: str | None = None
        self._case: set[ox.Triple] = set()
        self._is_broken_off = False

    # --- queries ----------------------------------------------------------------------------

    def query(self, query: str, /, *, use_default_graph_as_union: bool = False) -> Answer:
        """Answer a query over the union of knowledge and case.

        Raises:
            QueryError: as :func:`kg_builder.ask.guard.check_query`.
            EndpointError: if the server does not answer it.
        """
        assert use_default_graph_as_union, "the graphs of a release are always asked as one"
        form = check_query(query, "query")
        graphs = [*KNOWLEDGE, *([self.case_graph] if self.case_graph else [])]
        named = graphs if "GRAPH" in query.upper() else []
        doing = "running a query"
        text = query
        is_virtuoso = self._client.server.startswith("Virtuoso")
        if is_virtuoso:
            if self.case_graph is None and is_beyond_virtuoso(query):
                return self._fetch_all().query(query, use_default_graph_as_union=True)
            text = write_for_virtuoso(query)
        if form == "CONSTRUCT":
            found = self._client.construct(text, graphs, named=named, doing=doing)
            if is_virtuoso and len(found) >= PAGE:
                hint = "ask less, or without --update-endpoint"
                raise CutError(f"Virtuoso may have cut an answer of {len(found)} statements and not said so; {hint}")
            self._meet(found)
            return _as_answer(found)
        rows = self._client.select(text, graphs, named=named, form=form, doing=doing)
        return put_in_order(query, rows) if isinstance(rows, ox.QuerySolutions) else rows

    def quads_for_pattern(
        self,
        subject: Subject | None,
        predicate: ox.NamedNode | None,
        object: Value | None,
        graph_name: Graph | None = None,
        /,
    ) -> Iterator[ox.Quad]:
        """Yield the statements of the knowledge that fit, or those of the graph of the case if it is named."""
        if graph_name is not None:
            found: Iterable[ox.Quad] = self._quads_of_case(graph_name)
        elif isinstance(subject, ox.NamedNode) and predicate is None:
            found = self._describe(subject.value)
        elif predicate is not None and (subject is not None or object is None):
            extent = self._extent(predicate.value)
            key = str(subject) if subject is not None else None
            found = extent.get(key, ()) if key else (quad for quads in extent.values() for quad in quads)
        elif predicate is not None and isinstance(object, ox.NamedNode | ox.Literal):
            pattern = texts.fill(texts.OF_OBJECT, p=predicate, o=object)
            found = _quads(self._fetcher.fetch_short(pattern, doing="reading the knowledge"))
        else:
            raise NotImplementedError("a server is not read without subject and property")
        return (
            quad
            for quad in found
            if (predicate is None or quad.predicate == predicate)
            and (object is None or quad.object == object)
            and (subject is None or quad.subject == subject)
        )

    def _fetch_all(self) -> ox.Store:
        """Return a copy of the knowledge, fetched once."""
        if self._copy is None:
            self._say("Virtuoso cannot be trusted with this query (MINUS): fetching the knowledge, and asking it here")
            copy = ox.Store()
            for graph in KNOWLEDGE:
                found = Fetcher(self._client, [graph]).fetch("?s ?p ?o .", doing="fetching the knowledge")
                copy.extend(ox.Quad(t.subject, t.predicate, t.object, ox.NamedNode(graph)) for t in found)
            self._copy = copy
        return self._copy

    def _quads_of_case(self, graph: Graph) -> list[ox.Quad]:
        if self.case_graph is None:
            return []
        doing = "reading the conclusions of the case"
        found = Fetcher(self._client, [self.case_graph]).fetch("?s ?p ?o .", doing=doing)
        return [ox.Quad(t.subject, t.predicate, t.object, graph) for t in found]

    # --- what is read and remembered --------------------------------------------------------

    def _extent(self, name: str) -> dict[str, list[ox.Quad]]:
        """Return all statements with a property, by subject."""
        if self._properties is None:
            rows = self._client.select(texts.PROPERTIES, KNOWLEDGE, doing="reading the knowledge")
            self._properties = frozenset(row["p"].value for row in rows)  # type: ignore[union-attr]
        if name not in self._properties:
            return _NO_QUADS
        if name not in self._extents:
            pattern = texts.fill(texts.OF_PROPERTY, p=ox.NamedNode(name))
            extent = self._extents[name] = {}
            for quad in _quads(self._fetcher.fetch_short(pattern, doing="reading the knowledge")):
                extent.setdefault(str(quad.subject), []).append(quad)
        return self._extents[name]

    def _describe(self, iri: str) -> list[ox.Quad]:
        """Return all statements about a node.

        With it are fetched nodes met under the same properties: whoever asks for one value asks for the others next.
        """
        if iri not in self._nodes:
            batch = {iri: None}
            for name in self._met.get(iri, ()):
                for other in self._waiting[name]:
                    if len(batch) >= BATCH:
                        break
                    batch[other] = None
            self._fetch_nodes(list(batch))
        return self._nodes[iri]

    def _fetch_nodes(self, batch: list[str]) -> None:
        pattern = texts.fill(texts.OF_SUBJECTS, s=map(ox.NamedNode, batch))
        found = self._fetcher.fetch_short(pattern, doing="reading the knowledge")
        for node in batch:
            self._nodes[node] = []
            for name in self._met.pop(node, ()):
                self._waiting[name].pop(node, None)
        for quad in _quads(found):
            self._nodes[quad.subject.value].append(quad)  # type: ignore[union-attr]
        self._meet(found)

    def _meet(self, triples: Iterable[ox.Triple]) -> None:
        """Remember the nodes that statements lead to, by property; subjects of conclusions too."""
        for triple in triples:
            name = triple.predicate.value
            for node, key in ((triple.object, name), (triple.subject, f"^{name}")):
                if isinstance(node, ox.NamedNode) and node.value.startswith(BASE) and node.value not in self._nodes:
                    waiting = self._waiting.setdefault(key, {})
                    if node.value not in waiting:
                        waiting[node.value] = None
                        self._met.setdefault(node.value, []).append(key)

    # --- the case ---------------------------------------------------------------------------

    def try_update(self) -> None:
        """Write a statement into a graph of no other use and remove the graph, to see whether we may.

        Raises:
            EndpointError: if the server refuses, or does not answer.
        """
        node = ox.NamedNode(CASES + secrets.token_hex(16))
        line = ox.serialize([ox.Triple(node, texts.TYPE, node)], format=ox.RdfFormat.N_TRIPLES) or b""
        text = f"{texts.insert(node.value, line)} ;\n{texts.drop(node.value)}"
        self._client.update(text, doing="seeing whether updates are allowed")

    def extend(self, quads: Iterable[ox.Quad], /) -> None:
        """Add the facts of a case; the first open a new graph for it on the server."""
        triples = [quad.triple for quad in quads]
        self._meet(triples)
        self._insert(triples)

    def load(self, input: bytes, /, format: ox.RdfFormat, *, to_graph: ox.NamedNode, lenient: bool = False) -> None:
        """Add conclusions to the graph of the case; they are read and written anew, whatever ``lenient`` says."""
        self._insert([quad.triple for quad in ox.parse(input, format=format)])

    def remove_graph(self, graph_name: ox.NamedNode, /) -> None:
        """Remove the graph of the case from the server.

        Raises:
            EndpointError: if the server does not confirm it; the message names the graph.
        """
        if self.case_graph is None:
            return
        graph = self.case_graph
        try:
            for _ in range(_REMOVALS if self._is_broken_off else 1):
                self._client.update(texts.drop(graph), doing="removing the case")
                if not self._is_broken_off:
                    break
                time.sleep(_PAUSE)  # what was broken off here may still be at work there
        except EndpointError as error:
            hint = f"the facts of the case may still be on the server: {texts.drop(graph)}"
            raise EndpointError(f"{error}; {hint}", error.status) from error
        finally:
            self.case_graph, self._is_broken_off = None, False
            self._case.clear()

    def _insert(self, triples: list[ox.Triple]) -> None:
        if self.case_graph is None:
            self.case_graph = CASES + secrets.token_hex(16)
        for start in range(0, len(triples), CHUNK):
            lines = ox.serialize(triples[start : start + CHUNK], format=ox.RdfFormat.N_TRIPLES) or b""
            self._is_broken_off = True
            self._client.update(texts.insert(self.case_graph, lines), doing="adding to the case")
            self._is_broken_off = False
        self._case.update(triples)
        if (found := count_graph(self._client, self.case_graph)) != len(self._case):
            where = shown(self._client.endpoint.update or "")
            hint = "see that this address and that for queries are of one server, and that it keeps what it confirms"
            raise EndpointError(f"{where}: took {len(self._case)} statements of the case, {found} are there; {hint}")


def _quads(triples: Iterable[ox.Triple]) -> list[ox.Quad]:
    return [ox.Quad(t.subject, t.predicate, t.object, _WHERE) for t in triples]


def _as_answer(triples: Iterable[ox.Triple]) -> ox.QueryTriples:
    """Return triples as what a query of pyoxigraph answers."""
    store = ox.Store()
    store.extend(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    found = store.query(texts.EVERYTHING)
    assert isinstance(found, ox.QueryTriples)
    return found
