"""The command that puts a release into a SPARQL server."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from kg_builder.cli.app import command
from kg_builder.cli.remote import TimeoutOption, tidy_when_stopped
from kg_builder.cli.terminal import Terminal, UsageError

#: Seconds a request may take: a server moves the graphs of a release in one.
LOAD_TIMEOUT = 300.0


@command("load")
def load(
    terminal: Terminal,
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Where the server takes SPARQL queries.")],
    update_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where it takes updates; else …/update beside …/query, or the same."),
    ] = None,
    graph_store: Annotated[
        str | None,
        typer.Option(metavar="URL|none", help="Where it offers the graph store protocol; else the usual places."),
    ] = None,
    chunk: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Statements in a request; else 20000, by update 1000.")
    ] = None,
    timeout: TimeoutOption = LOAD_TIMEOUT,
    again: Annotated[bool, typer.Option("--again", help="Load also what the server holds already.")] = False,
) -> None:
    """Put the release into a SPARQL server.

    It goes into staging graphs, is counted there, and takes the place of what the server held in one request. If the
    server refuses, is too slow or breaks off, it holds what it held before. One load at a time.

    User and password: SALVAGE_KG_ENDPOINT_USER and SALVAGE_KG_ENDPOINT_PASSWORD, or within the URL.
    """
    from kg_builder.graph.store import open_release, read_manifest
    from kg_builder.knowledge_graph import find_default_release
    from kg_builder.remote.endpoint import AddressError, complete, read_endpoint, shown
    from kg_builder.remote.load import load_release

    no_store = graph_store == "none"
    try:
        store = None if no_store else graph_store
        given = read_endpoint(endpoint, os.environ, update=update_endpoint, store=store, timeout=timeout)
    except AddressError as error:
        raise UsageError(str(error)) from None
    target = complete(given, stores=not no_store)
    release = find_default_release(terminal.release)
    manifest = read_manifest(release)
    knowledge = open_release(release)
    with tidy_when_stopped():
        done = load_release(knowledge, manifest, target, chunk=chunk, again=again, say=terminal.note)
    size = sum(done.described.graphs.values())
    held = f"{shown(target.query)} holds release {manifest.version}, {size:,} statements"
    if not done.by:
        terminal.note(f"{held}: it did so before")
    else:
        before = f", in the place of {done.former.version}" if done.former else ""
        terminal.note(f"{held}{before}")
