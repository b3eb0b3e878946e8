"""Asks `salvage-kg serve` and `oxigraph serve-read-only` the same questions over the same release, in turn.

Eight clients, each on a connection of its own, ask questions of the catalogue, bound to terms of which the knowledge
has something to say, one after the other as fast as the answers come. Both servers get the same texts in the same
order; how many they answer with other rows is told. Last, a hostile client beside them asks this server for what
takes long.

    python benchmarks/bench_serve.py --seconds 60 --clients 8 [--release DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import itertools
import json
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common import print_table

from kg_builder import KnowledgeGraph
from kg_builder.ask import Iri, bind, load_catalogue
from kg_builder.graph.store import QUADS
from kg_builder.knowledge_graph import find_default_release
from kg_builder.places import find_home

JSON = "application/sparql-results+json"
#: Bindings of each question; they stand for what different people ask.
BINDINGS = 8
#: What a hostile client asks: each takes far longer than it may.
HOSTILE = (
    "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "SELECT ?a WHERE { ?a ?b ?c . ?d ?e ?f } ORDER BY ?f ?c",
    "SELECT (GROUP_CONCAT(?c) AS ?all) WHERE { ?a ?b ?c . ?d ?e ?f }",
    "SELECT * WHERE { ?a (!<urn:x>|^!<urn:x>)* ?b }",
    'SELECT ?c WHERE { ?a ?b ?c . ?d ?e ?f FILTER(REGEX(CONCAT(STR(?c), STR(?f)), "(a|b|c)*(d|e)*x$")) }',
)


@dataclass
class Result:
    """What the clients of one run saw: seconds of each request, refusals and errors by kind."""

    seconds: float
    times: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take in another run of the same kind."""
        self.seconds += other.seconds
        self.times += other.times
        self.errors += other.errors
        self.memory += other.memory

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the time within which this share of the requests was answered, milliseconds."""
        return 1000 * statistics.quantiles(self.times, n=1000)[round(share * 1000) - 1]


def bind_questions(graph: KnowledgeGraph) -> list[str]:
    """Return the questions of the catalogue as SPARQL, each bound to several terms that it has rows for."""
    texts: list[str] = []
    for name, question in load_catalogue(find_home("queries", "ask")).items():
        rows = graph.ask(name)
        params = [param.name for param in question.header.params if param.name in rows.columns]
        places = [rows.columns.index(param) for param in params]
        found = dict.fromkeys(tuple(row[i] for i in places) for row in rows.rows)
        bindings = [values for values in found if None not in values]
        for values in bindings[:: max(1, len(bindings) // BINDINGS)][:BINDINGS]:
            given = {
                param: value.curie if isinstance(value, Iri) else str(value)
                for param, value in zip(params, values, strict=True)
            }
            texts.append(bind(question, given, graph._context.names).text)
    return texts


# --- servers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A server that runs: where it listens, the path of its endpoint, its process."""

    port: int
    path: str
    process: subprocess.Popen[bytes]

    def memory_mb(self) -> float:
        """Return the memory of its processes, MiB; what several share counts once."""
        total, processes = 0, [self.process.pid]
        while processes:
            process = Path("/proc", str(processes.pop()))
            try:
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                for task in (process / "task").iterdir():
                    processes += map(int, (task / "children").read_text().split())
            except (OSError, ProcessLookupError):
                continue  # it has ended meanwhile
        return total / 1024


@contextmanager
def running(command: list[str], port: int, path: str) -> Iterator[Server]:
    """Run a server until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?query=ASK%7B%7D", timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        else:
            raise SystemExit(f"no answer from {command[0]}")
        yield Server(port, path, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def oxigraph_server(binary: str, release: Path) -> Iterator[Server]:
    """Load the release into a store of Oxigraph and serve it."""
    with tempfile.TemporaryDirectory() as folder:
        quads = Path(folder, "knowledge.nq")
        quads.write_bytes(gzip.decompress((release / QUADS).read_bytes()))
        location = str(Path(folder, "store"))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        subprocess.run([binary, "load", "--location", location, "--file", str(quads)], **quiet)  # noqa: S603
        subprocess.run([binary, "optimize", "--location", location], **quiet)  # noqa: S603
        port = free_port()
        command = [binary, "serve-read-only", "--location", location, "--bind", f"127.0.0.1:{port}"]
        with running([*command, "--union-default-graph"], port, "/query") as server:
            yield server


@contextmanager
def own_server(release: Path) -> Iterator[Server]:
    """Serve the release with the command `serve`."""
    port = free_port()
    program = "import sys; from kg_builder.cli import main; sys.argv[0] = 'salvage-kg'; main()"
    command = [sys.executable, "-c", program, "serve", "--port", str(port), "--release", str(release)]
    with running(command, port, "/sparql") as server:
        yield server


# --- clients --------------------------------------------------------------------------------


class Client:
    """A client on one connection, which it opens again where the server has closed it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, query: str) -> tuple[int, bytes]:
        """Send a query and return status and body of the answer."""
        body = query.encode()
        head = (
            f"POST {self._server.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {JSON}\r\n"
            f"Content-Type: application/sparql-query\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._server.port, limit=2**20)
        reader, writer = self._streams
        writer.write(head.encode() + body)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if headers.get(b"transfer-encoding") == b"chunked":
            content = await self._read_chunks(reader)
        else:
            content = await reader.readexactly(int(headers[b"content-length"]))
        if headers.get(b"connection") == b"close":
            self.close()
        return int(status.split()[1]), content

    @staticmethod
    async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)

    def close(self) -> None:
        """Close the connection."""
        if self._streams:
            self._streams[1].close()
            self._streams = None


