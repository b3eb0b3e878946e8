"""The W3C's tests of SPARQL 1.1 Service Description, and VoID."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import rdflib
from rdflib.collection import Collection
from rdflib.namespace import DCTERMS, OWL, RDF, VOID

SD = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
MF = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
SV = "https://w3id.org/salvage-kg/ontology#"
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data")) / "w3c" / "service-description"
MANIFEST = DATA / "manifest.ttl"
FORMATS = ["text/turtle", "application/n-triples", "application/rdf+xml", "application/ld+json"]

#: Property of the vocabulary → class of what has it, class of what it leads to (None: whatever the vocabulary leaves
#: open), as https://www.w3.org/TR/sparql11-service-description/ section 3 has them.
SCHEMA = {
    "endpoint": ("Service", None),
    "feature": ("Service", "Feature"),
    "defaultEntailmentRegime": ("Service", "EntailmentRegime"),
    "supportedLanguage": ("Service", "Language"),
    "resultFormat": ("Service", None),
    "defaultDataset": ("Service", "Dataset"),
    "availableGraphs": ("Service", "GraphCollection"),
    "defaultGraph": ("Dataset", "Graph"),
    "namedGraph": ("Dataset", "NamedGraph"),
    "name": ("NamedGraph", None),
    "graph": ("NamedGraph", "Graph"),
}
#: Instances that the vocabulary itself, and the W3C's list of entailment regimes, define.
DEFINED = {
    "Language": {SD.SPARQL10Query, SD.SPARQL11Query, SD.SPARQL11Update},
    "Feature": {
        SD.DereferencesURIs, SD.UnionDefaultGraph, SD.RequiresDataset, SD.EmptyGraphs, SD.BasicFederatedQuery,
    },
    "EntailmentRegime": {rdflib.URIRef("http://www.w3.org/ns/entailment/Simple")},
}  # fmt: skip


def read(response: httpx.Response) -> rdflib.Graph:
    """Return the graph of a response, by its own word about its form."""
    media_type = response.headers["content-type"].partition(";")[0]
    form = {"application/rdf+xml": "xml", "application/ld+json": "json-ld", "application/n-triples": "nt"}
    return rdflib.Graph().parse(data=response.content, format=form.get(media_type, "turtle"))


@pytest.fixture(scope="module")
def description(client: httpx.Client) -> Iterator[rdflib.Graph]:
    yield read(client.get("/sparql").raise_for_status())


def has_endpoint_triple(graph: rdflib.Graph, endpoint: str) -> None:
    assert set(graph.objects(None, SD.endpoint)) == {rdflib.URIRef(endpoint)}


def returns_rdf(graph: rdflib.Graph, endpoint: str) -> None:
    assert len(graph) > 20


def conforms_to_schema(graph: rdflib.Graph, endpoint: str) -> None:
    used = {str(p).removeprefix(str(SD)) for p in graph.predicates() if str(p).startswith(str(SD))}
    assert used <= set(SCHEMA)
    assert {"endpoint", "supportedLanguage", "resultFormat", "defaultDataset", "namedGraph"} <= used
    for name in used:
        domain, range_ = SCHEMA[name]
        for subject, value in graph.subject_objects(SD[name]):
            assert (subject, RDF.type, SD[domain]) in graph
            assert not isinstance(value, rdflib.Literal)
            if range_ and value not in DEFINED.get(range_, set()):
                assert (value, RDF.type, SD[range_]) in graph, f"{value} is no sd:{range_}"


CHECKS = {
    "has-endpoint-triple": has_endpoint_triple,
    "returns-rdf": returns_rdf,
    "conforms-to-schema": conforms_to_schema,
}


def test_every_test_of_the_manifest_is_run() -> None:
    if not MANIFEST.is_file():
        pytest.skip(f"no W3C service description tests in {DATA}; set SALVAGE_KG_DATA")
    graph = rdflib.Graph().parse(MANIFEST)
    (listed,) = graph.objects(None, MF.entries)
    assert {str(test).rpartition("#")[2] for test in Collection(graph, listed)} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("path", ["/sparql", "/sparql/"])
def test_service_description(name: str, path: str, client: httpx.Client) -> None:
    graph = read(client.get(path).raise_for_status())
    CHECKS[name](graph, f"{str(client.base_url).rstrip('/')}{path}")


@pytest.mark.parametrize("path", ["/sparql", "/.well-known/void", "/examples"])
@pytest.mark.parametrize("media_type", FORMATS)
def test_every_form_says_the_same(path: str, media_type: str, client: httpx.Client) -> None:
    response = client.get(path, headers={"Accept": media_type})
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert set(read(response)) == set(read(client.get(path)))


def test_named_graphs_are_those_that_can_be_asked(client: httpx.Client, description: rdflib.Graph) -> None:
    query = "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"
    rows = client.get("/sparql", params={"query": query}).json()["results"]["bindings"]
    counted = {row["g"]["value"]: int(row["n"]["value"]) for row in rows}
    told = {
        str(name): int(description.value(description.value(node, SD.graph), VOID.triples))
        for node, name in description.subject_objects(SD.name)
    }
    assert told == counted


def test_void_counts_what_there_is(client: httpx.Client, description: rdflib.Graph) -> None:
    graph = read(client.get("/.well-known/void"))
    (endpoint,) = graph.objects(None, VOID.sparqlEndpoint)
    dataset = graph.value(None, VOID.sparqlEndpoint, endpoint)
    assert str(endpoint) == f"{str(client.base_url).rstrip('/')}/sparql"
    assert (None, SD.defaultDataset, dataset) in description
    counted = client.get("/sparql", params={"query": "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"}).json()
    assert int(graph.value(dataset, VOID.triples)) == int(counted["results"]["bindings"][0]["n"]["value"])
    assert graph.value(dataset, DCTERMS.license) == rdflib.URIRef("https://creativecommons.org/licenses/by/4.0/")
    health = client.get("/health").json()
    assert str(graph.value(dataset, OWL.versionInfo)) == health["knowledge"]["version"]
    assert str(graph.value(dataset, DCTERMS.identifier)) == f"sha256:{health['knowledge']['sha256']}"


def test_void_partitions_by_class(client: httpx.Client) -> None:
    graph = read(client.get("/.well-known/void"))
    told = {
        str(graph.value(part, VOID["class"])): int(graph.value(part, VOID.entities))
        for part in graph.objects(None, VOID.classPartition)
    }
    query = "SELECT ?c (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s a ?c } GROUP BY ?c"
    rows = client.get("/sparql", params={"query": query}).json()["results"]["bindings"]
    counted = {row["c"]["value"]: int(row["n"]["value"]) for row in rows}
    assert {name: counted.get(name) for name, count in told.items()} == told
    assert len(told) > 20
    assert told == {name: count for name, count in counted.items() if name.startswith(SV)}
