"""The HTTP server under the application: uvicorn, with a deadline for headers and its refusals as problem documents."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import h11
from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from kg_builder.server.problems import Refused
from kg_builder.server.responses import problem_response

#: Seconds in which the headers of a request must come, and for which an idle connection is kept.
HEADER_SECONDS, IDLE_SECONDS = 10, 15
#: Seconds for which who has ended sending is answered; longer than that, it may as well have gone.
LEAVING_SECONDS = 1
#: Bits of the size of a chunk: more is no size; h11 takes it for one, and waits.
_CHUNK_BITS = 63
#: Seconds in which a client can read why it was refused.
PARTING_SECONDS = 2
#: Seconds after which a client must have read on in a long answer, and the bytes that it must have read by then.
READING_SECONDS, READING_BYTES = 10, 64 * 1024
#: Bytes of answers that may wait for slow clients, of all connections together.
MOST_UNREAD = 256 * 1024 * 1024
#: Size of request line and headers together, bytes; a query in a URL must fit.
HEADER_BYTES = 256 * 1024
#: Connections at once.
MOST_CONNECTIONS = 500

_TITLES = {
    400: ("bad-request", "The request cannot be read"),
    408: ("slow-client", "The request took too long to come"),
    431: ("header-too-long", "A header field is too long"),
    501: ("not-implemented", "The request asks for what HTTP servers need not do"),
    503: ("busy", "The server is busy"),
}


class Connection(H11Protocol):
    """A connection whose client has a deadline; what cannot be read is answered as a problem."""

    _deadline: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _unread = 0
    _is_refused = False
    _has_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(503, "too many connections are open", retry_after=1)
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Read on; once a request's headers have come their deadline is over."""
        if self._is_refused:
            return
        super().data_received(data)
        reader = getattr(self.conn, "_reader", None)
        if getattr(reader, "_bytes_in_chunk", 0).bit_length() > _CHUNK_BITS:
            self._refuse(400, f"a chunk's size has more than {_CHUNK_BITS} bits")
        else:
            self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a connection whose client only ended sending until its request is answered, if that is soon."""
        if self._has_ended:
            return True
        if self._is_refused or self.cycle is None or self.cycle.response_complete:
            return False
        self._has_ended = True
        if self.conn.their_state is h11.SEND_BODY:
            self._refuse(400, "the connection was closed before the body had come")
        else:
            self._deadline = self.loop.call_later(LEAVING_SECONDS, self._leave)
        return True

    def on_response_complete(self) -> None:
        """Go on with the next request, unless there can be none."""
        super().on_response_complete()
        if self._has_ended and self.cycle.response_complete:
            self._unwatch()
            self.transport.close()

    def _leave(self) -> None:
        self._deadline = None
        if self.cycle.response_started:
            return
        detail = f"who ends sending is answered within {LEAVING_SECONDS} second; keep the connection open for more"
        self._refuse(400, detail)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._unwatch()
        self._stop_reading()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to watch whether the client reads its answer: what it does not read takes memory here."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READING_SECONDS, self._check_reading)
        slow = [each for each in self.connections if isinstance(each, Connection) and each._reading]
        slow.sort(key=lambda each: each._reading.when() if each._reading else 0.0)
        unread = sum(each.transport.get_write_buffer_size() for each in slow)
        for each in slow:  # who has read nothing for longest goes first
            if unread <= MOST_UNREAD:
                break
            unread -= each.transport.get_write_buffer_size()
            each.transport.abort()

    def resume_writing(self) -> None:
        """End to watch: little is left to be read."""
        self._stop_reading()
        super().resume_writing()

    def _check_reading(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if self._unread - unread < READING_BYTES:
            self._reading = None
            self.transport.abort()
        else:
            self._unread = unread
            self._reading = self.loop.call_later(READING_SECONDS, self._check_reading)

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 could not read; called while its error is handled."""
        error = sys.exc_info()[1]
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(status if status in _TITLES else 400, "it is no valid HTTP/1.1")

    def _watch(self) -> None:
        """Keep one deadline while headers are coming, or a body that nobody reads any more.

        Bodies that are read have a deadline there; uvicorn closes connections that are idle.
        """
        is_late = self.conn.their_state is h11.SEND_BODY and self.cycle is not None and self.cycle.response_complete
        if self.conn.their_state is not h11.IDLE and not is_late:
            self._unwatch()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._expire)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(408, f"the headers did not come within {HEADER_SECONDS} seconds")

    def _refuse(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        slug, title = _TITLES[status]
        response = problem_response(Refused(status, slug, title, detail, retry_after=retry_after))
        headers = [*response.raw_headers, (b"connection", b"close")]
        try:
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # an answer is already on its way, or has been given
            self.transport.abort()
            return
        if self.cycle is not None:  # what works on the request need not go on
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self._has_ended:
            self._unwatch()
            self.transport.close()
            return
        # a client that is still sending would lose the answer if the connection were closed at once
        self._is_refused = True
        self._unwatch()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(PARTING_SECONDS, self.transport.abort)


def make_server(app: ASGIApp) -> Server:
    """Return a server that is ready to run on sockets. It writes no access log, and logs nothing of a request."""
    settings: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "log_level": "critical",
        "proxy_headers": False,
        "server_header": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": 5,
        "h11_max_incomplete_event_size": HEADER_BYTES,
    }
    return Server(Config(app, **settings))
