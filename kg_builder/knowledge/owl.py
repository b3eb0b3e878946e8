"""OWL axioms that rows imply: classes defined by mechanism, a tree of drug classes, distinct individuals.

Blank nodes are named by what they stand for, so that equal rows give equal statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5

from kg_builder.knowledge.rows import DrugClassRow
from kg_builder.knowledge.statements import Row
from kg_builder.knowledge.terms import TYPE, literal, node, sv


def drug_class_axioms(row: DrugClassRow, refs: Mapping[str, tuple[str, ...]]) -> Iterator[Row]:
    """Yield the OWL class of a drug class's members, its place in the tree, and its mechanisms' axioms."""
    slug = row.id.partition(":")[2]
    members = node(f"drugs:{slug}")
    yield members, TYPE, sv("owl:Class")
    yield members, sv("rdfs:label"), literal(f"drugs: {row.label}")
    yield members, sv("obo:IAO_0000115"), literal(f"A drug that is a member of the class {row.label}.")
    member_of, restriction = _has_value("memberOf", row.id, row.id)
    both = _blank("members", row.id)
    yield members, sv("owl:equivalentClass"), both
    yield both, TYPE, sv("owl:Class")
    head, items = _list(f"members {row.id}", [sv("Drug"), member_of])
    yield both, sv("owl:intersectionOf"), head
    yield from items
    yield from restriction
    for broader in refs.get("broader", ()):
        yield members, sv("rdfs:subClassOf"), node(f"drugs:{broader.partition(':')[2]}")
    if not refs.get("broader"):
        yield members, sv("rdfs:subClassOf"), sv("Drug")
    for mechanism in refs.get("mechanisms", ()):
        has_mechanism, condition = _has_value("hasMechanism", mechanism, row.id)
        implied, conclusion = _has_value("memberOf", row.id, mechanism)
        yield from condition
        yield from conclusion
        yield has_mechanism, sv("rdfs:subClassOf"), implied


def differ(kind: str, curies: Sequence[str]) -> Iterator[Row]:
    """Yield that the individuals of a kind are all different."""
    if len(curies) < 2:
        return
    group = _blank("different", kind)
    yield group, TYPE, sv("owl:AllDifferent")
    head, items = _list(f"different {kind}", [node(curie) for curie in curies])
    yield group, sv("owl:distinctMembers"), head
    yield from items


def _has_value(predicate: str, curie: str, axiom: str) -> tuple[str, list[Row]]:
    """Return the restriction `predicate value curie` of one axiom, and the triples that say so."""
    blank = _blank(predicate, curie, axiom)
    return blank, [
        (blank, TYPE, sv("owl:Restriction")),
        (blank, sv("owl:onProperty"), sv(predicate)),
        (blank, sv("owl:hasValue"), node(curie)),
    ]


def _list(name: str, members: Sequence[str]) -> tuple[str, list[Row]]:
    """Return the head of an RDF list and its triples."""
    cells = [*(_blank(name, str(i)) for i in range(len(members))), sv("rdf:nil")]
    triples: list[Row] = []
    for cell, member, rest in zip(cells, members, cells[1:], strict=False):
        triples += [(cell, sv("rdf:first"), member), (cell, sv("rdf:rest"), rest)]
    return cells[0], triples


def _blank(*parts: str) -> str:
    return "_:b" + md5("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
