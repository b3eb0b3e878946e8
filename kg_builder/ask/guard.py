"""Let only reading queries through: SELECT, ASK or CONSTRUCT, without SERVICE and FROM.

The store has no timeout and would send a SERVICE clause out, and it gives no syntax tree to look at. So
the guard does not depend on reading the query as the store does: it refuses the letters of SERVICE
wherever they stand, and the escapes by which they could be hidden.
"""

from __future__ import annotations

import re

from pyoxigraph import Store

from kg_builder.issues import Issue, QueryError

_ESCAPE = re.compile(r"\\[uU][0-9A-Fa-f]")
_SERVICE = re.compile("service", re.IGNORECASE)
_FROM = re.compile(r"(?<![\w?$:/#.-])FROM(?![:\w.-])\s*(#.*\s*)*(NAMED\b|<|[\w.-]*:)", re.IGNORECASE)
_PROLOGUE = re.compile(r"(\s|#.*|PREFIX\s+[^\s:]*:\s*<[^>]*>|BASE\s*<[^>]*>)+", re.IGNORECASE)
#: Characters of the parser's message that are shown; it lists every word that could have stood there.
_LONGEST = 160
_FORM = re.compile(r"SELECT\b|ASK\b|CONSTRUCT\b", re.IGNORECASE)


def check_query(text: str, path: str) -> str:
    """Return the form of a query that only reads: SELECT, ASK or CONSTRUCT.

    Args:
        text: the query as a user wrote it.
        path: where it came from, for messages.
    Raises:
        QueryError: Q005 if it is no SPARQL 1.1 query, Q006 if it is one that is refused.
    """
    for pattern, message, hint in (
        (_ESCAPE, "codepoint escapes are refused", "write the character itself"),
        (_SERVICE, "SERVICE is refused, also within names, texts and comments", "ask each server by itself"),
        (_FROM, "FROM is refused", "use GRAPH where one named graph is meant"),
    ):
        if match := pattern.search(text):
            raise _error(path, "Q006", message, hint, line=text.count("\n", 0, match.start()) + 1)
    prologue = _PROLOGUE.match(text)
    form = _FORM.match(text, prologue.end() if prologue else 0)
    if form is None:
        raise _error(path, "Q006", "the text does not begin as a reading query", "write SELECT, ASK or CONSTRUCT")
    try:
        Store().query(text)
    except SyntaxError as error:
        raise syntax_fault(path, error) from error
    return form[0].upper()


def syntax_fault(path: str, error: SyntaxError) -> QueryError:
    """Return the error of a query that the store cannot read; its message ends in ``at LINE:COLUMN: …``."""
    place = re.search(r"\bat (\d+):\d+", error.msg)
    text = " ".join(error.msg.split())
    short = text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"
    return _error(path, "Q005", f"no SPARQL 1.1 query: {short}", line=int(place[1]) if place else 0)


def _error(path: str, code: str, message: str, hint: str = "", *, line: int = 0) -> QueryError:
    return QueryError([Issue(path, line, "", code, message, hint)])
