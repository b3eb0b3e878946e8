"""Workers of one kind, and who is served next.

A request waits for one of a few workers. One that has computed for longer than ``patience`` makes room when others
wait: it goes on with a low priority beside them, so that quick questions stay quick whatever else is asked. Of these,
too, there are only a few. One more is put off: it begins again when one of the few has ended; that which has gone on
for longest is stopped for it. At the time limit the process is killed, which nothing in it can prevent.

In all this, who has more at work yields to who has less: of those who wait, who has least at work goes first, then who
came first; nobody makes room for who has as much at work already; and where too many wait, who takes long is refused
first, then who has most that waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kg_builder.issues import StoreError
from kg_builder.server.limits import Limits
from kg_builder.server.nursery import Nursery, Worker, WorkerEndedError
from kg_builder.server.problems import Refused
from kg_builder.server.worker import memory_refusal

#: Seconds for which a slow request may go on at least, before one that was put off takes its place.
_TURN = 1.0
#: Seconds after which a request that is under way is looked at again.
_GLANCE = 0.025
#: Seconds after which who finds no place to wait is told so: who asks again at once is to cost nothing.
_BREATH = 1.0
#: Seconds until a worker is started again after that failed.
_PAUSE = 0.5


@dataclass(eq=False, slots=True)
class _Waiting:
    """A request that waits for a worker, and of whom it is."""

    peer: str
    worker: asyncio.Future[Worker]

    def refuse(self, refused: Refused) -> None:
        """End the waiting."""
        if not self.worker.done():
            self.worker.set_exception(refused)


class _PutOffError(Exception):
    """A request has made room for who waits, and is to begin again among the slow ones."""


class Lane:
    """Workers of one kind and the requests that wait for them."""

    def __init__(self, kind: str, release: Path, limits: Limits) -> None:
        self._kind, self._limits = kind, limits
        self._nursery = Nursery(kind, release, limits)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._waiting: list[_Waiting] = []
        self._put_off: list[_Waiting] = []
        self._at_work: Counter[str] = Counter()
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
        for waiting in (*self._waiting, *self._put_off):
            waiting.refuse(busy("the server stops", 5))
        for worker in self._all:
            worker.fail(busy("the server stops", 5))
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
            "waiting": len(self._waiting) + len(self._put_off),
            "replaced": self._replaced,
            "sealed": self._is_sealed,
        }

    async def run(self, request: bytes, peer: str) -> bytes:
        """Answer a request of somebody, whom a name stands for."""
        latest = time.monotonic() + self._limits.seconds
        try:
            return await self._work(await self._take(peer), request, peer)
        except _PutOffError:
            return await self._work(await self._take_again(peer, latest), request, peer)

    async def _work(self, worker: Worker, request: bytes, peer: str) -> bytes:
        worker.peer = peer
        self._at_work[peer] += 1
        answer = worker.ask(request)
        self._look_after(worker)
        try:
            return await answer
        except WorkerEndedError:
            raise await self._explain_end(worker) from None
        except asyncio.CancelledError:
            self._discard(worker)  # whoever asked has gone: nobody needs the answer
            raise
        finally:
            if worker.timer:
                worker.timer.cancel()
            self._at_work -= Counter((peer,))
            self._release(worker)

    # --- time -------------------------------------------------------------------------------

    def _look_after(self, worker: Worker) -> None:
        """Look at a worker in a moment, at the latest when its time is over."""
        delay = min(_GLANCE, max(0.0, self._limits.seconds - worker.waited))
        worker.timer = asyncio.get_running_loop().call_later(delay, self._look, worker)

    def _look(self, worker: Worker) -> None:
        """End a request whose time is over; take its place if others wait and it has had the time of a quick one."""
        limits = self._limits
        if worker.waited >= limits.seconds:
            worker.fail(_time_refusal(limits))
            self._discard(worker)
        elif worker.is_slow:
            if self._put_off and worker is self._longest_slow() and worker.slow_for >= _TURN:
                worker.fail(busy("other slow requests wait for their turn", int(limits.seconds)))
                self._discard(worker)
            else:
                self._look_after(worker)
        elif worker.computed < limits.patience or not self._is_in_way(worker):
            self._look_after(worker)
        elif self._has_room_for_slow and not self._put_off:
            self._slow_down(worker)
            self._look_after(worker)
        elif limits.slow:
            worker.fail(_PutOffError())
            self._discard(worker)
        else:
            self._look_after(worker)

    def _is_in_way(self, worker: Worker) -> bool:
        """Return whether somebody waits who has less at work, or another request of the same one."""
        own = self._at_work[worker.peer]
        return any(each.peer == worker.peer or self._at_work[each.peer] < own for each in self._waiting)

    def _longest_slow(self) -> Worker:
        """Return the slow worker that has gone on for longest for who has most at work."""
        return max(self._slow, key=lambda each: self._at_work[each.peer])

    @property
    def _has_room_for_slow(self) -> bool:
        return len(self._slow) < self._limits.slow

    def _slow_down(self, worker: Worker) -> None:
        """Have a worker go on beside the others, and put another one in its place."""
        worker.lower_priority()
        self._slow.append(worker)
        self._replace()

    # --- workers ----------------------------------------------------------------------------

    async def _take(self, peer: str) -> Worker:
        """Return a worker that is free."""
        if not self._is_open:
            raise busy("the server is not running", 1)
        if self._idle:
            return self._idle.pop()
        if self._is_full and not self._make_room(peer):
            refused = busy(f"{len(self._waiting)} requests wait already", 2)
            await asyncio.sleep(_BREATH)
            raise refused
        return await self._wait(self._waiting, peer, self._limits.seconds)

    async def _take_again(self, peer: str, latest: float) -> Worker:
        """Return a worker with a low priority for a request that was put off."""
        if self._is_full:
            raise busy("too many requests wait, and this one takes long", int(self._limits.seconds))
        return await self._wait(self._put_off, peer, latest - time.monotonic())

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) + len(self._put_off) >= self._limits.queue

    def _make_room(self, peer: str) -> bool:
        """Refuse one that waits, if it takes long or more wait of its peer than of this one; say whether there was."""
        line = self._put_off or self._waiting
        waiting = Counter(each.peer for each in line)
        most = max(waiting, key=waiting.__getitem__, default=peer)
        if not self._put_off and waiting[most] <= waiting[peer] + 1:
            return False
        last = next(each for each in reversed(line) if each.peer == most)
        line.remove(last)
        last.refuse(busy("too many requests wait", 2))
        return True

    async def _wait(self, line: list[_Waiting], peer: str, seconds: float) -> Worker:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(peer, loop.create_future())
        line.append(waiting)
        timer = loop.call_later(seconds, waiting.refuse, busy("no process became free in time", 2))
        self._go_on()
        try:
            return await waiting.worker
        except asyncio.CancelledError:
            given = waiting.worker
            if given.done() and not given.cancelled() and given.exception() is None:
                self._release(given.result())
            raise
        finally:
            timer.cancel()
            if waiting in line:
                line.remove(waiting)

    def _next_of(self, line: list[_Waiting]) -> _Waiting | None:
        """Take who is next out of a line: who has least at work, then who came first; None if nobody waits."""
        waiting = [each for each in line if not each.worker.done()]
        if not waiting:
            return None
        following = min(waiting, key=lambda each: self._at_work[each.peer])
        line.remove(following)
        return following

    def _give(self, worker: Worker) -> None:
        """Hand a free worker to who was put off and may go on now, else to who waits, else keep it."""
        if self._has_room_for_slow and (waiting := self._next_of(self._put_off)):
            self._slow_down(worker)
            waiting.worker.set_result(worker)
        elif waiting := self._next_of(self._waiting):
            waiting.worker.set_result(worker)
        else:
            self._idle.append(worker)

    def _go_on(self) -> None:
        """Begin again with a request that was put off, if it may go on now and a worker has nothing to do."""
        if self._idle and self._put_off and self._has_room_for_slow:
            self._give(self._idle.pop())

    def _release(self, worker: Worker) -> None:
        """Take back a worker that has done its work."""
        if worker.is_slow or worker.is_spent:
            self._discard(worker)
        elif not worker.is_discarded:
            self._give(worker)

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
            self._go_on()
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


def busy(why: str, retry_after: int) -> Refused:
    """Return the refusal of a request that could be answered later."""
    return Refused(503, "busy", "The server is busy", f"{why}; try again later", retry_after=max(1, retry_after))


def _time_refusal(limits: Limits) -> Refused:
    detail = f"the request took longer than {limits.seconds:g} seconds and was stopped; narrow it, or ask for less"
    return Refused(503, "time-limit", "The request takes too long", detail, retry_after=max(1, int(limits.seconds)))
