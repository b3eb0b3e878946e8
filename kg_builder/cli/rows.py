"""Rows on stdout in the form that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from kg_builder.cli.terminal import Terminal

RowFormat = Annotated[
    Literal["table", "json", "jsonl", "csv", "md"], typer.Option("--format", "-f", help="Form of the rows.")
]


def write_rows(
    terminal: Terminal, columns: Sequence[str], rows: Iterable[Sequence[object]], format: str, heads: Mapping[str, str]
) -> None:
    """Write rows in one of the formats.

    Args:
        heads: column → its head where people read it; programs get the column's own name.
    """
    from kg_builder.render.text import dump_csv, dump_json

    if format == "csv":
        terminal.write(dump_csv(columns, rows))
    elif format in ("json", "jsonl"):
        objects: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
        if format == "json":
            terminal.write(dump_json(objects, indent=2) + "\n")
        else:
            terminal.write("".join(dump_json(each) + "\n" for each in objects))
    else:
        short = [[getattr(cell, "curie", cell) for cell in row] for row in rows]
        titles = [heads.get(column, column) for column in columns]
        if format == "md":
            from kg_builder.render.markdown import write_table

            terminal.write(write_table(titles, short))
        else:
            from kg_builder.render.console import set_table

            terminal.write(set_table(titles, short, terminal.page()))
