"""The questions of the catalogue as example queries in RDF.

The vocabulary is SHACL's (``sh:SPARQLExecutable``), used as the SIB's collection ``sparql-examples`` uses it, so that
editors of queries that show such examples show these too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import pyoxigraph as ox

from kg_builder.ask.files import QueryFile, load_catalogue
from kg_builder.ask.guard import check_query
from kg_builder.places import find_home
from kg_builder.server.description import Statement, Triples, iri, triples_of
from kg_builder.vocabulary import BASE, RDF, RDFS, XSD

SH = "http://www.w3.org/ns/shacl#"
SCHEMA = "https://schema.org/"
GRAPH_EXAMPLES = BASE + "graph/examples"
PREFIXES_OF_EXAMPLES = BASE + "ask/prefixes"

_PREFIX = re.compile(r"^\s*PREFIX\s+([\w-]*):\s*<([^<>]*)>", re.IGNORECASE | re.MULTILINE)
#: Form of a query → (its class, the property that holds its text).
_EXECUTABLES = {
    "SELECT": ("SPARQLSelectExecutable", "select"),
    "ASK": ("SPARQLAskExecutable", "ask"),
    "CONSTRUCT": ("SPARQLConstructExecutable", "construct"),
}


def read_questions() -> dict[str, QueryFile]:
    """Return name → question of the catalogue that comes with the program."""
    return load_catalogue(find_home("queries", "ask"))


def form_of(question: QueryFile) -> str:
    """Return the form of a question: SELECT, ASK or CONSTRUCT."""
    return _form(question.text, question.path)


@lru_cache(maxsize=1024)
def _form(text: str, path: str) -> str:
    return check_query(text, path)


def describe_examples(questions: Mapping[str, QueryFile], *, origin: str = "") -> Triples:
    """Return the example queries as triples.

    Args:
        questions: name → question.
        origin: URL of the server, where it is known: each example then says which endpoint it is for, and
            where it can be run by name.
    """
    prefixes = iri(PREFIXES_OF_EXAMPLES)
    said: list[Statement] = []
    for name, question in sorted(questions.items()):
        example = iri(f"{BASE}ask/{name}")
        kind, text = _EXECUTABLES[form_of(question)]
        said += [
            (example, RDF + "type", iri(SH + "SPARQLExecutable")),
            (example, RDF + "type", iri(SH + kind)),
            (example, RDFS + "label", ox.Literal(name.replace("-", " "))),
            (example, RDFS + "comment", ox.Literal(_comment(question), language="en")),
            (example, SH + "prefixes", prefixes),
            (example, SH + text, ox.Literal(_without_header(question.text))),
        ]
        said += [(example, SCHEMA + "keywords", ox.Literal(tag)) for tag in question.header.tags]
        if origin:
            said.append((example, SCHEMA + "target", iri(f"{origin}/sparql")))
            said.append((example, RDFS + "seeAlso", iri(f"{origin}/ask/{name}")))
    for prefix, namespace in sorted(_prefixes(questions.values()).items()):
        declared = iri(f"{PREFIXES_OF_EXAMPLES}#{prefix}")
        said += [
            (prefixes, SH + "declare", declared),
            (declared, RDF + "type", iri(SH + "PrefixDeclaration")),
            (declared, SH + "prefix", ox.Literal(prefix)),
            (declared, SH + "namespace", ox.Literal(namespace, datatype=iri(XSD + "anyURI"))),
        ]
    return triples_of(said)


def example_quads() -> list[ox.Quad]:
    """Return the example queries as they stand in the graph that strangers query."""
    graph = iri(GRAPH_EXAMPLES)
    return [ox.Quad(t.subject, t.predicate, t.object, graph) for t in describe_examples(read_questions())]


def _comment(question: QueryFile) -> str:
    said = [f"?{param.name} is {param.doc} ({param.type})" for param in question.header.params]
    return question.header.summary + ("".join(f" {line}." for line in said))


def _without_header(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#+"))


def _prefixes(questions: Iterable[QueryFile]) -> dict[str, str]:
    return {match[1]: match[2] for question in questions for match in _PREFIX.finditer(question.text)}
