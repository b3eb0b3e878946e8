"""How much of the machine one request of a stranger may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request and of all together.

    Attributes:
        seconds: wall time a query or case may run; then its process is killed.
        memory_mb: address space that its process may take beyond the knowledge, which all processes share, MiB.
        rows: solutions of a SELECT, or triples of a CONSTRUCT or DESCRIBE.
        result_bytes: size of the answer as it is sent, bytes.
        query_length: characters of a query.
        nesting: brackets of a query that may be open at once.
        workers: queries that run at once at full speed; as many cases beside them.
        queue: requests that may wait for a worker.
        body_bytes: size of the body of a request, bytes.
        patience: seconds of a processor after which a query counts as slow: if others wait, it goes on with a low
            priority, and another one takes its place.
        slow: slow queries that go on at once; one more begins again when one of them has ended.
    """

    seconds: float = 10
    memory_mb: int = 512
    rows: int = 100_000
    result_bytes: int = 32 * 1024 * 1024
    query_length: int = 65_536
    nesting: int = 64
    workers: int = 2
    queue: int = 64
    body_bytes: int = 1024 * 1024
    patience: float = 0.05
    slow: int = 4
