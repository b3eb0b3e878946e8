"""A case standing beside the knowledge while rules run over both: in this process, or on a server.

Where the knowledge is at hand, rules are compiled and the case stands in dictionaries of its own. Where a server holds
it, each rule is asked of the server as the query that it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pyoxigraph as ox

from kg_builder.derivation.compiled import Conclude as Compiled
from kg_builder.derivation.compiled import compile_rule
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, lexical, term_text, write_triple
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.rules import Rule, Statement, split_statement
from kg_builder.graph.protocol import CaseStore, KnowledgeStore


class Standing(Protocol):
    """A case beside the knowledge."""

    def conclude(self, rule: Rule) -> list[Statement]:
        """Run a rule, keep with the case what it concludes, and return that."""
        ...

    def add(self, statements: bytes) -> None:
        """Add what was concluded otherwise, as N-Triples."""
        ...

    def triples(self) -> Iterator[ox.Triple]:
        """Yield the facts of the case and all that was concluded of it."""
        ...


class Here:
    """Stands cases beside knowledge in this process; the knowledge is read, and never written."""

    def __init__(self, store: KnowledgeStore) -> None:
        self._knowledge = Knowledge(store)
        self._bound: dict[str, Compiled] = {}

    def bound(self, rule: Rule) -> Compiled:
        """Return a rule compiled and bound to the knowledge."""
        found = self._bound.get(rule.name)
        if found is None:
            found = self._bound[rule.name] = compile_rule(rule.text)(self._knowledge)
        return found

    def warm(self, rules: Iterable[Rule]) -> None:
        """Bind rules now."""
        for rule in rules:
            self.bound(rule)

    @contextmanager
    def stand(self, prepared: Prepared) -> Iterator[Standing]:
        """Let a case stand within the ``with`` block."""
        yield _StandingHere(self, prepared)


class _StandingHere:
    def __init__(self, here: Here, prepared: Prepared) -> None:
        self._here, self._case = here, prepared.iri
        self._triples = CaseTriples(
            (q.subject.value, q.predicate.value, term_text(q.object))  # type: ignore[union-attr]
            for q in prepared.quads
        )

    def conclude(self, rule: Rule) -> list[Statement]:
        found = self._triples.add(self._here.bound(rule)(self._triples, self._case))
        return [(s, p, o if o[0] != '"' else lexical(o)) for s, p, o in found]

    def add(self, statements: bytes) -> None:
        triples = ox.parse(statements, format=ox.RdfFormat.N_TRIPLES)
        self._triples.add((t.subject.value, t.predicate.value, term_text(t.object)) for t in triples)

    def triples(self) -> Iterator[ox.Triple]:
        lines = "".join(map(write_triple, self._triples.triples))
        return (quad.triple for quad in ox.parse(lines, format=ox.RdfFormat.N_TRIPLES))


class There:
    """Stands cases beside knowledge that a store holds which answers queries."""

    def __init__(self, store: CaseStore) -> None:
        self._store = store

    def warm(self, rules: Iterable[Rule]) -> None:
        """Do nothing: the store does not know rules before they are asked."""

    @contextmanager
    def stand(self, prepared: Prepared) -> Iterator[Standing]:
        """Let a case stand in a graph of the store within the ``with`` block, and not after, whatever happens."""
        graph = ox.NamedNode(prepared.iri)
        try:
            self._store.extend(prepared.quads)
            yield _StandingThere(self._store, graph)
        finally:
            self._store.remove_graph(graph)


class _StandingThere:
    def __init__(self, store: CaseStore, graph: ox.NamedNode) -> None:
        self._store, self._graph = store, graph

    def conclude(self, rule: Rule) -> list[Statement]:
        solutions = self._store.query(rule.text, use_default_graph_as_union=True)
        assert isinstance(solutions, ox.QueryTriples)
        found = solutions.serialize(format=ox.RdfFormat.N_TRIPLES) or b""
        if found:
            self.add(found)
        return [split_statement(line) for line in found.decode().splitlines()]

    def add(self, statements: bytes) -> None:
        self._store.load(statements, format=ox.RdfFormat.N_TRIPLES, to_graph=self._graph, lenient=True)

    def triples(self) -> Iterator[ox.Triple]:
        return (quad.triple for quad in self._store.quads_for_pattern(None, None, None, self._graph))
