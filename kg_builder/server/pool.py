"""Processes that answer strangers: few at a time, within limits, and replaced when killed.

A request waits for one of a few workers that run at full speed. One that has computed for longer than ``patience``
gives up its place: it goes on with a low priority beside the others, so that quick questions stay quick whatever else
is asked. Of these, too, there are only a few: if more are slow, the one that has gone on for longest is stopped for the
next. At the time limit the process is killed, which nothing in it can prevent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kg_builder.issues import StoreError
from kg_builder.server.guard import scan_query
from kg_builder.server.limits import Limits
from kg_builder.server.nursery import Nursery, Worker, WorkerEndedError
from kg_builder.server.problems import Refused
from kg_builder.server.worker import memory_refusal

#: Seconds for which a slow request may go on at least, before another one takes its place.
_TURN = 1.0
#: Times its patience after which a request is slow though it did not compute for so long: the machine has no time.
_OVERLOAD = 4
#: Seconds after which a request that has not had its turn of the processor, or waits to go on, is looked at again.
_GLANCE = 0.05
#: Seconds until a worker is started again after that failed.
_PAUSE = 0.5
#: Seconds after which a case counts as slow: more is done for one than for most queries.
_CASE_PATIENCE = 1.0
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
        self._queries = _Lane("queries", release, limits)
        self._cases = _Lane("cases", release, replace(limits, patience=max(limits.patience, _CASE_PATIENCE)))
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
    ) -> bytes:
        """Answer a query.

        Args:
            text: SPARQL 1.1.
            media_type: of the answer: SPARQL results as JSON or XML, CSV, TSV; graphs as Turtle, N-Triples, RDF/XML,
                JSON-LD.
            default_graphs: IRIs of the graphs that are asked together, as the protocol gives them; they go before
                what the query says. Without any, and without FROM, all graphs are asked together.
            named_graphs: IRIs of the graphs that GRAPH may name.
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
        return await self._queries.run(json.dumps(request).encode())

    async def case(self, command: str, body: bytes, arguments: Mapping[str, str]) -> bytes:
        """Answer a case as JSON.

        Args:
            command: ``options``, ``susceptibility``, ``explain`` or ``what-if``.
            body: one case, as JSON in UTF-8.
            arguments: for ``explain`` the ``agent``.
        Raises:
            Refused: 400, 422 with the faults of the case in ``issues``; 503 as :meth:`query`.
        """
        if command not in _COMMANDS:
            raise ValueError(command)
        if self._case_start is None:
            raise _busy("the server is not running", 1)
        try:
            await asyncio.shield(self._case_start)
            text = body.decode()
        except StoreError:
            raise _busy("cases cannot be answered now", 60) from None
        except UnicodeDecodeError:
            raise Refused(400, "case-at-fault", "The case cannot be read", "the body is not UTF-8") from None
        request = {"command": command, "body": text, "arguments": dict(arguments)}
        return await self._cases.run(json.dumps(request).encode())

    async def health(self) -> Mapping[str, object]:
        """Say what the processes do, and whether the kernel seals them."""
        return {"queries": self._queries.describe(), "cases": self._cases.describe()}


