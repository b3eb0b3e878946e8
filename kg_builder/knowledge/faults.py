"""A fault found in a piece of text, before it is known which file and cell the text came from."""

from __future__ import annotations

from dataclasses import replace

from kg_builder.issues import Issue, SalvageError


class Fault(SalvageError):  # noqa: N818
    """One fault of a name, an alteration or a condition; :meth:`issue` says where it stood.

    Attributes:
        code: message code (docs/messages.md).
        message: what is wrong, with the offending text.
        hint: how to repair it.
        at: offset of the offending character in the text read, 0 for the first; -1 where it is the text as a whole.
    """

    def __init__(self, code: str, message: str, hint: str = "", at: int = -1) -> None:
        super().__init__([Issue("", 0, "", code, message, hint)])
        self.code = code
        self.message = message
        self.hint = hint
        self.at = at

    def shifted(self, offset: int) -> Fault:
        """Return the same fault for a text in which this one starts at ``offset``."""
        return Fault(self.code, self.message, self.hint, offset + max(self.at, 0))

    def issue(self, path: str, line: int = 0, column: str = "") -> Issue:
        """Return the fault as an issue of a file's cell, or of a case's field.

        >>> str(Fault("T007", "unknown name 'x'", at=4).issue("a.tsv", 3, "agent"))
        "a.tsv:3: agent: unknown name 'x' (character 5) [T007]"
        """
        where = f" (character {self.at + 1})" if self.at > 0 else ""
        return replace(self.issues[0], path=path, line=line, column=column, message=self.message + where)
