"""`ask` and `options` on a server: the same rows and answers as embedded, and nothing left of a case."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder import KnowledgeGraph
from kg_builder.ask import load_catalogue
from kg_builder.derivation.case import Case
from kg_builder.derivation.rules import schedule
from kg_builder.graph.slices import SHARED, TERMS
from kg_builder.graph.store import find_release, open_cut, open_release, read_manifest
from kg_builder.issues import QueryError, ReasoningError, StoreError
from kg_builder.remote.client import Client, EndpointError
from kg_builder.remote.endpoint import Endpoint
from kg_builder.remote.fetch import Fetcher, fetch_cut, fetch_names
from kg_builder.remote.graph import RemoteGraph
from kg_builder.remote.load import load_release
from kg_builder.remote.store import CASES

ROOT = Path(__file__).parents[2]

CASES_OF_THE_WORLD: list[dict[str, Any]] = [
    {"id": "plain", "disease": "testitis"},
    {
        "id": "much",
        "disease": "testitis",
        "failure": {"failed_regimens": [["alpha", "soother"]], "mode": "acquired loss"},
        "findings": {"alterations": ["GEN:M4V", "GEN:L3P", "GENC wild type"]},
        "patient": {"eGFR": 20},
    },
    {
        "id": "ward 3/7 \u00e9",
        "disease": "testitis",
        "failure": {"failed_regimens": [["alpha/booster", "gamma", "delta", "sigma"]], "mode": "late loss"},
        "findings": {"sequenced": ["GEN", "GENB", "GENC"], "organism": "Bacterium durum"},
        "patient": {"comedications": ["alpha/booster", "inda"]},
    },
    {
        "id": "tested",
        "disease": "testitis",
        "findings": {
            "susceptibility": {"alpha": "R", "beta": "R", "betatwo": "R", "epsilon": "I", "gammatwo": "S"},
            "local_resistance": {"pi": 0.5},
        },
        "patient": {"comorbidities": ["second infection", "weakness", "frail"]},
    },
    {"id": "narrower", "disease": "acute testitis", "findings": {"alterations": ["GENC:A100H"]}},
    {"id": "other", "disease": "otheritis", "failure": {"failed_regimens": [["delta"]]}},
]


def put(release: Path, server: Any) -> Any:
    found = find_release(release)
    load_release(open_release(found), read_manifest(found), server.endpoint())
    return server


@pytest.fixture(scope="module")
def loaded(release: Path, run_oxigraph: Any) -> Iterator[Any]:
    """An Oxigraph server with the made-up world."""
    with run_oxigraph() as found:
        yield put(release, found)


@pytest.fixture(scope="module")
def cases(embedded: KnowledgeGraph) -> list[Case]:
    return embedded.read_cases("\n".join(map(json.dumps, CASES_OF_THE_WORLD)), path="cases")


def leftovers(server: Any) -> list[str]:
    return [graph for graph in server.graphs() if graph.startswith(CASES) or "/case/" in graph]


# --- options --------------------------------------------------------------------------------------


def test_answers_are_equal_byte_for_byte(loaded: Any, embedded: KnowledgeGraph, cases: list[Case]) -> None:
    remote = RemoteGraph.connect(loaded.endpoint())
    assert remote.version == embedded.version
    for case in cases:
        assert remote.options(case).model_dump_json() == embedded.options(case).model_dump_json(), case.id
        assert remote.options_graph(case) == embedded.options_graph(case), case.id
    assert leftovers(loaded) == []


def test_without_update_nothing_is_written(
    loaded: Any, embedded: KnowledgeGraph, cases: list[Case], fake_of: Any
) -> None:
    with fake_of(loaded) as fake:
        remote = RemoteGraph.connect(fake.server.endpoint(update=None))
        for case in cases:
            assert remote.options(case).model_dump_json() == embedded.options(case).model_dump_json(), case.id
        assert {asked.path for asked in fake.asked} == {"/query"}
        assert not any("ward" in asked.text or "graph/case" in asked.text for asked in fake.asked)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_where_updates_are_refused_the_answer_is_derived_here(
    loaded: Any, embedded: KnowledgeGraph, cases: list[Case], fake_of: Any, status: int
) -> None:
    with fake_of(loaded) as fake:
        fake.act = lambda asked: (status, "text/plain", b"no") if asked.path == "/update" else None
        said: list[str] = []
        remote = RemoteGraph.connect(fake.server.endpoint(), say=said.append)
        assert remote.options(cases[1]) == embedded.options(cases[1])
        assert remote.options(cases[0]) == embedded.options(cases[0])
        assert len(said) == 1 and str(status) in said[0] and "derived here" in said[0]
        assert [asked.path for asked in fake.asked].count("/update") == 1


@pytest.mark.parametrize(
    "act", ["cut", (500, "text/plain", b"full"), "half", "cut-done"], ids=["cut", "500", "half", "cut-done"]
)
@pytest.mark.parametrize("step", ["facts", "rule", "conclusions"])
def test_the_case_is_removed_when_the_server_fails(
    loaded: Any, cases: list[Case], fake_of: Any, act: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kg_builder.remote.store._PAUSE", 0.02)
    if act == "half" and step != "rule":
        act = "cut"
    with fake_of(loaded) as fake:
        inserted: list[str] = []

        def misbehave(asked: Any) -> Any:
            if asked.path == "/update" and "graph/case/" in asked.text and "DROP" not in asked.text:
                inserted.append(asked.text)
                return act if step == ("facts" if len(inserted) == 1 else "conclusions") else None
            return act if step == "rule" and len(inserted) > 2 and "CONSTRUCT" in asked.text else None

        fake.act = misbehave
        remote = RemoteGraph.connect(fake.server.endpoint())
        with pytest.raises(EndpointError):
            remote.options(cases[1])
        assert inserted
    assert leftovers(loaded) == []


def test_a_case_that_could_not_be_removed_is_named(loaded: Any, cases: list[Case], fake_of: Any) -> None:
    with fake_of(loaded) as fake:
        removing = [0]

        def misbehave(asked: Any) -> Any:
            if asked.text.startswith("DROP SILENT GRAPH"):
                removing[0] += 1
                return "cut"
            return None

        fake.act = misbehave
        with pytest.raises(EndpointError, match=r"may still be on the server: DROP SILENT GRAPH <\S+/graph/case/\w+>"):
            RemoteGraph.connect(fake.server.endpoint()).options(cases[0])
        assert removing[0] == 1
    for graph in leftovers(loaded):
        Client(loaded.endpoint()).update(f"DROP GRAPH <{graph}>", doing="tidying")


def test_the_case_is_removed_when_the_user_interrupts(
    loaded: Any, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kg_builder.derivation import engine

    def interrupt(*_: object, **__: object) -> None:
        assert len(leftovers(loaded)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run_rules", interrupt)
    with pytest.raises(KeyboardInterrupt):
        RemoteGraph.connect(loaded.endpoint()).options(cases[1])
    assert leftovers(loaded) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_command_that_is_stopped_removes_its_case(
    loaded: Any, cases: list[Case], fake_of: Any, tmp_path: Path, sent: signal.Signals
) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(CASES_OF_THE_WORLD[1]))
    with fake_of(loaded) as fake:
        fake.act = lambda asked: "slow" if "PREFIX rule:" in asked.text else None
        own = ["-c", "from kg_builder.cli import main; main()", "options", str(path)]
        where = ["--endpoint", fake.server.query, "--update-endpoint", fake.server.update]
        with subprocess.Popen(
            [sys.executable, *own, *where], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            deadline = time.monotonic() + 30
            while not any(fake.act(asked) for asked in fake.asked) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert len(leftovers(loaded)) == 1
            process.send_signal(sent)
            process.communicate(timeout=30)
        assert process.returncode == (130 if sent == signal.SIGINT else 143)
    assert leftovers(loaded) == []


def test_two_cases_of_one_name_do_not_meet(loaded: Any, cases: list[Case], embedded: KnowledgeGraph) -> None:
    """Whoever derives a case of the same id at the same time has a graph of his own."""
    one, other = (RemoteGraph.connect(loaded.endpoint()) for _ in range(2))
    with one._engine(cases[0]).derive(_prepared(one, cases[0])):
        assert other.options(cases[0]) == embedded.options(cases[0])
        assert len(leftovers(loaded)) == 1
    assert leftovers(loaded) == []


def test_two_users_at_once(loaded: Any, embedded: KnowledgeGraph, cases: list[Case]) -> None:
    expected = [embedded.options(case).model_dump_json() for case in cases]

    def derive(order: int) -> list[str]:
        own = RemoteGraph.connect(loaded.endpoint())
        return [own.options(case).model_dump_json() for case in cases[::order]][::order]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(derive, (1, -1))) == [expected, expected]
    assert leftovers(loaded) == []


def test_the_case_is_removed_when_the_derivation_fails(
    loaded: Any, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kg_builder.derivation import engine

    def fail(*_: object, **__: object) -> None:
        assert len(leftovers(loaded)) == 1
        raise ReasoningError("half-way")

    monkeypatch.setattr(engine, "CaseGraph", fail)
    with pytest.raises(ReasoningError, match="half-way"):
        RemoteGraph.connect(loaded.endpoint()).options(cases[1])
    assert leftovers(loaded) == []


@pytest.mark.parametrize("status", [200, 204])
def test_updates_that_are_confirmed_and_not_kept_are_found_out(
    loaded: Any, cases: list[Case], fake_of: Any, status: int
) -> None:
    """For instance where the address for updates is another server's, or that of a page for browsers."""
    with fake_of(loaded) as fake:
        fake.act = lambda asked: (status, "text/html", b"") if asked.path == "/update" else None
        with pytest.raises(EndpointError, match=r"took \d+ statements of the case, 0 are there; see that this address"):
            RemoteGraph.connect(fake.server.endpoint()).options(cases[0])
    assert leftovers(loaded) == []


