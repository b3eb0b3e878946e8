"""Workers: their answers, their limits, their ends."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.graph.store import open_release
from kg_builder.issues import StoreError
from kg_builder.server.examples import example_quads
from kg_builder.server.limits import Limits
from kg_builder.server.nursery import Worker
from kg_builder.server.pool import WorkerPool
from kg_builder.server.problems import Refused
from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_CORE

JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"
CSV, TSV = "text/csv", "text/tab-separated-values"
TABLE = "SELECT ?drug ?label { ?drug a <https://w3id.org/salvage-kg/ontology#Drug> ; rdfs:label ?label } ORDER BY ?drug"
TABLE = "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> " + TABLE
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n0 ?o }"
NEXT = "ASK { ?s a ?class }"
HAS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not show processes")


@pytest.fixture(scope="module")
def store(release: Path) -> ox.Store:
    found = open_release(release)
    found.extend(example_quads())
    return found


def lane(pool: Any) -> Any:
    return pool.pool._queries


def pids(pool: Any) -> set[int]:
    return {worker.pid for worker in lane(pool)._all}


def is_there(pid: int) -> bool:
    """Return whether a process is there; a zombie is."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def wait_for(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- answers --------------------------------------------------------------------------------


def test_tables_in_every_form(running: Any, store: ox.Store) -> None:
    rows = [(row["drug"].value, row["label"].value) for row in store.query(TABLE, use_default_graph_as_union=True)]
    assert len(rows) > 3
    found = json.loads(running.ask(TABLE, JSON).content)["results"]["bindings"]
    assert [(row["drug"]["value"], row["label"]["value"]) for row in found] == rows
    results = ET.fromstring(running.ask(TABLE, XML).content).iter("{http://www.w3.org/2005/sparql-results#}result")
    assert [tuple(binding[0].text for binding in result) for result in results] == rows
    table = list(csv.reader(io.StringIO(running.ask(TABLE, CSV).content.decode(), newline="")))
    assert table == [["drug", "label"], *map(list, rows)]
    lines = running.ask(TABLE, TSV).content.decode().splitlines()
    assert lines[0] == "?drug\t?label"
    assert [line.split("\t")[0] for line in lines[1:]] == [f"<{drug}>" for drug, _ in rows]


@pytest.mark.parametrize("media_type", [JSON, XML, CSV, TSV])
def test_truth_values(media_type: str, running: Any) -> None:
    assert b"true" in running.ask(NEXT, media_type).content
    assert b"false" in running.ask("ASK { ?s ?s ?s }", media_type).content


@pytest.mark.parametrize(
    ("media_type", "form"),
    [
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
    ],
)
def test_graphs_in_every_form(media_type: str, form: ox.RdfFormat, running: Any, store: ox.Store) -> None:
    query = "CONSTRUCT { ?s a ?c } { ?s a ?c FILTER(isIRI(?s)) } ORDER BY ?s ?c LIMIT 50"
    expected = {(t.subject, t.predicate, t.object) for t in store.query(query, use_default_graph_as_union=True)}
    content = running.ask(query, media_type).content
    assert {(q.subject, q.predicate, q.object) for q in ox.parse(content, format=form)} == expected


def test_which_graphs_are_asked(running: Any, store: ox.Store) -> None:
    def count(query: str, **graphs: Any) -> int:
        row = json.loads(running.ask(query, JSON, **graphs).content)["results"]["bindings"][0]
        return int(row["n"]["value"])

    every, named = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
    core = len(list(store.quads_for_pattern(None, None, None, ox.NamedNode(GRAPH_CORE))))
    assert running.pool.known_graphs >= {GRAPH_CORE, GRAPH_ASSERTED}
    assert count(every) == count(named) == len(store)
    assert count(every, default_graphs=[GRAPH_CORE]) == core
    assert count(named, default_graphs=[GRAPH_CORE]) == 0
    assert count(every, named_graphs=[GRAPH_CORE]) == 0
    assert count(named, named_graphs=[GRAPH_CORE]) == core
    assert count(every.replace("{", f"FROM <{GRAPH_CORE}> {{")) == core
    assert count(named.replace("{ G", f"FROM NAMED <{GRAPH_CORE}> {{ G")) == core
    assert count(every.replace("{", f"FROM <{GRAPH_CORE}> {{"), default_graphs=["http://not-there/"]) == 0


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('SELECT (<http://x/#readFile>("/etc/passwd") AS ?n) {}', "there is no function <http://x/#readFile> here"),
        ("SELECT ?s { ?s ?p ?o } ORDER BY <urn:f>(?o) LIMIT 1", "there is no function <urn:f> here"),
        (f"ASK {{ FILTER(<urn:{'f' * 500}>(1)) }}", "there is no function"),
        (
            "SELECT (<http://www.w3.org/2001/XMLSchema#integer>(1, 2) AS ?n) {}",
            "function <http://www.w3.org/2001/XMLSchema#integer> requires between 1 and 1 arguments, but 2 were given",
        ),
    ],
)
def test_functions_that_are_not_there_are_the_clients_fault(query: str, told: str, running: Any) -> None:
    outcome = running.ask(query)
    assert (outcome.kind, outcome.refused.status) == ("query-malformed", 400)
    assert told in outcome.refused.detail