class _Lane:
    """Workers of one kind and the requests that wait for them."""

    def __init__(self, kind: str, release: Path, limits: Limits) -> None:
        self._kind, self._limits = kind, limits
        self._nursery = Nursery(kind, release, limits)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._slow: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._replaced = 0
        self._is_sealed = self._is_open = False

    async def start(self) -> dict[str, Any]:
        """Start the nursery and the workers; return what the nursery says."""
        said = await self._nursery.start()
        self._is_sealed, self._is_open = bool(said["sealed"]), True
        for _ in range(self._limits.workers):
            self._give(await self._fork())
        return said

    async def stop(self) -> None:
        """End all processes."""
        self._is_open = False
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(_busy("the server stops", 5))
        for worker in self._all:
            worker.fail(_busy("the server stops", 5))
            worker.kill()
        self._all.clear()
        self._idle.clear()
        await self._nursery.stop()

    def describe(self) -> dict[str, object]:
        """Return what the lane does now."""
        return {
            "workers": len(self._all),
            "busy": len(self._all) - len(self._idle),
            "slow": len(self._slow),
            "waiting": len(self._waiting),
            "replaced": self._replaced,
            "sealed": self._is_sealed,
        }

    async def run(self, request: bytes) -> bytes:
        """Answer a request."""
        worker = await self._take()
        answer = worker.ask(request)
        self._look_after(worker, self._limits.patience)
        try:
            content = await answer
        except WorkerEndedError:
            raise await self._explain_end(worker) from None
        except asyncio.CancelledError:
            self._discard(worker)  # whoever asked has gone: nobody needs the answer
            raise
        finally:
            if worker.timer:
                worker.timer.cancel()
            if worker.is_slow or worker.is_spent:
                self._discard(worker)
            elif not worker.is_discarded:
                self._give(worker)
        return content

    # --- time -------------------------------------------------------------------------------

    def _look_after(self, worker: Worker, seconds: float) -> None:
        """Look at a worker after some seconds, at the latest when its time is over."""
        delay = min(max(seconds, _GLANCE), max(0.0, self._limits.seconds - worker.waited))
        worker.timer = asyncio.get_running_loop().call_later(delay, self._look, worker)

    def _look(self, worker: Worker) -> None:
        """End a request whose time is over; take the place of one that has had the time of a quick one."""
        limits = self._limits
        if worker.waited >= limits.seconds:
            worker.fail(_time_refusal(limits))
            self._discard(worker)
        elif worker.is_slow:
            self._look_after(worker, limits.seconds)
        elif (rest := limits.patience - worker.computed) > 0 and worker.waited < _OVERLOAD * limits.patience:
            self._look_after(worker, rest)
        elif self._has_turn_for_slow():
            worker.lower_priority()
            self._slow.append(worker)
            self._replace()
            self._look_after(worker, limits.seconds)
        else:
            self._look_after(worker, _GLANCE)

    def _has_turn_for_slow(self) -> bool:
        """Return whether one more request may go on slowly; the one that has done so for longest makes room."""
        if len(self._slow) < self._limits.slow:
            return True
        if not self._slow or self._slow[0].slow_for < _TURN:
            return False
        self._slow[0].fail(_busy("other slow requests wait for their turn", int(self._limits.seconds)))
        self._discard(self._slow[0])
        return True

    # --- workers ----------------------------------------------------------------------------

    async def _take(self) -> Worker:
        """Return a worker that is free, in the order of asking."""
        if not self._is_open:
            raise _busy("the server is not running", 1)
        if self._idle:
            return self._idle.pop()
        if len(self._waiting) >= self._limits.queue:
            raise _busy(f"{len(self._waiting)} requests wait already", 2)
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Worker] = loop.create_future()
        self._waiting.append(waiting)
        timer = loop.call_later(self._limits.seconds, _give_up, waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._give(waiting.result())
            raise
        finally:
            timer.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _give(self, worker: Worker) -> None:
        """Hand a free worker to whoever has waited longest."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(worker)
                return
        self._idle.append(worker)

    def _discard(self, worker: Worker) -> None:
        """End a worker and put another one in its place, unless that has been done already."""
        if not worker.is_discarded:
            self._end(worker)
            self._do(self._bury(worker))

    def _end(self, worker: Worker) -> None:
        worker.is_discarded = True
        if worker.timer:  # it may be some time until it is buried, and it is not to be looked at any more
            worker.timer.cancel()
        self._all.discard(worker)
        worker.kill()
        if worker.is_slow:
            self._slow.remove(worker)
        else:
            self._replace()

    async def _bury(self, worker: Worker) -> None:
        await self._nursery.bury(worker)

    def _miss(self, worker: Worker) -> None:
        """Replace a worker that ended while it had nothing to do; one at work is missed by who waits for it."""
        if worker in self._idle:
            self._idle.remove(worker)
            self._discard(worker)

    def _replace(self) -> None:
        self._replaced += 1
        self._do(self._add())

    async def _add(self) -> None:
        while self._is_open:
            try:
                self._give(await self._fork())
                return
            except (OSError, StoreError, WorkerEndedError):
                await asyncio.sleep(_PAUSE)

    async def _fork(self) -> Worker:
        worker = await self._nursery.fork()
        worker.when_ended = self._miss
        self._all.add(worker)
        return worker

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if not self._is_open:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _explain_end(self, worker: Worker) -> Refused:
        """Return what to say of a worker that ended by itself, by how it ended."""
        self._end(worker)
        status = await self._nursery.bury(worker)
        code = 0 if status is None else os.waitstatus_to_exitcode(status)
        if code in (-signal.SIGABRT, -signal.SIGKILL):
            return memory_refusal(self._limits)
        if code == -signal.SIGALRM:
            return _time_refusal(self._limits)
        if code in (-signal.SIGSEGV, -signal.SIGBUS):
            detail = "it holds too long a chain of operators or patterns; split it, or use IN or VALUES"
            return Refused(413, "request-too-complex", "The request is too complex", detail)
        return Refused(500, "worker", "A process ended", "the process that worked on the request ended without answer")


def _give_up(waiting: asyncio.Future[Worker]) -> None:
    if not waiting.done():
        waiting.set_exception(_busy("no process became free in time", 2))


def _busy(why: str, retry_after: int) -> Refused:
    return Refused(503, "busy", "The server is busy", f"{why}; try again later", retry_after=max(1, retry_after))


def _time_refusal(limits: Limits) -> Refused:
    detail = f"the request took longer than {limits.seconds:g} seconds and was stopped; narrow it, or ask for less"
    return Refused(503, "time-limit", "The request takes too long", detail, retry_after=max(1, int(limits.seconds)))