def test_a_read_only_server(
    release: Path, embedded: KnowledgeGraph, cases: list[Case], run_oxigraph: Any, tmp_path: Path
) -> None:
    with run_oxigraph(tmp_path) as found:
        put(release, found)
    with run_oxigraph(tmp_path, read_only=True) as found:
        said: list[str] = []
        remote = RemoteGraph.connect(found.endpoint(), say=said.append)
        assert remote.options(cases[1]).model_dump_json() == embedded.options(cases[1]).model_dump_json()
        assert len(said) == 1 and "derived here" in said[0]


def test_a_server_of_our_own(own_server: str, embedded: KnowledgeGraph, cases: list[Case]) -> None:
    """`salvage-kg serve` holds a release that nobody loaded into it, and says so beside its endpoint."""
    remote = RemoteGraph.connect(Endpoint(own_server))
    assert remote.version == embedded.version
    assert remote.ask("drugs-by-barrier") == embedded.ask("drugs-by-barrier")
    assert remote.options(cases[1]) == embedded.options(cases[1])


def _prepared(graph: KnowledgeGraph, case: Case) -> Any:
    from kg_builder.derivation.prepare import prepare_case

    return prepare_case(case, graph._context, path=case.id)


def test_every_rule_gives_the_same_triples(
    loaded: Any, release: Path, cases: list[Case], embedded: KnowledgeGraph
) -> None:
    compare_rules(loaded, release, cases, embedded)


