"""Statements fetched from a server, all of them or an error.

Servers cut long answers, and some do not say so (Virtuoso 7 ends a CONSTRUCT after ResultSetMaxRows and answers 200).
So what could be long is counted first and fetched in parts, and each part must have as many statements as were counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.slices import Cutter
from kg_builder.knowledge.statements import ASSERTED, Statements, read_triples
from kg_builder.remote import texts
from kg_builder.remote.client import Client, CutError, EndpointError
from kg_builder.remote.endpoint import shown
from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_CORE, GRAPH_INFERRED, expand

#: Graphs of which cuts are made.
CUT_GRAPHS: Final = (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_INFERRED)
#: Statements asked for in one request.
PAGE: Final = 8_000
#: A shorter answer is taken as whole: no server cuts so short.
SMALL: Final = 1_000
#: Digits of the hash by which the statements of one property are told apart at most: 256 parts.
_DEEPEST: Final = 2


class Fetcher:
    """Fetches statements of some graphs of a server.

    Args:
        client: the server.
        graphs: IRIs of the graphs.
    """

    def __init__(self, client: Client, graphs: Iterable[str]) -> None:
        self._client, self._graphs = client, tuple(graphs)

    def fetch(self, pattern: str, *, wants: Callable[[str], bool] = lambda _: True, doing: str) -> list[ox.Triple]:
        """Return the statements of a pattern of :mod:`~kg_builder.remote.texts`.

        Args:
            pattern: the pattern, filled.
            wants: tells of a property (IRI) whether its statements are wanted.
            doing: what this is for, in messages.
        Raises:
            EndpointError: if the server does not answer, or does not give all.
        """
        counts = {p: n for p, n in self._count(pattern, doing).items() if wants(p)}
        found: list[ox.Triple] = []
        for page in _bins(counts):
            found += self._page(pattern, page, sum(counts[p] for p in page), counts, doing)
        return found

    def fetch_short(self, pattern: str, *, doing: str) -> list[ox.Triple]:
        """Return the statements of a pattern that are likely few: counted only where they are not."""
        try:
            found = self._construct(texts.construct(pattern), doing)
        except CutError:
            return self.fetch(pattern, doing=doing)
        if len(found) < SMALL or len(found) == sum(self._count(pattern, doing).values()):
            return found
        return self.fetch(pattern, doing=doing)

    def _count(self, pattern: str, doing: str) -> dict[str, int]:
        rows = self._client.select(texts.count(pattern), self._graphs, doing=doing)
        assert isinstance(rows, ox.QuerySolutions)
        return {row["p"].value: int(row["n"].value) for row in rows if row["p"] is not None}

    def _construct(self, text: str, doing: str) -> list[ox.Triple]:
        return list(dict.fromkeys(self._client.construct(text, self._graphs, doing=doing)))

    def _page(
        self, pattern: str, page: list[str], expected: int, counts: dict[str, int], doing: str
    ) -> list[ox.Triple]:
        found = self._construct(texts.construct(pattern, only=page), doing)
        if len(found) == expected:
            return found
        if len(page) > 1:
            half = len(page) // 2
            return [
                triple
                for part in (page[:half], page[half:])
                for triple in self._page(pattern, part, sum(counts[p] for p in part), counts, doing)
            ]
        for depth in range(1, _DEEPEST + 1):
            parts = (texts.construct(pattern, only=page, shard=shard) for shard in _shards(depth))
            found = [triple for part in parts for triple in self._construct(part, doing)]
            if len(found) == expected:
                return found
        where = shown(self._client.endpoint.query)
        message = f"{where}: gave {len(found)} of {expected} statements while {doing}"
        raise EndpointError(f"{message}; see that nothing writes to it meanwhile, and how long its answers may be")


def count_graph(client: Client, graph: str) -> int:
    """Return the number of statements of a graph; 0 if it is not there."""
    text = texts.fill(texts.COUNT, g=ox.NamedNode(graph))
    rows = client.select(text, (), doing="counting statements")
    assert isinstance(rows, ox.QuerySolutions)
    return sum(int(row["n"].value) for row in rows)


def _shards(depth: int) -> Iterator[str]:
    """Yield the beginnings of hashes by which subjects are told apart: 16, 256 …"""
    return map("".join, product("0123456789abcdef", repeat=depth))


def _bins(counts: dict[str, int]) -> Iterator[list[str]]:
    """Yield properties together whose statements fit one page; one that does not fit stands alone."""
    page: list[str] = []
    total = 0
    for name, size in sorted(counts.items()):
        if page and total + size > PAGE:
            yield page
            page, total = [], 0
        page.append(name)
        total += size
    if page:
        yield page


def fetch_names(client: Client) -> ox.Store:
    """Return what names, genes, parameters and alterations of a case need: a release's cut for that.

    Raises:
        EndpointError: if the server does not give all of it.
    """
    about = _about([*_terms(client, texts.NAMING_PROPERTIES.__contains__), *_types(client)])
    cutter = Cutter(Statements())
    return _stored(line for subject, rows in about.items() for line in cutter.cut_terms(subject, rows))


def fetch_cut(client: Client, disease: str) -> ox.Store:
    """Return what the cases of a disease need: a release's cut for it and what all cuts share.

    Args:
        client: the server.
        disease: CURIE of the disease.
    Raises:
        EndpointError: if the server does not give all of it.
    """
    fetcher, node = Fetcher(client, CUT_GRAPHS), ox.NamedNode(expand(disease))
    doing = "fetching what the disease needs"
    found = [
        *fetcher.fetch(texts.fill(texts.CLAIMS, disease=node), doing=doing),
        *fetcher.fetch(texts.fill(texts.CONDITIONS, disease=node), doing=doing),
        *_terms(client, lambda name: name not in texts.UNREAD_PROPERTIES),
        *_types(client),
    ]
    about = _about(found)
    cutter = Cutter(Statements(read_triples(found), ASSERTED))
    own = cutter.diseases.index(disease) if disease in cutter.diseases else None
    lines = (pair for subject, rows in about.items() for pair in cutter.cut_diseases(subject, rows))
    return _stored(line for number, line in lines if number in (None, own))


def _terms(client: Client, wants: Callable[[str], bool]) -> list[ox.Triple]:
    """Return statements of terms with the properties that are wanted; none of retired ones, which no cut has."""
    fetcher, doing = Fetcher(client, CUT_GRAPHS), "fetching the terms"
    marked = fetcher.fetch_short(texts.fill(texts.OF_PROPERTY, p=texts.DEPRECATED), doing=doing)
    retired = {triple.subject for triple in marked}
    found = fetcher.fetch(texts.TERMS, wants=wants, doing=doing)
    return [triple for triple in found if triple.subject not in retired]


def _types(client: Client) -> list[ox.Triple]:
    pattern = texts.fill(texts.OF_OBJECT, p=texts.TYPE, o=texts.CLASSES)
    return Fetcher(client, CUT_GRAPHS).fetch(pattern, doing="fetching the terms")


def _about(triples: Iterable[ox.Triple]) -> dict[str, list[tuple[str, str]]]:
    """Return subject → its statements, as N-Triples writes them."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for subject, predicate, value in dict.fromkeys(read_triples(triples)):
        found[subject].append((predicate, value))
    return found


def _stored(lines: Iterable[str]) -> ox.Store:
    store = ox.Store()
    data = "".join(lines).encode()
    store.bulk_load(input=data, format=ox.RdfFormat.N_TRIPLES, to_graph=ox.NamedNode(GRAPH_ASSERTED))
    return store
