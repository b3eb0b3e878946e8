"""What a stranger gets instead of an answer: a status that is true, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kg_builder.issues import Issue


def write_document(document: Mapping[str, Any]) -> bytes:
    """Return a problem document as JSON in UTF-8; half a surrogate that it cites becomes ‘?’, as on a terminal."""
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


class Refused(Exception):  # noqa: N818 it is what the stranger is answered
    """A request that is not answered. The HTTP layer turns it into ``application/problem+json`` (RFC 9457).

    Attributes:
        status: HTTP status code, 4xx or 5xx.
        type: stable slug of the kind of problem, for instance ``time-limit``.
        title: the kind of problem in words; the same for every problem of its type.
        detail: what is wrong with this request, and what would do.
        retry_after: seconds after which trying again may help; None where it would not.
        issues: faults of a case, as the command line tells them; empty for a query.
    """

    def __init__(
        self,
        status: int,
        type: str,
        title: str,
        detail: str,
        *,
        retry_after: int | None = None,
        issues: Sequence[Issue] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.type, self.title, self.detail = status, type, title, detail
        self.retry_after, self.issues = retry_after, tuple(issues)

    def document(self) -> dict[str, Any]:
        """Return the members of the problem document; ``type`` is the bare slug.

        >>> Refused(503, "busy", "The server is busy", "Try again.", retry_after=1).document()
        {'type': 'busy', 'title': 'The server is busy', 'status': 503, 'detail': 'Try again.', 'retryAfter': 1}
        """
        members: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.retry_after is not None:
            members["retryAfter"] = self.retry_after
        if self.issues:
            members["issues"] = [asdict(issue) for issue in self.issues]
        return members

    def to_json(self) -> bytes:
        """Return the document as a worker sends it to the pool."""
        return write_document(self.document())

    @classmethod
    def from_json(cls, data: bytes) -> Refused:
        """Read what :meth:`to_json` wrote."""
        read = json.loads(data)
        issues = [Issue(**issue) for issue in read.get("issues", ())]
        return cls(
            read["status"],
            read["type"],
            read["title"],
            read["detail"],
            retry_after=read.get("retryAfter"),
            issues=issues,
        )