async def load(server: Server, texts: list[str], clients: int, seconds: float, *, hostile: bool = False) -> Result:
    """Let clients ask for a time and return what they saw."""
    result = Result(seconds)
    end = time.perf_counter() + seconds

    async def ask_on(number: int) -> None:
        order = random.Random(number).sample(texts, len(texts))  # noqa: S311
        client = Client(server)
        for text in itertools.cycle(order):
            start = time.perf_counter()
            if start >= end:
                client.close()
                return
            try:
                status, _ = await client.ask(text)
            except (OSError, asyncio.IncompleteReadError) as error:
                status = 0
                result.errors[type(error).__name__] += 1
                client.close()
            if status == 200:
                result.times.append(time.perf_counter() - start)
            elif status:
                result.errors[str(status)] += 1

    async def attack() -> None:
        for number, text in enumerate(itertools.cycle(HOSTILE)):
            client = Client(server)
            await client.ask(f"{text} #{number}")
            client.close()

    async def watch() -> None:
        while True:
            result.memory.append(server.memory_mb())
            await asyncio.sleep(max(1.0, seconds / 10))

    besides = [asyncio.create_task(watch())] + ([asyncio.create_task(attack())] if hostile else [])
    await asyncio.gather(*(ask_on(number) for number in range(clients)))
    for task in besides:
        task.cancel()
    await asyncio.gather(*besides, return_exceptions=True)
    return result


async def compare(first: Server, second: Server, texts: list[str]) -> int:
    """Return how many questions the two servers answer with other rows; rows of equal rank may change places."""

    async def rows_of(server: Server, text: str) -> Counter[str]:
        client = Client(server)
        status, content = await client.ask(text)
        client.close()
        assert status == 200, content[:300]
        return Counter(json.dumps(row, sort_keys=True) for row in json.loads(content)["results"]["bindings"])

    return sum([await rows_of(first, text) != await rows_of(second, text) for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="time of each measurement")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="turns in which the time of each server is measured")
    parser.add_argument("--release", type=Path, default=None)
    options = parser.parse_args()
    release = find_default_release(options.release)
    texts = bind_questions(KnowledgeGraph.open(release))
    beside_python = Path(sys.executable).with_name("oxigraph")
    binary = str(beside_python) if beside_python.exists() else shutil.which("oxigraph")
    turn = options.seconds / options.rounds
    results: dict[str, Result] = {}

    def measure(name: str, server: Server, *, hostile: bool = False) -> None:
        asyncio.run(load(server, texts, options.clients, 1))
        found = asyncio.run(load(server, texts, options.clients, turn, hostile=hostile))
        results.setdefault(name, Result(0)).add(found)

    with own_server(release) as here:
        if binary:
            with oxigraph_server(binary, release) as there:
                print(f"{asyncio.run(compare(here, there, texts))} of {len(texts)} questions with other rows\n")
                for _ in range(options.rounds):
                    measure("salvage-kg serve", here)
                    measure("oxigraph serve-read-only", there)
        else:
            print("oxigraph is not installed: pip install oxigraph")
            measure("salvage-kg serve", here)
        for _ in range(options.rounds):
            measure("salvage-kg serve, hostile client beside", here, hostile=True)
    base = results.get("oxigraph serve-read-only")
    rows = [("server", "requests/s", "ratio", "p50 ms", "p95 ms", "p99 ms", "errors", "memory MiB")]
    for name, found in results.items():
        ratio = f"{found.rate / base.rate:.2f}" if base else ""
        errors = ", ".join(f"{count} × {kind}" for kind, count in found.errors.items()) or "0"
        times = [f"{found.quantile(share):.1f}" for share in (0.5, 0.95, 0.99)]
        memory = f"{found.memory[0]:.0f} to {found.memory[-1]:.0f}, at most {max(found.memory):.0f}"
        rows.append((name, f"{found.rate:.0f}", ratio, *times, errors, memory))
    print_table(f"{options.clients} clients, {options.seconds:g} s each, {len(texts)} questions", rows)


if __name__ == "__main__":
    main()
