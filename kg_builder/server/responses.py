"""What goes back to a client: answers that caches can keep, and problem documents (RFC 9457)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kg_builder.issues import Issue
from kg_builder.server.negotiate import Offer
from kg_builder.server.problems import Refused, write_document
from kg_builder.vocabulary import BASE

PROBLEM = "application/problem+json"
#: Before the slug of a problem's type.
PROBLEMS = BASE + "problem/"
#: A query that calls one of these has another answer each time.
_VOLATILE = re.compile(r"\b(NOW|RAND|UUID|STRUUID)\s*\(", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def describe_issue(issue: Issue) -> dict[str, str]:
    """Return a fault of a case or parameter as it stands in a problem document."""
    said = {"code": issue.code, "pointer": issue.column, "message": issue.message, "hint": issue.hint}
    return said if issue.severity == "error" else {**said, "severity": issue.severity}


def problem_response(refused: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """Return the problem document of a refusal."""
    document: dict[str, Any] = {**refused.document(), "type": PROBLEMS + refused.type}
    if refused.issues:
        document["issues"] = [describe_issue(issue) for issue in refused.issues]
    sent = {"Cache-Control": "no-store", **(headers or {})}
    if refused.retry_after is not None:
        sent["Retry-After"] = str(refused.retry_after)
    return Response(write_document(document), refused.status, sent, PROBLEM)


def entity_tag(knowledge: str, *parts: object) -> str:
    """Return the weak entity tag of an answer: the knowledge's sha256, then what was asked of it and in which form."""
    asked = hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
    return f'W/"{knowledge}.{asked}"'


def is_volatile(query: str) -> bool:
    """Return whether two answers to the query may differ although the knowledge is the same."""
    return _VOLATILE.search(query) is not None


def unchanged(request: Request, tag: str, *, is_certain: bool = True) -> Response | None:
    """Return the answer 304 if the client has this one already (RFC 9110, section 13.1.2); else None.

    Args:
        request: what the client asks, with the tags it knows.
        tag: of the answer.
        is_certain: whether there is an answer for certain; if not, only its tag counts, and ``*`` does not.
    """
    known = request.headers.get("if-none-match")
    if known is None or request.method not in ("GET", "HEAD"):
        return None
    tags = {each.strip().removeprefix("W/") for each in known.split(",")}
    if tag.removeprefix("W/") not in tags and not (is_certain and known.strip() == "*"):
        return None
    return Response(status_code=304, headers=cacheable(tag))


def cacheable(tag: str | None) -> dict[str, str]:
    """Return the headers of an answer: kept by caches, and asked after each time; without a tag not kept."""
    if tag is None:
        return {"Vary": "Accept", "Cache-Control": "no-store"}
    return {"ETag": tag, "Vary": "Accept", "Cache-Control": "no-cache"}


def answer(content: bytes, offer: Offer, headers: Mapping[str, str]) -> Response:
    """Return an answer in the form that was chosen."""
    return Response(content, headers={"Content-Type": offer.content_type, **headers})


def origin_of(request: Request) -> str:
    """Return scheme and host as the client wrote them.

    Raises:
        Refused: 400 if the Host header is none.
    """
    host = request.headers.get("host", "")
    if not host:
        server = request.scope.get("server") or ("localhost", None)
        host = server[0] if server[1] is None else f"{server[0]}:{server[1]}"
    if not _HOST.fullmatch(host):
        raise Refused(400, "bad-request", "The request cannot be read", "the Host header names no host")
    return f"{request.scope['scheme']}://{host}"
