"""What a hostile client can do beside the text of a query: raw requests, slowness, floods, connections cut in half."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yaml

REQUESTS = yaml.safe_load((Path(__file__).parent / "hostile" / "http.yaml").read_text(encoding="utf-8"))
#: Seconds; the server's own deadlines for headers and bodies are ten.
LIMIT, DEADLINE = 2.0, 10
QUICK = "/sparql?query=" + quote("ASK { ?s a ?class }")
ENDLESS = "/sparql?query=" + quote("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }")
#: A quick one with an answer of eight million bytes.
LARGE = "/sparql?query=" + quote(f"SELECT ?x {{ VALUES ?n {{ {'1 ' * 200} }} BIND('{'a' * 40_000}' AS ?x) }}")
#: Bytes of that answer at least; memory of the server's own process at most while forty such wait to be read, MiB.
LARGE_BYTES, MOST_MEMORY_MB = 8_000_000, 600
_LONG = {
    "{MILLION}": "a" * 1_000_000,
    "{HEADERS}": "\r\n".join(f"X{number}: 1" for number in range(100_000)),
    "{ACCEPT}": ", ".join(f"a/{number};q=0.{number % 10}" for number in range(6000)),
    "{GRAPHS}": "".join(f"&default-graph-uri=http://a/{number}" for number in range(3000)),
    "{DEEP}": "[" * 100_000,
}


@pytest.fixture(scope="module")
def stranger(serve: Any, release: Path) -> Iterator[Any]:
    """A server with short limits."""
    options = ["--seconds", str(LIMIT), "--memory-mb", "192", "--body-bytes", "200000", "--queue", "16"]
    with serve(release, *options) as served:
        yield served


@pytest.fixture(autouse=True)
def _still_well(stranger: Any) -> Iterator[None]:
    """After each test a question is answered as ever."""
    yield
    answered = httpx.get(stranger.url + QUICK, timeout=5)
    assert answered.status_code == 200
    assert answered.elapsed.total_seconds() < LIMIT


@contextmanager
def connected(served: Any, *, window: int = 0) -> Iterator[socket.socket]:
    """A connection, over which little can be under way if it is given a window, bytes."""
    place = urlsplit(served.url)
    with socket.socket() as connection:
        if window:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.settimeout(DEADLINE + 5)
        connection.connect((place.hostname, place.port))
        yield connection


def receive(connection: socket.socket) -> bytes:
    """Return what comes until the server closes, or an answer is whole."""
    data = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            data += part
            head, found, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if found and length and len(body) >= int(length[1]):
                break
    return data


def status_of(data: bytes) -> int | str:
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.1 ") else "closed"


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each["name"])
def test_raw_request(request_: dict[str, Any], stranger: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = "\r\n".join(request_["lines"]) + "\r\n\r\n" + request_.get("body", "")
        text = text.replace("{LISTENER}", f"127.0.0.1:{listener.getsockname()[1]}")
        for name, content in _LONG.items():
            text = text.replace(name, content)
        with connected(stranger) as connection:
            sender = threading.Thread(target=_send, args=(connection, text, request_.get("ends", False)))
            sender.start()
            data = receive(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            sender.join()
        listener.settimeout(0.01)
        with pytest.raises(TimeoutError):
            listener.accept()
    status = status_of(data)
    assert status in request_["expect"], data[:500]
    assert b"root:" not in data
    assert b"<script>alert" not in data
    if isinstance(status, int) and status >= 400:
        head, _, body = data.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head.lower()
        assert json.loads(body)["status"] == status


def memory_mb(served: Any) -> int:
    """Return what the server's own process holds, MiB; 0 where the system does not say."""
    status = Path(f"/proc/{served.process.pid}/status")
    held = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(held[1]) // 1024 if held else 0


