"""The application, and the decorator that gives every command the options that all of them share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from kg_builder import __version__
from kg_builder.cli.terminal import Terminal

app = typer.Typer(
    name="salvage-kg",
    help="What can still work after treatment has failed, why, and on whose word.\n\n"
    "For research and education only: not medical advice.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _shared(
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but data and errors.")] = False,
    colour: Annotated[
        bool | None,
        typer.Option("--color/--no-color", help="Colour; by default on a terminal.", show_default=False),
    ] = None,
    release: Annotated[
        Path | None,
        typer.Option("--release", metavar="DIR", help="Knowledge to use; default $SALVAGE_KG_RELEASE or ./build."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command."""


def command(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function ``(terminal, …)`` as a command; the shared options make its Terminal."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = list(inspect.signature(_shared, eval_str=True).parameters.values())

        def call(**given: Any) -> None:
            terminal = Terminal(**{parameter.name: given.pop(parameter.name) for parameter in shared})
            function(terminal, **given)

        call.__doc__ = function.__doc__
        call.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        app.command(name)(call)
        return function

    return register


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"salvage-kg {__version__}")
        raise typer.Exit


@app.callback()
def salvage_kg(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version of the program.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass
