"""Put a release into a SPARQL server: into staging graphs first, then all at once in the place of what was there.

Whatever happens on the way, the graphs of the former release stay whole until every statement of the new one has been
counted on the server. Then one request moves the graphs. Servers that keep a request together (Oxigraph, Jena, RDF4J)
do all of it or nothing; for others the description of the release goes first and comes back last, so that a release
moved by half is never taken for one, and what a broken request left undone is done.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, Literal

import pyoxigraph as ox

from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.graph.store import Manifest
from kg_builder.remote import texts
from kg_builder.remote.chunks import split_graph
from kg_builder.remote.client import Client, EndpointError
from kg_builder.remote.description import GRAPH_RELEASE, Described, read_description
from kg_builder.remote.endpoint import Endpoint, shown
from kg_builder.remote.fetch import count_graph
from kg_builder.vocabulary import BASE

#: Graphs of loads under way begin so.
STAGING: Final = BASE + "graph/staging/"
#: Statements in a request of the graph store protocol, and in an INSERT DATA (Virtuoso reads no more than some 5,000).
STORE_CHUNK: Final = 20_000
UPDATE_CHUNK: Final = 1_000
#: Seconds that a server which broke off is watched before its silence counts as an end.
PATIENCE: Final = 5.0
_PAUSE: Final = 0.5

Say = Callable[[str], None]
Form = Literal["move", "copy"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did.

    Attributes:
        described: the release that the server holds now.
        former: the release that it held before, if any.
        by: ``graph store protocol``, ``SPARQL update``, or empty if all was there already.
    """

    described: Described
    former: Described | None
    by: str


def load_release(
    knowledge: ox.Store,
    manifest: Manifest,
    endpoint: Endpoint,
    *,
    chunk: int | None = None,
    again: bool = False,
    say: Say = lambda _: None,
) -> Loaded:
    """Put a release into a server.

    Args:
        knowledge: the quads of the release.
        manifest: of the release.
        endpoint: the server, with its address for updates.
        chunk: statements in a request; by default 20,000 by graph store protocol, 1,000 by update.
        again: load also what is there already.
        say: told what is being done.
    Raises:
        EndpointError: if the server is away, too slow, refuses or breaks off; what it held before it still holds,
            unless the message says otherwise.
    """
    client = Client(endpoint)
    new = Described.of(manifest)
    former = read_description(client)
    loader = _Loader(client, new, former, chunk, say)
    if former == new and not again and loader.is_done():
        return Loaded(new, former, "")
    loader.discard_leftovers()
    try:
        by = loader.stage(knowledge)
        loader.check_staged()
    except BaseException as error:
        loader.give_up(error)
        raise
    loader.put_in_place()
    return Loaded(new, former, by)


