"""Triples of knowledge and of one case, by property: what compiled rules run over.

Terms are text: an IRI as it is, a literal as in N-Triples, canonical where it is a number (``"2.5"^^<…#decimal>``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.vocabulary import CASE, XSD

Triple = tuple[str, str, str]
#: Values of one property by subject, or subjects by value.
Index = dict[str, list[str]]
QUOTE: Final = '"'
TRUE: Final = f'"true"^^<{XSD}boolean>'
FALSE: Final = f'"false"^^<{XSD}boolean>'
_INTEGER: Final = f"^^<{XSD}integer>"
_DECIMAL: Final = f"^^<{XSD}decimal>"


def term_text(term: ox.NamedNode | ox.Literal | ox.BlankNode | ox.Triple) -> str:
    """Return a term as text.

    >>> term_text(ox.NamedNode("http://a/b")), term_text(ox.Literal("high")), term_text(ox.Literal(-2))
    ('http://a/b', '"high"', '"-2"^^<http://www.w3.org/2001/XMLSchema#integer>')
    """
    if isinstance(term, ox.NamedNode):
        return term.value
    text = str(term)
    value = number(text)
    return text if value is None else number_text(value, is_integer=is_integer(text))


def lexical(text: str) -> str:
    """Return what STR gives for a term: an IRI as it is, a literal without quotes and datatype.

    >>> lexical("http://a/b"), lexical('"2.5"^^<http://www.w3.org/2001/XMLSchema#decimal>'), lexical(r'"a\\"b"')
    ('http://a/b', '2.5', 'a"b')
    """
    if text[0] != '"':
        return text
    quoted = text[1 : text.rindex('"')]
    if "\\" not in quoted:
        return quoted
    (quad,) = ox.parse(f"<urn:s> <urn:p> {text} .", format=ox.RdfFormat.N_TRIPLES)
    return str(quad.object.value)


def quote(text: str) -> str:
    """Return a string as the text of a literal."""
    return str(ox.Literal(text))


@lru_cache(maxsize=4096)
def number(text: str) -> Decimal | None:
    """Return the number that a term is, or None.

    >>> number('"2.50"^^<http://www.w3.org/2001/XMLSchema#decimal>'), number('"2.5"'), number("http://a/b")
    (Decimal('2.50'), None, None)
    """
    if text[0] == '"' and text.endswith((_INTEGER, _DECIMAL)):
        return Decimal(text[1 : text.rindex('"')])
    return None


def number_text(value: Decimal, *, is_integer: bool) -> str:
    """Return the term of a number, as the store writes it.

    >>> number_text(Decimal("60.0"), is_integer=False)
    '"60"^^<http://www.w3.org/2001/XMLSchema#decimal>'
    """
    plain = f"{value:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return f'"{plain}"{_INTEGER if is_integer else _DECIMAL}'


def is_integer(text: str) -> bool:
    """Whether a term is a whole number by its datatype."""
    return text.endswith(_INTEGER)


def write_triple(triple: Triple) -> str:
    """Return a triple as a line of N-Triples."""
    subject, predicate, value = triple
    return f"<{subject}> <{predicate}> {value if value[0] == QUOTE else f'<{value}>'} .\n"


class Knowledge:
    """What a store knows, indexed property by property when a rule first asks for it; read-only."""

    def __init__(self, store: KnowledgeStore) -> None:
        self._store = store
        self._read: dict[str, tuple[Index, Index]] = {}

    def by_subject(self, name: str) -> Index:
        """Return the values of a property (IRI) by subject."""
        return self._index(name)[0]

    def by_value(self, name: str) -> Index:
        """Return the subjects of a property (IRI) by value."""
        return self._index(name)[1]

    def _index(self, name: str) -> tuple[Index, Index]:
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = ({}, {})
            forth, back = found
            for quad in self._store.quads_for_pattern(None, ox.NamedNode(name), None):
                if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value.startswith(CASE):
                    continue  # a case that stands in the store for another purpose is none of the knowledge
                subject, value = term_text(quad.subject), term_text(quad.object)
                forth.setdefault(subject, []).append(value)
                back.setdefault(value, []).append(subject)
        return found


class CaseTriples:
    """Facts and conclusions of one case, in the order in which they were added, each once.

    An index is brought up to date when it is asked for: of most properties, one direction or none is.
    """

    def __init__(self, facts: Iterable[Triple] = ()) -> None:
        #: all of them
        self.triples: dict[Triple, None] = {}
        self._pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
        #: by property and place of the key in a pair: how many pairs the index holds, and the index
        self._indexes: dict[tuple[str, int], tuple[int, Index]] = {}
        self.add(facts)

    def by_subject(self, name: str) -> Index:
        """Return the values of a property (IRI) by subject, for as long as nothing is added."""
        return self._index(name, 0)

    def by_value(self, name: str) -> Index:
        """Return the subjects of a property (IRI) by value, for as long as nothing is added."""
        return self._index(name, 1)

    def _index(self, name: str, key: int) -> Index:
        pairs = self._pairs.get(name, ())
        done, index = self._indexes.get((name, key)) or (0, {})
        if done < len(pairs):
            for pair in pairs[done:]:
                index.setdefault(pair[key], []).append(pair[1 - key])
            self._indexes[name, key] = (len(pairs), index)
        return index

    def add(self, triples: Iterable[Triple]) -> list[Triple]:
        """Add triples and return those that are new."""
        known, pairs = self.triples, self._pairs
        new = [triple for triple in dict.fromkeys(triples) if triple not in known]
        known.update(dict.fromkeys(new))
        for subject, name, value in new:
            pairs[name].append((subject, value))
        return new
