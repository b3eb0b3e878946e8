"""The queries and updates sent to servers. Values enter as terms that pyoxigraph has checked and written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.slices import LEFT_OUT, NAMED_TYPES, NAMING, READ_TYPES
from kg_builder.vocabulary import BASE, OWL, RDF, RDFS, SV

Term = ox.NamedNode | ox.Literal
_BLOCK = re.compile(r"VALUES \?(\w+) \{ UNDEF \}")
_PREFIXES: Final = f"PREFIX sv: <{SV}>\nPREFIX rdf: <{RDF}>\nPREFIX rdfs: <{RDFS}>\n"

HAS_ANYTHING: Final = "ASK { ?s ?p ?o }"
EVERYTHING: Final = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
PROPERTIES: Final = "SELECT DISTINCT ?p WHERE { ?s ?p ?o }"
COUNT: Final = "SELECT (COUNT(*) AS ?n) WHERE { VALUES ?g { UNDEF } GRAPH ?g { ?s ?p ?o } }"
GRAPHS_BELOW: Final = "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } FILTER(STRSTARTS(STR(?g), ?start)) }"

# --- patterns of statements (?s ?p ?o), fetched whole or not at all; each finds a statement once ---

#: Statements about subjects.
OF_SUBJECTS: Final = "VALUES ?s { UNDEF } ?s ?p ?o ."
#: Statements with a property.
OF_PROPERTY: Final = "VALUES ?p { UNDEF } ?s ?p ?o ."
#: Statements with a property and an object.
OF_OBJECT: Final = "VALUES ?p { UNDEF } VALUES ?o { UNDEF } ?s ?p ?o ."
#: Claims that can matter in cases of a disease.
CLAIMS: Final = "VALUES ?disease { UNDEF } ?s sv:relevantTo ?disease . ?s ?p ?o ."
#: Conditions of these claims.
CONDITIONS: Final = (
    "{ SELECT DISTINCT ?s WHERE { VALUES ?disease { UNDEF } VALUES ?link { sv:hasCondition sv:requiresCondition } "
    "?claim sv:relevantTo ?disease . ?claim ?link ?s } } ?s ?p ?o ."
)
_NO_CLAIM: Final = " ".join(
    f'FILTER(!STRSTARTS(STR(?s), "{start}"))' for start in (f"{BASE}claim/", f"{BASE}condition/", f"{BASE}drugs/", SV)
)
#: Terms, and some statements besides: all that is about neither claims nor conditions.
TERMS: Final = f"?s ?p ?o . FILTER(isIRI(?s)) {_NO_CLAIM}"
#: Properties by which names, genes, parameters and alterations of a case are read.
NAMING_PROPERTIES: Final = frozenset(text[1:-1] for text in NAMING) | {SV + "isKindOf"}
#: Classes of which rules, answers and the reading of cases want to know the members.
CLASSES: Final = tuple(ox.NamedNode(text[1:-1]) for text in sorted(NAMED_TYPES | READ_TYPES))
TYPE: Final = ox.NamedNode(RDF + "type")
DEPRECATED: Final = ox.NamedNode(OWL + "deprecated")
#: Properties of terms that no case needs, and type, of which only :data:`CLASSES` are needed.
UNREAD_PROPERTIES: Final = frozenset(text[1:-1] for text in LEFT_OUT) | {RDF + "type"}


def fill(text: str, **terms: Iterable[Term] | Term) -> str:
    """Put terms into the ``VALUES ?name { UNDEF }`` blocks of a text.

    >>> fill(OF_PROPERTY, p=ox.NamedNode("http://x/p"))
    'VALUES ?p { <http://x/p> } ?s ?p ?o .'
    """
    written = {
        name: " ".join(map(str, [given] if isinstance(given, ox.NamedNode | ox.Literal) else given))
        for name, given in terms.items()
    }
    return _BLOCK.sub(lambda m: f"VALUES ?{m[1]} {{ {written[m[1]]} }}" if m[1] in written else m[0], text)


def construct(pattern: str, *, only: Iterable[str] = (), shard: str = "") -> str:
    """Return the query for the statements of a pattern.

    Args:
        pattern: one of this module, filled.
        only: properties (IRIs) that are wanted; all without.
        shard: beginning of the MD5 of the subjects that are wanted, hexadecimal.
    """
    return f"{_PREFIXES}CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {pattern}{_narrow(only, shard)} }}"


def count(pattern: str) -> str:
    """Return the query for the number of statements of a pattern, by property; a release states each in one graph."""
    return f"{_PREFIXES}SELECT ?p (COUNT(*) AS ?n) WHERE {{ {pattern} }} GROUP BY ?p"


def _narrow(only: Iterable[str], shard: str) -> str:
    listed = ", ".join(str(ox.NamedNode(iri)) for iri in only)
    wanted = f" FILTER(?p IN ({listed}))" if listed else ""
    return wanted + (f" FILTER(STRSTARTS(MD5(STR(?s)), {ox.Literal(shard)}))" if shard else "")


# --- updates --------------------------------------------------------------------------------------


def insert(graph: str, lines: bytes) -> str:
    """Return the update that adds N-Triples, as pyoxigraph writes them, to a graph."""
    # INSERT DATA is several times as fast, but Virtuoso takes no blank nodes in it
    has_blank = re.search(rb"^_:|^<[^>]*> <[^>]*> _:", lines, re.MULTILINE) is not None
    form, end = ("INSERT", "} WHERE {}") if has_blank else ("INSERT DATA", "}")
    return f"{form} {{ GRAPH {ox.NamedNode(graph)} {{\n{lines.decode()}}} {end}"


def drop(*graphs: str) -> str:
    """Return the update that removes graphs, whether they are there or not."""
    return " ;\n".join(f"DROP SILENT GRAPH {ox.NamedNode(graph)}" for graph in graphs)


def move(source: str, target: str) -> str:
    """Return the update that puts a graph in the place of another."""
    return f"MOVE GRAPH {ox.NamedNode(source)} TO GRAPH {ox.NamedNode(target)}"


def copy(source: str, target: str) -> str:
    """Return the updates that do what :func:`move` does, for servers that do not know it."""
    return f"COPY GRAPH {ox.NamedNode(source)} TO GRAPH {ox.NamedNode(target)} ;\n{drop(source)}"
