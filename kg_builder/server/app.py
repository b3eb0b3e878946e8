"""The application: which path answers what. Queries and cases of strangers run in the processes of the pool."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pyoxigraph as ox
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kg_builder import __version__
from kg_builder.derivation.context import read_context
from kg_builder.graph.slices import TERMS
from kg_builder.graph.store import find_release, open_cut, read_manifest
from kg_builder.server.cases import COMMANDS, answer_case
from kg_builder.server.description import Served, Triples, describe_service, graph_sizes, write_graph
from kg_builder.server.examples import GRAPH_EXAMPLES, describe_examples, read_questions
from kg_builder.server.guard import check_query
from kg_builder.server.limits import Limits
from kg_builder.server.negotiate import FORMS, GRAPHS, HTML, JSON, N_TRIPLES, PAGE, RESULTS_JSON, choose
from kg_builder.server.openapi import write_document
from kg_builder.server.page import POLICY, write_page
from kg_builder.server.pool import WorkerPool
from kg_builder.server.problems import Refused
from kg_builder.server.questions import Questions
from kg_builder.server.reading import Asked, peer_of, read_pairs, read_query, while_connected
from kg_builder.server.responses import (
    answer,
    cacheable,
    entity_tag,
    is_volatile,
    origin_of,
    problem_response,
    unchanged,
)
from kg_builder.server.void import WELL_KNOWN, describe_dataset
from kg_builder.vocabulary import RDFS, SV

_HEADER = "CONSTRUCT {{ <{0}> ?property ?value }} WHERE {{ <{0}> ?property ?value }}"
_CLASSES = f"""SELECT ?class (COUNT(DISTINCT ?one) AS ?number) WHERE {{
  ?one a ?class FILTER(STRSTARTS(STR(?class), "{SV}"))
}} GROUP BY ?class"""
_EXAMPLE = f"""PREFIX sv: <{SV}> PREFIX rdfs: <{RDFS}>
SELECT ?disease ?agent WHERE {{
  ?use a sv:Indication ; sv:forDisease ?treated ; sv:concernsAgent ?option .
  ?treated rdfs:label ?disease . ?option a sv:Drug ; rdfs:label ?agent
}} ORDER BY ?disease ?agent LIMIT 1"""
#: Bytes of the query string, and of all headers together; a query with the longest name of a graph fits.
MOST_QUERY_BYTES, MOST_HEADER_BYTES = 200_000, 32_768
_SENT_ALWAYS = ((b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff"))
_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
_EXPOSED = (b"access-control-expose-headers", b"ETag, Retry-After, Allow, Case-Remarks")


class SalvageServer:
    """Answers requests about one release; :attr:`app` is the ASGI application."""

    def __init__(self, release: Path, limits: Limits, *, public_url: str = "") -> None:
        """Prepare to serve a release; its processes start with the application.

        Args:
            release: a release, or a directory of releases.
            limits: how much one request may use.
            public_url: scheme and host by which clients reach the server, without a path; by default what
                each request says.
        Raises:
            StoreError: if there is no release.
        """
        self._release = find_release(release)
        self._limits, self._public_url = limits, public_url.rstrip("/")
        self.pool = WorkerPool(self._release, limits)
        self._manifest = read_manifest(self._release)
        self._served = Served(self._manifest, graph_sizes(self._manifest))
        self._document = b""
        files = read_questions()
        self._served.graphs[GRAPH_EXAMPLES] = len(describe_examples(files))
        self._questions = Questions(files, read_context(open_cut(self._release, TERMS)).names, self.pool)
        get = partial(Route, methods=["GET"])
        routes = [
            get("/", self._home),
            Route("/sparql", self._sparql, methods=["GET", "POST"]),
            Route("/sparql/", self._sparql, methods=["GET", "POST"]),
            get("/ask", self._list_questions),
            get("/ask/{name}", self._ask),
            get("/examples", self._examples),
            get(WELL_KNOWN, self._void),
            get("/openapi.json", self._openapi),
            get("/health", self._health),
            *(Route(f"/{each.name}", self._case(each.name), methods=["POST"]) for each in COMMANDS),
        ]
        self.app = Starlette(
            routes=routes,
            middleware=[Middleware(_Front, routes=routes)],
            exception_handlers={HTTPException: _tell_http},
            lifespan=self._run,
        )
        self.app.router.redirect_slashes = False

    @asynccontextmanager
    async def _run(self, app: Starlette) -> AsyncIterator[None]:
        try:
            await self.pool.start()
            await self._read_header()
            example = next(iter(await self._rows(_EXAMPLE)), None)
            self._document = write_document(self._manifest, self._questions.all.values(), example)
            yield
        finally:
            await self.pool.stop()

    async def _read_header(self) -> None:
        """Read what descriptions tell; they tell less where the limits are too narrow for it."""
        text = _HEADER.format(ox.NamedNode(self._manifest.ontology).value)
        try:
            header = ox.parse(await self.pool.query(text, media_type=N_TRIPLES), format=ox.RdfFormat.N_TRIPLES)
            said = tuple((q.predicate.value, q.object) for q in header if not isinstance(q.object, ox.Triple))
            classes = {row["class"]: int(row["number"]) for row in await self._rows(_CLASSES)}
        except Refused as refused:
            if refused.type != "answer-too-large":
                raise
        else:
            self._served = Served(self._manifest, self._served.graphs, classes, said)

    async def _rows(self, query: str) -> list[dict[str, str]]:
        """Return the rows of a query of this module: column → value."""
        answer = json.loads(await self.pool.query(query, media_type=RESULTS_JSON))
        return [{name: term["value"] for name, term in row.items()} for row in answer["results"]["bindings"]]

    # --- SPARQL -----------------------------------------------------------------------------

    async def _sparql(self, request: Request) -> Response:
        asked = await read_query(request, self._limits, self.pool.known_graphs)
        if asked.text is None:
            origin = self._origin(request)
            endpoint = origin + request.url.path
            return self._graph(request, describe_service(self._served, endpoint, f"{origin}{WELL_KNOWN}#knowledge"))
        form = check_query(asked.text, self._limits, self.pool.known_graphs)
        return await self._answer(request, asked, form, peer_of(request))

    async def _ask(self, request: Request) -> Response:
        question = self._questions.find(request.path_params["name"])
        bound = await self._questions.bind(question, read_pairs(request.scope["query_string"]))
        try:
            # apart from what the same one wrote: behind a proxy, all have the address of one
            return await self._answer(request, Asked(bound.text), question.form, f"questions {peer_of(request)}")
        except Refused as refused:
            if refused.type != "answer-too-large":
                raise
            # the request is sound, so that it is no 422: the server does not do it
            detail = f"{refused.detail.partition(';')[0]}; give it one of {', '.join(p.name for p in question.params)}"
            raise Refused(403, refused.type, refused.title, detail) from None

    async def _answer(self, request: Request, asked: Asked, form: str, peer: str) -> Response:
        """Answer a query that has been let through, in the form that the client likes best."""
        assert asked.text is not None
        offer = choose(request.headers.get("accept"), FORMS[form])
        tag = None if is_volatile(asked.text) else self._tag(asked, offer.content_type)
        if tag and (same := unchanged(request, tag, is_certain=False)):
            return same
        work = self.pool.query(
            asked.text,
            media_type=offer.written_as,
            default_graphs=asked.default_graphs,
            named_graphs=asked.named_graphs,
            peer=peer,
        )
        content = await while_connected(request, work)
        return answer(content, offer, cacheable(tag))

    # --- cases ------------------------------------------------------------------------------

    def _case(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        command = next(each for each in COMMANDS if each.name == name)

        async def answer_it(request: Request) -> Response:
            return await answer_case(request, command, self.pool, self._limits)

        return answer_it

    # --- what there is ----------------------------------------------------------------------

    async def _home(self, request: Request) -> Response:
        offer = choose(request.headers.get("accept"), (PAGE, *GRAPHS))
        if offer.media_type != HTML:
            return await self._void(request)
        content = write_page(self._manifest, self._questions.all.values(), self._limits)
        return self._fixed(request, content, PAGE.content_type, {"Content-Security-Policy": POLICY})

    async def _list_questions(self, request: Request) -> Response:
        offer = choose(request.headers.get("accept"), (JSON,))
        content = json.dumps([each.describe() for each in self._questions.all.values()], ensure_ascii=False, indent=1)
        return self._fixed(request, content.encode(), offer.content_type)

    async def _examples(self, request: Request) -> Response:
        files = {name: each.file for name, each in self._questions.all.items()}
        return self._graph(request, describe_examples(files, origin=self._origin(request)))

    async def _void(self, request: Request) -> Response:
        origin = self._origin(request)
        dataset = f"{origin}{WELL_KNOWN}#knowledge"
        return self._graph(request, describe_dataset(self._served, f"{origin}/sparql", dataset, f"{origin}/examples"))

    async def _openapi(self, request: Request) -> Response:
        offer = choose(request.headers.get("accept"), (JSON,))
        return self._fixed(request, self._document, offer.content_type)

    async def _health(self, request: Request) -> Response:
        offer = choose(request.headers.get("accept"), (JSON,))
        manifest = self._manifest
        knowledge = {"version": manifest.version, "built": manifest.built, "sha256": manifest.sha256}
        told = {"status": "ok", "version": __version__, "knowledge": knowledge, **await self.pool.health()}
        return answer(json.dumps(told).encode(), offer, cacheable(None))

    def _origin(self, request: Request) -> str:
        return self._public_url or origin_of(request)

    def _tag(self, *parts: object) -> str:
        return entity_tag(self._manifest.sha256, __version__, *parts)

    def _graph(self, request: Request, triples: Triples) -> Response:
        offer = choose(request.headers.get("accept"), GRAPHS)
        return self._fixed(request, write_graph(triples, offer.written_as), offer.content_type)

    def _fixed(
        self, request: Request, content: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> Response:
        """Return what stays the same as long as the knowledge does."""
        tag = self._tag(request.url.path, self._origin(request), content_type)
        headers = {"Content-Type": content_type, **cacheable(tag), **(headers or {})}
        return unchanged(request, tag) or Response(content, headers=headers)


class _Front:
    """What holds for every request: headers, HEAD, OPTIONS, and that what goes wrong is told as a problem.

    An error of the program is told on stderr by its kind and place only: its text could hold a case.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        is_head = scope["method"] == "HEAD"
        always = (*_SENT_ALWAYS, _EXPOSED, *([(b"connection", b"close")] if _has_two_lengths(scope) else ()))

        async def send_all(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *always]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            _check_size(scope)
            if _has_two_lengths(scope):
                detail = "a body has a length or comes in chunks; one that says both could be read in two ways"
                raise Refused(400, "bad-request", "The request cannot be read", detail)
            if scope["method"] == "OPTIONS":
                await self._tell_options(scope)(scope, receive, send_all)
            else:
                await self._app(scope, receive, send_all)
            return
        except Refused as refused:
            response = problem_response(refused)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 the outermost place: told and ended here
            frame = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"salvage-kg: internal error: {type(error).__name__} at {frame.filename}:{frame.lineno}",
                file=sys.stderr,
            )
            detail = "the server met a fault of its own; it has been noted, without what you sent"
            response = problem_response(Refused(500, "internal", "A fault of the program", detail))
        if not started:
            await response(scope, receive, send_all)

    def _tell_options(self, scope: Scope) -> Response:
        for route in self._routes:
            if route.matches({**scope, "method": "GET"})[0] is not Match.NONE:
                allow = _allow(route.methods or ())
                return Response(
                    status_code=204, headers={"Allow": allow, "Access-Control-Allow-Methods": allow, **_PREFLIGHT}
                )
        return _not_found()


