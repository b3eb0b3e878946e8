"""Options and openings that commands share which work on a SPARQL server elsewhere."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from kg_builder.cli.terminal import Terminal, UsageError
from kg_builder.issues import StoreError

if TYPE_CHECKING:
    from kg_builder import KnowledgeGraph

#: Seconds a request to a server may take.
TIMEOUT = 60.0
STOPPED = 128 + signal.SIGTERM

EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="Ask a SPARQL server, not the release here; see `load`."),
]
UpdateOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where that server takes updates: cases are then derived there."),
]
TimeoutOption = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.1, help="Time a request to the server may take.")
]


def open_graph(terminal: Terminal, endpoint: str | None, update: str | None, timeout: float) -> KnowledgeGraph:
    """Open the release here, or that of a server.

    Raises:
        UsageError: if the options do not go together, or an address cannot be read.
        StoreError: if there is no release here, or none on the server.
        EndpointError: if the server does not answer.
    """
    if endpoint is None:
        if update is not None:
            raise UsageError("--update-endpoint goes with --endpoint")
        return terminal.open()
    if terminal.release is not None:
        raise UsageError("--release and --endpoint are two places for the knowledge: give one")
    from kg_builder.remote.endpoint import AddressError, read_endpoint
    from kg_builder.remote.graph import RemoteGraph

    try:
        found = read_endpoint(endpoint, os.environ, update=update, timeout=timeout)
    except AddressError as error:
        raise UsageError(str(error)) from None
    graph = RemoteGraph.connect(found, say=terminal.note)
    _tell_difference(terminal, graph)
    return graph


def _tell_difference(terminal: Terminal, graph: KnowledgeGraph) -> None:
    """Say so if a server holds another release than the one that stands here."""
    from kg_builder.graph.store import read_manifest
    from kg_builder.knowledge_graph import find_default_release

    try:
        here = read_manifest(find_default_release(None))
    except StoreError:
        return
    there = graph.manifest
    if there.sha256 != here.sha256:
        names = (f"{release.version} (sha256 {release.sha256[:12]}…)" for release in (there, here))
        terminal.note("the server holds release {}, here stands {}; it is the server's that answers".format(*names))


@contextmanager
def tidy_when_stopped() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that what stands on a server is removed before the end."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(STOPPED)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
