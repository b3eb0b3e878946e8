"""What the guard lets through is read by the engine as the guard read it."""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.server.guard import check_query, scan_query
from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused

ROOT = Path(__file__).parents[2]
CORE, ASSERTED = "https://w3id.org/salvage-kg/graph/core", "https://w3id.org/salvage-kg/graph/asserted"
GRAPHS = frozenset({CORE, ASSERTED})
LIMITS = Limits(query_length=20_000, nesting=10)
QUERIES = sorted((ROOT / "queries").glob("*/*.rq"))


def refusal(text: str, limits: Limits = LIMITS) -> Refused:
    with pytest.raises(Refused) as caught:
        check_query(text, limits, GRAPHS)
    return caught.value


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_queries_of_this_project_pass(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    form = check_query(text, LIMITS, GRAPHS)
    assert re.search(rf"^\s*{form}\b", text, re.MULTILINE)


def test_there_are_queries() -> None:
    assert len(QUERIES) > 80


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT*{?s ?p ?o}", "SELECT"),
        ("select distinct ?s where{?s a ?c}limit 1", "SELECT"),
        ("ASK{}", "ASK"),
        ("BASE <http://a/>\nPREFIX : <x>\nPREFIX é: <http://e/> # ASK\nCONSTRUCT WHERE { é:a :b <c> }", "CONSTRUCT"),
        ("DESCRIBE <http://a/b>", "DESCRIBE"),
        ("VERSION '1.2' ASK { ?s ?p ?o }", "ASK"),
        ("ASK { ?a ?b ?c FILTER(?a < 5 && ?b > 3) }", "ASK"),
        ("ASK { ?a ?b ?c FILTER(?a<5&&?c>3) }", "ASK"),
        ("ASK { ?a ?b ?c FILTER(?a <= 5 || ?c >= 3 || ?a<?c) }", "ASK"),
        ("ASK { ?s ?p 'it\\'s', \"a\\tb\", '''x'y''z''', \"\"\"a\"b\"\"\", '\\u00e9', ''@en, \"\" }", "ASK"),
        ("ASK { ?s <http://a/p#q> <urn:a:b>, <>, <?x=1>, 1.5e-3, -2, .5, true, _:b1, [], () }", "ASK"),
        ("PREFIX p: <http://a/> ASK { ?s p:a.b-c:d/^p:e*|!(p:f|^p:g) p:%20x }", "ASK"),
        ("PREFIX sd: <http://www.w3.org/ns/sparql-service-description#> ASK { ?service a sd:Service }", "ASK"),
        ("ASK { ?s ?p 'SERVICE <http://a/> {}' } # SERVICE", "ASK"),
        ("PREFIX service: <http://a/> ASK { ?s service:p service:o ; a service:c . service:s ?p ?o }", "ASK"),
        ("PREFIX services: <http://a/> PREFIX my_service: <x> ASK { ?s services:p/my_service:q ?o }", "ASK"),
        ("SELECT ?from { ?from <http://a/FROM> 'FROM <http://b/>' }", "SELECT"),
    ],
)
def test_queries_that_pass(text: str, form: str) -> None:
    assert check_query(text, LIMITS, GRAPHS) == form
    ox.Store().query(text, base_iri="http://base/")


@pytest.mark.parametrize(
    ("text", "graphs"),
    [
        ("SELECT * { ?s ?p ?o }", ()),
        (f"SELECT * FROM <{CORE}> {{ ?s ?p ?o }}", (CORE,)),
        (f"SELECT*FROM<{CORE}>FROM NAMED<{ASSERTED}>{{?s ?p ?o}}", (CORE, ASSERTED)),
        (f"SELECT * from # FROM <http://a/>\n named <{CORE}> {{ ?s ?p ?o }}", (CORE,)),
        ("PREFIX graph: <https://w3id.org/salvage-kg/graph/> ASK FROM graph:core { ?s ?p ?o }", (CORE,)),
        ("BASE <https://w3id.org/salvage-kg/> ASK FROM <graph/core> { ?s ?p ?o }", (CORE,)),
        ("BASE <https://w3id.org/> PREFIX : <salvage-kg/graph/> ASK FROM :core { ?s ?p ?o }", (CORE,)),
        (f"DESCRIBE <http://from/> FROM <{CORE}>", (CORE,)),
        ("PREFIX from: <http://a/> DESCRIBE from:from WHERE { ?from from:from 'FROM <http://a/>' }", ()),
    ],
)
def test_graphs_that_a_query_names(text: str, graphs: tuple[str, ...]) -> None:
    if "DESCRIBE from:" in text:
        assert refusal(text).type == "query-refused"  # could be read as FROM :from
    else:
        assert scan_query(text, LIMITS, GRAPHS).graphs == graphs


