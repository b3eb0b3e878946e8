"""Let only reading queries over our own graphs through.

The engine has no timeout, calls ``SERVICE`` out, and gives no syntax tree to look at. So the guard reads the tokens
of a query itself, in one pass whose time grows with the length only, and lets through nothing that can be read in two
ways. Two traps make that needed:

* The engine reads keywords without a blank after them: ``SERVICESILENT<…>`` and ``1SERVICE:x`` are calls. So the
  letters of SERVICE are refused in everything but texts, comments, whole IRIs and plain names of variables and terms;
  in the prefix of a plain name they are let through where no ``{`` follows, without which nothing is a call.
* ``<1)SERVICE:x#>`` is an IRI to a lexer, and a comparison, a call and a comment to a parser that expects an operator
  there. So between ``<`` and ``>`` stands a whole IRI, with ``//``, which no expression can hold, or a short one
  of letters that mean nothing else; all else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast
from urllib.parse import urljoin

from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused

QueryForm = Literal["SELECT", "ASK", "CONSTRUCT", "DESCRIBE"]

#: Texts up to this length are remembered with what was found in them; this many of them, and a few longer ones.
_SHORT, _MANY, _FEW = 4096, 1024, 8

_CODEPOINT = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_ESCAPE = rf"\\[tbnrf\\\"']|{_CODEPOINT}"
_SPACE = r"[ \t\r\n]|#[^\r\n]*+"
_IRI = rf"<[A-Za-z][A-Za-z0-9+.\-]*+://(?:[^<>\"{{}}|^`\\\x00-\x20]|{_CODEPOINT})*+>"
_SHORT_IRI = r"<[A-Za-z0-9_.~:/?&=%+@,;*!$\-]*+>"
_STRING = (
    rf'"""(?:"{{0,2}}+(?:[^"\\]|{_ESCAPE}))*+"""'
    rf"|'''(?:'{{0,2}}+(?:[^'\\]|{_ESCAPE}))*+'''"
    rf'|"(?!"")(?:[^"\\\r\n]|{_ESCAPE})*+"'
    rf"|'(?!'')(?:[^'\\\r\n]|{_ESCAPE})*+'"
)
_PREFIX_NAME = r"(?:[^\W\d_][\w.\-]*+)?+:"
_NAME = rf"{_PREFIX_NAME}[\w:.%\-]*+|[^\W\d_][\w.\-]*+|_:[\w.\-]*+|@[A-Za-z]++(?:-++[A-Za-z0-9]++)*+"
#: What needs no second look: blanks, comments, numbers, operators, ASCII variables, whole IRIs, texts.
_PLAIN = rf"{_SPACE}|[0-9=!|&^/*+,;.~>\-]|[?$](?:[A-Za-z0-9_]++(?![^\x00-\x7f]))?+|{_IRI}|{_STRING}"
_TOKEN = re.compile(
    rf"(?P<plain>(?:{_PLAIN})++)|(?P<name>{_NAME})|(?P<open>[(\[{{]++)|(?P<close>[)\]}}]++)"
    rf"|(?P<short>{_SHORT_IRI})|(?P<odd><[^ \t\r\n<>]*+>)|(?P<less><)"
)
_PROLOGUE = re.compile(
    rf"(?:{_SPACE}|(?i:PREFIX)(?:{_SPACE})++(?:{_PREFIX_NAME})(?:{_SPACE})*+(?:{_IRI}|{_SHORT_IRI})"
    rf"|(?i:BASE)(?:{_SPACE})*+(?:{_IRI}|{_SHORT_IRI})|(?i:VERSION)(?:{_SPACE})*+(?:{_STRING}))*+"
)
_DECLARED = re.compile(
    rf"(?:{_SPACE})++|(?i:PREFIX)(?:{_SPACE})++(?P<prefix>{_PREFIX_NAME})(?:{_SPACE})*+<(?P<stands_for>[^>]*)>"
    rf"|(?i:BASE)(?:{_SPACE})*+<(?P<base>[^>]*)>|(?i:VERSION)(?:{_SPACE})*+(?:{_STRING})"
)
_GRAPH = re.compile(
    rf"(?:{_SPACE})*+(?:(?i:NAMED)(?:{_SPACE})*+)?+(?:(?P<iri>{_IRI}|{_SHORT_IRI})|(?P<name>{_PREFIX_NAME}[\w:.%\-]*+))"
)
_FORM = re.compile(r"(SELECT|ASK|CONSTRUCT|DESCRIBE)(?![\w.:\-])", re.IGNORECASE)
_UPDATE = re.compile(r"(INSERT|DELETE|LOAD|CLEAR|CREATE|DROP|COPY|MOVE|ADD|WITH)(?![\w.:\-])", re.IGNORECASE)
_FROM = re.compile(r"[\w.\-]*FROM(?:NAMED)?", re.IGNORECASE)
_FROM_NAME = re.compile(r"FROM(?:NAMED)?:", re.IGNORECASE)
#: A name in which every reader sees the same letters.
_SAFE_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*|_)?:[A-Za-z0-9_]+")
#: What follows the name of what is called.
_OPENED = re.compile(rf"(?:{_SPACE})*+\{{")
#: Escapes of ASCII characters: SPARQL replaces them before it reads the tokens, and so they can hide any of them.
_HIDDEN = re.compile(r"\\u00[0-7][0-9A-Fa-f]|\\U000000[0-7][0-9A-Fa-f]")
_SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the tokens of a query say.

    Attributes:
        form: what kind of query it is.
        depth: the largest number of brackets open at once.
        graphs: IRIs after FROM and FROM NAMED; a query without these is asked of all graphs together.
    """

    form: QueryForm
    depth: int
    graphs: tuple[str, ...]


