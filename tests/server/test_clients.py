"""Clients that people use ask the endpoint as they would any other: SPARQLWrapper, rdflib, Comunica."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from urllib.error import HTTPError

import pytest
import rdflib
from rdflib.namespace import OWL, RDF, RDFS
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore

from kg_builder import KnowledgeGraph

SV = rdflib.Namespace("https://w3id.org/salvage-kg/ontology#")
DRUG = "https://w3id.org/salvage-kg/drug/"
SELECT = f"SELECT ?drug ?label WHERE {{ ?drug a <{SV}Drug> ; <{RDFS.label}> ?label }}"
CONSTRUCT = f"CONSTRUCT {{ ?drug <{RDFS.label}> ?label }} WHERE {{ ?drug a <{SV}Drug> ; <{RDFS.label}> ?label }}"


@pytest.fixture(scope="module")
def drugs(graph: KnowledgeGraph) -> set[tuple[str, str]]:
    return {(DRUG + curie.partition(":")[2], label) for curie, label, _ in graph.list("drugs")}


@pytest.fixture(scope="module")
def endpoint(served) -> str:
    return f"{served.url}/sparql"


# --- SPARQLWrapper ----------------------------------------------------------------------------


@pytest.fixture(params=["get", "form", "direct"])
def wrapper(request: pytest.FixtureRequest, endpoint: str):
    library = pytest.importorskip("SPARQLWrapper")
    found = library.SPARQLWrapper(endpoint)
    found.setMethod(library.GET if request.param == "get" else library.POST)
    found.setRequestMethod(library.POSTDIRECTLY if request.param == "direct" else library.URLENCODED)
    return found


def test_wrapper_select(wrapper, drugs: set[tuple[str, str]]) -> None:
    wrapper.setQuery(SELECT)
    wrapper.setReturnFormat("json")
    rows = wrapper.queryAndConvert()["results"]["bindings"]
    assert {(row["drug"]["value"], row["label"]["value"]) for row in rows} == drugs
    wrapper.setReturnFormat("xml")
    assert len(wrapper.queryAndConvert().getElementsByTagName("result")) == len(drugs)
    wrapper.setReturnFormat("csv")
    assert len(wrapper.queryAndConvert().decode().split()) > len(drugs)
    wrapper.setReturnFormat("tsv")
    assert wrapper.queryAndConvert().decode().startswith("?drug\t?label\n")


def test_wrapper_ask(wrapper) -> None:
    wrapper.setReturnFormat("json")
    for query, expected in ((f"ASK {{ ?s a <{SV}Drug> }}", True), (f"ASK {{ ?s a <{SV}Nothing> }}", False)):
        wrapper.setQuery(query)
        assert wrapper.queryAndConvert()["boolean"] is expected


@pytest.mark.parametrize("form", ["turtle", "rdf+xml", "json-ld", "n3"])
def test_wrapper_construct(form: str, wrapper, drugs: set[tuple[str, str]]) -> None:
    wrapper.setQuery(CONSTRUCT)
    wrapper.setReturnFormat(form)
    found = wrapper.queryAndConvert()
    graph = found if isinstance(found, rdflib.Graph) else rdflib.Graph().parse(data=found, format="turtle")
    assert {(str(s), str(o)) for s, o in graph.subject_objects(RDFS.label)} == drugs


def test_wrapper_names_graphs(wrapper) -> None:
    wrapper.addParameter("default-graph-uri", "https://w3id.org/salvage-kg/graph/core")
    wrapper.setQuery(f"ASK {{ ?s a <{OWL.Class}> MINUS {{ ?s a <{SV}Drug> }} }}")
    wrapper.setReturnFormat("json")
    assert wrapper.queryAndConvert()["boolean"] is True
    wrapper.setQuery(f"ASK {{ ?s a <{SV}Claim> }}")
    assert wrapper.queryAndConvert()["boolean"] is False


def test_wrapper_meets_refusals(wrapper) -> None:
    from SPARQLWrapper.SPARQLExceptions import QueryBadFormed

    wrapper.setQuery("SELECT * WHERE { ?s ?p")
    with pytest.raises(QueryBadFormed) as caught:
        wrapper.query()
    assert "problem" in str(caught.value)


def test_wrapper_cannot_update(endpoint: str) -> None:
    library = pytest.importorskip("SPARQLWrapper")
    wrapper = library.SPARQLWrapper(endpoint)
    wrapper.setMethod(library.POST)
    wrapper.setQuery("INSERT DATA { <http://example.org/s> <http://example.org/p> 1 }")
    with pytest.raises(HTTPError) as caught:
        wrapper.query()
    assert caught.value.code == 403


# --- rdflib -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
@pytest.mark.parametrize("form", ["xml", "json", "csv", "tsv"])
def test_rdflib_store(method: str, form: str, endpoint: str, drugs: set[tuple[str, str]]) -> None:
    graph = rdflib.Graph(SPARQLStore(endpoint, method=method, returnFormat=form))
    assert {(str(row.drug), str(row.label)) for row in graph.query(SELECT)} == drugs


def test_rdflib_store_walks_the_graph(endpoint: str, drugs: set[tuple[str, str]]) -> None:
    graph = rdflib.Graph(SPARQLStore(endpoint))
    found = set(graph.subjects(RDF.type, SV.Drug))
    assert {str(drug) for drug in found} == {iri for iri, _ in drugs}
    iri, label = min(drugs)
    assert graph.value(rdflib.URIRef(iri), RDFS.label) == rdflib.Literal(label)
    assert (rdflib.URIRef(iri), RDF.type, SV.Drug) in graph
    assert len(graph) > 5000
    made = graph.query(CONSTRUCT).graph
    assert made is not None
    assert {(str(s), str(o)) for s, o in made.subject_objects(RDFS.label)} == drugs


def test_rdflib_store_cannot_write(endpoint: str) -> None:
    core = rdflib.URIRef("https://w3id.org/salvage-kg/graph/core")
    graph = rdflib.Graph(SPARQLUpdateStore(endpoint, endpoint), identifier=core)
    with pytest.raises(HTTPError) as caught:
        graph.add((rdflib.URIRef("http://example.org/s"), RDF.type, OWL.Class))
    assert caught.value.code == 403


# --- Comunica ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comunica(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command of Comunica: the one at hand; in CI one that npm installs; elsewhere skip."""
    place = os.environ.get("SALVAGE_KG_COMUNICA")
    found = shutil.which("comunica-sparql", path=place) if place else shutil.which("comunica-sparql")
    if found:
        return [found]
    npm = shutil.which("npm")
    if not os.environ.get("CI") or not npm:
        pytest.skip(
            "no comunica-sparql: put it on the PATH (npm install --global @comunica/query-sparql), or name the folder "
            "that has it in SALVAGE_KG_COMUNICA; with CI set, npm installs it"
        )
    folder = tmp_path_factory.mktemp("comunica")
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "@comunica/query-sparql@4"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not install @comunica/query-sparql: {done.stderr[-300:]}")
    return [str(folder / "node_modules" / ".bin" / "comunica-sparql")]


