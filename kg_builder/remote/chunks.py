"""A graph in parts small enough for one request each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyoxigraph as ox


def split_graph(triples: Iterable[ox.Triple], size: int) -> Iterator[bytes]:
    """Yield a graph in N-Triples, ``size`` statements a part.

    A blank node has a name within one request only, so what hangs together by blank nodes stays together: a part
    may be longer than asked for.

    >>> node, name = ox.BlankNode("a"), ox.NamedNode("http://x/p")
    >>> parts = split_graph([ox.Triple(node, name, node), ox.Triple(name, name, name), ox.Triple(name, name, node)], 1)
    >>> [part.count(b"\\n") for part in parts]
    [1, 2]
    """
    plain: list[ox.Triple] = []
    tied: list[tuple[ox.Triple, list[str]]] = []
    leaders: dict[str, str] = {}
    for triple in triples:
        nodes = [node.value for node in (triple.subject, triple.object) if isinstance(node, ox.BlankNode)]
        if not nodes:
            plain.append(triple)
            continue
        tied.append((triple, nodes))
        first = _leader(leaders, nodes[0])
        for other in nodes[1:]:
            leaders[_leader(leaders, other)] = first
    groups: dict[str, list[ox.Triple]] = {}
    for triple, nodes in tied:
        groups.setdefault(_leader(leaders, nodes[0]), []).append(triple)
    yield from _pack(([triple] for triple in plain), size)
    yield from _pack(groups.values(), size)


def _leader(leaders: dict[str, str], node: str) -> str:
    """Return the node that stands for all that a blank node hangs together with."""
    while (above := leaders.setdefault(node, node)) != node:
        leaders[node] = node = leaders[above]
    return node


def _pack(groups: Iterable[list[ox.Triple]], size: int) -> Iterator[bytes]:
    part: list[ox.Triple] = []
    for group in groups:
        if part and len(part) + len(group) > size:
            yield _lines(part)
            part = []
        part += group
    if part:
        yield _lines(part)


def _lines(triples: list[ox.Triple]) -> bytes:
    return ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b""
