"""Commands that look beyond the case as it is: what-if and plan."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from kg_builder.cli.app import command
from kg_builder.cli.cases import Batch, Cases, _read_all, _write_all, _write_json
from kg_builder.cli.terminal import Terminal, UsageError

Form = Annotated[Literal["table", "json", "jsonl"], typer.Option("--format", "-f", help="Form of the answer.")]


@command("what-if")
def what_if(terminal: Terminal, cases: Cases, format: Form = "table") -> None:
    """Find what would change the answer; name the next tests.

    The smallest changes (a drug stopped, a result obtained, a function recovered) that make an option usable or
    another one first, smallest first; then the tests that could change most options.
    """
    texts = _read_all(cases)
    kg = terminal.open()
    batch = Batch(kg, texts)
    found = map(kg.what_if, batch.cases())
    if format in ("json", "jsonl"):
        _write_json(terminal, batch, found, lines=format == "jsonl")
    else:
        from kg_builder.render.ahead import set_what_if

        page = terminal.page()
        _write_all(terminal, batch, found, lambda one: set_what_if(one, page), between="\n")
    batch.finish()


@command("plan")
def plan(
    terminal: Terminal,
    cases: Cases,
    lines: Annotated[
        int, typer.Option("--lines", metavar="N", help="Lines to look at, this one included: 1 to 3.")
    ] = 2,
    format: Form = "table",
) -> None:
    """Show which choice keeps most options open.

    For each regimen that stands: what would be left if it failed with the resistance that it is known to select.
    """
    from kg_builder.derivation.plan import LEAST_LINES, MOST_LINES

    if not LEAST_LINES <= lines <= MOST_LINES:
        raise UsageError(f"--lines {lines}: {LEAST_LINES} to {MOST_LINES} lines can be looked at")
    texts = _read_all(cases)
    kg = terminal.open()
    batch = Batch(kg, texts)
    found = (kg.plan(case, lines) for case in batch.cases())
    if format in ("json", "jsonl"):
        _write_json(terminal, batch, found, lines=format == "jsonl")
    else:
        from kg_builder.render.ahead import set_plan

        page = terminal.page()
        _write_all(terminal, batch, found, lambda one: set_plan(one, page), between="\n")
    batch.finish()
