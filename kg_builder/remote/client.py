"""Requests to a SPARQL server, and clear words for whatever a server or the way to it does instead of answering."""

from __future__ import annotations

import re
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

import pyoxigraph as ox

from kg_builder.issues import SalvageError
from kg_builder.remote.endpoint import PASSWORD_VARIABLE, USER_VARIABLE, Endpoint, shown

#: XML first: Virtuoso 7 writes JSON results of the time before SPARQL 1.1.
ROWS_ACCEPTED: Final = "application/sparql-results+xml, application/sparql-results+json;q=0.8"
GRAPH_ACCEPTED: Final = "application/n-triples, text/turtle;q=0.9"
#: RDF/XML is not among them: its reader would expand entities.
_GRAPH_FORMATS: Final = {
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "text/turtle": ox.RdfFormat.TURTLE,
    "text/plain": ox.RdfFormat.N_TRIPLES,  # what Virtuoso calls its N-Triples in places
}
#: How a whole result in XML ends; pyoxigraph would read one that stops after a row.
_XML_END: Final = re.compile(rb"</([\w.-]+:)?sparql\s*>\s*\Z")
#: Headers by which servers say that they cut an answer short.
_CUT_HEADERS: Final = ("X-SPARQL-MaxRows", "X-SQL-State")
_PART: Final = 1 << 16
_LONGEST_TEXT: Final = 200
#: Bytes of an answer; what is longer is no part of a release.
_LARGEST: Final = 1 << 30