class _Loader:
    """One load: ``targets`` holds each graph of the release with its staging graph and number of statements."""

    def __init__(self, client: Client, new: Described, former: Described | None, chunk: int | None, say: Say) -> None:
        self._client, self._new, self._former, self._chunk, self._say = client, new, former, chunk, say
        start = f"{STAGING}{secrets.token_hex(8)}/"
        self._description = new.triples()
        sizes = {**new.graphs, GRAPH_RELEASE: len(self._description)}
        self._targets = [(iri, start + iri.rpartition("/")[2], size) for iri, size in sizes.items()]
        self._address: str | None = None

    # --- staging ----------------------------------------------------------------------------

    def discard_leftovers(self) -> None:
        """Remove the staging graphs of loads that were broken off."""
        start = ox.Literal(STAGING)
        text = texts.GRAPHS_BELOW.replace("?start", str(start))
        rows = self._client.select(text, (), doing="looking for loads that were broken off")
        graphs = sorted(row["g"].value for row in rows)  # type: ignore[union-attr]
        if graphs:
            self._say(f"removing {len(graphs)} staging graphs of a load that was broken off")
            self._client.update(texts.drop(*graphs), doing="removing what a load left behind")

    def stage(self, knowledge: KnowledgeStore) -> str:
        """Write every graph into its staging graph and return by which protocol."""
        way = self._find_way()
        by_store = self._address is not None
        size = self._chunk or (STORE_CHUNK if by_store else UPDATE_CHUNK)
        for target, staging, count in self._targets[:-1]:
            self._say(f"{compact_name(target)}: {count:,} statements by {way}")
            quads = knowledge.quads_for_pattern(None, None, None, ox.NamedNode(target))
            for number, lines in enumerate(split_graph((quad.triple for quad in quads), size)):
                self._write(staging, lines, append=number > 0)
        return way

    def _find_way(self) -> str:
        """Stage the description, the smallest graph, to find out which protocol the server takes."""
        staging = self._targets[-1][1]
        lines = ox.serialize(self._description, format=ox.RdfFormat.N_TRIPLES) or b""
        tried: list[EndpointError] = []
        for address in self._client.endpoint.stores:
            try:
                self._client.put(address, staging, lines, append=False, doing="trying the graph store protocol")
                if self._count(staging) == len(self._description):
                    self._address = address
                    return "graph store protocol"
            except EndpointError as error:
                if error.status is None:
                    raise
                tried.append(error)
        try:
            self._client.update(texts.insert(staging, lines), doing="trying SPARQL update")
        except EndpointError as error:
            before = "; tried before: " + " | ".join(map(str, tried)) if tried else ""
            raise EndpointError(f"{error}{before}", error.status) from error
        return "SPARQL update"

    def _write(self, graph: str, lines: bytes, *, append: bool) -> None:
        doing = f"staging {compact_name(graph)}"
        if self._address is None:
            self._client.update(texts.insert(graph, lines), doing=doing)
        else:
            self._client.put(self._address, graph, lines, append=append, doing=doing)

    def check_staged(self) -> None:
        """See that every statement has arrived.

        Raises:
            EndpointError: if a staging graph holds more or less than it should.
        """
        for target, staging, size in self._targets:
            if (found := self._count(staging)) != size:
                where = shown(self._client.endpoint.query)
                message = f"{where}: {found:,} of {size:,} statements of {compact_name(target)} arrived"
                raise EndpointError(f"{message}; see that nothing else loads into it, and the log of the server")

    def give_up(self, error: BaseException) -> None:
        """Remove the staging graphs after a fault; add to its message what the server holds now."""
        notes: list[str] = []
        try:
            self._drop_staging()
        except EndpointError:
            notes.append("staging graphs are left there and are removed by the next load")
        try:
            notes.append(self._tell_held())
        except EndpointError:
            notes.append("it does not answer any more; what stood in the place of the release has not been touched")
        if isinstance(error, EndpointError):
            error.args = ("; ".join([str(error), *notes]),)

    def _drop_staging(self) -> None:
        # a short wait: whoever has just been too slow must not make us wait as long again
        patient = Client(replace(self._client.endpoint, timeout=min(self._client.endpoint.timeout, 2 * PATIENCE)))
        patient.update(texts.drop(*(staging for _, staging, _ in self._targets)), doing="removing the staging graphs")

    def _tell_held(self) -> str:
        held = read_description(self._client)
        return f"it still holds release {held.version}, whole" if held else "it holds no release, as before"

    # --- putting in place -------------------------------------------------------------------

    def put_in_place(self) -> None:
        """Put the staged graphs in the place of those that are there.

        Raises:
            EndpointError: if the server refuses, or breaks off and cannot be brought to finish.
        """
        self._say("putting the graphs in place")
        forms: tuple[Form, ...] = ("move", "copy")
        for form in forms:
            try:
                self._client.update(self._exchange(form), doing="putting the graphs in place")
            except EndpointError as error:
                state = self._settle(error)
                if state == "untouched":
                    is_unknown = error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED)
                    if is_unknown and form != forms[-1]:
                        continue
                    self.give_up(error)
                    raise
                if state == "begun":
                    self._finish(error)
            break
        if not self.is_done():
            where = shown(self._client.endpoint.query)
            raise EndpointError(f"{where}: says that the graphs are in place, but holds other numbers of statements")

    def _exchange(self, form: Form) -> str:
        parts = [texts.drop(GRAPH_RELEASE)]
        for target, staging, size in self._targets:
            parts.append(self._replace(form, target, staging) if size else texts.drop(target))
        return " ;\n".join(parts)

    @staticmethod
    def _replace(form: Form, target: str, staging: str) -> str:
        return texts.move(staging, target) if form == "move" else texts.copy(staging, target)

    def _settle(self, error: EndpointError) -> Literal["done", "untouched", "begun"]:
        """Return how far a request that failed has come, once it comes no further.

        A server that answered with a refusal is done with it; one that broke off or was too slow may still be at work.
        """
        wait = 0.0 if error.status is not None else PATIENCE
        deadline = time.monotonic() + wait
        try:
            while True:
                if self.is_done():
                    return "done"
                if time.monotonic() >= deadline:
                    return "untouched" if self._is_untouched() else "begun"
                time.sleep(_PAUSE)
        except EndpointError as silent:
            hint = "whether the graphs are in place is not known; load again: what is there already is seen at once"
            raise EndpointError(f"{error}; then {silent}; {hint}") from error

    def _is_untouched(self) -> bool:
        """Whether nothing has been moved yet: the description of the former release is the first to go."""
        if self._former is not None:
            return read_description(self._client) == self._former
        return all(self._count(staging) == size for _, staging, size in self._targets)

    def _finish(self, error: EndpointError) -> None:
        """Put in place, one by one, the graphs that a broken request left; a staging graph is gone once it is moved."""
        self._say("the server broke off between two graphs; going on with the others")
        for target, staging, size in self._targets:
            if self._count(target) != size or (size and self._count(staging) == size):
                if self._count(staging) != size:
                    message = f"{error}; the graphs are in place by half; load again"
                    raise EndpointError(message, error.status) from error
                text = self._replace("copy", target, staging) if size else texts.drop(target)
                self._client.update(text, doing=f"putting {compact_name(target)} in place")
        self._drop_staging()

    def is_done(self) -> bool:
        """Whether the server holds the release, all of it."""
        if read_description(self._client) != self._new:
            return False
        return all(self._count(target) == size for target, _, size in self._targets)

    def _count(self, graph: str) -> int:
        return count_graph(self._client, graph)


def compact_name(graph: str) -> str:
    """Return the last part of the name of a graph.

    >>> compact_name("https://w3id.org/salvage-kg/graph/core")
    'core'
    """
    return graph.rpartition("/")[2]