def open_files(served: Any) -> int:
    """Return the number of files and connections that the server's own process has open; 0 where nobody says."""
    folder = Path(f"/proc/{served.process.pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def _send(connection: socket.socket, text: str, ends: bool) -> None:
    with suppress(OSError):
        connection.sendall(text.encode("latin-1"))
        if ends:
            connection.shutdown(socket.SHUT_WR)


def test_there_are_as_many_requests_as_promised() -> None:
    assert len(REQUESTS) >= 50


def test_slow_clients_hold_nobody_up_and_are_sent_away(stranger: Any) -> None:
    """Heads, bodies and readers that crawl: forty of each, while others ask; all are gone after the deadline."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=stranger.url, timeout=5))
        waits = []
        readers = []
        before = open_files(stranger)
        for _ in range(40):
            readers.append(reader := stack.enter_context(connected(stranger, window=4096)))
            reader.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert reader.recv(12) == b"HTTP/1.1 200"
        begun = time.monotonic()
        heads = [stack.enter_context(connected(stranger)) for _ in range(40)]
        bodies = [stack.enter_context(connected(stranger)) for _ in range(40)]
        for head, body in zip(heads, bodies, strict=True):
            head.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nX:")
            body.sendall(b"POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: application/sparql-query\r\n")
            body.sendall(b"Content-Length: 100\r\n\r\nASK")
        while time.monotonic() < begun + DEADLINE - 2:
            waits.append(client.get(QUICK).raise_for_status().elapsed.total_seconds())
            for connection in heads + bodies:
                connection.sendall(b" ")
            time.sleep(0.5)
        assert sorted(waits)[len(waits) // 2] < LIMIT
        for connection in heads + bodies:
            assert status_of(receive(connection)) in (408, "closed")
            connection.close()
        assert time.monotonic() - begun < DEADLINE + 5
        assert memory_mb(stranger) < MOST_MEMORY_MB
        time.sleep(max(0.0, begun + DEADLINE + 2 - time.monotonic()))
        assert open_files(stranger) <= before + 5
        assert len(receive(readers[-1])) < LARGE_BYTES  # what the kernel had taken; the rest went with the connection


POST = "POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: application/sparql-query\r\n"


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (f"GET {QUICK} HTTP/1.1\r\nHost: a\r\n\r\n", {200}),
        (f"{POST}Content-Length: 5\r\n\r\nASK{{}}", {200}),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nASK{{}}\r\n0\r\n\r\n", {200}),
        (f"GET {ENDLESS} HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
        (f"{POST}Content-Length: 100\r\n\r\nASK", {400}),
        (f"{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nASK", {400}),
        ("GET /spa", {400, "closed"}),
        ("", {"closed"}),
    ],
)
def test_who_ends_sending_is_answered(data: str, statuses: set[int | str], stranger: Any) -> None:
    begun = time.monotonic()
    with connected(stranger) as connection:
        connection.sendall(data.encode())
        connection.shutdown(socket.SHUT_WR)
        assert status_of(receive(connection)) in statuses
        assert connection.recv(1) == b""
    assert time.monotonic() - begun < DEADLINE / 2


def test_all_that_was_sent_before_the_end_is_answered(stranger: Any) -> None:
    with connected(stranger) as connection:
        connection.sendall(f"GET {QUICK} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 3)
        connection.shutdown(socket.SHUT_WR)
        data = b""
        while part := connection.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize("size", ["1" + "0" * 16, "F" * 19, "F" * 30])
def test_a_chunk_that_has_no_size_is_refused_at_once(size: str, stranger: Any) -> None:
    begun = time.monotonic()
    with connected(stranger) as connection:
        connection.sendall(f"{POST}Transfer-Encoding: chunked\r\n\r\n{size}\r\nASK{{}}".encode())
        assert status_of(receive(connection)) == 400
    assert time.monotonic() - begun < DEADLINE / 2


def test_who_hangs_up_frees_the_process_that_worked_for_them(stranger: Any) -> None:
    """Were these queries not stopped, the last of them would go on for eight times the limit."""
    for _ in range(16):
        with connected(stranger) as connection:
            connection.sendall(f"GET {ENDLESS} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            time.sleep(0.2)
    end = time.monotonic() + LIMIT
    with httpx.Client(base_url=stranger.url) as client:
        while (queries := client.get("/health").json()["queries"])["busy"] or queries["slow"] or queries["waiting"]:
            assert time.monotonic() < end, queries
            time.sleep(0.1)


def test_a_flood_of_endless_queries_is_refused_in_time_and_others_are_answered(stranger: Any) -> None:
    found: list[tuple[int, float, httpx.Headers]] = []

    def ask_endlessly(number: int) -> None:
        answered = client.get(f"{ENDLESS}%20%23{number}")
        found.append((answered.status_code, answered.elapsed.total_seconds(), answered.headers))

    threads = [threading.Thread(target=ask_endlessly, args=(number,)) for number in range(60)]
    statuses = set()
    with httpx.Client(base_url=stranger.url, timeout=30, limits=httpx.Limits(max_connections=None)) as client:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            statuses.add(client.get(QUICK).status_code)
            time.sleep(0.05)
        for thread in threads:
            thread.join()
    assert {status for status, _, _ in found} == {503}
    assert all("retry-after" in headers for _, _, headers in found)
    assert all(headers["content-type"].startswith("application/problem+json") for _, _, headers in found)
    assert max(seconds for _, seconds, _ in found) < 2 * LIMIT + 1  # in the queue, then at work
    assert statuses <= {200, 503}
    assert 200 in statuses


def test_one_who_floods_holds_up_nobody_else(stranger: Any) -> None:
    """Thirty connections of one client, which asks again as soon as it is refused, and questions of the catalogue."""
    ended = threading.Event()

    def ask_endlessly(number: int) -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            client.get(f"{ENDLESS}%20%23{number}x{turn}")

    threads = [threading.Thread(target=ask_endlessly, args=(number,)) for number in range(30)]
    with httpx.Client(base_url=stranger.url, timeout=30, limits=httpx.Limits(max_connections=None)) as client:
        for thread in threads:
            thread.start()
        time.sleep(LIMIT)
        answers = [client.get("/ask/drugs-still-active") for _ in range(10)]
        ended.set()
        for thread in threads:
            thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.elapsed.total_seconds() for answer in answers)[5] < LIMIT / 2


def test_a_body_that_is_too_large_is_refused_before_it_has_come(stranger: Any) -> None:
    with connected(stranger) as connection:
        head = "POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: application/sparql-query\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(100):
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            if select.select([connection], [], [], 0.01)[0]:
                break
        assert status_of(receive(connection)) == 413


def test_nothing_of_all_that_is_logged(stranger: Any) -> None:
    log = stranger.log.read_text()
    assert "Traceback" not in log
    assert "internal error" not in log
    assert "passwd" not in log