@pytest.mark.parametrize(
    ("text", "status", "slug", "detail"),
    [
        ("ASK {\n\n SERVICE ?x {} }", 400, "query-refused", "line 3: SERVICE is refused"),
        ("PREFIX service: <http://a/> ASK { ?s ?p service:x { } }", 400, "query-refused", "line 1: SERVICE is refused"),
        ("PREFIX x: <http://a/> ASK { ?s ?p trueSERVICE:x #{\n {} }", 400, "query-refused", "SERVICE is refused"),
        ("ASK FROM <http://a/> {}", 400, "unknown-graph", "<http://a/>, which is no graph here; the graphs are <"),
        ("ASK FROM a:b {}", 400, "query-malformed", "the prefix ‘a:’ is not declared"),
        ("ASK FROM 'x' {}", 400, "query-malformed", "FROM is followed by the IRI of a graph"),
        ("LOAD <http://a/>", 400, "query-refused", "LOAD is refused: this endpoint is read-only"),
        ("  ", 400, "query-malformed", "there is no query"),
        ("ASK { ?s ?p 'a }", 400, "query-malformed", "the text that begins here does not end"),
        ("ASK { ?s ?p \ud800 }", 400, "query-malformed", "half of a surrogate pair"),
        ("ASK { ?s ?p '\\u0041' }", 400, "query-refused", "write the character itself"),
        ("ASK { ?s ?p ¬ }", 400, "query-malformed", "‘¬’ (U+00AC) is not expected here"),
        ("ASK { FILTER(?a<(1)&&?b>2) }", 400, "query-malformed", "can be read in two ways"),
        ("ASK {" + " " * 20_000 + "}", 413, "query-too-long", "20,006 characters; at most 20,000 are read"),
        ("ASK " + "{" * 11 + "}" * 11, 413, "query-too-deep", "opens 11 brackets within each other; at most 10"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, status: int, slug: str, detail: str) -> None:
    for _ in range(2):  # the second is remembered
        refused = refusal(text)
        assert (refused.status, refused.type) == (status, slug)
        assert detail in refused.detail


@pytest.mark.parametrize(
    "unit",
    ["?a ", "()", "a ", "a-", "a.b:", "<a", "<", "'a'", '"""', "#\n", "<a:b ", "<a://", "@a-", "'\\n", ":", "\\", "1."],
)
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """Each would take hours if reading went back and forth."""
    limits = Limits(nesting=10)
    text = "ASK {" + unit * (60_000 // len(unit)) + "}"
    try:
        check_query(text, limits, GRAPHS)
    except Refused as refused:
        assert refused.status in (400, 413)


#: What queries are made of, and what has misled readers of queries.
PIECES = [
    "SERVICE", "service", "SERVICE SILENT", "SERVICESILENT", "SERVICE:", ":service", "SERVICE:x", "a:service",
    "?service", "$service", "'service'", "<http://a/service>", "<service>", "-service", ".service", " ", "\n", "\r",
    "\t", "#", "<", ">", "<=", "<http://a/", "//", "://", "a:", "x:", ":", "<http://a/s>", "<s>", "<#>", "{", "}", "(",
    ")", "[", "]", "{?s ?p ?o}", "{}", "?s", "?p", "?o", "?", '"', "'", '"""', "'''", '""', "\\", "\\u0053", '\\"',
    "\\n", "1", "1.", "1e5", "true", "a", "@en", "@", "_:b", "_:", ".", ";", ",", "=", "!", "&&", "||", "+", "*", "/",
    "^", "|", "FILTER(", "FILTER(1<2)", "FILTER(1<", "FILTER EXISTS{", "OPTIONAL{", "UNION", "MINUS{", "BIND(1 AS ?z)",
    "GRAPH", "VALUES ?v{", "SELECT*{", "%53", "é", "\u00a0", "\u200c", "<<", ">>", "<<(", ")>>", "{|", "|}", "~", "^^",
    "LATERAL{",
]  # fmt: skip
SEEDS = [
    "FILTER(1<2)SERVICE:#>\n{?s ?p ?o}", "?s ?p 1SERVICE:x{?s ?p ?o}", "?s ?p 'a'SERVICE<http://a/s>{?s ?p ?o}",
    "FILTER(?s<?o) SERVICE:x {} FILTER(?o>1)", "?s ?p \"\"\" \"SERVICE\" \"\"\" ",
    "?s <#> ?o . SERVICE <http://a/s> {}", "?s a:service ?service # service\n", "?s ?p '''a''' . SERVICE:{}",
    "?s ?p <s>,<service>",
]  # fmt: skip
PREFIXES = "".join(f"PREFIX {name}: <http://{name or 'n'}/> " for name in ("", "a", "x", "SERVICE", "service"))


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """A pattern that holds the letters of SERVICE, more or less as SPARQL has them."""
    pieces = re.findall(r"[A-Za-z]+|\s|.", draw(st.sampled_from(SEEDS)), re.DOTALL)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(pieces)))
        pieces[place : place + draw(st.integers(0, 1))] = [draw(st.sampled_from(PIECES))]
    return "".join(pieces)


def is_read(text: str) -> bool:
    try:
        ox.Store().query(text)
    except SyntaxError:
        return False
    except (OSError, RuntimeError):  # it was read, and failed to call
        return True
    return True


@given(body=bodies())
@settings(max_examples=400, deadline=None)
def test_no_keyword_is_let_through(body: str) -> None:
    """What passes holds the letters of SERVICE only where any other letters would do for the engine, too."""
    text = PREFIXES + "SELECT * {" + body + "}"
    try:
        check_query(text, LIMITS, GRAPHS)
    except Refused:
        return
    if is_read(text):
        other = re.sub("service", lambda m: "XERVICE" if m[0].isupper() else "xervice", body, flags=re.IGNORECASE)
        declared = PREFIXES + "PREFIX XERVICE: <http://b/> PREFIX xervice: <http://d/> "
        assert is_read(declared + "SELECT * {" + other + "}"), body


def test_each_promise_of_the_threat_model_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    promises = [line for line in page.splitlines() if line.startswith("| ") and "tests/" in line]
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", page)
    assert len(promises) > 15
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    tables = re.split(r"^## ", page, flags=re.MULTILINE)
    for table in (each for each in tables if each.startswith("Promises")):
        rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
        assert rows
        assert all("::test_" in row for row in rows)
