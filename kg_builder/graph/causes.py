"""Contradictions told as what curators wrote: each statement in words, with the row or ontology file that makes it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.dl import explain_inconsistency
from kg_builder.issues import Issue
from kg_builder.knowledge import Knowledge, build_statements, load_knowledge
from kg_builder.knowledge.knowledge import read_core_file
from kg_builder.knowledge.statements import Row, Statements, read_triples, to_triples
from kg_builder.knowledge.terms import TYPE, sv
from kg_builder.vocabulary import SV, compact

Place = tuple[str, int]

_SHOWN_MEMBERS: Final = 3
_FIRST, _REST, _NIL = sv("rdf:first"), sv("rdf:rest"), sv("rdf:nil")
#: How an axiom is said, by predicate; {} stand for its subject and object.
_AXIOMS: Final = {
    sv("rdfs:subClassOf"): "{} implies {}",
    sv("owl:equivalentClass"): "{} means {}",
    sv("owl:disjointWith"): "{} excludes {}",
    sv("owl:complementOf"): "{} means not {}",
    sv("rdfs:subPropertyOf"): "'{}' implies '{}'",
    sv("owl:equivalentProperty"): "'{}' means '{}'",
    sv("owl:inverseOf"): "'{}' is the inverse of '{}'",
    sv("owl:propertyDisjointWith"): "'{}' excludes '{}'",
    sv("owl:propertyChainAxiom"): "'{}' follows from {}",
    sv("rdfs:domain"): "what '{}' is said of is a {}",
    sv("rdfs:range"): "what '{}' leads to is a {}",
    sv("owl:sameAs"): "{} is the same as {}",
    sv("owl:differentFrom"): "{} is not {}",
    TYPE: "{} is a {}",
}
_GROUPS: Final = {
    sv("owl:AllDisjointClasses"): "exclude each other",
    sv("owl:AllDisjointProperties"): "exclude each other",
    sv("owl:AllDifferent"): "are all different",
}
_JOINS: Final = {sv("owl:intersectionOf"): " and ", sv("owl:unionOf"): " or ", sv("owl:oneOf"): " or "}
_FILLERS: Final = {
    sv("owl:hasValue"): "", sv("owl:someValuesFrom"): "some ", sv("owl:allValuesFrom"): "only ",
    sv("owl:minCardinality"): "at least ", sv("owl:maxCardinality"): "at most ", sv("owl:cardinality"): "exactly ",
    sv("owl:minQualifiedCardinality"): "at least ", sv("owl:maxQualifiedCardinality"): "at most ",
    sv("owl:qualifiedCardinality"): "exactly ",
}  # fmt: skip


def explain_clashes(knowledge_root: Path, core_dir: Path) -> list[Issue]:
    """Return an O101 for each minimal set of rows and axioms in which the rules find a contradiction.

    Args:
        knowledge_root: folder of tables without fault.
        core_dir: folder of the core ontology.
    """
    causes = Causes(load_knowledge(knowledge_root), core_dir)
    return [causes.tell(clash, "O101") for clash in explain_inconsistency(causes.triples, rules_only=True)]


class Causes:
    """What tables and core ontology state, with the place of each statement.

    Attributes:
        triples: all of it, blank nodes named as the tables and files name them.
    """

    def __init__(self, tables: Knowledge, core_dir: Path) -> None:
        self._statements: Statements = build_statements(tables, core_dir)
        self._places: dict[Row, Place] = dict(tables.row_map)
        folder = "ontology/core" if core_dir.resolve().parts[-2:] == ("ontology", "core") else "core"
        for file in sorted(core_dir.glob("*.ttl")):
            lines = _read_lines(file)
            for row in read_triples(quad.triple for quad in read_core_file(file)):
                self._places.setdefault(row, (f"{folder}/{file.name}", lines.get(_local(row[0]), 0)))
        self.triples: list[ox.Triple] = to_triples(self._statements)

    def tell(self, triples: Iterable[ox.Triple], code: str) -> Issue:
        """Return a contradiction as an issue at its first row.

        Args:
            triples: the statements that contradict each other, an axiom by its main triple.
            code: O101 where the rules found it, O110 where a description-logic reasoner did.
        """
        rows = sorted(
            read_triples(triples), key=lambda row: (not self._is_row(row), self._places.get(row, ("", 0)), row)
        )
        path, line = next((place for row in rows if (place := self._places.get(row, ("", 0)))[0]), ("ontology", 0))
        named = {node for row in rows for node in self._nodes(row)}
        said = "; ".join(f"{self.say(row, named)}{_at(self._places.get(row, ('', 0)))}" for row in rows)
        return Issue(path, line, "", code, f"these contradict each other: {said}", "correct one of them")

    def _is_row(self, row: Row) -> bool:
        return self._places.get(row, ("", 0))[0].endswith(".tsv")

    # --- words -----------------------------------------------------------------------------------

    def _nodes(self, row: Row) -> set[str]:
        """Return the terms in a statement and in its class expressions; of a group of terms none."""
        found: set[str] = set()
        todo = [] if row[2] in _GROUPS else [row[0], row[2]]
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                if node.startswith("_:"):
                    todo += [o for p in self._statements.predicates() for o in self._objects(node, p)]
        return found

    def say(self, row: Row, named: Collection[str] = ()) -> str:
        """Return a statement in words.

        Args:
            row: the statement; a blank node in it stands for its class expression.
            named: terms that are shown first where a long list of terms is cut short.
        """
        subject, predicate, value = row
        if predicate == TYPE and value in _GROUPS:
            heads = [o for p in ("owl:members", "owl:distinctMembers") for o in self._objects(subject, sv(p))]
            listed = [member for head in heads for member in self._members(head)]
            members = [self.name(member) for member in sorted(listed, key=lambda member: member not in named)]
            shown = ", ".join(members[:_SHOWN_MEMBERS])
            more = f" … ({len(members)} in all)" if len(members) > _SHOWN_MEMBERS else ""
            return f"{shown}{more} {_GROUPS[value]}"
        if predicate == sv("owl:propertyChainAxiom"):
            links = " then ".join(f"'{self.name(link)}'" for link in self._members(value))
            return _AXIOMS[predicate].format(self.name(subject), links)
        if predicate in _AXIOMS:
            return _AXIOMS[predicate].format(self.name(subject), self.name(value))
        return f"{self.name(subject)} {self.name(predicate)} {self.name(value)}"

    def name(self, node: str) -> str:
        """Return a term, or a class expression, in words: ``member of drug class NRTI``."""
        if node.startswith('"'):
            return _text(node) if "^^" in node else node
        if node.startswith("<"):
            return min(map(_text, self._objects(node, sv("rdfs:label"))), default=compact(node[1:-1]))
        for predicate, join in _JOINS.items():
            for head in self._objects(node, predicate):
                return f"({join.join(map(self.name, self._members(head)))})"
        for other in self._objects(node, sv("owl:complementOf")):
            return f"not {self.name(other)}"
        for other in self._objects(node, sv("owl:inverseOf")):
            return f"inverse of {self.name(other)}"
        return self._restriction(node) or "an expression without a name"

    def _restriction(self, node: str) -> str:
        prop = " ".join(map(self.name, self._objects(node, sv("owl:onProperty"))))
        of = "".join(f" {self.name(o)}" for p in ("owl:onClass", "owl:onDataRange") for o in self._objects(node, sv(p)))
        for predicate, word in _FILLERS.items():
            for filler in self._objects(node, predicate):
                kind = self._kind(filler) if predicate == sv("owl:hasValue") else ""
                return f"{prop} {word}{kind}{self.name(filler)}{of}"
        return ""

    def _kind(self, node: str) -> str:
        """Return the kind of an individual before its name: ``drug class ``; nothing where it is none of ours."""
        kinds = [kind for kind in self._objects(node, TYPE) if kind.startswith(f"<{SV}")]
        return f"{self.name(min(kinds))} " if kinds else ""

    def _objects(self, subject: str, predicate: str) -> Sequence[str]:
        return sorted(self._statements.objects(subject, predicate))

    def _members(self, head: str) -> Iterator[str]:
        seen: set[str] = set()
        while head != _NIL and head not in seen:
            seen.add(head)
            yield from self._objects(head, _FIRST)
            head = next(iter(self._objects(head, _REST)), _NIL)


def _at(place: Place) -> str:
    path, line = place
    return f" ({path}:{line})" if line else f" ({path})" if path else ""


def _text(literal: str) -> str:
    return literal[1 : literal.rindex('"')]


def _local(node: str) -> str:
    return compact(node[1:-1]).partition(":")[2] if node.startswith("<") else ""


def _read_lines(file: Path) -> dict[str, int]:
    """Return for each local name the first line of a Turtle file that begins with it: where it is described."""
    found: dict[str, int] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if match := re.match(r"[\w-]*:([\w.-]+)\s", line):
            found.setdefault(match[1], number)
    return found