@pytest.mark.parametrize(
    ("query", "media_type"),
    [
        ("CONSTRUCT { <urn:a> <urn:b> <<( <urn:a> <urn:b> 1 )>> } {}", "application/ld+json"),
        (
            "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> CONSTRUCT { <urn:a> rdf:li 1 } {}",
            "application/rdf+xml",
        ),
    ],
)
def test_what_a_form_cannot_hold_is_told(query: str, media_type: str, running: Any) -> None:
    outcome = running.ask(query, media_type)
    assert (outcome.kind, outcome.refused.status) == ("not-acceptable", 406)
    assert "ask for another form" in outcome.refused.detail
    assert running.ask(query, "text/turtle").kind == "answered"


def test_what_the_engine_cannot_read_is_told(running: Any) -> None:
    outcome = running.ask("SELECT * { ?s ?p }")
    assert (outcome.kind, outcome.refused.status) == ("query-malformed", 400)
    assert "at 1:1" in outcome.refused.detail


@pytest.mark.parametrize("media_type", [JSON, XML, CSV, TSV])
def test_rows_are_bounded_exactly(media_type: str, running: Any) -> None:
    """Texts in the rows look like the ends of rows."""
    query = "SELECT ?a ?b {{ VALUES (?a ?b) {{ {} }} }}"
    row = """('},{"a":<result>\\r\\n"' "x\\ny,z") (UNDEF UNDEF)"""
    assert running.ask(query.format(row * 250), media_type).kind == "answered"
    outcome = running.ask(query.format(row * 250 + "(1 2)"), media_type)
    assert (outcome.kind, outcome.refused.status) == ("answer-too-large", 422)
    assert "500 rows" in outcome.refused.detail


def test_triples_and_bytes_are_bounded(running: Any) -> None:
    outcome = running.ask("CONSTRUCT WHERE { ?s ?p ?o }", "text/turtle")
    assert (outcome.kind, "500 triples" in outcome.refused.detail) == ("answer-too-large", True)
    text = "SELECT ?x {{ VALUES ?n {{ {} }} BIND('{}' AS ?x) }}"
    assert running.ask(text.format("1 " * 49, "x" * 20_000), CSV).kind == "answered"
    outcome = running.ask(text.format("1 " * 51, "x" * 20_000), CSV)
    assert (outcome.kind, "1,000,000 bytes" in outcome.refused.detail) == ("answer-too-large", True)


# --- ends -----------------------------------------------------------------------------------


def test_a_query_without_end_is_killed_and_its_process_replaced(running: Any, limits: Limits) -> None:
    before = pids(running)
    outcome = running.ask(ENDLESS)
    assert (outcome.kind, outcome.refused.status, outcome.refused.retry_after) == ("time-limit", 503, 2)
    assert limits.seconds <= outcome.seconds < limits.seconds + 1
    assert running.ask(NEXT).kind == "answered"
    wait_for(lambda: len(pids(running)) == limits.workers and len(pids(running) - before) == 1)
    gone = before - pids(running)
    wait_for(lambda: not any(map(is_there, gone)))  # not even a zombie


def test_a_query_that_needs_too_much_memory(running: Any) -> None:
    doubled = " ".join(f"BIND(CONCAT(?x{i},?x{i},?x{i},?x{i},?x{i},?x{i},?x{i},?x{i}) AS ?x{i + 1})" for i in range(10))
    outcome = running.ask(f"SELECT (STRLEN(?x10) AS ?n) {{ BIND('0123456789' AS ?x0) {doubled} }}")
    assert (outcome.kind, outcome.refused.status, outcome.refused.retry_after) == ("memory-limit", 503, 60)
    assert running.ask(NEXT).kind == "answered"


def test_a_query_that_needs_too_much_stack(running: Any) -> None:
    outcome = running.ask("ASK { FILTER(" + "!" * 60_000 + "1) }")
    assert outcome.kind in ("request-too-complex", "answered", "time-limit")
    assert running.ask(NEXT).kind == "answered"


def test_quick_questions_stay_quick_beside_slow_ones(running: Any, limits: Limits) -> None:
    async def ask() -> list[Any]:
        slow = [asyncio.create_task(running.query(f"{ENDLESS} # {i}")) for i in range(limits.slow)]
        await asyncio.sleep(2 * limits.patience)
        quick = [await running.query(NEXT) for _ in range(50)]
        assert not any(task.done() for task in slow)
        return quick

    quick = running.run(ask())
    assert {outcome.kind for outcome in quick} == {"answered"}
    assert sorted(outcome.seconds for outcome in quick)[25] < limits.patience


