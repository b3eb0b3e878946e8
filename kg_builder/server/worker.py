"""The processes in which strangers' requests run.

A *nursery* loads the release once and forks workers; they share its memory and start within milliseconds, so that a
worker can be killed at any time. It has one thread and never runs a request itself. There is one for queries and one
for cases: no case ever enters a process that queries run in.

Started as ``python -m kg_builder.server.worker KIND RELEASE LIMITS CONTROL``; CONTROL is the number of an open socket.

========== =================================================== ===========================================
direction  message                                             answer
========== =================================================== ===========================================
control    ``F`` and 0, with the socket of a new worker        ``F``, its process id
control    ``R`` and the id of a worker that has ended or will ``R``, its id, how it ended (``waitpid``)
worker     length, JSON                                        kind, whether it is spent, length, bytes
========== =================================================== ===========================================
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import pyoxigraph as ox

from kg_builder.graph.store import open_release
from kg_builder.server.examples import example_quads
from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused
from kg_builder.server.seal import end_with_parent, limit_process, seal_process
from kg_builder.vocabulary import BASE

#: To and from a nursery: what, process id, how it ended.
CONTROL = struct.Struct("!cii")
#: Before a request: its length. Before an answer: whether it is refused, whether the worker is spent, length.
REQUEST, ANSWER = struct.Struct("!I"), struct.Struct("!??Q")
FORK, REAP = b"F", b"R"
#: Seconds after the limit at which a worker ends by itself, were the pool not to kill it.
GRACE = 0.5
#: Share of its memory after whose use a worker is replaced: what was freed stays with the process.
_SPENT = 0.5
#: Characters of the engine's message that are shown; it lists every word that could have stood there.
_LONGEST = 160

_RESULTS = {
    "application/sparql-results+json": ox.QueryResultsFormat.JSON,
    "application/sparql-results+xml": ox.QueryResultsFormat.XML,
    "text/csv": ox.QueryResultsFormat.CSV,
    "text/tab-separated-values": ox.QueryResultsFormat.TSV,
}
_GRAPHS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}

#: What the engine says of a function that it does not know or not so, and of a term that a form of answer cannot hold.
_FUNCTION = re.compile(r"The custom function (?P<name><[^>]*>) (?:is not supported|(?P<needs>requires .* were given))")
_NO_SUCH_TERM = re.compile(r"JSON-LD does not support|is not allowed as a predicate")

Answer = Callable[[dict[str, Any]], bytes]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a nursery has loaded: how its workers answer, whether they may open files, what it says of itself."""

    answer: Answer
    files: bool
    said: dict[str, Any]


def prepare_queries(release: Path, limits: Limits) -> Prepared:
    """Load the knowledge for workers that answer queries."""
    store = open_release(release)
    store.extend(example_quads())
    graphs = sorted(graph.value for graph in store.named_graphs() if isinstance(graph, ox.NamedNode))

    def answer(request: dict[str, Any]) -> bytes:
        return answer_query(store, limits, request)

    return Prepared(answer, False, {"graphs": graphs, "quads": len(store)})


def answer_query(store: ox.Store, limits: Limits, request: dict[str, Any]) -> bytes:
    """Answer a query that the guard has let through.

    Args:
        store: the knowledge.
        limits: bounds of rows and bytes.
        request: ``text``, ``media_type``, ``union`` (ask all graphs as one), ``default_graphs`` and ``named_graphs``
            (None where the query itself decides).
    Raises:
        Refused: 400 the engine cannot read the query or does not know a function, 406 the form of the answer has no
            such media type or cannot hold a term of it, 422 the answer is too large, 500 the engine gave up.
    """
    media_type = request["media_type"]
    try:
        found = store.query(request["text"], base_iri=BASE, **_dataset(request))
        if isinstance(found, ox.QueryTriples):
            return _write_graph(found, _format(_GRAPHS, media_type), limits)
        return _write_results(found, _format(_RESULTS, media_type), limits)
    except SyntaxError as error:
        raise Refused(400, "query-malformed", "The query cannot be read", _shorten(error.msg)) from None
    except _TooLongError:
        raise _too_large(f"{limits.result_bytes:,} bytes") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise _explain_failure(str(error)) from None


def _explain_failure(message: str) -> Refused:
    """Return what to say of a query that the engine could read and could not answer, by its message."""
    if called := _FUNCTION.fullmatch(message):
        name = _shorten(called["name"])
        detail = f"function {name} {called['needs']}" if called["needs"] else f"there is no function {name} here"
        return Refused(400, "query-malformed", "The query cannot be read", detail)
    if _NO_SUCH_TERM.search(message):
        detail = f"the answer holds a term that this form of answer cannot: {_shorten(message)}; ask for another form"
        return Refused(406, "not-acceptable", "The answer has no such form", detail)
    return Refused(500, "engine", "The engine gave up", _shorten(message))


def _dataset(request: dict[str, Any]) -> dict[str, Any]:
    if request["default_graphs"] is None:
        return {"use_default_graph_as_union": request["union"]}
    return {
        "default_graph": [ox.NamedNode(iri) for iri in request["default_graphs"]],
        "named_graphs": [ox.NamedNode(iri) for iri in request["named_graphs"]],
    }


def _format(formats: dict[str, Any], media_type: str) -> Any:
    if media_type not in formats:
        detail = f"this query is answered as {', '.join(formats)}"
        raise Refused(406, "not-acceptable", "The answer has no such form", detail)
    return formats[media_type]


class _TooLongError(Exception):
    pass


