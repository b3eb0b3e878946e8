"""Read what a client sent: bodies within bounds and time, parameters as the SPARQL protocol has them."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import pyoxigraph as ox
from starlette.requests import ClientDisconnect, Request

from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused

FORM, QUERY, UPDATE = "application/x-www-form-urlencoded", "application/sparql-query", "application/sparql-update"
#: Parameters of a request that are read.
MOST_PARAMETERS = 200
#: Seconds that a client may take to send a body.
BODY_SECONDS = 10.0
#: Seconds after which the client of a request that still runs is watched.
_GLANCE = 0.1

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_UTF8 = {"utf-8", "utf8", "us-ascii"}

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with the dataset that the protocol gives it; no text if none was sent."""

    text: str | None
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()


def bad_request(detail: str) -> Refused:
    """Return the refusal of a request that cannot be read."""
    return Refused(400, "bad-request", "The request cannot be read", detail)


def unsupported(detail: str) -> Refused:
    """Return the refusal of a body in another form than is read here."""
    return Refused(415, "media-type", "The body is in a form that is not read here", detail)


def read_only(request_was: str) -> Refused:
    """Return the refusal of an update."""
    detail = f"{request_was}; this endpoint answers queries and changes nothing"
    return Refused(403, "read-only", "This endpoint is read-only", detail)


def media_type_of(request: Request) -> str:
    """Return the media type of a body, without parameters; empty if none is given.

    Raises:
        Refused: 415 if its characters are not in UTF-8, or it is compressed.
    """
    value = request.headers.get("content-type", "")
    charset = _CHARSET.search(value)
    if charset and charset[1].lower() not in _UTF8:
        raise unsupported(f"the charset is {charset[1]!r}; send UTF-8")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise unsupported(f"the content coding is {coding!r}; send the body as it is")
    return value.partition(";")[0].strip().lower()


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body of a request.

    Raises:
        Refused: 413 if it is longer than the limit, 408 if it does not come, 400 if the client went away.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body_bytes:
        raise _too_large(limits)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                parts.append(part)
    except TimeoutError:
        detail = f"the body did not come within {BODY_SECONDS:.0f} seconds"
        raise Refused(408, "slow-client", "The request took too long to come", detail) from None
    except ClientDisconnect:
        raise bad_request("the connection was closed before the body had come") from None
    return b"".join(parts)


def peer_of(request: Request) -> str:
    """Return who asks: the address, of IPv6 its network, of which one machine may have every address."""
    host = request.client.host if request.client else ""
    if ":" not in host:
        return host
    return str(ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False))


async def while_connected(request: Request, work: Coroutine[Any, Any, bytes]) -> bytes:
    """Return what the work gives; end it if the client goes away, for then nobody needs it.

    Raises:
        ClientDisconnect: if the client went away.
    """
    task = asyncio.ensure_future(work)
    gone: asyncio.Future[None] | None = None
    try:
        await asyncio.wait((task,), timeout=_GLANCE)
        if not task.done():  # most are quick, and need no watch
            gone = asyncio.ensure_future(_wait_until_gone(request))
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        if gone:
            gone.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_large(limits: Limits) -> Refused:
    detail = f"the body is longer than {limits.body_bytes:,} bytes"
    return Refused(413, "body-too-large", "The body is too large", detail)


def decode(data: bytes) -> str:
    """Return the text of a body. Raises Refused 400 if it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"not UTF-8 at byte {error.start + 1}") from None


def read_pairs(encoded: bytes) -> Pairs:
    """Return names and values of a query string or form, in order.

    Raises:
        Refused: 400 if they are not percent-encoded UTF-8, or too many.
    """
    if not encoded:
        return []
    try:
        text = encoded.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeError:
        raise bad_request("parameters are not percent-encoded UTF-8") from None
    except ValueError:
        raise bad_request(f"there are more than {MOST_PARAMETERS} parameters") from None


async def read_query(request: Request, limits: Limits, known_graphs: frozenset[str]) -> Asked:
    """Read a query as SPARQL 1.1 Protocol, section 2.1, has it: GET, form, or the query itself as the body.

    Raises:
        Refused: 400, 403 for an update, 408, 413, 415.
    """
    pairs = read_pairs(request.scope["query_string"])
    if request.method == "POST":
        media_type = media_type_of(request)
        if media_type == UPDATE:
            raise read_only("the body is an update")
        if media_type not in (FORM, QUERY):
            was = f"{media_type!r}" if media_type else "not named"
            raise unsupported(f"the body's media type is {was}; send {FORM} or {QUERY}")
        body = await read_body(request, limits)
        pairs += [("query", decode(body))] if media_type == QUERY else read_pairs(body)
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    if "update" in given:
        raise read_only("the request holds an update")
    queries = given.get("query", [])
    if len(queries) > 1:
        raise bad_request("there is more than one query")
    if not queries and request.method == "POST":
        raise bad_request("there is no query")
    graphs = [
        tuple(_check_graph(uri, known_graphs) for uri in given.get(name, ()))
        for name in ("default-graph-uri", "named-graph-uri")
    ]
    return Asked(queries[0] if queries else None, *graphs)


def _check_graph(uri: str, known_graphs: frozenset[str]) -> str:
    """Return the IRI of a graph. One on the web that is not ours is an empty graph; nothing is ever fetched."""
    try:
        ox.NamedNode(uri)
    except ValueError:
        raise bad_request("the name of a graph is no absolute IRI") from None
    if uri not in known_graphs and not uri.startswith(("http://", "https://", "urn:")):
        graphs = ", ".join(sorted(known_graphs))
        raise Refused(400, "unknown-graph", "There is no such graph", f"graphs here are {graphs}")
    return uri
