"""The W3C's tests of the SPARQL 1.1 Protocol: every one of a read-only endpoint passes, updates are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyoxigraph as ox
import pytest
import rdflib
from rdflib.collection import Collection
from rdflib.namespace import RDFS

HT = rdflib.Namespace("http://www.w3.org/2011/http#")
CNT = rdflib.Namespace("http://www.w3.org/2011/content#")
MF = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
UT = rdflib.Namespace("http://www.w3.org/2009/sparql/tests/test-update#")

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data")) / "w3c" / "protocol"
MANIFEST = DATA / "manifest.ttl"
pytestmark = pytest.mark.skipif(
    not MANIFEST.is_file(),
    reason=f"no W3C protocol tests in {DATA}; set SALVAGE_KG_DATA to the folder of reference data",
)

#: Tests that demand that an update is carried out → why it is not. What is tested instead: that it is refused with
#: 403 and a problem document, and that the data are afterwards what they were.
REFUSED = {
    "update_dataset_default_graph": "an update over a default graph: the endpoint is read-only",
    "update_dataset_default_graphs": "an update over several default graphs: the endpoint is read-only",
    "update_dataset_named_graphs": "an update over named graphs: the endpoint is read-only",
    "update_dataset_full": "an update over default and named graphs: the endpoint is read-only",
    "update_post_form": "an update as a form: the endpoint is read-only",
    "update_post_direct": "an update as a body: the endpoint is read-only",
    "update_base_uri": "an update with relative IRIs: the endpoint is read-only",
}
TABULAR = {"application/sparql-results+json", "application/sparql-results+xml", "text/csv", "text/tab-separated-values"}
GRAPHS = {"text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json"}


@dataclass(frozen=True)
class Exchange:
    """A request of a test and what it demands of the response."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    statuses: set[str]
    boolean: bool | None
    format: str | None


def _read_exchange(graph: rdflib.Graph, request: rdflib.term.Node) -> Exchange:
    headers = {
        str(graph.value(header, HT.fieldName)): str(graph.value(header, HT.fieldValue))
        for header in Collection(graph, graph.value(request, HT.headers))
    } if graph.value(request, HT.headers) else {}  # fmt: skip
    body = graph.value(request, HT.body)
    text = str(graph.value(body, CNT.chars)) if body else ""
    response = graph.value(request, HT.resp)
    boolean, form = graph.value(response, MF.expectedBoolean), graph.value(response, MF.expectedFormat)
    return Exchange(
        str(graph.value(request, HT.methodName)),
        str(graph.value(request, HT.absolutePath)).replace("/sparql/", "/sparql", 1),
        headers,
        text.encode(str(graph.value(body, CNT.characterEncoding))) if body else b"",
        {str(status).rpartition("StatusCode")[2] for status in graph.objects(response, MF.expectedStatus)},
        None if boolean is None else bool(boolean.toPython()),
        None if form is None else str(form),
    )


def _read_tests() -> dict[str, list[Exchange]]:
    if not MANIFEST.is_file():
        return {}
    graph = rdflib.Graph().parse(MANIFEST)
    (listed,) = graph.objects(None, MF.entries)
    return {
        str(test).rpartition("#")[2]: [
            _read_exchange(graph, request)
            for request in Collection(graph, graph.value(graph.value(test, MF.action), HT.requests))
        ]
        for test in Collection(graph, listed)
    }


def _read_graphs() -> dict[str, Path]:
    graph = rdflib.Graph().parse(MANIFEST)
    given = [(graph.value(node, RDFS.label), graph.value(node, UT.graph)) for node in graph.objects(None, UT.graphData)]
    return {str(name): DATA / Path(str(file)).name for name, file in given}


TESTS = _read_tests()


@pytest.fixture(scope="module")
def data_client(graphs_release, serve) -> Iterator[httpx.Client]:
    """A client of a server that holds the graphs of the manifest."""
    with serve(graphs_release(_read_graphs())) as found, httpx.Client(base_url=found.url, timeout=30) as client:
        yield client


def _send(client: httpx.Client, exchange: Exchange) -> httpx.Response:
    return client.request(exchange.method, exchange.path, headers=exchange.headers, content=exchange.body)


def _content(client: httpx.Client) -> str:
    query = "SELECT * WHERE { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?s ?p ?o"
    return client.get("/sparql", params={"query": query}).raise_for_status().text


def test_every_test_of_the_manifest_is_read() -> None:
    assert len(TESTS) == 34
    assert set(REFUSED) == {name for name in TESTS if name.startswith("update_")}


@pytest.mark.parametrize("name", [name for name in TESTS if name not in REFUSED])
def test_protocol(name: str, data_client: httpx.Client) -> None:
    for exchange in TESTS[name]:
        response = _send(data_client, exchange)
        assert f"{response.status_code // 100}xx" in exchange.statuses, response.text
        media_type = response.headers["content-type"].partition(";")[0]
        if response.status_code >= 400:
            assert media_type == "application/problem+json"
            assert response.json()["status"] == response.status_code
        if exchange.format == "RDF":
            assert media_type in GRAPHS
        elif exchange.format == "tabular":
            assert media_type in TABULAR
        elif exchange.format == "boolean":
            form = ox.QueryResultsFormat.from_media_type(media_type)
            answer = ox.parse_query_results(response.content, format=form)
            assert isinstance(answer, ox.QueryBoolean)
            assert exchange.boolean in (None, bool(answer))


@pytest.mark.parametrize("name", [name for name in TESTS if name in REFUSED])
def test_updates_are_refused(name: str, data_client: httpx.Client) -> None:
    before = _content(data_client)
    response = _send(data_client, TESTS[name][0])
    assert response.status_code == 403, response.text
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"].endswith("/read-only")
    assert _content(data_client) == before


@pytest.mark.parametrize("status", ["bad_update_get", "bad_multiple_updates", "bad_update_dataset_conflict"])
def test_faulty_updates_are_refused_as_updates(status: str, data_client: httpx.Client) -> None:
    assert _send(data_client, TESTS[status][0]).status_code == 403