class _Bounded(io.RawIOBase):
    """Keeps what is written, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._parts: list[bytes] = []
        self._left = limit

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._left -= len(data)
        if self._left < 0:
            self._parts.clear()
            raise _TooLongError
        self._parts.append(bytes(data))
        return len(data)

    def content(self) -> bytes:
        return b"".join(self._parts)


def _write_results(found: ox.QuerySolutions | ox.QueryBoolean, format: ox.QueryResultsFormat, limits: Limits) -> bytes:
    output = _Bounded(limits.result_bytes)
    found.serialize(cast(IO[bytes], output), format=format)
    content = output.content()
    if isinstance(found, ox.QuerySolutions) and _has_more_rows(content, format, limits.rows):
        raise _too_large(f"{limits.rows:,} rows")
    return content


def _has_more_rows(content: bytes, format: ox.QueryResultsFormat, limit: int) -> bool:
    """Return whether an answer has more rows, from its bytes: the engine writes them faster than it hands them out."""
    if format == ox.QueryResultsFormat.XML:
        return content.count(b"<result>") > limit
    if format == ox.QueryResultsFormat.TSV:
        return content.count(b"\n") - 1 > limit
    if format == ox.QueryResultsFormat.CSV:
        if content.count(b"\n") - 1 <= limit:
            return False
        outside = content.split(b'"')[::2]
        return sum(part.count(b"\n") for part in outside) - 1 > limit
    if content.count(b"},{") < limit:
        return False
    return len(json.loads(content)["results"]["bindings"]) > limit


def _write_graph(found: ox.QueryTriples, format: ox.RdfFormat, limits: Limits) -> bytes:
    triples = list(islice(found, limits.rows + 1))
    if len(triples) > limits.rows:
        raise _too_large(f"{limits.rows:,} triples")
    output = _Bounded(limits.result_bytes)
    ox.serialize(triples, cast(IO[bytes], output), format=format)
    return output.content()


def _too_large(bound: str) -> Refused:
    detail = f"the answer has more than {bound}; narrow the query, or ask for parts with LIMIT and OFFSET"
    return Refused(422, "answer-too-large", "The answer is too large", detail)


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST].rsplit(" ", 1)[0] + " …"


# --- the worker -----------------------------------------------------------------------------


def work(connection: socket.socket, answer: Answer, limits: Limits) -> None:
    """Answer one request after the other until the other end closes."""
    most = _largest_use() + int(limits.memory_mb * 1024 * _SPENT)
    while True:
        request = json.loads(_receive(connection, REQUEST.unpack(_receive(connection, REQUEST.size))[0]))
        signal.setitimer(signal.ITIMER_REAL, limits.seconds + GRACE)
        is_refused = False
        try:
            content = answer(request)
        except Refused as refused:
            is_refused, content = True, refused.to_json()
        except MemoryError:
            is_refused, content = True, memory_refusal(limits).to_json()
        del request
        signal.setitimer(signal.ITIMER_REAL, 0)
        is_spent = _largest_use() > most
        head = ANSWER.pack(is_refused, is_spent, len(content))
        if len(content) < 65_536:
            connection.sendall(head + content)
        else:
            connection.sendall(head)
            connection.sendall(content)
        del content


def memory_refusal(limits: Limits) -> Refused:
    """Return what a stranger gets whose request needed more memory than it may have."""
    detail = f"the request needed more than {limits.memory_mb:,} MiB and was stopped"
    return Refused(503, "memory-limit", "The request needs too much memory", detail, retry_after=60)


def _largest_use() -> int:
    """Return the most memory this process has held, KiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def _receive(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(min(count - len(data), 1 << 20))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


# --- the nursery ----------------------------------------------------------------------------


def run_nursery(control: socket.socket, prepared: Prepared, limits: Limits) -> None:
    """Fork workers as told, and bury them, until the pool closes the control socket."""
    ended: set[int] = set()
    while True:
        for pid in list(ended):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                ended.discard(pid)
                control.sendall(CONTROL.pack(REAP, pid, status))
        if not select.select([control], [], [], 0.005 if ended else None)[0]:
            continue
        data, sockets, _, _ = socket.recv_fds(control, CONTROL.size, 1)
        while data and len(data) < CONTROL.size:
            data += control.recv(CONTROL.size - len(data))
        if not data:
            return
        what, pid, _ = CONTROL.unpack(data)
        if what == REAP:
            ended.add(pid)
            continue
        with socket.socket(fileno=sockets[0]) as connection:
            pid = _fork(control, connection, prepared, limits)
        control.sendall(CONTROL.pack(FORK, pid, 0))


def _fork(control: socket.socket, connection: socket.socket, prepared: Prepared, limits: Limits) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        end_with_parent(parent)
        control.close()
        limit_process(limits.memory_mb)
        seal_process(files=prepared.files)
        work(connection, prepared.answer, limits)
    finally:
        os._exit(1)  # never back into the nursery's loop, and no word about what was asked


def can_seal() -> bool:
    """Return whether the kernel seals workers; tried in a child, for it cannot be undone."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if seal_process(files=False) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def main(kind: str, release: str, limits_json: str, control_number: str) -> None:
    """Load the release, say what there is, and fork workers until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the pool, which then closes the socket
    control = socket.socket(fileno=int(control_number))
    control.set_inheritable(False)
    limits = Limits(**json.loads(limits_json))
    if kind == "cases":
        from kg_builder.server.case_worker import prepare_cases

        prepared = prepare_cases(Path(release), limits)
    else:
        prepared = prepare_queries(Path(release), limits)
    said = json.dumps({**prepared.said, "sealed": can_seal()}).encode()
    control.sendall(REQUEST.pack(len(said)) + said)
    _silence()
    gc.collect()
    gc.freeze()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
    run_nursery(control, prepared, limits)


def _silence() -> None:
    """Send what workers print to nowhere: it could hold a case or what a stranger wrote."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


if __name__ == "__main__":
    main(*sys.argv[1:])
