"""The questions of the catalogue: run by name with parameters, and as example queries in the graph."""

from __future__ import annotations

import httpx
import pyoxigraph as ox
import pytest

from kg_builder import KnowledgeGraph
from kg_builder.ask import load_catalogue
from kg_builder.places import find_home

SV = "https://w3id.org/salvage-kg/ontology#"
SH, SCHEMA = "http://www.w3.org/ns/shacl#", "https://schema.org/"
NAMES = sorted(load_catalogue(find_home("queries", "ask")))


def rows_of(response: httpx.Response) -> list[tuple[str | None, ...]]:
    """Return the rows of an answer in JSON as texts."""
    answer = response.raise_for_status().json()
    columns = answer["head"]["vars"]
    return [tuple(row[c]["value"] if c in row else None for c in columns) for row in answer["results"]["bindings"]]


def plain(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_those_of_the_command_line(name: str, client: httpx.Client, graph: KnowledgeGraph) -> None:
    expected = graph.ask(name)
    response = client.get(f"/ask/{name}", headers={"Accept": "application/sparql-results+json"})
    assert tuple(response.json()["head"]["vars"]) == expected.columns
    assert rows_of(response) == [tuple(map(plain, row)) for row in expected.rows]


def test_a_parameter_by_label_synonym_and_curie(client: httpx.Client, graph: KnowledgeGraph) -> None:
    ((curie, label, _), *_) = graph.list("classes")
    expected = [tuple(map(plain, row)) for row in graph.ask("drugs-of-a-class", **{"class": curie}).rows]
    for text in (curie, label, label.upper(), f"  {label} "):
        assert rows_of(client.get("/ask/drugs-of-a-class", params={"class": text})) == expected
    every = rows_of(client.get("/ask/drugs-of-a-class"))
    assert rows_of(client.get("/ask/drugs-of-a-class", params={"class": ""})) == every
    assert 0 < len(expected) < len(every)


def test_answers_are_negotiated(client: httpx.Client) -> None:
    response = client.get("/ask/drugs-of-a-class", headers={"Accept": "text/csv"})
    assert response.text.splitlines()[0] == "class,class_label,drug,drug_label,definition"
    tag = response.headers["etag"]
    again = client.get("/ask/drugs-of-a-class", headers={"Accept": "text/csv", "If-None-Match": tag})
    assert again.status_code == 304
    assert client.get("/ask/drugs-of-a-class", headers={"Accept": "image/png"}).status_code == 406


def claim_of(client: httpx.Client) -> str:
    query = f"SELECT ?c WHERE {{ ?c a <{SV}Claim> ; <http://purl.org/dc/terms/source> ?s }} ORDER BY ?c LIMIT 1"
    return client.get("/sparql", params={"query": query}).json()["results"]["bindings"][0]["c"]["value"]


def test_a_claim_by_curie_and_iri(client: httpx.Client) -> None:
    iri = claim_of(client)
    curie = f"claim:{iri.rpartition('/')[2]}"
    rows = rows_of(client.get("/ask/sources-of-a-claim", params={"claim": iri}))
    assert rows and {row[0] for row in rows} == {iri}
    assert rows_of(client.get("/ask/sources-of-a-claim", params={"claim": curie})) == rows


@pytest.mark.parametrize(
    ("path", "params", "status", "code", "hint"),
    [
        ("drugs-of-clas", {}, 404, "Q001", "drugs-of-a-class"),
        ("../app", {}, 404, None, ""),
        ("drugs-of-a-class", {"clas": "x"}, 400, "Q003", "class"),
        ("drugs-of-a-class", {"class": "no such class"}, 404, "T007", ""),
        ("drugs-of-a-class", {"class": "x" * 201}, 400, "Q004", ""),
        ("drugs-of-a-class", {"class": ["a", "b"]}, 400, "Q004", "one"),
        ("sources-of-a-claim", {"claim": "claim:no-such-claim"}, 404, "T007", ""),
        ("drugs-of-a-class", {"class": "x> } SERVICE <http://127.0.0.1/> { ?s ?p ?o"}, 404, "T007", ""),
    ],
)
def test_faults(path: str, params: dict, status: int, code: str | None, hint: str, client: httpx.Client) -> None:
    response = client.get(f"/ask/{path}", params=params)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    if code:
        (issue,) = response.json()["issues"]
        assert issue["code"] == code
        assert hint in issue["hint"]
        assert issue["message"] in response.json()["detail"]


def test_numbers_are_checked(client: httpx.Client) -> None:
    numeric = [
        (each["name"], param["name"])
        for each in client.get("/ask").json()
        for param in each["parameters"]
        if param["type"] in ("integer", "decimal")
    ]
    assert numeric
    for name, param in numeric:
        assert client.get(f"/ask/{name}", params={param: "0.5.1"}).status_code == 400
        assert client.get(f"/ask/{name}", params={param: "1"}).status_code == 200


def test_the_list_of_questions(client: httpx.Client) -> None:
    listed = client.get("/ask").json()
    assert [each["name"] for each in listed] == NAMES
    assert all(each["summary"] and each["keywords"] for each in listed)


def examples(client: httpx.Client) -> list[dict[str, str]]:
    query = f"""PREFIX sh: <{SH}> PREFIX schema: <{SCHEMA}>
    SELECT ?example ?comment ?text (COUNT(?keyword) AS ?keywords) WHERE {{
      ?example a sh:SPARQLExecutable, sh:SPARQLSelectExecutable ; sh:select ?text ;
        <http://www.w3.org/2000/01/rdf-schema#comment> ?comment ; sh:prefixes/sh:declare/sh:prefix "sv" .
      OPTIONAL {{ ?example schema:keywords ?keyword }}
    }} GROUP BY ?example ?comment ?text ORDER BY ?example"""
    rows = client.get("/sparql", params={"query": query}).raise_for_status().json()["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in rows]


def test_examples_stand_in_the_graph_that_is_asked(client: httpx.Client) -> None:
    found = examples(client)
    assert [row["example"].rpartition("/")[2] for row in found] == NAMES
    assert all(int(row["keywords"]) and "#+" not in row["text"] for row in found)


def test_every_example_runs_as_it_stands(client: httpx.Client) -> None:
    for row in examples(client):
        name = row["example"].rpartition("/")[2]
        assert rows_of(client.get("/sparql", params={"query": row["text"]})) == rows_of(client.get(f"/ask/{name}"))


def test_examples_say_which_endpoint_they_are_for(client: httpx.Client) -> None:
    data = client.get("/examples", headers={"Accept": "application/n-triples"}).content
    targets = [
        q.object.value for q in ox.parse(data, format=ox.RdfFormat.N_TRIPLES) if q.predicate.value == SCHEMA + "target"
    ]
    assert len(targets) == len(NAMES)
    assert set(targets) == {f"{str(client.base_url).rstrip('/')}/sparql"}


def test_an_answer_that_is_too_large_is_refused_and_never_cut(release, serve) -> None:
    with serve(release, "--rows", "3") as served, httpx.Client(base_url=served.url, timeout=30) as client:
        response = client.get("/ask/drugs-of-a-class")
        assert response.status_code == 403
        assert response.json()["type"].endswith("/answer-too-large")
        assert "class" in response.json()["detail"]
        assert len(rows_of(client.get("/ask/drugs-of-a-class", params={"class": "alphas"}))) <= 3
