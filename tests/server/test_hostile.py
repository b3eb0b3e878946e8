"""Every query of tests/server/hostile is sent to a running pool, several at once.

Of each: what came of it is what is written there; it was over within the limit and one second; the next question was
answered as ever; nothing was called, no file was read, no process held more memory than it may.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kg_builder.server.limits import Limits

HOSTILE = Path(__file__).parent / "hostile"
LIMITS = Limits(seconds=1.0, memory_mb=192, rows=1000, result_bytes=2_000_000, patience=0.1, workers=3, slow=4)
#: Queries sent at once; none has to wait for a process.
AT_ONCE = LIMITS.workers
NEXT = "ASK { ?s a ?class }"
SECRET = "what-no-stranger-may-read"
STATUSES = {
    "query-malformed": 400,
    "query-refused": 400,
    "unknown-graph": 400,
    "not-acceptable": 406,
    "query-too-long": 413,
    "query-too-deep": 413,
    "request-too-complex": 413,
    "answer-too-large": 422,
    "engine": 500,
    "time-limit": 503,
    "memory-limit": 503,
}
_COPIES = re.compile("«([0-9]+)×([^«»]*)»")


@dataclass(frozen=True)
class Attack:
    """One entry of a file of hostile queries."""

    name: str
    query: str
    expect: tuple[str, ...]
    media_type: str = "application/sparql-results+json"


def expand(text: str) -> str:
    """Write out the copies that `hostile/README.md` describes."""
    return _COPIES.sub(lambda m: "".join(m[2].replace("§", str(i)) for i in range(1, int(m[1]) + 1)), text)


def read_attacks() -> list[Attack]:
    found = []
    for path in sorted(HOSTILE.glob("*.yaml")):
        if path.stem != "http":
            for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
                entry["expect"] = tuple(entry["expect"])
                found.append(Attack(**{**entry, "name": f"{path.stem}: {entry['name']}"}))
    return found


ATTACKS = read_attacks()


@dataclass
class Campaign:
    """What came of all attacks."""

    calls: list[Any] = field(default_factory=list)
    outcomes: dict[str, Any] = field(default_factory=dict)
    next_answers: dict[str, Any] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    open_files: dict[int, set[str]] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
    lag: float = 0.0


@pytest.fixture(scope="module")
def campaign(pooled: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """Send all attacks and watch."""
    found = Campaign()
    secret = tmp_path_factory.mktemp("secret") / "secret.ttl"
    secret.write_text(f'<http://a/> <http://b/> "{SECRET}" .\n')
    with socket.create_server(("127.0.0.1", 0)) as listener, pooled(LIMITS) as pool:
        over = threading.Event()
        watchers = [
            threading.Thread(target=_listen, args=(listener, found, over)),
            threading.Thread(target=_watch, args=(pool, found, over)),
        ]
        for watcher in watchers:
            watcher.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        async def attack(each: Attack, turn: asyncio.Semaphore) -> None:
            text = expand(each.query).replace("{LISTENER}", address).replace("{FILE}", str(secret))
            async with turn:
                found.outcomes[each.name] = await pool.query(text, each.media_type)
                found.next_answers[each.name] = await pool.query(NEXT)

        async def attack_all() -> None:
            turn = asyncio.Semaphore(AT_ONCE)
            pulse = asyncio.create_task(_feel_pulse(found))
            await asyncio.gather(*(attack(each, turn) for each in ATTACKS))
            pulse.cancel()

        while not pool.run(pool.pool.health())["cases"]["workers"]:  # they load their knowledge in the background
            time.sleep(0.1)
        pool.run(attack_all())
        time.sleep(0.2)
        found.health = dict(pool.run(pool.pool.health()))
        over.set()
        for watcher in watchers:
            watcher.join()
        yield found


async def _feel_pulse(found: Campaign) -> None:
    """Measure by how much this process itself was late, on a machine that has others to serve."""
    while True:
        begun = time.monotonic()
        await asyncio.sleep(0.05)
        found.lag = max(found.lag, time.monotonic() - begun - 0.05)


def _listen(listener: socket.socket, found: Campaign, over: threading.Event) -> None:
    listener.settimeout(0.05)
    while not over.is_set():
        try:
            connection, caller = listener.accept()
        except TimeoutError:
            continue
        connection.close()
        found.calls.append(caller)


def _watch(pool: Any, found: Campaign, over: threading.Event) -> None:
    """Look at the workers again and again: their address space, and what they have open."""
    page = os.sysconf("SC_PAGE_SIZE")
    while not over.is_set():
        for pid in [worker.pid for worker in tuple(pool.pool._queries._all)]:
            try:
                size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * page
                links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
            except OSError:
                continue
            found.memory[pid] = max(found.memory.get(pid, 0), size)
            found.open_files.setdefault(pid, set()).update(links)
        time.sleep(0.01)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(ATTACKS) == len({each.name for each in ATTACKS})
    assert len(ATTACKS) >= 200
    assert {path.stem for path in HOSTILE.glob("*.yaml")} == {
        "aggregates", "dataset", "disguise", "http", "nesting", "paths", "products", "results", "service", "strings",
    }  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_attack(attack: Attack, campaign: Campaign) -> None:
    outcome, following = campaign.outcomes[attack.name], campaign.next_answers[attack.name]
    # which of the two limits is met first depends on the machine
    either = {"time-limit", "memory-limit"}
    allowed = {*attack.expect, *(either if either & set(attack.expect) else ())}
    assert outcome.kind in allowed, outcome.content[:500]
    assert outcome.seconds < LIMITS.seconds + 1 + campaign.lag
    assert SECRET.encode() not in outcome.content
    if outcome.refused:
        assert outcome.refused.status == STATUSES[outcome.kind]
        assert (outcome.refused.retry_after is not None) == (outcome.refused.status == 503)
    assert following.kind == "answered", following.content
    assert following.seconds < LIMITS.seconds + campaign.lag


def test_nothing_was_called(campaign: Campaign) -> None:
    assert campaign.outcomes
    assert campaign.calls == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not show what processes hold")
def test_no_process_held_more_memory_than_it_may(campaign: Campaign) -> None:
    least = min(campaign.memory.values())  # of one that has just been forked: the knowledge, which all share
    assert len(campaign.memory) > 20
    assert max(campaign.memory.values()) <= least + LIMITS.memory_mb * 2**20


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not show what processes have open")
def test_no_process_had_a_file_or_more_than_one_connection_open(campaign: Campaign) -> None:
    for links in campaign.open_files.values():
        opened = {link for link in links if not link.startswith(("socket:", "pipe:"))}
        assert {re.sub("[0-9]+", "*", link) for link in opened} <= {"/dev/null", "/proc/*/statm"}  # its own size
        assert (
            len([link for link in links if link.startswith("socket:")]) <= 2
        )  # its own; the nursery's while it begins


def test_after_all_that_the_pool_is_as_it_was(campaign: Campaign) -> None:
    queries = campaign.health["queries"]
    assert queries["workers"] == LIMITS.workers
    assert queries["busy"] == queries["slow"] == queries["waiting"] == 0
    assert queries["replaced"] > 20
