"""Read XML of unknown origin without entities and without a DTD.

What is refused, at once and before anything is expanded: a DTD with an internal subset (where
entities are declared), any entity reference beyond the five built in, nesting or size beyond a limit.

What is tolerated: a document type declaration that merely *names* an external DTD that the caller knows
(``<!DOCTYPE ALGORITHM SYSTEM "https://…/ASI2.3.dtd">``), because every published HIVDB file carries one.
Any other external DTD is refused.
The external subset is never loaded: such a line is blanked out before parsing, so that the parser never
sees a DTD at all. That is safe because what a DTD could add cannot then take effect: an entity that it
declares is undefined here and its use is refused, in text and in attributes alike (left in place, expat
would skip such a reference silently); default attributes are not filled in. No handler for external
entities exists, so nothing is ever fetched, from disk or network.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from kg_builder.issues import Issue, SourceError

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 100

# Prolog up to a document type declaration without an internal subset. Atomic groups: no backtracking.
_NAMED_DTD: Final = re.compile(
    rb"((?:\xef\xbb\xbf)?(?>\s+|<\?(?>.*?\?>)|<!--(?>.*?-->))*+)"
    rb"(<!DOCTYPE\s++[^\s\[\]<>\"']++(?>\s++(?>SYSTEM|PUBLIC\s++(?>\"[^\"]*\"|'[^']*'))\s*+(\"[^\"]*\"|'[^']*'))?+\s*+>)",
    re.DOTALL,
)


@dataclass(slots=True)
class Element:
    """An element: its own text joined (children left out), and where it and its text stand in the file."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""
    #: offsets in ``text`` where a piece begins, and the line of each piece
    offsets: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def find(self, tag: str) -> Element | None:
        """Return the first child with this tag, or None."""
        return next((child for child in self.children if child.tag == tag), None)

    def find_all(self, tag: str) -> Iterator[Element]:
        """Yield the children with this tag, in order."""
        return (child for child in self.children if child.tag == tag)

    def line_at(self, offset: int) -> int:
        """Return the line of the file on which ``text[offset]`` stands."""
        piece = bisect_right(self.offsets, offset) - 1
        if piece < 0:
            return self.line
        return self.lines[piece] + self.text.count("\n", self.offsets[piece], offset)


class _Builder:
    """Handlers of expat that build the tree; raises SourceError for what is refused."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Element | None = None
        self.stack: list[Element] = []
        self.pieces: list[list[str]] = []
        self.sizes: list[int] = []
        self.parser = expat.ParserCreate()
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self.refuse_dtd
        self.parser.EntityDeclHandler = self.refuse_entity
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def refuse(self, code: str, message: str, hint: str) -> SourceError:
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        return _error(self.name, line, column, code, message, hint)

    def refuse_dtd(self, doctype: str, system: str | None, public: str | None, has_internal: int) -> None:
        what = "an internal DTD subset" if has_internal else "a DTD of a form that is not read"
        hint = "remove the <!DOCTYPE …> declaration; entities are not read"
        raise self.refuse("S003", f"document type {doctype!r} has {what}", hint)

    def refuse_entity(self, entity: str, *_: object) -> None:
        raise self.refuse("S003", f"entity {entity!r} is declared", "remove the declaration; entities are not read")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            hint = "this is no file of a known kind"
            raise self.refuse("S004", f"elements are nested more than {MAX_DEPTH} deep", hint)
        element = Element(tag, attributes, self.parser.CurrentLineNumber)
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.root = element
        self.stack.append(element)
        self.pieces.append([])
        self.sizes.append(0)

    def characters(self, data: str) -> None:
        element = self.stack[-1]
        element.offsets.append(self.sizes[-1])
        element.lines.append(self.parser.CurrentLineNumber)
        self.pieces[-1].append(data)
        self.sizes[-1] += len(data)

    def end(self, _tag: str) -> None:
        self.stack.pop().text = "".join(self.pieces.pop())
        self.sizes.pop()


def parse_xml(data: bytes, *, name: str, dtds: Collection[str] = ()) -> Element:
    """Return the root element of an XML document.

    Args:
        data: the whole document, in the encoding that it declares (UTF-8 unless it says otherwise).
        name: the file's name, used in messages.
        dtds: system identifiers of the external DTDs that may be named; none of them is fetched.
    Raises:
        SourceError: S002 malformed or truncated, with line and column; S003 another external DTD, a DTD with
            an internal subset, an entity declaration or a reference to an entity that XML does not build in;
            S004 larger than 64 MiB or nested more than 100 deep.
    >>> parse_xml(b"<a><b>x &lt; y</b></a>", name="a.xml").children[0].text
    'x < y'
    """
    if len(data) > MAX_BYTES:
        raise _error(name, 0, 0, "S004", f"larger than {MAX_BYTES // 2**20} MiB", "this is no file of a known kind")
    named = _NAMED_DTD.match(data)
    if named:
        start, end = named.span(2)
        system_id = (named[3] or b"")[1:-1].decode("utf-8", "replace")
        if system_id and system_id not in dtds:
            line, column = data.count(b"\n", 0, start) + 1, start - data.rfind(b"\n", 0, start)
            hint = "no published file does; remove the <!DOCTYPE …>"
            raise _error(name, line, column, "S003", f"names the external DTD {system_id[:80]!r}", hint)
        data = data[:start] + re.sub(rb"[^\r\n]", b" ", data[start:end]) + data[end:]
    builder = _Builder(name)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        if error.code in _ENTITY_ERRORS:
            message, hint = f"refers to an entity ({what})", "write the character itself; entities are not read"
            raise _error(name, error.lineno, error.offset + 1, "S003", message, hint) from error
        message = f"not well-formed XML: {what}"
        hint = "the file is damaged or cut short; fetch it again"
        raise _error(name, error.lineno, error.offset + 1, "S002", message, hint) from error
    except (LookupError, ValueError) as error:  # an encoding that Python does not know, or a multi-byte one
        raise _error(name, 1, 1, "S002", f"unreadable encoding: {error}", "save the file as UTF-8") from error
    assert builder.root is not None  # expat reports a document without elements
    return builder.root


def read_xml(path: Path, *, dtds: Collection[str] = ()) -> Element:
    """Read a file as :func:`parse_xml` does.

    Raises:
        SourceError: S001 if the file cannot be opened, otherwise as :func:`parse_xml`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise _error(str(path), 0, 0, "S001", message, "give the path of a file") from error
    return parse_xml(data, name=str(path), dtds=dtds)


_ENTITY_ERRORS: Final = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_UNDEFINED_ENTITY,
        expat.errors.XML_ERROR_ASYNC_ENTITY,
        expat.errors.XML_ERROR_BINARY_ENTITY_REF,
        expat.errors.XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF,
        expat.errors.XML_ERROR_RECURSIVE_ENTITY_REF,
    )
)


def _error(name: str, line: int, column: int, code: str, message: str, hint: str) -> SourceError:
    at = f"column {column}" if column else ""
    return SourceError([Issue(path=name, line=line, column=at, code=code, message=message, hint=hint)])
