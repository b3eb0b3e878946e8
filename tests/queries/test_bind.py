"""Parameters become one checked term each, and nothing else of a query changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad, Store

from kg_builder.ask import QueryFile, bind, load_catalogue, load_query, run
from kg_builder.issues import QueryError
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import RDFS, expand

TEXT = """#+ id: q
#+ summary: A question.
#+ params:
#+   - {name: drug, type: drug|class, doc: a drug}
#+   - {name: text, type: string, doc: a text}
#+   - {name: least, type: integer, doc: a number}
#+   - {name: share, type: decimal, doc: a number}
#+   - {name: flag, type: boolean, doc: yes or no}
#+   - {name: day, type: date, doc: a day}
SELECT ?drug ?text WHERE {
  VALUES ?drug { UNDEF } # param
  VALUES ?text { UNDEF } # param
  VALUES ?least { 3 } # param
  VALUES ?share { UNDEF } # param
  VALUES ?flag { UNDEF } # param
  VALUES ?day { UNDEF } # param
  VALUES ?other { "kept" }
  { ?drug <http://www.w3.org/2000/01/rdf-schema#label> ?text }
  UNION { VALUES ?drug { UNDEF } # param
    ?drug <http://www.w3.org/2000/01/rdf-schema#comment> ?text }
}
ORDER BY ?drug ?text
"""
NAMES = NameIndex.from_terms([("drug:alpha", "alpha", ("ALF",)), ("class:alphine", "alphine", ()), ("role:r", "r", ())])


@pytest.fixture
def query(tmp_path: Path) -> QueryFile:
    path = tmp_path / "q.rq"
    path.write_text(TEXT)
    return load_query(path)


def test_every_block_of_the_name_is_replaced_and_nothing_else(query: QueryFile) -> None:
    bound = bind(query, {"drug": " alf "}, NAMES)
    iri = f"<{expand('drug:alpha')}>"
    assert bound.text == TEXT.replace("VALUES ?drug { UNDEF }", f"VALUES ?drug {{ {iri} }}")
    assert bound.text.count(iri) == 2


def test_without_parameters_the_text_stays(query: QueryFile) -> None:
    assert bind(query, {}, NAMES).text == TEXT
    assert bind(query, {"drug": "  "}, NAMES).text == TEXT


@pytest.mark.parametrize(
    "text",
    ['" } ?s ?p ?o . { VALUES ?x { "', "a\\nb\n\t\"'", "\\1 \\g<0>", "} # param", "é ☃ 💊"],
)
def test_a_text_stays_a_text(query: QueryFile, text: str) -> None:
    store = Store()
    graph = NamedNode("http://example.org/g")
    subject = NamedNode(expand("drug:alpha"))
    for value in (text.strip(), "another"):
        store.add(Quad(subject, NamedNode(RDFS + "label"), Literal(value), graph))
    assert run(store, bind(query, {"text": text}, NAMES)).rows == ((subject.value, text.strip()),)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"drgu": "alpha"}, r"q: drgu: the query has no parameter 'drgu'; nearest: drug \[Q003\]"),
        ({"drug": "alpa"}, r"q: drug: unknown name 'alpa'; nearest: alpha.* \[T007\]"),
        ({"drug": "r"}, r"q: drug: 'r' is role:r.*\[T022\]"),
        ({"drug": "http://x> } DROP ALL"}, r"\[T007\]"),
        ({"least": "3.5"}, r"q: least: '3.5' is no integer; write digits, as in 12 \[Q004\]"),
        ({"least": "٣"}, r"is no integer"),
        ({"share": "1e5"}, r"'1e5' is no decimal"),
        ({"flag": "yes"}, r"write true or false \[Q004\]"),
        ({"day": "2024-02-30"}, r"'2024-02-30' is no date"),
    ],
)
def test_faults_are_told_with_their_repair(query: QueryFile, params: dict[str, str], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        bind(query, params, NAMES)


def test_all_faults_are_told_at_once(query: QueryFile) -> None:
    with pytest.raises(QueryError) as caught:
        bind(query, {"drug": "nothing", "least": "x", "flag": "true", "more": "1"}, NAMES)
    assert [issue.column for issue in caught.value.issues] == ["drug", "least", "more"]


def test_literals_get_their_datatype(query: QueryFile) -> None:
    text = bind(query, {"least": "12", "share": "0.5", "flag": "true", "day": "2024-05-31"}, NAMES).text
    xsd = "http://www.w3.org/2001/XMLSchema#"
    for value, kind in (("12", "integer"), ("0.5", "decimal"), ("true", "boolean"), ("2024-05-31", "date")):
        assert f'{{ "{value}"^^<{xsd}{kind}> }} # param' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT * { ?s ?p ?o }", "the file has no header"),
        ("#+ id: q\n#+ summary: a: b\nSELECT * {}", "the header is no YAML"),
        ("#+ id: q\nSELECT * {}", "summary: header: Field required"),
        ("#+ id: Q q\n#+ summary: s\nSELECT * {}", "id: header: "),
        ("#+ id: q\n#+ summary: s\n#+ params: [{name: x, type: pill, doc: d}]\nSELECT * {}", "unknown type 'pill'"),
        ("#+ id: q\n#+ summary: s\n#+ params: [{name: x, type: drug, doc: d}]\nSELECT * {}", "'x' has no block"),
        ("#+ id: q\n#+ summary: s\nSELECT * { VALUES ?x { UNDEF } # param\n}", "the block of \\?x is of no parameter"),
        ("#+ id: other\n#+ summary: s\nSELECT * {}", "id 'other' is not the file's name"),
    ],
)
def test_headers_are_checked(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "q.rq").write_text(text)
    with pytest.raises(QueryError, match=rf"q\.rq.*{message}.*\[Q002\]"):
        load_catalogue(tmp_path)


def test_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "q.rq").write_bytes(b"\xff\xfe")
    with pytest.raises(QueryError, match=r"not UTF-8 at byte 0.*\[Q002\]"):
        load_query(tmp_path / "q.rq")
    with pytest.raises(QueryError, match=r"no such query file \[Q001\]"):
        load_query(tmp_path / "none.rq")