def check_query(text: str, limits: Limits, known_graphs: Collection[str]) -> QueryForm:
    """Return the form of a query that may run.

    Args:
        text: what a stranger sent.
        limits: bounds of length and nesting.
        known_graphs: IRIs of the graphs that ``FROM`` may name.
    Raises:
        Refused: 400 if it is no reading query over our graphs, 413 if it is too long or too deep.

    >>> check_query("ASK { ?s ?p ?o }", Limits(), ())
    'ASK'
    """
    return scan_query(text, limits, known_graphs).form


def scan_query(text: str, limits: Limits, known_graphs: Collection[str]) -> Scanned:
    """Check a query as :func:`check_query` does and return what was found in it."""
    if len(text) > limits.query_length:
        detail = f"the query has {len(text):,} characters; at most {limits.query_length:,} are read"
        raise Refused(413, "query-too-long", "The query is too long", detail)
    found = _remember(text) if len(text) <= _SHORT else _remember_long(text)
    if isinstance(found, Refused):
        raise found.with_traceback(None)
    if found.depth > limits.nesting:
        detail = f"the query opens {found.depth:,} brackets within each other; at most {limits.nesting} are read"
        raise Refused(413, "query-too-deep", "The query is nested too deeply", detail)
    for graph in found.graphs:
        if graph not in known_graphs:
            graphs = ", ".join(f"<{iri}>" for iri in sorted(known_graphs))
            detail = f"FROM names <{graph[:200]}>, which is no graph here; the graphs are {graphs}"
            raise Refused(400, "unknown-graph", "There is no such graph", detail)
    return found


def _try_scan(text: str) -> Scanned | Refused:
    try:
        return _scan(text)
    except Refused as refused:
        return refused


_remember = lru_cache(maxsize=_MANY)(_try_scan)
_remember_long = lru_cache(maxsize=_FEW)(_try_scan)


