"""Read an ontology in the OBO flat file format (1.2): the part of it that terms and their relations need.

Strict: a line that is neither blank, comment, stanza head nor ``tag: value`` is refused with its number, and so
are an unknown stanza, a term without id or name, an id that stands twice, a relation to a term that is not in
the file, and a term that lies above itself. Tags that say nothing of terms and relations are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kg_builder.issues import Issue, SourceError
from kg_builder.sources.text import read_text


@dataclass(frozen=True, slots=True)
class Synonym:
    """Another name: its text, its scope (EXACT, BROAD, NARROW, RELATED) and its type, empty where there is none."""

    text: str
    scope: str
    kind: str = ""


@dataclass(slots=True)
class OboTerm:
    """A ``[Term]`` stanza. ``relations`` are (type, id of the other term); ``line`` is that of the stanza's head."""

    line: int
    id: str = ""
    name: str = ""
    parents: list[str] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)
    synonyms: list[Synonym] = field(default_factory=list)
    is_obsolete: bool = False
    #: line of each parent and relation, in the order they were read
    places: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Obo:
    """An ontology: header (the first value of each tag) and terms by id, in the order of the file."""

    path: str
    header: Mapping[str, str]
    terms: Mapping[str, OboTerm]

    def ancestors(self) -> dict[str, frozenset[str]]:
        """Return each term with all terms above it by ``is_a``."""
        found: dict[str, frozenset[str]] = {}
        for start in self.terms:
            todo = [start]
            while todo:
                term = todo[-1]
                waiting = [parent for parent in self.terms[term].parents if parent not in found]
                if waiting:
                    todo.extend(waiting)
                    continue
                parents = self.terms[term].parents
                found.setdefault(term, frozenset(parents).union(*(found[parent] for parent in parents)))
                todo.pop()
        return found


