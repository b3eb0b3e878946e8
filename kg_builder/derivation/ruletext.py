"""What a rule constructs and what it matches: the triple patterns of its text.

Reads the subset of SPARQL in which rules are written (docs/architecture.md) and nothing else: what stands in
MINUS, OPTIONAL, FILTER, BIND and VALUES is passed over, subqueries are looked into. A test compares this reading
with that of a SPARQL parser for every rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pyoxigraph as ox

from kg_builder.issues import QueryError
from kg_builder.vocabulary import RDF, XSD

Term = ox.NamedNode | ox.Literal | ox.Variable
Pattern = tuple[Term, Term, Term]

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<iri><[^<>"{}|^`\\\s]*>)|(?P<var>[?$]\w+)|(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<name>(?:[A-Za-z][\w-]*)?:[\w-]*)|(?P<word>[A-Za-z]\w*)
    |(?P<mark>&&|\|\||!=|<=|>=|[{}().;,=<>!*/+^|-])""",
    re.VERBOSE,
)
_OPEN = {"{": "}", "(": ")"}
_WORDS = {"true", "false", "a"}


@dataclass(frozen=True, slots=True)
class RulePatterns:
    """Triple patterns of a rule.

    Attributes:
        template: what it constructs.
        matched: what it matches, subqueries included and MINUS left out.
    """

    template: tuple[Pattern, ...]
    matched: tuple[Pattern, ...]


def read_patterns(text: str) -> RulePatterns:
    """Return the patterns of a rule.

    Raises:
        QueryError: if the text is outside the subset of rules.
    """
    reader = _Reader(text)
    template: list[Pattern] = []
    matched: list[Pattern] = []
    while (word := reader.next().upper()) != "CONSTRUCT":
        if word != "PREFIX":
            raise reader.error(f"PREFIX or CONSTRUCT expected, not {word}")
        name = reader.next().removesuffix(":")
        reader.prefixes[name] = reader.next()[1:-1]
    reader.group(template)
    if reader.next().upper() != "WHERE":
        raise reader.error("WHERE expected")
    reader.group(matched)
    if reader.tokens:
        raise reader.error("the end expected")
    return RulePatterns(tuple(template), tuple(matched))


@dataclass
class _Reader:
    text: str
    prefixes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(self.text):
            if not (match := _TOKEN.match(self.text, place)):
                raise QueryError(f"rule: cannot read {self.text[place : place + 30]!r}")
            if match.lastgroup:
                self.tokens.append((match.lastgroup, match[0]))
            place = match.end()
        self.tokens.reverse()

    def error(self, message: str) -> QueryError:
        rest = " ".join(word for _, word in self.tokens[-6:][::-1])
        return QueryError(f"rule: {message}, before `{rest}`")

    def peek(self) -> str:
        return self.tokens[-1][1] if self.tokens else ""

    def next(self) -> str:
        if not self.tokens:
            raise self.error("the text ends too early")
        return self.tokens.pop()[1]

    def skip(self) -> None:
        """Pass over what stands in brackets."""
        opened = self.next()
        if opened not in _OPEN:
            raise self.error("a bracket expected")
        depth = 1
        while depth:
            word = self.next()
            depth += (word == opened) - (word == _OPEN[opened])

    def group(self, found: list[Pattern]) -> None:
        """Read `{ … }` and add its patterns."""
        if self.next() != "{":
            raise self.error("{ expected")
        while (word := self.peek()) != "}":
            word = word.upper()
            if word == "{":
                self.group(found)
            elif word == ".":
                self.next()
            elif word in ("MINUS", "OPTIONAL", "FILTER", "BIND"):
                self.next()
                self.skip()
            elif word == "VALUES":
                self.next()
                self.skip() if self.peek() == "(" else self.next()
                self.skip()
            elif word == "SELECT":
                while self.peek() != "{" and self.peek().upper() != "WHERE":
                    self.skip() if self.peek() == "(" else self.next()
                if self.peek() != "{":
                    self.next()
                self.group(found)
            elif word == "GROUP":
                self.next()
                self.next()
                while self.tokens[-1][0] == "var":
                    self.next()
            else:
                self.triples(found)
        self.next()

    def triples(self, found: list[Pattern]) -> None:
        """Read one subject with its predicates and objects."""
        subject = self.term()
        while True:
            predicate = self.term()
            found.append((subject, predicate, self.term()))
            while self.peek() == ",":
                self.next()
                found.append((subject, predicate, self.term()))
            if self.peek() != ";":
                return
            self.next()
            if self.peek() in (".", "}"):
                return

    def term(self) -> Term:
        kind, word = self.tokens[-1] if self.tokens else ("", "")
        self.next()
        if kind == "var":
            return ox.Variable(word[1:])
        if kind == "iri":
            return ox.NamedNode(word[1:-1])
        if kind == "name":
            prefix, _, local = word.partition(":")
            if prefix not in self.prefixes:
                raise self.error(f"unknown prefix {prefix}:")
            return ox.NamedNode(self.prefixes[prefix] + local)
        if kind == "number":
            return ox.Literal(word, datatype=ox.NamedNode(XSD + ("decimal" if "." in word else "integer")))
        if kind == "text" and "\\" not in word:
            return ox.Literal(word[1:-1])
        if word in _WORDS:
            return ox.NamedNode(RDF + "type") if word == "a" else ox.Literal(word == "true")
        raise self.error(f"a term expected, not {word}")
