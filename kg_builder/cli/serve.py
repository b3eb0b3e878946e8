"""The command that serves a release over HTTP."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from kg_builder.cli.app import command
from kg_builder.cli.terminal import MissingError, Terminal, UsageError
from kg_builder.server.limits import Limits

_DEFAULT = Limits()


@command("serve")
def serve(
    terminal: Terminal,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    public_url: Annotated[
        str, typer.Option("--public-url", metavar="URL", help="Scheme and host by which clients come, behind a proxy.")
    ] = "",
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Time a query may take.")] = _DEFAULT.seconds,
    memory_mb: Annotated[
        int,
        typer.Option(
            "--memory-mb",
            min=64,
            help="Memory that the process of one query or case may take beyond the knowledge, which all share: "
            "address space, MiB.",
        ),
    ] = _DEFAULT.memory_mb,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows or triples of an answer.")] = _DEFAULT.rows,
    result_bytes: Annotated[
        int, typer.Option("--result-bytes", min=1, help="Size of an answer, bytes.")
    ] = _DEFAULT.result_bytes,
    query_length: Annotated[
        int, typer.Option("--query-length", min=1, help="Characters of a query.")
    ] = _DEFAULT.query_length,
    body_bytes: Annotated[
        int, typer.Option("--body-bytes", min=1, help="Size of a request's body, bytes.")
    ] = _DEFAULT.body_bytes,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Queries that run at once.")] = _DEFAULT.workers,
    queue: Annotated[int, typer.Option("--queue", min=0, help="Requests that may wait.")] = _DEFAULT.queue,
) -> None:
    """Serve the knowledge over HTTP, to queries and cases.

    SPARQL 1.1, questions by name, answers to cases. Read-only: nothing can be changed through it. Without --host it can
    be reached from this machine only. It writes no access log; a case is answered and forgotten.
    """
    limits = Limits(
        seconds=seconds,
        memory_mb=memory_mb,
        rows=rows,
        result_bytes=result_bytes,
        query_length=query_length,
        body_bytes=body_bytes,
        workers=workers,
        queue=queue,
    )
    if public_url and not public_url.startswith(("http://", "https://")):
        raise UsageError(f"--public-url {public_url}: begins with http:// or https://")

    from kg_builder.server.app import make_app
    from kg_builder.server.listen import make_server

    app = make_app(_release(terminal.release), limits, public_url=public_url)
    listener = _listen(host, port)
    address = _url(listener)
    if not _is_loopback(listener):
        terminal.note(f"{address} can be reached from other machines; whoever reaches it can ask")
    terminal.note(f"serving on {address}, without a word about who asks what; stop with Ctrl-C")
    server = make_server(app)
    server.run(sockets=[listener])
    if not server.started:
        raise MissingError("the server did not start: its processes could not load the knowledge")


def _release(given: Path | None) -> Path:
    from kg_builder.knowledge_graph import find_default_release

    return find_default_release(given)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound. Raises UsageError for an address that is none, MissingError for one in use."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise UsageError(f"--host {host}: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()  # who comes while the knowledge is loaded waits, and is not turned away
    except OSError as error:
        listener.close()
        raise MissingError(f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0).lower()}") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback
