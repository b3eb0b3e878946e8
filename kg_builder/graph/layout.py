"""Statements in the order and nesting in which files for people hold them.

Statements are grouped by subject; class expressions and lists are written inside the statement that uses them, so
that the files read well in an editor and open in Protégé. Blank nodes are named by RDFC-1.0. Terms are handled as
the text that N-Triples gives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pyoxigraph import CanonicalizationAlgorithm, Dataset

from kg_builder.knowledge.statements import Row, Statements
from kg_builder.vocabulary import OWL, RDF

#: Predicate and object.
Pair = tuple[str, str]

_TYPE = f"<{RDF}type>"
_FIRST = f"<{RDF}first>"
_REST = f"<{RDF}rest>"
_NIL = f"<{RDF}nil>"
_ONTOLOGY = f"<{OWL}Ontology>"


def name_blank_nodes(statements: Statements) -> Statements:
    """Name blank nodes canonically, so that equal graphs are equal text; return the statements."""
    blank = Statements()
    for row, place in statements.placed():
        if row[0].startswith("_:") or row[2].startswith("_:"):
            blank.add(*row, place)
    dataset = Dataset(blank.quads())
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    for row in blank:
        statements.remove(row)
    for row, place in Statements.of(dataset).placed():
        statements.add(*row, place)
    return statements


def group(rows: Iterable[Row]) -> dict[str, list[Pair]]:
    """Return subject → its (predicate, object), all in order, rdf:type first; repeats dropped."""
    found: dict[str, list[Pair]] = {}
    for subject, predicate, value in sorted(set(rows)):
        found.setdefault(subject, []).append((predicate, value))
    return {subject: type_first(pairs) for subject, pairs in found.items()}


def type_first(pairs: list[Pair]) -> list[Pair]:
    """Return sorted pairs with those of rdf:type before the others."""
    types = [pair for pair in pairs if pair[0] == _TYPE]
    return [*types, *(pair for pair in pairs if pair[0] != _TYPE)] if types else pairs


class Layout:
    """Statements grouped by subject, in writing order; knows which blank nodes stand inside another node."""

    def __init__(self, about: Mapping[str, list[Pair]]) -> None:
        self.about = about
        uses = Counter(value for pairs in about.values() for _, value in pairs if value.startswith("_:"))
        self.used = set(uses)
        self._single = {node for node, count in uses.items() if count == 1 and node in about}
        self._single -= self._on_cycles()

    def _on_cycles(self) -> set[str]:
        """Blank nodes that no named or shared node leads to; nested writing would never reach them."""
        reached: set[str] = set()
        todo = [node for node in self.about if node not in self._single]
        while todo:
            for _, value in self.about.get(todo.pop(), ()):
                if value in self._single and value not in reached:
                    reached.add(value)
                    todo.append(value)
        return self._single - reached

    def subjects(self) -> list[str]:
        """The ontology first, then named subjects by IRI, then blank nodes that stand alone."""
        alone = [node for node in self.about if node not in self._single]
        return sorted(alone, key=lambda n: ((_TYPE, _ONTOLOGY) not in self.about[n], n.startswith("_:"), n))

    def is_inside(self, node: str) -> bool:
        """True for a blank node that one statement uses, inside which it is written, without a name."""
        return node in self._single

    def items(self, node: str) -> list[str] | None:
        """The members if this is a list that only its own statement uses, else None."""
        found: list[str] = []
        while node != _NIL:
            about = self.about[node] if self.is_inside(node) else []
            if [predicate for predicate, _ in about] != [_FIRST, _REST]:
                return None
            found.append(about[0][1])
            node = about[1][1]
        return found