def _scan(text: str) -> Scanned:
    _check_characters(text)
    prologue = _PROLOGUE.match(text)
    start = prologue.end() if prologue else 0
    form = _FORM.match(text, start)
    if form is None:
        raise _wrong_form(text, start)
    may_call = _SERVICE in text.casefold()
    place = form.end()
    depth = deepest = 0
    graphs: list[str] = []
    match = _TOKEN.match
    while place < len(text):
        token = match(text, place)
        if token is None:
            raise _malformed(text, place, _strange(text, place))
        kind, place = token.lastgroup, token.end()
        if kind == "open":
            depth += place - token.start()
            deepest = max(deepest, depth)
        elif kind == "close":
            depth -= place - token.start()
        elif kind == "odd":
            hint = "write IRIs whole, with ‘//’, and put blanks around ‘<’ and ‘>’ where they compare"
            raise _malformed(text, token.start(), f"‘{token[0][:40]}’ can be read in two ways; {hint}")
        elif kind in ("name", "short"):
            if may_call and _may_call(token[0], text, place):
                raise _refused(text, token.start(), "SERVICE is refused: nothing is asked of other servers here")
            if kind == "name" and depth == 0 and (_FROM.fullmatch(token[0]) or _FROM_NAME.match(token[0])):
                graphs.append(_graph_named(text, token, start))
    return Scanned(cast(QueryForm, form[1].upper()), deepest, tuple(dict.fromkeys(graphs)))


def _check_characters(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _malformed(text, error.start, "half of a surrogate pair") from None
    if "\\" in text and (hidden := _HIDDEN.search(text)):
        message = f"‘{hidden[0]}’ is refused: write the character itself"
        raise _refused(text, hidden.start(), message)


def _may_call(token: str, text: str, end: int) -> bool:
    """Return whether a token that ends here could be read as a call.

    >>> [_may_call(each, f"{each} {{}}", len(each)) for each in ("ex:service", "service:ex", "SERVICESILENT")]
    [False, True, True]
    >>> [_may_call(each, f"{each} ?p", len(each)) for each in ("service:ex", "SERVICE:", "ex:a.service")]
    [False, True, True]
    """
    if _SERVICE not in token.casefold():
        return False
    if not _SAFE_NAME.fullmatch(token):
        return True
    return _SERVICE in token.casefold().partition(":")[0] and _OPENED.match(text, end) is not None


def _graph_named(text: str, keyword: re.Match[str], start: int) -> str:
    """Return the IRI after a FROM."""
    if _FROM_NAME.match(keyword[0]):
        raise _refused(text, keyword.start(), "write a blank after FROM, and name no prefix so")
    graph = _GRAPH.match(text, keyword.end())
    if graph is None:
        raise _malformed(text, keyword.start(), "FROM is followed by the IRI of a graph")
    prefixes: dict[str, str] = {}
    base = ""
    for each in _DECLARED.finditer(text, 0, start):
        if each["prefix"]:
            prefixes[each["prefix"]] = urljoin(base, each["stands_for"]) if base else each["stands_for"]
        elif each["base"] is not None:
            base = each["base"]
    if graph["iri"]:
        iri = graph["iri"][1:-1]
        return urljoin(base, iri) if base else iri
    prefix, _, local = graph["name"].partition(":")
    if f"{prefix}:" not in prefixes:
        raise _malformed(text, keyword.start(), f"the prefix ‘{prefix[:40]}:’ is not declared")
    return prefixes[f"{prefix}:"] + local


def _strange(text: str, place: int) -> str:
    if text[place] in "\"'":
        return "the text that begins here does not end, or holds an escape that SPARQL does not know"
    if text[place] == "\\":
        return "‘\\’ stands outside of a text; write the whole IRI instead of a name with an escape"
    return f"‘{text[place]}’ (U+{ord(text[place]):04X}) is not expected here"


def _wrong_form(text: str, place: int) -> Refused:
    if update := _UPDATE.match(text, place):
        return _refused(text, place, f"{update[1].upper()} is refused: this endpoint is read-only")
    if not text[place:].strip():
        return _malformed(text, place, "there is no query")
    return _malformed(text, place, "a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE, after its prefixes")


def _refused(text: str, place: int, message: str) -> Refused:
    return Refused(400, "query-refused", "The query is refused", f"line {_line(text, place)}: {message}")


def _malformed(text: str, place: int, message: str) -> Refused:
    return Refused(400, "query-malformed", "The query cannot be read", f"line {_line(text, place)}: {message}")


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
