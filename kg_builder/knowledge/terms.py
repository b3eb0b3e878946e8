"""Builders of RDF terms: nodes are made once per IRI, literals in one canonical form."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from pyoxigraph import Literal, NamedNode

from kg_builder.knowledge.conditions import write_decimal
from kg_builder.vocabulary import PREFIXES, RDF, SV, XSD, expand

_INTEGER: Final = NamedNode(XSD + "integer")
_DECIMAL: Final = NamedNode(XSD + "decimal")
TYPE: Final = NamedNode(RDF + "type")
TRUE: Final = Literal("true", datatype=NamedNode(XSD + "boolean"))


@lru_cache(maxsize=200_000)
def node(curie: str) -> NamedNode:
    """Return the node of a CURIE of this project.

    >>> node("drug:dolutegravir").value
    'https://w3id.org/salvage-kg/drug/dolutegravir'
    """
    return NamedNode(expand(curie))


@lru_cache(maxsize=1000)
def sv(local: str) -> NamedNode:
    """Return a node of the vocabulary: a local name, or a CURIE where it has a known prefix.

    >>> sv("hasEffect").value.rpartition("#")[2], sv("rdfs:label").value.rpartition("#")[2]
    ('hasEffect', 'label')
    """
    return NamedNode(expand(local) if local.partition(":")[0] in PREFIXES and ":" in local else SV + local)


def literal(value: str | int | Decimal | bool) -> Literal:
    """Return a value as literal: xsd:string, xsd:integer, xsd:decimal (canonical) or xsd:boolean."""
    if isinstance(value, bool):
        return Literal("true" if value else "false", datatype=TRUE.datatype)
    if isinstance(value, int):
        return Literal(str(value), datatype=_INTEGER)
    if isinstance(value, Decimal):
        return Literal(write_decimal(value), datatype=_DECIMAL)
    return Literal(value)