def compare_rules(server: Any, release: Path, cases: list[Case], embedded: KnowledgeGraph) -> None:
    """Run every rule on both, stage by stage, over cases that stand in one graph."""
    from kg_builder.remote.store import RemoteStore

    here, there = open_release(release), RemoteStore(Client(server.endpoint()))
    graph, silent = ox.NamedNode("https://w3id.org/salvage-kg/case/all"), []
    quads = [ox.Quad(q.subject, q.predicate, q.object, graph) for c in cases for q in _prepared(embedded, c).quads]
    try:
        for store in (here, there):
            store.extend(quads)
        for rule in schedule(embedded._rules):
            one, two = (
                {_by_value(t) for t in store.query(rule.text, use_default_graph_as_union=True)}  # type: ignore[union-attr]
                for store in (here, there)
            )
            assert one == two, rule.name
            found = here.query(rule.text, use_default_graph_as_union=True)
            lines = found.serialize(format=ox.RdfFormat.N_TRIPLES)  # type: ignore[union-attr]
            if not lines:
                silent.append(rule.name)
                continue
            for store in (here, there):
                store.load(lines, ox.RdfFormat.N_TRIPLES, to_graph=graph)
    finally:
        there.remove_graph(graph)
    assert len(silent) < len(embedded._rules) / 2, silent


def _by_value(triple: Any) -> tuple[str, ...]:
    from decimal import Decimal

    value = triple.object
    is_number = isinstance(value, ox.Literal) and value.datatype.value.rpartition("#")[2] in ("decimal", "integer")
    return (
        str(triple.subject),
        str(triple.predicate),
        str(Decimal(value.value).normalize() + 0) if is_number else str(value),
    )


# --- what is fetched ------------------------------------------------------------------------------


def lines_of(store: ox.Store) -> set[str]:
    header = "<https://w3id.org/salvage-kg/ontology> "
    return {str(q.triple) for q in store if not str(q.triple).startswith(header)}


def test_what_is_fetched_is_what_a_release_cuts(loaded: Any, release: Path) -> None:
    client = Client(loaded.endpoint())
    assert lines_of(fetch_names(client)) == lines_of(open_cut(release, TERMS))
    names = [name for name in read_manifest(release).files if name.startswith("slice-")]
    assert SHARED in read_manifest(release).files and len(names) > 1
    for name in names:
        disease = "disease:" + name.removeprefix("slice-").removesuffix(".nt.gz")
        assert lines_of(fetch_cut(client, disease)) == lines_of(open_cut(release, name))


