"""A user's query may read and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import Store

from kg_builder.ask import Iri, bind, load_untrusted_query, run
from kg_builder.ask.guard import check_query
from kg_builder.issues import QueryError
from kg_builder.knowledge.names import NameIndex


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT * { ?s ?p ?o }", "SELECT"),
        ("# from one comment: to another\nPREFIX : <http://x/#>\nBASE <http://y/>\nask { ?from :from ?o }", "ASK"),
        ("PREFIX from: <http://x/> CONSTRUCT { ?s from:x ?o } WHERE { GRAPH ?g { ?s from:x ?o } }", "CONSTRUCT"),
        ("SELECT ?x { VALUES ?x { 'drugs from a class' } }", "SELECT"),
    ],
)
def test_reading_queries_pass(text: str, form: str) -> None:
    assert check_query(text, "q.rq") == form


SERVICE = "SERVICE <http://127.0.0.1:9/> { ?a ?b ?c }"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"SELECT * {{ ?s ?p ?o . {SERVICE} }}", "q.rq:1: SERVICE is refused"),
        ("SELECT * {\n ?s ?p ?o.sErViCe?x{ ?a ?b ?c }}", "q.rq:2: SERVICE is refused"),
        (f"SELECT * {{ {{ SELECT * {{ OPTIONAL {{ {SERVICE} }} }} }} }}", "SERVICE is refused"),
        (f"ASK {{ FILTER EXISTS {{ {SERVICE} }} }}", "SERVICE is refused"),
        (f"ASK {{ ?s ?p true{SERVICE} }}", "SERVICE is refused"),
        (f'SELECT * {{ BIND("\\u0022 AS ?x) #" AS ?y) {SERVICE} }}', "escapes are refused"),
        ("SELECT * { ?s ?p ?o . \\u0053ERVICE <http://x/> {} }", "escapes are refused"),
        ("SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }", "FROM is refused"),
        ("PREFIX x: <http://x/> SELECT * FROM\n# a note\nNAMED x:g { ?s ?p ?o }", "FROM is refused"),
        ("SELECT * FROM<http://x/>{ ?s ?p ?o }", "FROM is refused"),
        ("DROP ALL", "does not begin as a reading query"),
        ("PREFIX x: <http://x/> INSERT DATA { x:a x:b x:c }", "does not begin as a reading query"),
        ("DESCRIBE <http://x/>", "does not begin as a reading query"),
        ("", "does not begin as a reading query"),
    ],
)
def test_others_are_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=rf"{message}.*\[Q006\]"):
        check_query(text, "q.rq")


@pytest.mark.parametrize(
    "text", ["SELECT * {\n ?s ?p", "SELECT * { ?s ?p ?o } ; DROP ALL", "ASK {\n} INSERT DATA { <a:a> <a:b> <a:c> }"]
)
def test_what_is_no_query_is_told_with_its_line(text: str) -> None:
    with pytest.raises(QueryError, match=r"q\.rq:\d+: no SPARQL 1.1 query.*\[Q005\]"):
        check_query(text, "q.rq")


def test_a_file_needs_no_header(tmp_path: Path, store: Store, names: NameIndex) -> None:
    path = tmp_path / "My question 2.rq"
    path.write_text("SELECT ?drug { ?drug a <https://w3id.org/salvage-kg/ontology#Drug> } ORDER BY ?drug LIMIT 1")
    query = load_untrusted_query(path)
    assert query.header.id == "my-question-2"
    assert run(store, bind(query, {}, names)).rows == ((Iri("https://w3id.org/salvage-kg/drug/alpha"),),)
    with pytest.raises(QueryError, match=r"it has no parameters \[Q003\]"):
        bind(query, {"drug": "alpha"}, names)


def test_a_file_with_a_header_takes_parameters(tmp_path: Path, store: Store, names: NameIndex) -> None:
    path = tmp_path / "mine.rq"
    path.write_text(
        "#+ id: mine\n#+ summary: Mine.\n#+ params: [{name: drug, type: drug, doc: d}]\n"
        "ASK { VALUES ?drug { UNDEF } # param\n ?drug a <https://w3id.org/salvage-kg/ontology#Drug> }"
    )
    assert run(store, bind(load_untrusted_query(path), {"drug": "gamma"}, names)).rows == ((True,),)


def test_construct_gives_triples(tmp_path: Path, store: Store, names: NameIndex) -> None:
    path = tmp_path / "c.rq"
    path.write_text(
        "PREFIX sv: <https://w3id.org/salvage-kg/ontology#>\n"
        "CONSTRUCT { ?d sv:memberOf ?c } WHERE { ?d sv:memberOf ?c . ?c sv:broader ?b }"
    )
    rows = run(store, bind(load_untrusted_query(path), {}, names))
    assert rows.columns == ("subject", "predicate", "object")
    assert [row[0].curie for row in rows.rows if isinstance(row[0], Iri)] == [
        "drug:alpha", "drug:alpha-two", "drug:beta", "drug:beta-two",
    ]  # fmt: skip
