"""The pool's end of the processes of :mod:`kg_builder.server.worker`: start them, talk to them, bury them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kg_builder.issues import StoreError
from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused
from kg_builder.server.worker import ANSWER, CONTROL, FORK, REAP, REQUEST

_START = "import sys; from kg_builder.server.worker import main; main(*sys.argv[1:])"
#: Bytes by which a refusal may be longer than an answer.
_REFUSAL_BYTES = 1024 * 1024
#: Niceness of a slow worker: beside a quick one it gets a tenth of a processor.
_LOW_PRIORITY = 10


class WorkerEndedError(Exception):
    """A worker ended before it had answered."""


class Worker(asyncio.Protocol):
    """One process that answers one request at a time.

    Attributes:
        pid: its process id; it stays its own until the nursery has buried it.
        peer: whose request it answers; the pool sets it.
        timer: what is to happen if it does not answer; the pool sets it.
        when_ended: called when it has ended, however that came; the pool sets it.
        is_slow: whether it runs with a low priority.
        is_spent: whether it is to be replaced after its answer.
    """

    def __init__(self, pid: int, nursery: Nursery, limits: Limits) -> None:
        self.pid, self.nursery = pid, nursery
        self.peer = ""
        self.timer: asyncio.TimerHandle | None = None
        self.when_ended: Callable[[Worker], None] = lambda worker: None
        self.is_slow = self.is_spent = self.is_discarded = False
        self._most = limits.result_bytes + _REFUSAL_BYTES
        self._begun = self._computed_before = self._slow_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request; the future holds the answer, a Refused, or WorkerEndedError."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._begun, self._computed_before = time.monotonic(), self._processor_time()
        if self._transport.is_closing():
            self.fail(WorkerEndedError())
            return self._waiting
        self._transport.write(REQUEST.pack(len(request)) + request)
        return self._waiting

    def fail(self, error: Exception) -> None:
        """Answer the request that is under way with an error."""
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)

    @property
    def waited(self) -> float:
        """Seconds since the request that is under way was sent."""
        return time.monotonic() - self._begun

    @property
    def computed(self) -> float:
        """Seconds of a processor that the request has taken; those since it was sent where the system does not say."""
        now = self._processor_time()
        return now - self._computed_before if now else self.waited

    @property
    def slow_for(self) -> float:
        """Seconds since its priority was lowered."""
        return time.monotonic() - self._slow_since

    def _processor_time(self) -> float:
        """Return the seconds of a processor that the process has taken in its life; 0 if nobody knows."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2) if sys.platform == "linux" else 0.0
        except OSError:
            return 0.0

    def lower_priority(self) -> None:
        """Let others go first; it cannot be undone."""
        self.is_slow, self._slow_since = True, time.monotonic()
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.pid, _LOW_PRIORITY)

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._transport:
            self._transport.abort()
        if self.nursery.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    # --- what asyncio calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if len(received) < ANSWER.size:
            return
        is_refused, is_spent, length = ANSWER.unpack_from(received)
        if length > self._most:
            self.fail(WorkerEndedError())
        elif len(received) >= ANSWER.size + length:
            content = bytes(memoryview(received)[ANSWER.size :])
            self._received = bytearray()
            self.is_spent = is_spent
            if is_refused:
                self.fail(Refused.from_json(content))
            elif self._waiting and not self._waiting.done():
                self._waiting.set_result(content)

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(WorkerEndedError())
        self.when_ended(self)


class Nursery:
    """A process that has loaded a release and forks workers."""

    def __init__(self, kind: str, release: Path, limits: Limits) -> None:
        """Prepare; ``kind`` is ``queries`` or ``cases``."""
        self._kind, self._release, self._limits = kind, release, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = asyncio.Lock()
        self._forked: deque[asyncio.Future[int]] = deque()
        self._buried: dict[int, asyncio.Future[int]] = {}
        self._received = bytearray()

    @property
    def is_alive(self) -> bool:
        """Whether it can fork, and its workers' process ids are theirs."""
        return self._control is not None

    @property
    def pid(self) -> int:
        """Its process id; 0 if it does not run."""
        return self._process.pid if self._process and self.is_alive else 0

    async def start(self) -> dict[str, Any]:
        """Start the process and return what it says of itself, after some seconds.

        Raises:
            StoreError: if it cannot load the release.
        """
        if not hasattr(socket, "send_fds") or not hasattr(os, "fork"):
            raise StoreError("serving needs Linux or macOS: requests run in forked processes")
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        root = str(Path(__file__).parents[2])
        paths = [root, os.environ.get("PYTHONPATH", "")]
        limits = json.dumps(asdict(self._limits))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 our own program, nothing of a stranger
                [sys.executable, "-P", "-c", _START, self._kind, str(self._release), limits, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            )
        try:
            length = REQUEST.unpack(await _receive(ours, REQUEST.size))[0]
            said: dict[str, Any] = json.loads(await _receive(ours, length))
        except BaseException:
            ours.close()
            self._process.kill()
            raise
        self._control = ours
        loop.add_reader(ours, self._read_control)
        return said

    async def fork(self) -> Worker:
        """Return a new worker; a nursery that has died is started again first.

        Raises:
            StoreError, WorkerEndedError, OSError: if there can be none now.
        """
        async with self._lock:
            if self._control is None:
                await self.start()
            assert self._control is not None
            loop = asyncio.get_running_loop()
            ours, theirs = socket.socketpair()
            forked: asyncio.Future[int] = loop.create_future()
            self._forked.append(forked)
            try:
                with theirs:
                    socket.send_fds(self._control, [CONTROL.pack(FORK, 0, 0)], [theirs.fileno()])
                pid = await forked
            except BaseException:
                ours.close()
                raise
            ours.setblocking(False)
            _, worker = await loop.create_connection(lambda: Worker(pid, self, self._limits), sock=ours)
            return worker

    async def bury(self, worker: Worker) -> int | None:
        """Wait for the end of a worker and return how it ended (``waitpid``); None if nobody knows."""
        if self._control is None:
            return None
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._buried[worker.pid] = done
        try:
            self._control.send(CONTROL.pack(REAP, worker.pid, 0))
            return await done
        except (WorkerEndedError, OSError):
            return None

    async def stop(self) -> None:
        """End the process; its workers end with it."""
        self._close()
        if process := self._process:
            try:
                await asyncio.to_thread(process.wait, 2)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    def _read_control(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            if self._process:
                self._process.kill()
                self._process.poll()
            return
        self._received += data
        while len(self._received) >= CONTROL.size:
            what, pid, status = CONTROL.unpack_from(self._received)
            del self._received[: CONTROL.size]
            if what == FORK:
                waiting = self._forked.popleft()
                if not waiting.done():
                    waiting.set_result(pid)
            elif (buried := self._buried.pop(pid, None)) and not buried.done():
                buried.set_result(status)

    def _close(self) -> None:
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None
        self._received.clear()
        for waiting in (*self._forked, *self._buried.values()):
            if not waiting.done():
                waiting.set_exception(WorkerEndedError())
        self._forked.clear()
        self._buried.clear()


async def _receive(control: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await asyncio.get_running_loop().sock_recv(control, count - len(data))
        if not part:
            raise StoreError("the release could not be loaded to be served; what went wrong stands above")
        data += part
    return data
