"""The statements of a build, as the text that N-Triples gives their terms, found by predicate.

Text takes a fraction of the time and memory of objects, and a term that stands in many statements is held once.
A statement stands in one graph only, the first of :data:`GRAPHS` that states it: a query over the union of all
graphs would meet it once for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pyoxigraph import NamedNode, Quad, RdfFormat, Triple, parse, serialize

from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_CORE, GRAPH_INFERRED, GRAPH_MAPPINGS

#: Subject, predicate and object: ``<IRI>``, ``_:name`` or a literal, as in N-Triples.
Row = tuple[str, str, str]
#: Subject → its objects; the number says where the statement stands, see :meth:`Statements.add`.
Objects = Mapping[str, Mapping[str, int]]
#: Object → its subjects.
Subjects = Mapping[str, list[str]]

GRAPHS: Final = (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_MAPPINGS, GRAPH_INFERRED)
CORE, ASSERTED, MAPPINGS, INFERRED = range(len(GRAPHS))

_NOTHING: Final[dict[str, int]] = {}


class Statements:
    """A growing set of statements, each in its graph."""

    def __init__(self, rows: Iterable[Row] = (), place: int = ASSERTED) -> None:
        self._objects: dict[str, dict[str, dict[str, int]]] = {}
        self._subjects: dict[str, dict[str, list[str]]] = {}
        self._sizes: dict[str, int] = {}
        self.extend(rows, place)

    @classmethod
    def of(cls, quads: Iterable[Quad], places: Mapping[str, int] | None = None) -> Statements:
        """Take over quads, each into its graph.

        Args:
            quads: a store, or quads in any order.
            places: IRI of a graph → its place, for graphs with other names than :data:`GRAPHS`.
        Raises:
            KeyError: if a quad stands in a graph that has no place.
        """
        places = places or {graph: place for place, graph in enumerate(GRAPHS)}
        parts: dict[int, list[Triple]] = {}
        for quad in quads:
            graph = quad.graph_name
            parts.setdefault(places[graph.value if isinstance(graph, NamedNode) else ""], []).append(quad.triple)
        found = cls()
        for place in sorted(parts):
            found.extend(read_triples(parts[place]), place)
        return found

    def add(self, subject: str, predicate: str, value: str, place: int) -> bool:
        """Add a statement unless it is there already, in whatever graph.

        Args:
            place: number of the graph in :data:`GRAPHS`. Above ``INFERRED`` it stands for the same graph and says
                in which round of reasoning the statement was found.
        Returns:
            Whether it is new.
        """
        by_subject = self._objects.setdefault(predicate, {})
        values = by_subject.get(subject)
        if values is None:
            by_subject[subject] = {value: place}
        elif value in values:
            return False
        else:
            values[value] = place
        self._sizes[predicate] = self._sizes.get(predicate, 0) + 1
        if (by_object := self._subjects.get(predicate)) is not None:
            by_object.setdefault(value, []).append(subject)
        return True

    def extend(self, rows: Iterable[Row], place: int) -> int:
        """Add statements to a graph; return how many are new."""
        add = self.add
        return sum(add(subject, predicate, value, place) for subject, predicate, value in rows)

    def remove(self, row: Row) -> None:
        """Forget a statement, which must be there."""
        subject, predicate, value = row
        by_subject = self._objects[predicate]
        del by_subject[subject][value]
        if not by_subject[subject]:
            del by_subject[subject]
        self._sizes[predicate] -= 1
        if predicate in self._subjects:
            self._subjects[predicate][value].remove(subject)

    def remove_subject(self, subject: str) -> None:
        """Forget all that is said of a subject."""
        rows = [(subject, p, o) for p, by_subject in self._objects.items() for o in by_subject.get(subject, ())]
        for row in rows:
            self.remove(row)

    def __len__(self) -> int:
        return sum(self._sizes.values())

    def __contains__(self, row: Row) -> bool:
        return self.place(row) is not None

    def __iter__(self) -> Iterator[Row]:
        return (row for row, _ in self.placed())

    def placed(self) -> Iterator[tuple[Row, int]]:
        """Yield each statement and its place."""
        for predicate, by_subject in self._objects.items():
            for subject, values in by_subject.items():
                for value, place in values.items():
                    yield (subject, predicate, value), place

    def place(self, row: Row) -> int | None:
        """Return where a statement stands, None if it does not."""
        subject, predicate, value = row
        return self._objects.get(predicate, {}).get(subject, _NOTHING).get(value)

    def predicates(self) -> list[str]:
        """Return the predicates in use, sorted."""
        return sorted(predicate for predicate, size in self._sizes.items() if size)

    def size(self, predicate: str) -> int:
        """Return the number of statements of a predicate."""
        return self._sizes.get(predicate, 0)

    def about(self, predicate: str) -> Objects:
        """Return subject → objects of a predicate; it grows with the statements."""
        return self._objects.setdefault(predicate, {})

    def of_object(self, predicate: str) -> Subjects:
        """Return object → subjects of a predicate, made when first asked for; it grows with the statements."""
        found = self._subjects.get(predicate)
        if found is None:
            found = self._subjects[predicate] = {}
            for subject, values in self._objects.get(predicate, {}).items():
                for value in values:
                    found.setdefault(value, []).append(subject)
        return found

    def objects(self, subject: str, predicate: str) -> Mapping[str, int]:
        """Return the objects of a subject and predicate."""
        return self._objects.get(predicate, {}).get(subject, _NOTHING)

    def subjects(self, predicate: str, value: str) -> list[str]:
        """Return the subjects of a predicate and object."""
        return self.of_object(predicate).get(value, [])

    def quads(self) -> list[Quad]:
        """Return the statements as quads, in no order."""
        parts: dict[int, list[Row]] = {}
        for row, place in self.placed():
            parts.setdefault(min(place, INFERRED), []).append(row)
        return [
            Quad(triple.subject, triple.predicate, triple.object, graph)
            for place, rows in parts.items()
            for graph in (NamedNode(GRAPHS[place]),)
            for triple in to_triples(rows)
        ]


def read_triples(triples: Iterable[Triple]) -> Iterator[Row]:
    """Yield triples as text.

    >>> triple = Triple(NamedNode("http://x/a"), NamedNode("http://x/p"), NamedNode("http://x/b"))
    >>> list(read_triples([triple])), to_triples(read_triples([triple])) == [triple]
    ([('<http://x/a>', '<http://x/p>', '<http://x/b>')], True)
    """
    known: dict[str, str] = {}
    data = serialize(triples, format=RdfFormat.N_TRIPLES) or b""
    for line in data.decode().split("\n"):
        if line:
            subject, predicate, value = line[:-2].split(" ", 2)
            subject, predicate = known.setdefault(subject, subject), known.setdefault(predicate, predicate)
            yield subject, predicate, known.setdefault(value, value)


def to_triples(rows: Iterable[Row]) -> list[Triple]:
    """Return rows as triples; blank nodes keep their names."""
    data = "".join(f"{subject} {predicate} {value} .\n" for subject, predicate, value in rows)
    return [quad.triple for quad in parse(data.encode(), format=RdfFormat.N_TRIPLES)]
