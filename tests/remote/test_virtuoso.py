"""Virtuoso 7, which has traps of its own: the same rows and answers all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg_builder import KnowledgeGraph
from kg_builder.ask import load_catalogue
from kg_builder.graph.store import find_release, open_release, read_manifest
from kg_builder.remote.client import Client, CutError, EndpointError
from kg_builder.remote.description import Described, read_description
from kg_builder.remote.dialect import is_beyond_virtuoso, write_for_virtuoso
from kg_builder.remote.endpoint import complete, read_endpoint
from kg_builder.remote.graph import RemoteGraph
from kg_builder.remote.load import load_release

ROOT = Path(__file__).parents[2]

CASES = [
    {"id": "plain", "disease": "testitis"},
    {
        "id": "much",
        "disease": "testitis",
        "failure": {"failed_regimens": [["alpha", "soother"]], "mode": "acquired loss"},
        "findings": {"alterations": ["GEN:M4V", "GEN:L3P", "GENC wild type"]},
        "patient": {"eGFR": 20, "comedications": ["alpha/booster", "inda"]},
    },
    {
        "id": "tested",
        "disease": "testitis",
        "findings": {"susceptibility": {"alpha": "R", "beta": "R", "epsilon": "I", "gammatwo": "S"}},
        "patient": {"comorbidities": ["second infection", "weakness", "frail"]},
    },
]


def load(release: Path, server: Any, **own: Any) -> Any:
    found = find_release(release)
    return load_release(open_release(found), read_manifest(found), server.endpoint(**own), again=True)


@pytest.mark.slow
def test_the_made_up_world(
    virtuoso: Any, release: Path, other_release: Path, embedded: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(other_release, virtuoso, stores=()).by == "SPARQL update"
    assert load(release, virtuoso).by == "graph store protocol"
    assert read_description(Client(virtuoso.endpoint())) == Described.of(read_manifest(release))
    remote, reading = (RemoteGraph.connect(virtuoso.endpoint(**own)) for own in ({}, {"update": None}))
    for case in embedded.read_cases("\n".join(map(json.dumps, CASES)), path="cases"):
        answer = embedded.options(case).model_dump_json()
        assert remote.options(case).model_dump_json() == answer, case.id
        assert reading.options(case).model_dump_json() == answer, case.id
    for name in load_catalogue(ROOT / "queries" / "ask"):
        assert reading.ask(name) == embedded.ask(name), name
    monkeypatch.setattr("kg_builder.remote.store.PAGE", 5)
    with pytest.raises(CutError, match="may have cut"):  # of statements it does not say so
        remote.options(case)
    assert not any("/case/" in graph or "staging" in graph for graph in virtuoso.graphs())


@pytest.mark.slow
def test_the_shipped_knowledge(virtuoso: Any, shipped: Path) -> None:
    here = KnowledgeGraph.open(shipped)
    load(shipped, virtuoso)
    there = RemoteGraph.connect(virtuoso.endpoint())
    for example, may_update in (("prostate-cancer.yaml", True), ("hiv-genotype.yaml", False)):
        there._may_update = may_update
        case = here.read_cases((ROOT / "examples" / example).read_text(), path=example)[0]
        assert there.options(case).model_dump_json() == here.options(case).model_dump_json(), example
    for name in ("sources-of-a-disease", "contraindications-of-a-drug", "what-an-alteration-does"):
        assert there.ask(name) == here.ask(name), name
    with pytest.raises(CutError, match="ResultSetMaxRows"):
        there.ask("regimens-without-a-drug")
    assert not any("/case/" in graph or "staging" in graph for graph in virtuoso.graphs())


@pytest.mark.slow
def test_who_may_not_write_is_told(virtuoso: Any) -> None:
    endpoint = virtuoso.endpoint(update=virtuoso.query.replace("/sparql", "/sparql-auth"))
    with pytest.raises(EndpointError, match="401") as caught:
        Client(endpoint).update("INSERT DATA { GRAPH <urn:a> { <urn:a> <urn:b> <urn:c> } }", doing="trying")
    assert caught.value.is_refusal


@pytest.mark.slow
def test_a_password_is_shown_by_digest(virtuoso: Any, release: Path) -> None:
    """`/sparql-auth` wants that, and breaks off a long body that comes without it."""
    addresses = {
        "query": virtuoso.query.replace("/sparql", "/sparql-auth").replace("//", "//dba:dba@"),
        "store": virtuoso.store.replace("crud", "crud-auth"),
    }
    found = find_release(release)
    for chunk in (100, None):
        endpoint = complete(read_endpoint(environment={}, **addresses))
        done = load_release(open_release(found), read_manifest(found), endpoint, again=True, chunk=chunk)
        assert done.by == "graph store protocol"
    endpoint = read_endpoint(addresses["query"].replace(":dba@", ":wrong@"), {})
    with pytest.raises(EndpointError, match=r"401 Unauthorized .* this user may not do it") as caught:
        Client(endpoint).select("SELECT * WHERE { ?s ?p ?o } LIMIT 1", (), doing="trying")
    assert "wrong" not in str(caught.value)


def test_blocks_that_virtuoso_trips_over_are_left_out() -> None:
    given = (
        "PREFIX sv: <http://x/o#>\nSELECT ?a ?b WHERE {\n  VALUES ?a { <http://x/1> } # param\n"
        "  VALUES ?b { UNDEF } # param\n  ?a sv:p ?b .\n  MINUS {\n    VALUES ?a { <http://x/1> } # param\n"
        "    VALUES ?y { 5 } # param\n    ?a sv:q '}' ; sv:r '#}' . # }\n  }\n}\nORDER BY ?b\n"
    )
    assert write_for_virtuoso(given) == (
        "PREFIX sv: <http://x/o#>\nSELECT ?a ?b WHERE {\n  VALUES ?a { <http://x/1> } # param\n\n"
        "  ?a sv:p ?b .\n  MINUS {\n\n    VALUES ?y { 5 } # param\n    ?a sv:q '}' ; sv:r '#}' . # }\n  }\n}\n"
    )


def test_what_virtuoso_is_not_trusted_with() -> None:
    asked = {name: is_beyond_virtuoso(query.text) for name, query in load_catalogue(ROOT / "queries" / "ask").items()}
    assert 0 < sum(asked.values()) < len(asked) / 2
    assert is_beyond_virtuoso("SELECT * { VALUES ?a { 1 } # param\n ?a ?b ?c MINUS { ?a ?b 1 MINUS { ?a ?c 2 } } }")