class EndpointError(SalvageError):
    """A server does not answer, refuses, or answers what it was not asked for.

    Attributes:
        status: HTTP status, None if there was no whole answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_refusal(self) -> bool:
        """Whether the server says that it does not do this, or not for us, or not so."""
        return self.status is not None and (400 <= self.status < 500 or self.status == HTTPStatus.NOT_IMPLEMENTED)


class CutError(EndpointError):
    """A server says that its answer is not all that there is."""


class Client:
    """A server as we ask it, one request at a time.

    Raises:
        ModuleNotFoundError: if SPARQLWrapper is not installed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        from kg_builder.remote.wrapper import open_with

        self.endpoint = endpoint
        #: What the server calls itself in its last answer.
        self.server = ""
        #: Ends every query as a comment. Virtuoso keeps the plan of a query by its text, and one made for a small
        #: release took a minute on a large one: a text of its own for each release makes it plan anew.
        self.remark = ""
        self._opener = open_with(endpoint)

    def select(
        self, text: str, graphs: Iterable[str], *, named: Iterable[str] = (), doing: str, form: str = "SELECT"
    ) -> ox.QuerySolutions | ox.QueryBoolean:
        """Answer a SELECT or ASK over the union of the graphs.

        Args:
            text: the query.
            graphs: IRIs of the default graph, ``default-graph-uri``.
            named: IRIs of graphs that GRAPH may name.
            doing: what this is for, as messages say it: ``asking for the release``.
            form: SELECT or ASK.
        Raises:
            CutError: if the server says that it left something out.
            EndpointError: if the server does not answer.
        """
        kind, data = self._ask(text, form, ROWS_ACCEPTED, graphs, named, doing)
        format = ox.QueryResultsFormat.from_media_type(kind)
        if format is None:
            raise self._alien(self.endpoint.query, kind, doing)
        if format == ox.QueryResultsFormat.XML and not _XML_END.search(data[-200:]):
            raise self._broken(self.endpoint.query, doing, "it ends before its end")
        try:
            found = ox.parse_query_results(data, format)
            if isinstance(found, ox.QuerySolutions):
                deque(found, maxlen=0)  # read to the end: only there a fault far down shows itself
            return ox.parse_query_results(data, format)
        except (SyntaxError, ValueError) as error:
            raise self._broken(self.endpoint.query, doing, error) from error

    def construct(
        self,
        text: str,
        graphs: Iterable[str],
        *,
        named: Iterable[str] = (),
        doing: str,
        form: str = "CONSTRUCT",
    ) -> list[ox.Triple]:
        """Answer a CONSTRUCT or DESCRIBE over the union of the graphs; as :meth:`select`."""
        kind, data = self._ask(text, form, GRAPH_ACCEPTED, graphs, named, doing)
        return self._triples(kind, data, self.endpoint.query, doing)

    def update(self, text: str, *, doing: str) -> None:
        """Send an update.

        Raises:
            EndpointError: if the server does not say that it is done.
        """
        assert self.endpoint.update is not None
        self._ask(text, "INSERT", "*/*", (), (), doing)

    def put(self, address: str, graph: str, lines: bytes, *, append: bool, doing: str) -> None:
        """Put N-Triples into a graph by the graph store protocol: all that it holds, or more of it."""
        split = "&" if "?" in address else "?"
        url = f"{address}{split}{urlencode({'graph': graph})}"
        request = urllib.request.Request(url, data=lines, method="POST" if append else "PUT")  # noqa: S310 http only
        request.add_header("Content-Type", "application/n-triples")
        self._send(address, request, doing)

    def get(self, url: str, *, doing: str) -> list[ox.Triple]:
        """Fetch a document of RDF."""
        request = urllib.request.Request(url)  # noqa: S310 http only
        request.add_header("Accept", GRAPH_ACCEPTED)
        kind, data = self._send(url, request, doing)
        return self._triples(kind, data, url, doing)

    # --- one request ------------------------------------------------------------------------

    def _ask(
        self, text: str, form: str, accept: str, graphs: Iterable[str], named: Iterable[str], doing: str
    ) -> tuple[str, bytes]:
        from kg_builder.remote.wrapper import Wrapper

        address = (self.endpoint.update if form == "INSERT" else self.endpoint.query) or ""
        wrapper = Wrapper(self._opener, self.endpoint)
        remark = f"\n# {ox.Literal(self.remark)}" if self.remark else ""
        wrapper.use(text + remark, form, accept, self.endpoint.credentials_for(address).header)
        for name, iris in (("default-graph-uri", graphs), ("named-graph-uri", named)):
            for iri in iris:
                wrapper.addParameter(name, iri)
        return self._receive(address, lambda: wrapper.query().response, doing)

    def _send(self, address: str, request: urllib.request.Request, doing: str) -> tuple[str, bytes]:
        from kg_builder.remote.wrapper import AGENT

        request.add_header("User-Agent", AGENT)
        if own := self.endpoint.credentials_for(address):
            request.add_header("Authorization", own.header)
        return self._receive(address, lambda: self._opener.open(request, timeout=self.endpoint.timeout), doing)

    def _receive(self, address: str, send: Callable[[], HTTPResponse], doing: str) -> tuple[str, bytes]:
        """Send a request and return media type and body of the answer."""
        where, seconds = shown(address), self.endpoint.timeout
        deadline = time.monotonic() + seconds
        try:
            with send() as response:
                data = self._read(response, deadline)
                cut = [f"{name}: {response.headers[name]}" for name in _CUT_HEADERS if response.headers[name]]
                kind = response.headers.get_content_type()
                self.server = response.headers["Server"] or ""
        except HTTPError as error:
            raise self._refused(address, error, doing) from None
        except (OSError, HTTPException) as error:
            raise EndpointError(f"{where}: {_tell_failure(error, seconds)} (while {doing})") from error
        if cut:
            hint = "let the server give whole answers (Virtuoso: ResultSetMaxRows, MaxQueryExecutionTime), or ask less"
            raise CutError(f"{where}: cut its answer short ({', '.join(cut)}) while {doing}; {hint}")
        return kind, data

    @staticmethod
    def _read(response: HTTPResponse, deadline: float) -> bytes:
        parts: list[bytes] = []
        total = 0
        while part := response.read1(_PART):
            parts.append(part)
            total += len(part)
            if time.monotonic() > deadline:
                raise TimeoutError
            if total > _LARGEST:
                raise HTTPException(f"more than {_LARGEST} bytes")
        length = response.headers["Content-Length"] or ""
        if length.isdecimal() and total < int(length):
            raise ConnectionResetError(f"{total} of {length} bytes came")
        if not length and not response.chunked and total:
            raise HTTPException("it does not say how long its answer is, so a cut one would not be seen")
        return b"".join(parts)

    # --- what went wrong --------------------------------------------------------------------

    def _refused(self, address: str, error: HTTPError, doing: str) -> EndpointError:
        with error:
            try:
                said = _first_words(error.read(4096), self._secrets())
            except (OSError, HTTPException):
                said = ""
            code = error.code
            place = error.headers["Location"] if error.headers else None
        if 300 <= code < 400 and place:
            hint = f"it points to {shown(place)}: give that address if you trust it"
        elif code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            known = bool(self.endpoint.credentials_for(address))
            hint = (
                "this user may not do it: see the rights that the server gives"
                if known
                else f"set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or see the rights that the server gives"
            )
        elif code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE):
            hint = "see that this is the address for it, and that the server allows it"
        elif code >= 500:
            hint = "see the log of the server"
        else:
            hint = "see that this is a SPARQL 1.1 server"
        name = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else ""
        status = f"{code} {name}".strip()
        return EndpointError(f"{shown(address)}: {status} while {doing}{f': {said}' if said else ''}; {hint}", code)

    def _secrets(self) -> list[str]:
        return [secret for own in self.endpoint.credentials.values() for secret in own.secrets]

    def _alien(self, address: str, kind: str, doing: str) -> EndpointError:
        hint = "give the address at which the server answers SPARQL queries"
        return EndpointError(f"{shown(address)}: answered with {kind}, no SPARQL answer, while {doing}; {hint}")

    def _broken(self, address: str, doing: str, error: Exception | str) -> EndpointError:
        fault = _first_words(str(error).encode(), self._secrets())
        hint = "the connection or the server broke off: try again, and see the log of the server"
        return EndpointError(f"{shown(address)}: its answer cannot be read while {doing}: {fault}; {hint}")

    def _triples(self, kind: str, data: bytes, address: str, doing: str) -> list[ox.Triple]:
        format = _GRAPH_FORMATS.get(kind)
        if format is None:
            raise self._alien(address, kind, doing)
        try:
            return [quad.triple for quad in ox.parse(data, format=format, base_iri=address)]
        except (SyntaxError, ValueError) as error:
            raise self._broken(address, doing, error) from error


def _tell_failure(error: Exception, seconds: float) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no whole answer within {seconds:g} s; give it longer with --timeout, or see what the server does"
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    if isinstance(error, URLError):
        return f"cannot be reached: {words.lower()}; see that the server runs and that the address is right"
    return f"broke off the connection: {words}; try again, and see the log of the server"


def _first_words(data: bytes, secrets: Iterable[str]) -> str:
    """Return the beginning of what a server says, on one line, without control characters and secrets."""
    text = data.decode("utf-8", errors="replace")
    if text.lstrip()[:1] == "<":
        return ""  # a page for browsers
    for secret in secrets:
        text = text.replace(secret, "…")
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= _LONGEST_TEXT else words[:_LONGEST_TEXT].rsplit(" ", 1)[0] + " …"
