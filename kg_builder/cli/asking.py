"""Commands that look things up: ask, list, schema, version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from kg_builder import __version__
from kg_builder.cli.app import command
from kg_builder.cli.remote import TIMEOUT, EndpointOption, TimeoutOption, UpdateOption, open_graph
from kg_builder.cli.rows import RowFormat, write_rows
from kg_builder.cli.terminal import Terminal, UsageError
from kg_builder.issues import StoreError
from kg_builder.places import find_home
from kg_builder.vocabulary import KINDS

_PARAM = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


@command("ask")
def ask(
    terminal: Terminal,
    query: Annotated[str, typer.Argument(metavar="NAME|FILE.rq", help="A query of the catalogue, or a SPARQL file.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Parameter; may be repeated.")
    ] = None,
    format: RowFormat = "table",
    endpoint: EndpointOption = None,
    update_endpoint: UpdateOption = None,
    timeout: TimeoutOption = TIMEOUT,
) -> None:
    """Ask a question of the catalogue, or in SPARQL.

    The catalogue is what `list queries` shows; FILE.rq is a query of your own.
    """
    rows = open_graph(terminal, endpoint, update_endpoint, timeout).ask(query, **_read_params(param or []))
    heads = {column: f"{column} ({unit})" for column, unit in rows.units.items() if unit != "1"}
    write_rows(terminal, rows.columns, rows.rows, format, heads)
    if format == "table":
        terminal.note(f"{len(rows.rows)} row{'' if len(rows.rows) == 1 else 's'}")


@command("list")
def list_terms(
    terminal: Terminal,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="queries, drugs, classes, diseases, sources, genes ...")],
    format: RowFormat = "table",
) -> None:
    """List queries, drugs, classes, diseases and so on."""
    if kind in ("query", "queries"):
        write_rows(terminal, ("name", "parameters", "summary"), _list_queries(), format, {})
        return
    try:
        found = terminal.open().list(kind)
    except KeyError:
        raise UsageError(f"no kind is called {kind!r}; there are queries, {', '.join(sorted(KINDS))}") from None
    write_rows(terminal, ("id", "label", "definition"), found, format, {})


@command("schema")
def schema(
    terminal: Terminal,
    what: Annotated[
        Literal["case", "answer", "susceptibility", "what-if", "plan", "table"], typer.Argument(metavar="WHAT")
    ],
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of the table; all names without.")] = None,
    format: RowFormat = "table",
) -> None:
    """Print the schema of a case, an answer or a table.

    WHAT is case, answer, susceptibility, what-if, plan or table; `schema table drugs` shows the columns of drugs.tsv.
    """
    if what == "table":
        _write_table_schema(terminal, name, format)
        return
    if name is not None:
        raise UsageError(f"schema {what} takes no name")
    from pydantic import BaseModel

    from kg_builder.derivation.answer import Answer, Susceptibility
    from kg_builder.derivation.case import Case
    from kg_builder.derivation.plan import Plan
    from kg_builder.derivation.whatif_answer import WhatIf
    from kg_builder.render.text import dump_json

    models: dict[str, type[BaseModel]] = {
        "case": Case, "answer": Answer, "susceptibility": Susceptibility, "what-if": WhatIf, "plan": Plan,
    }  # fmt: skip
    mode: Literal["validation", "serialization"] = "validation" if what == "case" else "serialization"
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **models[what].model_json_schema(mode=mode)}
    terminal.write(dump_json(found, indent=2) + "\n")


@command("version")
def version(
    terminal: Terminal,
    format: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="Form of the answer.")] = "table",
) -> None:
    """Print the versions of program and knowledge."""
    from kg_builder.render.text import dump_json

    try:
        knowledge = terminal.open().version
    except StoreError as error:
        terminal.note(str(error))
        knowledge = None
    if format == "json":
        told = {"version": __version__, "knowledge": knowledge.model_dump() if knowledge else None}
        terminal.write(dump_json(told, indent=2) + "\n")
        return
    terminal.write(f"salvage-kg {__version__}\n")
    if knowledge:
        terminal.write(f"knowledge {knowledge.version} of {knowledge.built}, sha256 {knowledge.sha256}\n")
    else:
        terminal.write("knowledge none\n")


def _list_queries() -> list[tuple[str, str, str]]:
    from kg_builder.ask import load_catalogue

    headers = [query.header for query in load_catalogue(find_home("queries", "ask")).values()]
    return [(head.id, ", ".join(param.name for param in head.params), head.summary) for head in headers]


def _read_params(given: Sequence[str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for text in given:
        match = _PARAM.fullmatch(text)
        if not match:
            raise UsageError(f"--param {text}: write NAME=VALUE")
        if match[1] in params:
            raise UsageError(f"--param {match[1]}: given twice")
        params[match[1]] = match[2]
    return params


def _write_table_schema(terminal: Terminal, name: str | None, format: str) -> None:
    from kg_builder.knowledge.columns import describe_columns, summary_of_table
    from kg_builder.knowledge.rows import TABLES

    if name is None:
        write_rows(terminal, ("table", "a row says"), [(t, summary_of_table(t)) for t in TABLES], format, {})
        return
    model = TABLES.get(name.removesuffix(".tsv"))
    if model is None:
        from rapidfuzz import process

        near = ", ".join(found for found, _, _ in process.extract(name, list(TABLES), limit=3))
        raise UsageError(f"no table is called {name!r}; nearest: {near}")
    described = [(c.name, c.shape, c.required, c.values_in_words, c.meaning) for c in describe_columns(model).values()]
    write_rows(terminal, ("column", "holds", "required", "values", "meaning"), described, format, {})