def test_of_more_slow_queries_than_may_go_on_the_longest_make_room(running: Any, limits: Limits) -> None:
    async def ask() -> tuple[list[Any], list[Any]]:
        slow = [asyncio.create_task(running.query(f"{ENDLESS} # more {i}")) for i in range(limits.slow + 3)]
        quick = [await running.query(NEXT) for _ in range(5)]
        return await asyncio.gather(*slow), quick

    wait_for(lambda: not lane(running)._slow)
    slow, quick = running.run(ask())
    assert {outcome.kind for outcome in slow} == {"time-limit", "busy"}
    assert all(outcome.refused.status == 503 and outcome.refused.retry_after for outcome in slow)
    assert all(outcome.seconds < 2 * limits.seconds for outcome in slow)
    assert "answered" in {outcome.kind for outcome in quick}


def test_a_query_that_waits_for_a_processor_is_not_slow(
    running: Any, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """What counts is what it computed: a busy machine makes no quick question slow."""

    async def ask() -> int:
        tasks = [asyncio.create_task(running.query(f"{ENDLESS} # waits {i}")) for i in range(limits.workers + 1)]
        await asyncio.sleep(4 * limits.patience)
        found = len(lane(running)._slow)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    wait_for(lambda: len(lane(running)._idle) == limits.workers)
    assert running.run(ask()) > 0
    wait_for(lambda: len(lane(running)._idle) == limits.workers and not lane(running)._slow)
    monkeypatch.setattr(Worker, "computed", 0.0)
    assert running.run(ask()) == 0


def test_a_query_that_is_in_nobodys_way_is_not_slow(running: Any, limits: Limits) -> None:
    async def ask() -> Any:
        task = asyncio.create_task(running.query(f"{ENDLESS} # alone at work"))
        await asyncio.sleep(3 * limits.patience)
        assert (await running.query(NEXT)).kind == "answered"
        slow = len(lane(running)._slow)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return slow

    wait_for(lambda: len(lane(running)._idle) == limits.workers)
    assert running.run(ask()) == 0


def test_the_queue_is_bounded(pooled: Any) -> None:
    limits = Limits(seconds=1.0, memory_mb=256, workers=1, queue=2, patience=1.0, slow=0)
    with pooled(limits) as pool:

        async def ask() -> list[Any]:
            return await asyncio.gather(*(pool.query(f"{ENDLESS} # {i}") for i in range(6)))

        outcomes = pool.run(ask())
        begun = [outcome for outcome in outcomes if outcome.kind == "time-limit"]
        refused = [outcome for outcome in outcomes if outcome.kind == "busy"]
        assert len(begun) + len(refused) == 6
        assert sum("wait already" in outcome.refused.detail for outcome in refused) == 3  # neither process nor place
        assert all(outcome.refused.retry_after for outcome in refused)
        assert max(outcome.seconds for outcome in outcomes) < 3.5
        assert pool.ask(NEXT).kind == "answered"


def test_who_goes_away_frees_the_process(running: Any, limits: Limits) -> None:
    async def ask_and_go() -> None:
        for delay in (0.0, 0.05, 2 * limits.patience):
            task = asyncio.create_task(running.query(f"{ENDLESS} # gone"))
            await asyncio.sleep(delay)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    running.run(ask_and_go())
    wait_for(lambda: len(pids(running)) == len(lane(running)._idle) == limits.workers and not lane(running)._slow)
    assert running.ask(NEXT).kind == "answered"


def test_who_goes_away_while_waiting_takes_no_process_along(pooled: Any) -> None:
    with pooled(Limits(seconds=1.0, memory_mb=256, workers=1, queue=8, patience=0.5, slow=0)) as pool:

        async def ask_and_go() -> None:
            tasks = [asyncio.create_task(pool.query(f"{ENDLESS} # {i}")) for i in range(5)]
            for task in tasks:
                await asyncio.sleep(0.13)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        pool.run(ask_and_go())
        wait_for(lambda: len(lane(pool)._idle) == 1)
        assert not lane(pool)._waiting
        assert pool.ask(NEXT).kind == "answered"


def test_workers_that_die_by_themselves_are_replaced(running: Any, limits: Limits) -> None:
    before = pids(running)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(pids(running)) == limits.workers and not pids(running) & before)
    assert running.ask(NEXT).kind == "answered"


