"""`load` into a real server: all of a release or nothing of it, by whichever protocol the server offers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.graph.store import find_release, open_release, read_manifest
from kg_builder.remote import load as module
from kg_builder.remote.chunks import split_graph
from kg_builder.remote.client import Client, EndpointError
from kg_builder.remote.description import Described, read_description
from kg_builder.remote.load import STAGING, Loaded, load_release
from kg_builder.vocabulary import compact

RELEASE = "graph/release"


def load(release: Path, server: Any, **given: Any) -> Loaded:
    found = find_release(release)
    own = {key: given.pop(key) for key in ("timeout", "stores") if key in given}
    return load_release(open_release(found), read_manifest(found), server.endpoint(**own), **given)


def expected(release: Path) -> dict[str, int]:
    described = Described.of(read_manifest(release))
    graphs = {graph.removeprefix("https://w3id.org/salvage-kg/"): n for graph, n in described.graphs.items() if n}
    return {**graphs, RELEASE: len(described.triples())}


def on(server: Any) -> dict[str, int]:
    return {graph.removeprefix("https://w3id.org/salvage-kg/"): n for graph, n in server.graphs().items()}


@pytest.fixture(params=["graph store protocol", "SPARQL update"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {} if request.param == "graph store protocol" else {"stores": ()}


def test_a_release_arrives_whole(release: Path, server: Any, way: dict[str, Any]) -> None:
    done = load(release, server, **way)
    assert done.former is None and done.by == ("SPARQL update" if way else "graph store protocol")
    assert on(server) == expected(release)
    own = ox.Dataset(open_release(release))
    for graph in done.described.graphs:
        there = server.content(graph)
        here = {str(q.triple) for q in own if str(q.graph_name) == f"<{graph}>" and "_:" not in str(q.triple)}
        assert there == here and (here or compact(graph) == "graph:mappings")


def test_blank_nodes_hang_together_as_before(release: Path, server: Any, way: dict[str, Any]) -> None:
    """Lists of OWL would fall apart if their nodes came in two requests."""
    load(release, server, chunk=100, **way)
    text = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o FILTER(isBlank(?s) || isBlank(?o)) }"
    for graph in ("core", "asserted"):
        name = f"https://w3id.org/salvage-kg/graph/{graph}"
        there = ox.Dataset(ox.Quad(*t) for t in Client(server.endpoint()).construct(text, [name], doing="looking"))
        found = open_release(release).query(text, default_graph=[ox.NamedNode(name)])
        here = ox.Dataset(ox.Quad(*t) for t in found)  # type: ignore[union-attr]
        assert len(here) > 10
        for nodes in (there, here):
            nodes.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
        assert there == here


def test_parts_are_bounded(release: Path) -> None:
    triples = [quad.triple for quad in open_release(release)]
    parts = list(split_graph(triples, 100))
    assert sum(part.count(b"\n") for part in parts) == len(set(triples))
    assert all(part.count(b"\n") <= 100 or b"_:" in part for part in parts)


def test_a_new_release_takes_the_place_of_the_former(
    release: Path, other_release: Path, server: Any, way: dict[str, Any]
) -> None:
    load(other_release, server, **way)
    assert on(server) == expected(other_release) != expected(release)
    done = load(release, server, **way)
    assert done.former is not None and done.former.version == "0.1-former"
    assert on(server) == expected(release)


def test_what_is_there_already_is_not_loaded_again(release: Path, server: Any) -> None:
    load(release, server)
    assert load(release, server).by == ""
    assert load(release, server, again=True).by == "graph store protocol"


def test_what_was_changed_since_is_loaded_again(release: Path, server: Any) -> None:
    load(release, server)
    Client(server.endpoint()).update("DROP GRAPH <https://w3id.org/salvage-kg/graph/core>", doing="spoiling")
    assert load(release, server).by == "graph store protocol"
    assert on(server) == expected(release)


def test_leftovers_of_a_broken_load_are_removed(release: Path, server: Any) -> None:
    text = f"INSERT DATA {{ GRAPH <{STAGING}0123/core> {{ <urn:a> <urn:b> <urn:c> }} }}"
    Client(server.endpoint()).update(text, doing="leaving something")
    said: list[str] = []
    load(release, server, say=said.append)
    assert on(server) == expected(release) and any("broken off" in text for text in said)


def test_other_graphs_are_left_alone(release: Path, server: Any) -> None:
    text = "INSERT DATA { GRAPH <https://w3id.org/salvage-kg/graph/mine> { <urn:a> <urn:b> <urn:c> } }"
    Client(server.endpoint()).update(text, doing="keeping something")
    load(release, server)
    assert on(server) == {**expected(release), "graph/mine": 1}


def test_a_read_only_server_says_so(release: Path, tmp_path: Path, run_oxigraph: Callable[..., Any]) -> None:
    with run_oxigraph(tmp_path) as found:
        load(release, found)
    with run_oxigraph(tmp_path, read_only=True) as found:
        with pytest.raises(EndpointError) as caught:
            load(release, found, again=True)
        assert caught.value.is_refusal and "/update" in str(caught.value) and "/store" in str(caught.value)
        assert on(found) == expected(release)


@pytest.mark.parametrize("moment", ["staging", "moving"])
def test_a_server_that_dies_half_way_keeps_what_it_had(
    release: Path,
    other_release: Path,
    tmp_path: Path,
    run_oxigraph: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with run_oxigraph(tmp_path) as found:
        load(other_release, found)

        def kill(text: str) -> None:
            if moment == "staging" and text.startswith("inferred"):
                found.stop()
            if moment == "moving" and text.startswith("putting"):
                threading.Timer(0.02, found.stop).start()
                time.sleep(0.01)

        with pytest.raises(EndpointError) as caught:
            for _ in range(20):  # moving may be over before the server dies: then it is done, and is done once more
                load(release, found, say=kill, again=True, timeout=5)
        assert "load" in str(caught.value)
    with run_oxigraph(tmp_path) as again:
        there = {graph: n for graph, n in on(again).items() if "staging" not in graph}
        assert there in (expected(other_release), expected(release))
        if moment == "staging":
            assert there == expected(other_release)
        load(release, again)
        assert on(again) == expected(release)


def test_interrupting_leaves_nothing(release: Path, other_release: Path, server: Any) -> None:
    load(other_release, server)

    def interrupt(text: str) -> None:
        if text.startswith("inferred"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(release, server, say=interrupt)
    assert on(server) == expected(other_release)


def test_the_description_is_read_as_it_was_written(release: Path, server: Any) -> None:
    client = Client(server.endpoint())
    assert read_description(client) is None
    load(release, server)
    manifest = read_manifest(release)
    found = read_description(client)
    assert found == Described.of(manifest)
    told = found.manifest
    assert (told.version, told.built, told.sha256, told.quads) == (
        manifest.version, manifest.built, manifest.sha256, manifest.quads
    )  # fmt: skip
