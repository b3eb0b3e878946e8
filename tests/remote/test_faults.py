"""Servers that are slow, refuse, break off or are none: a clear word for each, and nothing half loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.graph.store import find_release, open_release, read_manifest
from kg_builder.remote import load as module
from kg_builder.remote.client import Client, CutError, EndpointError
from kg_builder.remote.description import Described, read_description
from kg_builder.remote.endpoint import Credentials, Endpoint, read_endpoint
from kg_builder.remote.load import load_release

HTML = (200, "text/html", b"<!DOCTYPE html><html><body>Welcome</body></html>")
#: What a server does → what the message must say.
FAULTS: dict[str, tuple[Any, str]] = {
    "401": ((401, "text/plain", b"who are you"), "SALVAGE_KG_ENDPOINT_USER"),
    "403": ((403, "text/plain", b"not you"), "403 Forbidden"),
    "404": ((404, "text/plain", b""), "404 Not Found"),
    "405": ((405, "text/plain", b""), "405 Method Not Allowed"),
    "500": ((500, "text/plain", b"out of memory\x1b[31m"), "out of memory"),
    "503": ((503, "text/plain", b"busy"), "503 Service Unavailable"),
    "slow": ("slow", "no whole answer within 2 s"),
    "cut": ("cut", "broke off the connection"),
    "half": ("half", "of"),
}
QUERY = "SELECT * WHERE { ?s ?p ?o }"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    monkeypatch.setattr(module, "_PAUSE", 0.05)


@pytest.fixture
def client(fake: Any) -> Client:
    return Client(fake.server.endpoint(timeout=2))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_a_query_has_its_message(fake: Any, client: Client, name: str) -> None:
    act, said = FAULTS[name]
    client.update("INSERT DATA { <urn:a> <urn:b> <urn:c> }", doing="beginning")
    fake.act = lambda _: act
    with pytest.raises(EndpointError) as caught:
        client.select(QUERY, (), doing="testing the message")
    text = str(caught.value)
    assert said in text and "testing the message" in text and f"{fake.url}/query" in text
    assert "\x1b" not in text and "\n" not in text


def test_a_page_for_browsers_is_no_answer(fake: Any, client: Client) -> None:
    fake.act = lambda _: HTML
    for ask in (client.select, client.construct):
        with pytest.raises(EndpointError, match="text/html, no SPARQL answer"):
            ask(QUERY, (), doing="testing")


XML = b'<sparql xmlns="http://www.w3.org/2005/sparql-results#"><head><variable name="s"/></head><results>'
ROW = b'<result><binding name="s"><literal>a</literal></binding></result>'
BOMB = (
    b'<!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]><rdf:RDF xmlns:e="urn:e#" '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description e:p="&b;"/></rdf:RDF>'
)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("application/sparql-results+xml", b"<sparql><head>"),
        ("application/sparql-results+xml", XML + ROW),
        ("application/sparql-results+xml", XML + ROW * 50 + b"</results>"),
        ("application/sparql-results+xml", XML + ROW * 50 + b"<oops></results></sparql>"),
        ("application/sparql-results+json", b'{"head":{"vars":["s"]},"results":{"bindings":[{"s":'),
        ("application/sparql-results+json", b'["nothing"]'),
    ],
)
def test_rows_that_are_cut_or_broken_are_no_answer(fake: Any, client: Client, kind: str, data: bytes) -> None:
    fake.act = lambda _: (200, kind, data)
    with pytest.raises(EndpointError, match="cannot be read"):
        client.select(QUERY, (), doing="testing")


def test_statements_that_are_cut_or_in_a_dangerous_form_are_no_answer(fake: Any, client: Client) -> None:
    fake.act = lambda _: (200, "application/n-triples", b"<urn:a> <urn:b> <urn:c> .\n<urn:a> <ur")
    with pytest.raises(EndpointError, match="cannot be read"):
        client.construct(QUERY, (), doing="testing")
    fake.act = lambda _: (200, "application/rdf+xml", BOMB)
    with pytest.raises(EndpointError, match="no SPARQL answer"):
        client.construct(QUERY, (), doing="testing")


def test_an_answer_of_which_nobody_knows_the_end_is_none(fake: Any, client: Client) -> None:
    """Broken off after a statement, it would look like a whole one."""
    client.update("INSERT DATA { <urn:a> <urn:b> <urn:c> }", doing="beginning")
    fake.act = lambda _: "endless"
    with pytest.raises(EndpointError, match="does not say how long"):
        client.construct("CONSTRUCT WHERE { ?s ?p ?o }", (), doing="testing")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_takes_no_password_along(fake: Any, fake_of: Any, status: int) -> None:
    with fake_of(fake.server) as other:
        there = f"{other.url}/query?key=secret"
        fake.act = lambda _: (status, "text/plain", b"", {"Location": there})
        client = Client(fake.server.endpoint(credentials={f"{fake.url}/": Credentials("me", "secret")}))
        for ask in (
            lambda: client.select(QUERY, (), doing="testing"),
            lambda: client.update("DROP SILENT GRAPH <urn:a>", doing="testing"),
            lambda: client.put(f"{fake.url}/store", "urn:a", b"", append=False, doing="testing"),
        ):
            with pytest.raises(EndpointError, match=f"{status} .* it points to {other.url}/query") as caught:
                ask()
            assert "secret" not in str(caught.value)
        assert other.asked == []


def test_nobody_there() -> None:
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9/query: cannot be reached: connection refused"):
        Client(Endpoint("http://127.0.0.1:9/query", timeout=1)).select(QUERY, (), doing="testing")


def test_a_server_that_says_that_it_left_rows_out(monkeypatch: pytest.MonkeyPatch, fake: Any, client: Client) -> None:
    from kg_builder.remote import client as remote

    monkeypatch.setattr(remote, "_CUT_HEADERS", ("Content-Length",))
    with pytest.raises(CutError, match="cut its answer short"):
        client.select(QUERY, (), doing="testing")


@pytest.mark.parametrize("own", [Credentials("me", "secret"), Credentials(token="secret")], ids=["basic", "bearer"])
def test_credentials_are_sent_and_not_told(fake: Any, own: Credentials) -> None:
    fake.act = lambda asked: (403, "text/plain", b"no good: secret, " + asked.headers["Authorization"].encode())
    client = Client(fake.server.endpoint(credentials={f"{fake.url}/": own}))
    for ask in (
        lambda: client.select(QUERY, (), doing="testing"),
        lambda: client.update("DROP SILENT GRAPH <urn:a>", doing="testing"),
        lambda: client.put(f"{fake.url}/store", "urn:a", b"", append=False, doing="testing"),
    ):
        with pytest.raises(EndpointError) as caught:
            ask()
        text = str(caught.value)
        assert "secret" not in text and own.header.split()[1] not in text and "this user may not" in text
    sent = [asked.headers["Authorization"] for asked in fake.asked]
    assert len(sent) == 3 and len(set(sent)) == 1 and sent[0].split()[0] == ("Bearer" if own.token else "Basic")


def test_credentials_go_to_their_own_server_only(fake: Any, fake_of: Any) -> None:
    with fake_of(fake.server) as writer:
        given = writer.server.update.replace("//", "//me:secret@")
        client = Client(read_endpoint(fake.server.query, {}, update=given))
        client.update("DROP SILENT GRAPH <urn:a>", doing="testing")
        client.select(QUERY, (), doing="testing")
        assert "Authorization" in writer.asked[0].headers
        assert not any("Authorization" in asked.headers for asked in fake.asked if asked.path == "/query")


def test_no_credentials_no_header(fake: Any, client: Client) -> None:
    client.select(QUERY, (), doing="testing")
    assert "Authorization" not in fake.asked[0].headers


# --- while a release is loaded --------------------------------------------------------------------


def is_part(text: str, graph: str) -> bool:
    return re.match(rf"INSERT(?: DATA)? \{{ GRAPH <\S+/staging/\S+/{graph}>", text) is not None


STEPS: dict[str, Callable[[Any], bool]] = {
    "the first question": lambda a: a.path == "/query",
    "the first writing": lambda a: a.path == "/store" or "INSERT" in a.text,
    "a part of a graph": lambda a: a.method == "POST" if a.path == "/store" else is_part(a.text, "inferred"),
    "moving": lambda a: "MOVE" in a.text or "COPY" in a.text,
}


def load(release: Path, server: Any, **given: Any) -> Any:
    found = find_release(release)
    return load_release(
        open_release(found), read_manifest(found), server.endpoint(timeout=2, **given), again=True, chunk=500
    )


@pytest.mark.parametrize(
    ("name", "step", "by_store"),
    [
        (name, step, by_store)
        for name in ("403", "cut", "slow")
        for step in STEPS
        for by_store in (True, False)
        if name != "slow" or (step in ("the first writing", "moving") and not by_store)
    ],
)
def test_a_fault_at_any_step_leaves_the_former_release(
    release: Path, other_release: Path, server: Any, fake: Any, name: str, step: str, by_store: bool
) -> None:
    load(other_release, server)
    before = server.graphs()
    own = {} if by_store else {"stores": ()}
    fake.act = lambda asked: FAULTS[name][0] if STEPS[step](asked) else None
    with pytest.raises(EndpointError) as caught:
        load(release, fake.server, **own)
    assert server.graphs() == before
    assert read_description(Client(server.endpoint())) == Described.of(read_manifest(other_release))
    if step != "the first question":
        assert "0.1-former, whole" in str(caught.value)


def test_where_the_graph_store_is_refused_updates_are_tried(release: Path, server: Any, fake: Any) -> None:
    fake.act = lambda asked: (404, "text/plain", b"") if asked.path == "/store" else None
    assert load(release, fake.server).by == "SPARQL update"
    assert read_description(Client(server.endpoint())) == Described.of(read_manifest(release))


def test_a_graph_store_that_takes_and_keeps_nothing_is_found_out(release: Path, server: Any, fake: Any) -> None:
    fake.act = lambda asked: (201, "text/plain", b"") if asked.path == "/store" else None
    assert load(release, fake.server).by == "SPARQL update"


def test_a_server_that_loses_statements_is_found_out(release: Path, server: Any, fake: Any) -> None:
    fake.act = lambda asked: (200, "text/plain", b"") if is_part(asked.text, "inferred") else None
    with pytest.raises(EndpointError, match="statements of inferred arrived"):
        load(release, fake.server, stores=())
    assert server.graphs() == {}


def test_where_move_is_unknown_graphs_are_copied(release: Path, other_release: Path, server: Any, fake: Any) -> None:
    load(other_release, server)
    fake.act = lambda asked: (400, "text/plain", b"MOVE?") if "MOVE" in asked.text else None
    load(release, fake.server)
    described = Described.of(read_manifest(release))
    assert {g: n for g, n in server.graphs().items() if g in described.graphs} == {
        g: n for g, n in described.graphs.items() if n
    }
    assert not any("staging" in graph for graph in server.graphs())


@pytest.mark.parametrize("act", ["cut-done", "slow-done"])
def test_a_lost_answer_to_what_was_done_is_no_fault(release: Path, server: Any, fake: Any, act: str) -> None:
    fake.act = lambda asked: act if "MOVE" in asked.text else None
    load(release, fake.server)
    assert read_description(Client(server.endpoint())) == Described.of(read_manifest(release))


def test_what_is_moved_by_half_is_finished(release: Path, other_release: Path, server: Any, fake: Any) -> None:
    """A server that does not keep a request together breaks off between two graphs."""
    load(other_release, server)

    def act(asked: Any) -> Any:
        if "MOVE" not in asked.text:
            return None
        parts = asked.text.split(" ;\n")
        Client(server.endpoint()).update(" ;\n".join(parts[:3]), doing="moving some")
        return (500, "text/plain", b"lost the thread")

    fake.act = act
    load(release, fake.server)
    described = Described.of(read_manifest(release))
    assert read_description(Client(server.endpoint())) == described
    assert not any("staging" in graph for graph in server.graphs())
    own = ox.Dataset(open_release(release))
    for graph in described.graphs:
        here = {str(q.triple) for q in own if str(q.graph_name) == f"<{graph}>" and "_:" not in str(q.triple)}
        assert server.content(graph) == here


def test_two_loads_at_once_do_not_mix(release: Path, other_release: Path, server: Any) -> None:
    """The second removes what the first has staged, which then finds out, whenever it is."""
    for moment in ("inferred", "putting"):
        load(other_release, server)

        def meet(text: str, moment: str = moment) -> None:
            if text.startswith(moment):
                load(other_release, server)

        found = find_release(release)
        with pytest.raises(EndpointError, match=r"0\.1-former, whole"):
            load_release(open_release(found), read_manifest(found), server.endpoint(timeout=5), say=meet)
        assert read_description(Client(server.endpoint())) == Described.of(read_manifest(other_release))
        described = Described.of(read_manifest(other_release)).graphs
        there = server.graphs()
        assert not any("staging" in graph for graph in there)
        assert {graph: there.get(graph, 0) for graph in described} == described