def _has_two_lengths(scope: Scope) -> bool:
    """Return whether a body ends here for one reader and there for another (RFC 9112, 6.1)."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}


def _check_size(scope: Scope) -> None:
    """Refuse what the server under the application reads and nobody needs. Raises Refused 414 or 431."""
    if len(scope["query_string"]) > MOST_QUERY_BYTES:
        detail = f"it has more than {MOST_QUERY_BYTES:,} bytes; send a long query by POST"
        raise Refused(414, "url-too-long", "The URL is too long", detail)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        detail = f"the headers have more than {MOST_HEADER_BYTES:,} bytes"
        raise Refused(431, "header-too-long", "A header field is too long", detail)


async def _tell_http(request: Request, error: Exception) -> Response:
    """Answer what the router raises: no such path, or not with this method."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        allow = _allow((error.headers or {}).get("Allow", "").split(", "))
        refused = Refused(405, "method", "The method is not allowed here", f"this path takes {allow}")
        return problem_response(refused, {"Allow": allow})
    return _not_found()


def _not_found() -> Response:
    return problem_response(Refused(404, "no-such-path", "There is nothing here", "see / for what there is"))


def _allow(methods: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"} - {""}))


def make_app(release: Path, limits: Limits | None = None, *, public_url: str = "") -> Starlette:
    """Return the ASGI application that serves a release; arguments as of :class:`SalvageServer`."""
    return SalvageServer(release, limits or Limits(), public_url=public_url).app
