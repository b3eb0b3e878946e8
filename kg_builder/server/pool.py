"""Processes that answer strangers: few at a time, within limits, and replaced when killed.

Queries and cases have workers of their own; :mod:`kg_builder.server.lane` says who is served next.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kg_builder.issues import StoreError
from kg_builder.server.guard import scan_query
from kg_builder.server.lane import Lane, busy
from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused

#: Seconds after which a case counts as slow: more is done for one than for most queries.
_CASE_PATIENCE = 0.15
_COMMANDS = ("options", "susceptibility", "explain", "what-if")


class WorkerPool:
    """Workers for queries and, apart from them, workers for cases, over one release."""

    def __init__(self, release: Path, limits: Limits) -> None:
        """Prepare the pool; nothing runs yet.

        Args:
            release: a release, or a directory of releases.
            limits: how much one request may use, and how many run at once.
        """
        self.release, self.limits = release, limits
        self._queries = Lane("queries", release, limits)
        self._cases = Lane("cases", release, replace(limits, patience=max(limits.patience, _CASE_PATIENCE)))
        self._graphs: frozenset[str] = frozenset()
        self._case_start: asyncio.Task[Any] | None = None

    @property
    def known_graphs(self) -> frozenset[str]:
        """IRIs of the named graphs; known after :meth:`start`."""
        return self._graphs

    async def start(self) -> None:
        """Load the release and start the workers; those for cases follow some seconds later.

        Raises:
            StoreError: if there is no release, or no memory for it.
        """
        said = await self._queries.start()
        self._graphs = frozenset(said["graphs"])
        if not said["sealed"]:
            what = "this system cannot take network and files from the processes that run queries"
            print(f"salvage-kg: {what}; only the check of each query stands before them", file=sys.stderr)
        self._case_start = asyncio.create_task(self._start_cases())

    async def _start_cases(self) -> None:
        try:
            await self._cases.start()
        except StoreError as error:
            print(f"salvage-kg: cases cannot be answered: {error}", file=sys.stderr)
            raise

    async def stop(self) -> None:
        """End every process; requests under way are refused."""
        if self._case_start:
            self._case_start.cancel()
            await asyncio.gather(self._case_start, return_exceptions=True)
        await asyncio.gather(self._queries.stop(), self._cases.stop())

    async def query(
        self,
        text: str,
        *,
        media_type: str,
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        peer: str = "",
    ) -> bytes:
        """Answer a query.

        Args:
            text: SPARQL 1.1.
            media_type: of the answer: SPARQL results as JSON or XML, CSV, TSV; graphs as Turtle, N-Triples, RDF/XML,
                JSON-LD.
            default_graphs: IRIs of the graphs that are asked together, as the protocol gives them; they go before
                what the query says. Without any, and without FROM, all graphs are asked together.
            named_graphs: IRIs of the graphs that GRAPH may name.
            peer: who asks; what one asks yields to what others ask.
        Returns:
            The whole answer.
        Raises:
            Refused: 400, 413 the guard or the engine does not take the query; 406; 422 the answer is too large;
                503 the query takes too long or too much memory, or the server is busy; 500 the engine failed.
        """
        found = scan_query(text, self.limits, self._graphs)
        is_given = bool(default_graphs or named_graphs)
        request = {
            "text": text,
            "media_type": media_type,
            "union": not found.graphs,
            "default_graphs": list(default_graphs) if is_given else None,
            "named_graphs": list(named_graphs),
        }
        return await self._queries.run(json.dumps(request).encode(), peer)

    async def case(self, command: str, body: bytes, arguments: Mapping[str, str], *, peer: str = "") -> bytes:
        """Answer a case as JSON.

        Args:
            command: ``options``, ``susceptibility``, ``explain`` or ``what-if``.
            body: one case, as JSON in UTF-8.
            arguments: for ``explain`` the ``agent``.
            peer: as of :meth:`query`.
        Raises:
            Refused: 400, 422 with the faults of the case in ``issues``; 503 as :meth:`query`.
        """
        if command not in _COMMANDS:
            raise ValueError(command)
        if self._case_start is None:
            raise busy("the server is not running", 1)
        try:
            await asyncio.shield(self._case_start)
            text = body.decode()
        except StoreError:
            raise busy("cases cannot be answered now", 60) from None
        except UnicodeDecodeError:
            raise Refused(400, "case-at-fault", "The case cannot be read", "the body is not UTF-8") from None
        request = {"command": command, "body": text, "arguments": dict(arguments)}
        return await self._cases.run(json.dumps(request).encode(), peer)

    async def health(self) -> Mapping[str, object]:
        """Say what the processes do, and whether the kernel seals them."""
        return {"queries": self._queries.describe(), "cases": self._cases.describe()}