def test_a_worker_that_dies_at_work_is_not_taken_for_a_slow_one(
    running: Any, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """Its end may be known late; it was once counted among the slow for ever when its time ran on until then."""
    bury = lane(running)._nursery.bury

    async def bury_late(worker: Any) -> Any:
        await asyncio.sleep(5 * limits.patience)
        return await bury(worker)

    async def kill_at_work() -> Any:
        task = asyncio.create_task(running.query(f"{ENDLESS} # dies"))
        await asyncio.sleep(limits.patience / 3)
        for worker in lane(running)._all - set(lane(running)._idle):
            os.kill(worker.pid, signal.SIGKILL)
        return await task

    wait_for(lambda: len(lane(running)._idle) == limits.workers)
    monkeypatch.setattr(lane(running)._nursery, "bury", bury_late)
    assert running.run(kill_at_work()).kind == "memory-limit"  # what the kernel kills first when there is none left
    wait_for(lambda: len(lane(running)._idle) == limits.workers)
    assert not lane(running)._slow
    assert len(pids(running)) == limits.workers


def test_a_nursery_that_dies_is_started_again(running: Any, limits: Limits) -> None:
    before, nursery = pids(running), lane(running)._nursery.pid
    os.kill(nursery, signal.SIGKILL)
    wait_for(lambda: len(pids(running)) == limits.workers and not pids(running) & before, 60)
    assert lane(running)._nursery.pid not in (0, nursery)
    assert running.ask(NEXT).kind == "answered"
    wait_for(lambda: not any(map(is_there, before)))


def test_a_worker_ends_by_itself_if_nobody_kills_it(
    running: Any, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """As when the pool's own process is held up."""
    monkeypatch.setattr(lane(running), "_look", lambda worker: None)
    outcome = running.ask(f"{ENDLESS} # alone")
    assert outcome.kind == "time-limit"
    assert outcome.seconds < limits.seconds + 1


@HAS_PROC
def test_memory_and_files_stay_as_they_are_over_many_queries(running: Any) -> None:
    def measure() -> tuple[int, int, int]:
        held = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in sorted(pids(running))]
        own = int(Path("/proc/self/statm").read_text().split()[1])
        return max(held) * 4096, own * 4096, len(list(Path("/proc/self/fd").iterdir()))

    async def ask(count: int) -> None:
        async def ask_in_turn(which: int) -> None:
            for i in range(count // 5):
                outcome = await running.query(f"{TABLE} LIMIT {(i + which) % 7}" if i % 2 else f"{NEXT} # {which} {i}")
                assert outcome.kind == "answered"

        await asyncio.gather(*map(ask_in_turn, range(5)))

    running.run(ask(1000))
    workers, own, files = measure()
    same = pids(running)
    running.run(ask(4000))
    assert pids(running) == same
    workers_after, own_after, files_after = measure()
    assert workers_after - workers < 2_000_000
    assert own_after - own < 8_000_000
    assert files_after == files


@HAS_PROC
def test_stopping_leaves_nothing_behind(pooled: Any, limits: Limits) -> None:
    files = len(list(Path("/proc/self/fd").iterdir()))
    with pooled(replace(limits, seconds=5.0)) as pool:
        everyone = {*pids(pool), lane(pool)._nursery.pid, pool.pool._cases._nursery.pid} - {0}
        waiting = asyncio.run_coroutine_threadsafe(pool.query(ENDLESS), pool._loop)
        time.sleep(0.1)
    assert waiting.result(5).kind == "busy"
    wait_for(lambda: not any(map(is_there, everyone)))
    assert len(list(Path("/proc/self/fd").iterdir())) == files


def test_no_process_outlives_a_server_that_is_killed(release: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from kg_builder.server.limits import Limits
from kg_builder.server.pool import WorkerPool
async def main():
    pool = WorkerPool(Path({str(release)!r}), Limits())
    await pool.start()
    asyncio.create_task(pool.query({ENDLESS!r}, media_type={JSON!r}))
    await asyncio.sleep(0.2)
    print(pool._queries._nursery.pid, *(worker.pid for worker in pool._queries._all), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        started = list(map(int, server.stdout.readline().split()))
        assert len(started) >= 3
        server.kill()
    wait_for(lambda: not any(map(is_there, started)))


def test_what_is_no_release_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str], limits: Limits) -> None:
    pool = WorkerPool(tmp_path, limits)

    async def start() -> None:
        try:
            await pool.start()
        finally:
            await pool.stop()

    with pytest.raises(StoreError, match="could not be loaded"):
        asyncio.run(start())
    assert "no release of the knowledge graph here" in capfd.readouterr().err


def test_a_pool_that_does_not_run_is_busy(release: Path, limits: Limits) -> None:
    pool = WorkerPool(release, limits)
    for work in (pool.query(NEXT, media_type=JSON), pool.case("options", b"{}", {})):
        with pytest.raises(Refused, match="not running") as caught:
            asyncio.run(work)
        assert caught.value.status == 503