@pytest.mark.parametrize("most", [1500, 700])
def test_what_a_server_cuts_short_is_fetched_in_parts(
    loaded: Any, release: Path, fake_of: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """As Virtuoso does: a CONSTRUCT ends after so many triples, and nothing says so."""
    from kg_builder.remote import client as remote
    from kg_builder.remote import fetch

    monkeypatch.setattr(fetch, "SMALL", 200)
    asked = remote.Client.construct

    def cut(self: Client, *given: Any, **named: Any) -> list[ox.Triple]:
        return asked(self, *given, **named)[:most]

    monkeypatch.setattr(remote.Client, "construct", cut)
    assert lines_of(fetch_cut(Client(loaded.endpoint()), "disease:testitis")) == lines_of(
        open_cut(release, "slice-testitis.nt.gz")
    )


def test_what_does_not_come_whole_is_an_error(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kg_builder.remote import client as remote

    asked = remote.Client.construct
    monkeypatch.setattr(remote.Client, "construct", lambda self, *a, **n: asked(self, *a, **n)[:3])
    with pytest.raises(EndpointError, match=r"gave \d+ of \d+ statements"):
        Fetcher(Client(loaded.endpoint()), ["https://w3id.org/salvage-kg/graph/core"]).fetch("?s ?p ?o .", doing="x")


def test_a_server_without_a_release_says_so(server: Any) -> None:
    with pytest.raises(StoreError, match="holds no release of the knowledge graph; run `salvage-kg load"):
        RemoteGraph.connect(server.endpoint())


# --- ask ------------------------------------------------------------------------------------------


def test_every_question_has_the_same_rows(loaded: Any, embedded: KnowledgeGraph) -> None:
    remote = RemoteGraph.connect(loaded.endpoint(update=None))
    catalogue = load_catalogue(ROOT / "queries" / "ask")
    assert len(catalogue) > 30
    empty = 0
    for name in catalogue:
        rows = embedded.ask(name)
        assert remote.ask(name) == rows, name
        empty += not rows.rows
    assert empty < len(catalogue) / 2


def test_parameters_are_names(loaded: Any, embedded: KnowledgeGraph) -> None:
    remote = RemoteGraph.connect(loaded.endpoint(update=None))
    asked = embedded.ask("claims-of-a-drug", drug="alpha")
    assert asked.rows and remote.ask("claims-of-a-drug", drug="alpha") == asked
    with pytest.raises(QueryError, match="T007"):
        remote.ask("claims-of-a-drug", drug="alfa")
    claim = next(str(cell) for row in asked.rows for cell in row if "/claim/" in str(cell))
    assert remote.ask("sources-of-a-claim", claim=claim) == embedded.ask("sources-of-a-claim", claim=claim)
    with pytest.raises(QueryError, match="no claim"):
        remote.ask("sources-of-a-claim", claim="claim:none-of-ours")


@pytest.mark.parametrize(
    "text",
    [
        "ASK { ?s ?p ?o }",
        "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o . ?s <http://purl.org/dc/terms/source> ?any }",
        "SELECT (COUNT(*) AS ?n) WHERE { GRAPH <https://w3id.org/salvage-kg/graph/core> { ?s ?p ?o } }",
        "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g",
        "# SELECT nothing, DROP ALL\nPREFIX ask: <urn:ask>\n"
        "SELECT ?p (COUNT(?s) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?p ORDER BY DESC(?n) ?p",
    ],
)
def test_queries_of_ones_own(loaded: Any, embedded: KnowledgeGraph, tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.rq"
    path.write_text(text)
    remote = RemoteGraph.connect(loaded.endpoint(update=None))
    assert remote.ask(str(path)) == embedded.ask(str(path))


# --- the shipped knowledge ------------------------------------------------------------------------


@pytest.mark.slow
def test_the_shipped_knowledge_answers_alike(shipped: Path, run_oxigraph: Any) -> None:
    here = KnowledgeGraph.open(shipped)
    with run_oxigraph() as found:
        remote = RemoteGraph.connect(put(shipped, found).endpoint())
        compare_shipped(here, remote, ["hiv-three-class-failure.json"])
        assert leftovers(found) == []
        remote._may_update = False
        compare_shipped(here, remote, ["tuberculosis.yaml"])
        for name in ("claims-by-kind", "drugs-by-barrier", "sources-of-a-disease"):
            assert remote.ask(name) == here.ask(name), name


def compare_shipped(here: KnowledgeGraph, remote: KnowledgeGraph, examples: list[str]) -> None:
    for example in examples:
        path = ROOT / "examples" / example
        for case in here.read_cases(path.read_text(), path=example):
            assert remote.options(case).model_dump_json() == here.options(case).model_dump_json(), example