def run_comunica(comunica: list[str], source: str, query: str, media_type: str, folder: Path) -> str:
    command = [*comunica, source, query, "--outputType", media_type]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("prefix", ["", "sparql@"])
def test_comunica_select(
    prefix: str, comunica: list[str], endpoint: str, drugs: set[tuple[str, str]], tmp_path: Path
) -> None:
    query = f"{SELECT[:-1]} FILTER(STRLEN(?label) > 3) }} ORDER BY ?label"
    out = run_comunica(comunica, prefix + endpoint, query, "application/sparql-results+json", tmp_path)
    rows = json.loads(out)["results"]["bindings"]
    assert {(row["drug"]["value"], row["label"]["value"]) for row in rows} == {d for d in drugs if len(d[1]) > 3}


def test_comunica_construct_and_ask(
    comunica: list[str], endpoint: str, drugs: set[tuple[str, str]], tmp_path: Path
) -> None:
    out = run_comunica(comunica, endpoint, CONSTRUCT, "application/n-triples", tmp_path)
    made = rdflib.Graph().parse(data=out, format="nt")
    assert Counter(str(label) for label in made.objects()) == Counter(label for _, label in drugs)
    out = run_comunica(comunica, endpoint, f"ASK {{ ?s a <{SV}Drug> }}", "application/sparql-results+json", tmp_path)
    assert json.loads(out)["boolean"] is True
