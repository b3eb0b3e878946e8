"""The endpoint over real connections: forms of answers, headers, refusals, what a person sees."""

from __future__ import annotations

import csv
import io
import re
import socket
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx
import pyoxigraph as ox
import pytest

from kg_builder import KnowledgeGraph
from kg_builder.server import listen

BASE = "https://w3id.org/salvage-kg/"
SELECT = (
    f"SELECT ?drug ?label WHERE {{ ?drug a <{BASE}ontology#Drug> ; "
    "<http://www.w3.org/2000/01/rdf-schema#label> ?label } ORDER BY ?label ?drug"
)
CONSTRUCT = f"CONSTRUCT {{ ?s a ?c }} WHERE {{ ?s a ?c . ?s a <{BASE}ontology#Drug> }}"
DESCRIBE = f"DESCRIBE <{BASE}ontology>"
ROWS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
GRAPHS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}


def ask(client: httpx.Client, query: str, accept: str = "*/*", **headers: str) -> httpx.Response:
    return client.get("/sparql", params={"query": query}, headers={"Accept": accept, **headers})


def is_problem(response: httpx.Response, status: int, slug: str) -> dict:
    """Check that a response is a problem document and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"] == f"{BASE}problem/{slug}"
    assert problem["title"] and problem["detail"]
    return problem


# --- forms ------------------------------------------------------------------------------------


def expected_rows(graph: KnowledgeGraph) -> list[tuple[str, str]]:
    return sorted(((term, label) for term, label, _ in graph.list("drugs")), key=lambda row: (row[1], row[0]))


@pytest.mark.parametrize("media_type", ROWS)
def test_select_in_every_form(media_type: str, client: httpx.Client, graph: KnowledgeGraph) -> None:
    response = ask(client, SELECT, media_type)
    assert response.headers["content-type"].partition(";")[0] == media_type
    solutions = ox.parse_query_results(response.content, format=ROWS[media_type])
    found = [(row["drug"].value.replace(f"{BASE}drug/", "drug:"), row["label"].value) for row in solutions]
    assert found == expected_rows(graph)


def test_select_as_csv(client: httpx.Client, graph: KnowledgeGraph) -> None:
    response = ask(client, SELECT, "text/csv")
    rows = list(csv.reader(io.StringIO(response.text)))
    assert rows[0] == ["drug", "label"]
    assert [(drug.replace(f"{BASE}drug/", "drug:"), label) for drug, label in rows[1:]] == expected_rows(graph)


@pytest.mark.parametrize("query", [CONSTRUCT, DESCRIBE])
@pytest.mark.parametrize("media_type", GRAPHS)
def test_graphs_in_every_form(query: str, media_type: str, client: httpx.Client) -> None:
    response = ask(client, query, media_type)
    assert response.headers["content-type"].partition(";")[0] == media_type
    triples = {quad.triple for quad in ox.parse(response.content, format=GRAPHS[media_type])}
    plain = ask(client, query, "application/n-triples").content
    assert len(triples) > 3
    assert triples == {quad.triple for quad in ox.parse(plain, format=ox.RdfFormat.N_TRIPLES)}


@pytest.mark.parametrize("form", ["get", "form", "direct"])
@pytest.mark.parametrize("query", [SELECT, CONSTRUCT, "ASK { ?s ?p ?o }"])
def test_three_ways_to_ask_give_the_same(form: str, query: str, client: httpx.Client) -> None:
    accept = "application/n-triples" if query is CONSTRUCT else "application/sparql-results+json"
    headers = {"Accept": accept}
    if form == "get":
        response = client.get("/sparql", params={"query": query}, headers=headers)
    elif form == "form":
        response = client.post("/sparql", data={"query": query}, headers=headers)
    else:
        headers["Content-Type"] = "application/sparql-query"
        response = client.post("/sparql", content=query, headers=headers)
    assert response.status_code == 200
    assert sorted(response.content.split(b"\n")) == sorted(ask(client, query, accept).content.split(b"\n"))


@pytest.mark.parametrize("query", [SELECT, CONSTRUCT, "ASK {}"])
def test_a_form_that_is_not_there(query: str, client: httpx.Client) -> None:
    problem = is_problem(ask(client, query, "image/png"), 406, "not-acceptable")
    assert "json" in problem["detail"]


def test_a_truth_value_is_no_table(client: httpx.Client) -> None:
    is_problem(ask(client, "ASK {}", "text/csv"), 406, "not-acceptable")


# --- data set ---------------------------------------------------------------------------------


def count(client: httpx.Client, pattern: str, **params: str) -> int:
    query = f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}"
    answer = client.get("/sparql", params={"query": query, **params}).raise_for_status().json()
    return int(answer["results"]["bindings"][0]["n"]["value"])


def test_default_graph_is_the_union_or_what_the_client_names(client: httpx.Client) -> None:
    core, asserted = f"{BASE}graph/core", f"{BASE}graph/asserted"
    whole = count(client, "GRAPH ?g { ?s ?p ?o }")
    assert count(client, "?s ?p ?o") == whole
    in_core = count(client, f"GRAPH <{core}> {{ ?s ?p ?o }}")
    assert 0 < in_core < whole
    assert count(client, "?s ?p ?o", **{"default-graph-uri": core}) == in_core
    assert count(client, "GRAPH ?g { ?s ?p ?o }", **{"named-graph-uri": core}) == in_core
    assert count(client, "?s ?p ?o", **{"named-graph-uri": core}) == 0
    assert count(client, "GRAPH ?g { ?s ?p ?o }", **{"default-graph-uri": core}) == 0
    both = [("default-graph-uri", core), ("default-graph-uri", asserted)]
    query = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
    answer = client.get("/sparql", params=[("query", query), *both]).json()
    in_asserted = count(client, f"GRAPH <{asserted}> {{ ?s ?p ?o }}")
    assert int(answer["results"]["bindings"][0]["n"]["value"]) == in_core + in_asserted


def test_the_data_set_of_the_request_goes_before_that_of_the_query(client: httpx.Client) -> None:
    core, asserted = f"{BASE}graph/core", f"{BASE}graph/asserted"
    query = f"SELECT (COUNT(*) AS ?n) FROM <{core}> WHERE {{ ?s ?p ?o }}"
    own = client.get("/sparql", params={"query": query}).json()
    assert int(own["results"]["bindings"][0]["n"]["value"]) == count(client, f"GRAPH <{core}> {{ ?s ?p ?o }}")
    other = client.get("/sparql", params={"query": query, "default-graph-uri": asserted}).json()
    assert int(other["results"]["bindings"][0]["n"]["value"]) == count(client, f"GRAPH <{asserted}> {{ ?s ?p ?o }}")


@pytest.mark.parametrize("name", ["default-graph-uri", "named-graph-uri"])
@pytest.mark.parametrize("graph", ["file:///etc/passwd", "ftp://example.org/x", "data:text/plain,x", "no iri", "graph"])
def test_graphs_that_are_none_of_ours(name: str, graph: str, client: httpx.Client) -> None:
    response = client.get("/sparql", params={"query": "ASK { ?s ?p ?o }", name: graph})
    assert response.status_code == 400
    assert "root:" not in response.text


def test_a_graph_of_the_web_is_empty_and_never_fetched(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.5)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/data.ttl"
        assert count(client, "?s ?p ?o", **{"default-graph-uri": url}) == 0
        with pytest.raises(TimeoutError):
            trap.accept()


# --- caches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sparql", "/examples", "/.well-known/void", "/openapi.json", "/ask"])
def test_fixed_things_have_a_tag_of_the_knowledge(path: str, client: httpx.Client) -> None:
    sha256 = client.get("/health").json()["knowledge"]["sha256"]
    response = client.get(path)
    tag = response.headers["etag"]
    assert sha256 in tag
    assert response.headers["vary"] == "Accept"
    again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["vary"] == "Accept"


def test_answers_have_a_tag(client: httpx.Client) -> None:
    first = ask(client, SELECT, "text/csv")
    tag = first.headers["etag"]
    assert ask(client, SELECT, "text/csv", **{"If-None-Match": tag}).status_code == 304
    assert ask(client, SELECT, "text/csv", **{"If-None-Match": "*"}).status_code == 200
    assert ask(client, SELECT, "text/csv", **{"If-None-Match": '"nothing"'}).status_code == 200
    assert ask(client, SELECT, "application/json", **{"If-None-Match": tag}).status_code == 200
    assert ask(client, "ASK {}", **{"If-None-Match": tag}).status_code == 200
    assert ask(client, "ASK {", **{"If-None-Match": "*"}).status_code == 400


def test_a_post_is_always_answered(client: httpx.Client) -> None:
    tag = ask(client, SELECT, "text/csv").headers["etag"]
    headers = {"Accept": "text/csv", "If-None-Match": tag}
    assert client.post("/sparql", data={"query": SELECT}, headers=headers).status_code == 200


@pytest.mark.parametrize("call", ["NOW()", "RAND()", "STRUUID()", "uuid ()"])
def test_what_changes_has_no_tag(call: str, client: httpx.Client) -> None:
    response = ask(client, f"SELECT ({call} AS ?x) WHERE {{}}", **{"If-None-Match": "*"})
    assert response.status_code == 200
    assert "etag" not in response.headers
    assert response.headers["cache-control"] == "no-store"


# --- methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sparql", "/sparql?query=ASK%7B%7D", "/examples", "/ask", "/health"])
def test_head_is_get_without_the_body(path: str, client: httpx.Client) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/sparql", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/sparql", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/sparql", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("POST", "/ask/drugs-of-a-class", "GET, HEAD, OPTIONS"),
        ("GET", "/options", "OPTIONS, POST"),
        ("BREW", "/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_methods(method: str, path: str, allowed: str, client: httpx.Client) -> None:
    response = client.request(method, path)
    is_problem(response, 405, "method")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/update", "/sparql/update", "/store", "/ask/", "/data?default"])
def test_no_such_path(path: str, client: httpx.Client) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        is_problem(client.request(method, path), 404, "no-such-path")


def test_pages_elsewhere_may_ask(client: httpx.Client) -> None:
    origin = {"Origin": "https://example.org"}
    assert ask(client, "ASK {}", **origin).headers["access-control-allow-origin"] == "*"
    assert client.get("/nothing", headers=origin).headers["access-control-allow-origin"] == "*"
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options("/options", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in preflight.headers


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        ({"method": "POST", "data": {"query": ["ASK {}", "ASK {}"]}}, 400, "bad-request"),
        ({"method": "POST", "data": {"other": "x"}}, 400, "bad-request"),
        ({"method": "POST", "data": {"update": "CLEAR ALL"}}, 403, "read-only"),
        ({"method": "GET", "params": {"update": "CLEAR ALL"}}, 403, "read-only"),
        ({"method": "GET", "params": {"query": "ASK {}", "update": "CLEAR ALL"}}, 403, "read-only"),
        ({"method": "POST", "files": {"query": b"ASK {}"}}, 415, "media-type"),
        ({"method": "POST", "content": b"\xff\xfe", "type": "application/sparql-query"}, 400, "bad-request"),
        ({"method": "POST", "content": b"query=%ff", "type": "application/x-www-form-urlencoded"}, 400, "bad-request"),
        (
            {"method": "POST", "content": b"ASK {}", "type": "application/sparql-query; charset=latin1"},
            415,
            "media-type",
        ),
        ({"method": "POST", "content": b"DROP ALL", "type": "application/sparql-update"}, 403, "read-only"),
        ({"method": "GET", "url": "/sparql?query=%ff"}, 400, "bad-request"),
        ({"method": "GET", "url": "/sparql?" + "a=b&" * 500}, 400, "bad-request"),
    ],
)
def test_requests_that_cannot_be_read(request_: dict, status: int, slug: str, client: httpx.Client) -> None:
    arguments = {"url": "/sparql", **request_}
    media_type = arguments.pop("type", None)
    response = client.request(**arguments, headers={"Content-Type": media_type} if media_type else {})
    is_problem(response, status, slug)


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/sparql-query", "Content-Encoding": "gzip"}
    is_problem(client.post("/sparql", content=b"ASK {}", headers=headers), 415, "media-type")


def test_a_body_that_is_too_large(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/sparql-query"}
    is_problem(client.post("/sparql", content=b"#" * 1_100_000, headers=headers), 413, "body-too-large")
    parts = (b"#" * 100_000 for _ in range(11))
    is_problem(client.post("/sparql", content=parts, headers=headers), 413, "body-too-large")


def talk(client: httpx.Client, data: bytes, *, wait: float = 5) -> bytes:
    """Send bytes as they are and return what comes back until the server closes or falls silent."""
    parts = urlsplit(str(client.base_url))
    with socket.create_connection((parts.hostname, parts.port), timeout=wait) as connection:
        connection.sendall(data)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except TimeoutError:
            pass
        return found


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /sparql HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400),
        (b"GET /sparql HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /?" + b"y" * 201_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * 900_000, 431),
        (b"POST /sparql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /sparql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
    ],
)
def test_what_is_no_http_is_told_as_a_problem(data: bytes, status: int, client: httpx.Client) -> None:
    answer = talk(client, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    assert f'"status": {status}'.encode() in body


def test_a_host_that_is_none(client: httpx.Client) -> None:
    for host in ("<script>", 'a"b', "a/b", "a@b"):
        is_problem(client.get("/sparql", headers={"Host": host}), 400, "bad-request")


def test_the_endpoint_is_named_as_the_client_called_it(client: httpx.Client) -> None:
    assert "<http://kg.example:81/sparql>" in client.get("/sparql", headers={"Host": "kg.example:81"}).text


def test_headers_that_never_end_meet_a_deadline(client: httpx.Client) -> None:
    started = time.monotonic()
    answer = talk(client, b"GET / HTTP/1.1\r\nHost: x\r\n", wait=listen.HEADER_SECONDS + 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < listen.HEADER_SECONDS + 3


# --- what there is ----------------------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_for_people(client: httpx.Client) -> None:
    response = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "not medical advice" in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    page = _Page()
    page.feed(response.text)
    assert not {tag for tag, _ in page.seen} & {"script", "img", "link", "iframe"}
    links = {attributes["href"] for tag, attributes in page.seen if tag == "a"}
    for link in links:
        assert client.get(link).status_code == 200, link
    actions = {attributes["action"] for tag, attributes in page.seen if tag == "form"}
    assert "/sparql" in actions
    assert {name for name in actions if name.startswith("/ask/")} == {
        each["href"] for each in client.get("/ask").json()
    }
    (query,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", response.text, re.DOTALL)
    from html import unescape

    assert ask(client, unescape(query)).status_code == 200


def test_the_page_speaks_rdf_too(client: httpx.Client) -> None:
    assert "void:sparqlEndpoint" in client.get("/", headers={"Accept": "text/turtle"}).text


def test_health(client: httpx.Client, graph: KnowledgeGraph) -> None:
    told = client.get("/health").raise_for_status().json()
    assert told["status"] == "ok"
    assert told["knowledge"]["sha256"] == graph.version.sha256


def test_xml_answers_are_well_formed(client: httpx.Client) -> None:
    assert ET.fromstring(ask(client, SELECT, "application/xml").content).tag.endswith("sparql")
    assert ET.fromstring(ask(client, CONSTRUCT, "application/xml").content).tag.endswith("RDF")
