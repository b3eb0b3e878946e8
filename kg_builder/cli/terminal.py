"""The world outside a command: its streams, its terminal, its files. The only place that touches them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kg_builder.issues import CaseError, Issue
from kg_builder.progress import Progress

if TYPE_CHECKING:
    from kg_builder import KnowledgeGraph
    from kg_builder.render.console import Page

PIPED_WIDTH = 100
BROKEN_PIPE = 141


class UsageError(Exception):
    """The command was called wrongly; exit 2."""


class MissingError(Exception):
    """Something that the command needs is not there; exit 3."""


class ClosedError(Exception):
    """Whoever read our output has gone (``| head``); nothing is left to say."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What every command is given: the options that all commands share, and ways to write."""

    quiet: bool = False
    colour: bool | None = None
    debug: bool = False
    release: Path | None = None

    def open(self) -> KnowledgeGraph:
        """Open the knowledge graph. Raises StoreError if there is no release."""
        from kg_builder import KnowledgeGraph

        return KnowledgeGraph.open(self.release)

    def write(self, text: str) -> None:
        """Write data to stdout at once. Raises ClosedError if nobody reads it any more."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _silence(sys.stdout)
            raise ClosedError from None

    def note(self, text: str) -> None:
        """Say something on stderr, unless the user wants quiet."""
        if not self.quiet:
            say(text)

    def page(self) -> Page:
        """Return width and colour of stdout: colour on a terminal, unless NO_COLOR or an option says otherwise."""
        from kg_builder.render.console import Page

        is_terminal = sys.stdout.isatty()
        colour = self.colour
        if colour is None:
            colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if is_terminal else _width_asked_for()
        return Page(width=width, colour=colour)

    def progress(self, *, while_writing: bool = False) -> Progress:
        """Return a progress line on stderr: on a terminal only, and not where output would run through it."""
        shown = sys.stderr.isatty() and not self.quiet and not (while_writing and sys.stdout.isatty())
        return Progress(shown=shown, width=shutil.get_terminal_size().columns)


def visible(text: str) -> str:
    r"""Return a message with what cannot be seen written as an escape: it may quote what a user's file holds.

    >>> visible("unknown name 'a\u202eb\x1b[1m'")
    "unknown name 'a\\u202eb\\x1b[1m'"
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """Write a message to stderr."""
    try:
        sys.stderr.write(f"salvage-kg: {visible(text)}\n")
    except BrokenPipeError:
        _silence(sys.stderr)


def report(issues: Iterable[Issue]) -> None:
    """Write each issue on a line of stderr, as editors and graders of logs read it: file:line: field: message."""
    try:
        sys.stderr.writelines(f"{visible(str(issue))}\n" for issue in issues)
    except BrokenPipeError:
        _silence(sys.stderr)


def read_text(path: str) -> str:
    """Return the text of a file, or of standard input for `-`.

    Raises:
        UsageError: if there is no such file, or it is a folder.
        CaseError: C001 if it is not UTF-8, or starts with a byte-order mark.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, not a file") from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text (byte {error.start + 1} of the file)"
        raise CaseError([Issue(name_of(path), line, "", "C001", message, "save it as UTF-8")]) from None
    if text.startswith("\ufeff"):
        message = "starts with a byte-order mark"
        raise CaseError([Issue(name_of(path), 1, "", "C001", message, "save it as UTF-8 without one")])
    return text


def name_of(path: str) -> str:
    """Return how messages name an input."""
    return "<stdin>" if path == "-" else path


def _width_asked_for() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else PIPED_WIDTH


def _silence(stream: TextIO) -> None:
    """Send what is still in the buffer nowhere, so that the interpreter does not complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
