"""The reading of a rule's patterns, against that of a SPARQL parser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue

from kg_builder.derivation.ruletext import read_rule_text
from kg_builder.issues import QueryError
from kg_builder.vocabulary import XSD

RULES = sorted((Path(__file__).parents[2] / "queries" / "derive").glob("*.rq"))


def plain(term: Any) -> Any:
    if isinstance(term, ox.Variable):
        return rdflib.Variable(term.value)
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    datatype = term.datatype.value
    return rdflib.Literal(term.value, datatype=None if datatype == XSD + "string" else rdflib.URIRef(datatype))


def positive(part: Any) -> set[Any]:
    """Return the triple patterns of an algebra that are not within MINUS or OPTIONAL."""
    if isinstance(part, CompValue):
        if part.name == "BGP":
            return set(part.triples)
        skipped = "p2" if part.name in ("Minus", "LeftJoin") else None
        return set().union(*(positive(value) for key, value in part.items() if key != skipped))
    return set().union(*map(positive, part)) if isinstance(part, list | tuple) else set()


@pytest.mark.slow
def test_every_rule_is_read_as_a_parser_reads_it() -> None:
    assert RULES
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        ours, theirs = read_rule_text(text), prepareQuery(text).algebra
        assert {tuple(map(plain, p)) for p in ours.template} == set(theirs.template), path.name
        assert {tuple(map(plain, p)) for p in ours.matched} == positive(theirs.p), path.name


def test_numbers_words_and_nested_groups() -> None:
    text = """PREFIX : <http://a/>
CONSTRUCT { ?x :is true ; a :Thing }
WHERE {  # a remark with } and ?z
  { SELECT ?x (MAX(?n) AS ?most) WHERE { ?x :size ?n . { ?x :in <http://a/#b> , "c d" } } GROUP BY ?x }
  MINUS { ?x :nor ?that . MINUS { ?x :at ?all } }
  VALUES (?k ?l) { (1 2) (UNDEF 3) } FILTER(?n < 3 && ?most >= 2.5) BIND(IRI(CONCAT("x", STR(?x))) AS ?y)
  ?y :holds 2.5 ; :counts -3 .
}"""
    found = read_rule_text(text)
    assert [str(p[2]) for p in found.template] == [
        '"true"^^<http://www.w3.org/2001/XMLSchema#boolean>', "<http://a/Thing>",
    ]  # fmt: skip
    assert [f"{s} {p} {o}".replace("http://a/", "") for s, p, o in found.matched] == [
        "?x <size> ?n", "?x <in> <#b>", '?x <in> "c d"',
        '?y <holds> "2.5"^^<http://www.w3.org/2001/XMLSchema#decimal>',
        '?y <counts> "-3"^^<http://www.w3.org/2001/XMLSchema#integer>',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "SELECT ?x WHERE { ?x ?y ?z }",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x ?y ?z",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x ?y ?z } LIMIT 1",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x un:known ?z }",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x <http://a/b>* ?z }",
        "CONSTRUCT { ?x ?y ?z } WHERE { { ?x ?y ?z } UNION { ?z ?y ?x } }",
        "CONSTRUCT { ?x ?y ?z } WHERE { [] ?y ?z }",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x ?y ?z OPTIONAL { ?z ?y ?x } }",
        "CONSTRUCT { ?x ?y ?z } WHERE { ?x ?y ?z FILTER(RAND() < 1) }",
        "CONSTRUCT { ?x ?y ?z } WHERE { { SELECT ?x (MAX(?n) AS ?z) WHERE { ?x ?y ?n } } }",
        "CONSTRUCT { ?x ?y ?z } FROM <file:///a> WHERE { ?x ?y ?z }",
    ],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="rule: "):
        read_rule_text(text)
