"""One line on the terminal that says what is being done, and is gone when it is done."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

_AT_MOST_EVERY_S = 0.1


class Progress:
    """Show texts one after the other on the same line; call it with each text.

    Nothing is written where ``shown`` is false (no terminal, ``--quiet``), so that callers need not ask.

    >>> with Progress(shown=False) as progress:
    ...     progress("reading tables")
    """

    def __init__(self, *, shown: bool, stream: TextIO | None = None, width: int = 80) -> None:
        self._shown = shown
        self._stream = stream or sys.stderr
        self._width = width
        self._last = 0.0

    def __call__(self, text: str) -> None:
        """Show one text; texts that follow each other too fast to be read are left out."""
        now = time.monotonic()
        if not self._shown or now - self._last < _AT_MOST_EVERY_S:
            return
        self._last = now
        self._stream.write(f"\r\x1b[K{text[: self._width - 1]}")
        self._stream.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._last:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
