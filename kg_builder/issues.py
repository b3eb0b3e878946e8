"""Faults of data, told so that they can be repaired, and the small tree of errors that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One fault of data.

    Attributes:
        code: stable message code, for instance ``T007``; listed in ``docs/messages.md``.
        path: file, or case file and JSON pointer, where the fault is.
        line: line in the file (the header of a table is line 1); 0 where there is none.
        column: name of the column or field; empty where there is none.
        message: what is wrong, with the offending value.
        hint: how to repair it: nearest names, the expected form.
    """

    path: str
    line: int
    column: str
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        parts = [where, *([self.column] if self.column else []), self.message]
        text = ": ".join(parts)
        if self.hint:
            text += f"; {self.hint}"
        mark = "" if self.severity == "error" else "warning: "
        return f"{mark}{text} [{self.code}]"


class SalvageError(Exception):
    """Root of the errors that this package raises on purpose; carries the issues behind it."""

    def __init__(self, issues: Sequence[Issue] | str) -> None:
        self.issues: tuple[Issue, ...] = () if isinstance(issues, str) else tuple(issues)
        super().__init__(issues if isinstance(issues, str) else "\n".join(map(str, self.issues)))


class TableError(SalvageError):
    """Curation tables are at fault."""


class CaseError(SalvageError):
    """A case is at fault."""


class SourceError(SalvageError):
    """A published file that is to be imported is at fault."""


class QueryError(SalvageError):
    """A query file, its parameters or its text is at fault."""


class StoreError(SalvageError):
    """A store or release is missing, damaged or refuses."""


class ReasoningError(SalvageError):
    """The ontology is inconsistent, or a reasoner failed."""