_HEAD: Final = re.compile(r"\[([A-Za-z]+)\]")
_TAG: Final = re.compile(r"([A-Za-z][\w-]*):(?: (.*))?", re.ASCII)
_STANZAS: Final = ("Term", "Typedef", "Instance")
_ID: Final = re.compile(r"[^\s!{}\"]+")
_MODIFIERS: Final = re.compile(r"\s*\{[^{}]*\}\s*$")
_SYNONYM: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s+(EXACT|BROAD|NARROW|RELATED)(?:\s+([^\s\[]+))?\s*\[.*\]')
_ESCAPES: Final = {"n": "\n", "t": "\t", "W": " "}
_MAX_ISSUES: Final = 100


def read_obo(path: Path) -> Obo:
    """Read an OBO file, plain or gzip.

    Raises:
        SourceError: S001, S004, S007, S008 as :func:`~kg_builder.sources.text.read_text`; S020 a line cannot be
            read; S021 a term lacks id or name, or its id stands twice; S022 a relation names a term that is not
            there, or terms lie above themselves. Faults are collected, each with its line.
    """
    reader = _Reader(str(path))
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        reader.read(number, line.rstrip("\r"))
        if len(reader.issues) >= _MAX_ISSUES:
            break
    return reader.finish()


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.header: dict[str, str] = {}
        self.terms: dict[str, OboTerm] = {}
        self.issues: list[Issue] = []
        self.stanza = ""
        self.term: OboTerm | None = None

    def fault(self, line: int, column: str, code: str, message: str, hint: str = "") -> None:
        self.issues.append(Issue(self.path, line, column, code, message, hint))

    def read(self, number: int, line: str) -> None:
        if not line.strip() or line.lstrip().startswith("!"):
            return
        if head := _HEAD.fullmatch(line.strip()):
            self.close()
            self.stanza = head[1]
            if self.stanza not in _STANZAS:
                self.fault(number, "", "S020", f"unknown stanza [{head[1]}]", f"one of {', '.join(_STANZAS)}")
            self.term = OboTerm(number) if self.stanza == "Term" else None
            return
        match = _TAG.fullmatch(line.strip())
        if not match:
            shown = line.strip()[:40]
            self.fault(number, "", "S020", f"'{shown}' is neither a stanza nor 'tag: value'", "fetch the file again")
            return
        tag, value = match[1], (match[2] or "").strip()
        if not self.stanza:
            self.header.setdefault(tag, value)
        elif self.term is not None:
            self.read_tag(self.term, number, tag, value)

    def read_tag(self, term: OboTerm, number: int, tag: str, value: str) -> None:
        match tag:
            case "id":
                if term.id:
                    self.fault(number, tag, "S021", f"{term.id} has a second id", "one id a term")
                term.id = self.identifier(number, tag, value)
            case "name":
                if term.name:
                    self.fault(number, tag, "S021", f"{term.id} has a second name", "one name a term")
                term.name = " ".join(_unescape(_MODIFIERS.sub("", value)).split())
            case "is_a":
                if parent := self.identifier(number, tag, value):
                    term.parents.append(parent)
                    term.places.append((parent, number))
            case "relationship":
                parts = _plain(value).split()
                if len(parts) != 2:
                    hint = "write relationship: type ID ! name"
                    self.fault(number, tag, "S020", f"'{value[:60]}' is no relationship", hint)
                    return
                term.relations.append((parts[0], parts[1]))
                term.places.append((parts[1], number))
            case "synonym":
                match = _SYNONYM.fullmatch(_MODIFIERS.sub("", value))
                if not match:
                    self.fault(number, tag, "S020", f"'{value[:60]}' is no synonym", 'write "name" EXACT []')
                    return
                term.synonyms.append(Synonym(" ".join(_unescape(match[1]).split()), match[2], match[3] or ""))
            case "is_obsolete":
                if value not in ("true", "false"):
                    self.fault(number, tag, "S020", f"'{value[:20]}' is neither true nor false")
                term.is_obsolete = value == "true"

    def identifier(self, number: int, tag: str, value: str) -> str:
        plain = _plain(value)
        if not _ID.fullmatch(plain):
            self.fault(number, tag, "S020", f"'{value[:60]}' is no id", f"write {tag}: PREFIX:0000001")
            return ""
        return plain

    def close(self) -> None:
        """Take the term that was being read among the terms."""
        term, self.term = self.term, None
        if term is None:
            return
        missing = [tag for tag in ("id", "name") if not getattr(term, tag)]
        if missing:
            self.fault(term.line, missing[0], "S021", f"the term has no {' and no '.join(missing)}", "add it")
        elif term.id in self.terms:
            other = self.terms[term.id].line
            self.fault(term.line, "id", "S021", f"{term.id} stands twice, first on line {other}", "ids are unique")
        else:
            self.terms[term.id] = term

    def finish(self) -> Obo:
        self.close()
        if "format-version" not in self.header:
            self.fault(1, "format-version", "S020", "the file does not say that it is OBO", "give an OBO file")
        elif not self.terms and not self.issues:
            self.fault(1, "", "S021", "the file has no terms", "fetch the file again")
        if not self.issues:
            for term in self.terms.values():
                for other, line in term.places:
                    if other not in self.terms:
                        self.fault(line, term.id, "S022", f"there is no term {other}", "the file may be cut short")
        if not self.issues:
            self.find_cycles()
        if self.issues:
            raise SourceError(sorted(self.issues))
        return Obo(self.path, self.header, self.terms)

    def find_cycles(self) -> None:
        """Tell the first term found that lies above itself."""
        done: set[str] = set()
        for start in self.terms:
            path: dict[str, None] = {}
            todo: list[tuple[str, bool]] = [(start, False)]
            while todo:
                term, is_left = todo.pop()
                if is_left:
                    del path[term]
                    done.add(term)
                elif term in path:
                    message = f"{term} lies above itself by is_a"
                    self.fault(self.terms[term].line, "is_a", "S022", message, "fetch the file again")
                    return
                elif term not in done:
                    path[term] = None
                    todo.append((term, True))
                    todo.extend((parent, False) for parent in self.terms[term].parents)


def _plain(value: str) -> str:
    """Return a value without its comment (`` ! name``) and its trailing modifiers."""
    return _MODIFIERS.sub("", value.split(" !", 1)[0]).strip()


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)
