"""Terms of RDF as the text that N-Triples gives them: made once per IRI, literals in one canonical form."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from pyoxigraph import Literal

from kg_builder.knowledge.conditions import write_decimal
from kg_builder.vocabulary import PREFIXES, RDF, SV, XSD, expand

_INTEGER: Final = f"^^<{XSD}integer>"
_DECIMAL: Final = f"^^<{XSD}decimal>"
_BOOLEAN: Final = f"^^<{XSD}boolean>"
#: What N-Triples writes otherwise than it is.
_ESCAPED: Final = re.compile(r'[\x00-\x1f"\\\x7f]')
_NO_IRI: Final = re.compile(r'[\x00-\x20<>"{}|^`\\]')
TYPE: Final = f"<{RDF}type>"
TRUE: Final = f'"true"{_BOOLEAN}'


@lru_cache(maxsize=200_000)
def node(curie: str) -> str:
    """Return the node of a CURIE of this project.

    Raises:
        ValueError: if the IRI would hold a character that none can.
    >>> node("drug:dolutegravir")
    '<https://w3id.org/salvage-kg/drug/dolutegravir>'
    """
    return iri(expand(curie))


def iri(address: str) -> str:
    """Return the node of an IRI.

    Raises:
        ValueError: if it holds a character that no IRI can.
    """
    if _NO_IRI.search(address):
        raise ValueError(f"no IRI: {address!r}")
    return f"<{address}>"


@lru_cache(maxsize=1000)
def sv(local: str) -> str:
    """Return a node of the vocabulary: a local name, or a CURIE where it has a known prefix.

    >>> sv("hasEffect").rpartition("#")[2], sv("rdfs:label").rpartition("#")[2]
    ('hasEffect>', 'label>')
    """
    return f"<{expand(local)}>" if local.partition(":")[0] in PREFIXES and ":" in local else f"<{SV}{local}>"


@lru_cache(maxsize=50_000, typed=True)  # True, 1 and Decimal(1) are equal, and are three literals
def literal(value: str | int | Decimal | bool) -> str:
    """Return a value as literal: xsd:string, xsd:integer, xsd:decimal (canonical) or xsd:boolean.

    >>> print(literal(3), literal("3"))
    "3"^^<http://www.w3.org/2001/XMLSchema#integer> "3"
    """
    if isinstance(value, bool):
        return f'"{"true" if value else "false"}"{_BOOLEAN}'
    if isinstance(value, int):
        return f'"{value}"{_INTEGER}'
    if isinstance(value, Decimal):
        return f'"{write_decimal(value)}"{_DECIMAL}'
    return str(Literal(value)) if _ESCAPED.search(value) else f'"{value}"'
