"""The text of a rule, read: the subset of SPARQL in which rules are written (docs/architecture.md), and nothing else.

A rule is one CONSTRUCT query of flat patterns, ``MINUS``, ``FILTER``, ``BIND``, ``VALUES`` and subqueries that group. A
test compares this reading with that of a SPARQL parser for every rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyoxigraph as ox

from kg_builder.issues import QueryError
from kg_builder.vocabulary import RDF, XSD

Term = ox.NamedNode | ox.Literal | ox.Variable
Pattern = tuple[Term, Term, Term]


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator (``CONCAT``, ``&&``, ``!=`` …) and what it is applied to."""

    name: str
    args: tuple[Expression, ...]


Expression = Term | Call


@dataclass(frozen=True, slots=True)
class Filter:
    """``FILTER(condition)``."""

    condition: Expression


@dataclass(frozen=True, slots=True)
class Bind:
    """``BIND(value AS ?name)``."""

    value: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Values:
    """``VALUES (?a ?b) { … }``; None in a row is UNDEF."""

    names: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Minus:
    """``MINUS { … }``."""

    group: Group


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``(COUNT(DISTINCT expression) AS ?name)`` and the like."""

    function: str
    of: Expression
    name: str
    is_distinct: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A subquery: what it projects, and what it groups by."""

    names: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    keys: tuple[str, ...]
    group: Group


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between braces, in order."""

    elements: tuple[Pattern | Filter | Bind | Values | Minus | Select, ...]

    def patterns(self) -> Iterator[Pattern]:
        """Yield the triple patterns that it matches, those of subqueries included and those of MINUS left out."""
        for element in self.elements:
            if isinstance(element, tuple):
                yield element
            elif isinstance(element, Select):
                yield from element.group.patterns()


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule: the triples that it constructs for each solution of its group."""

    template: tuple[Pattern, ...]
    where: Group

    @property
    def matched(self) -> tuple[Pattern, ...]:
        """The triple patterns that it matches."""
        return tuple(self.where.patterns())


def variables_of(expression: Expression) -> Iterator[str]:
    """Yield the names of the variables of an expression."""
    if isinstance(expression, Call):
        for arg in expression.args:
            yield from variables_of(arg)
    elif isinstance(expression, ox.Variable):
        yield expression.value


def read_rule_text(text: str) -> RuleText:
    """Read a rule.

    Raises:
        QueryError: if the text is outside the subset of rules.
    """
    reader = _Reader(text)
    while (word := reader.next().upper()) != "CONSTRUCT":
        if word != "PREFIX":
            raise reader.error(f"PREFIX or CONSTRUCT expected, not {word}")
        name = reader.next().removesuffix(":")
        reader.prefixes[name] = reader.next()[1:-1]
    template = reader.group()
    reader.expect("WHERE")
    where = reader.group()
    if reader.tokens:
        raise reader.error("the end expected")
    return RuleText(tuple(template.patterns()), where)


_TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<iri><[^<>"{}|^`\\\s]*>)|(?P<var>[?$]\w+)|(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<name>(?:[A-Za-z][\w-]*)?:[\w-]*)|(?P<word>[A-Za-z]\w*)
    |(?P<mark>&&|\|\||!=|<=|>=|[{}().;,=<>!*/+^|-])""",
    re.VERBOSE,
)
_CONSTANTS: dict[str, Term] = {"true": ox.Literal(True), "false": ox.Literal(False), "a": ox.NamedNode(RDF + "type")}
#: Operators that bind more loosely first; each level joins what the next reads.
_LEVELS = (("||",), ("&&",), ("=", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*",))
_AGGREGATES = {"COUNT", "SUM", "MIN", "MAX"}
FUNCTIONS = {"STR", "IRI", "CONCAT", "MD5", "IF", "STRAFTER", "STRBEFORE", "STRSTARTS"}


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

    def take(self, word: str) -> bool:
        """Pass over a word if it comes next."""
        found = self.peek().upper() == word
        if found:
            self.next()
        return found

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise self.error(f"{word} expected")

    # --- groups ---------------------------------------------------------------------------------

    def group(self) -> Group:
        """Read `{ … }`."""
        found: list[Pattern | Filter | Bind | Values | Minus | Select] = []
        self.expect("{")
        while not self.take("}"):
            if self.take("."):
                continue
            if self.take("MINUS"):
                found.append(Minus(self.group()))
            elif self.take("FILTER"):
                found.append(Filter(self.bracketed()))
            elif self.take("BIND"):
                self.expect("(")
                value = self.expression()
                self.expect("AS")
                found.append(Bind(value, self.variable()))
                self.expect(")")
            elif self.take("VALUES"):
                found.append(self.values())
            elif self.take("SELECT"):
                found.append(self.select())
            elif self.peek() == "{":
                found.extend(self.group().elements)
            else:
                found.extend(self.triples())
        return Group(tuple(found))

    def values(self) -> Values:
        many = self.take("(")
        names = list(self.variables()) if many else [self.variable()]
        if many:
            self.expect(")")
        self.expect("{")
        rows: list[tuple[Term | None, ...]] = []
        while not self.take("}"):
            if many:
                self.expect("(")
            rows.append(tuple(None if self.take("UNDEF") else self.term() for _ in names))
            if many:
                self.expect(")")
        return Values(tuple(names), tuple(rows))

    def select(self) -> Select:
        is_distinct = self.take("DISTINCT")
        names: list[str] = []
        aggregates: list[Aggregate] = []
        while self.peek() == "(" or (self.tokens and self.tokens[-1][0] == "var"):
            if self.take("("):
                aggregates.append(self.aggregate())
                self.expect(")")
            else:
                names.append(self.variable())
        self.take("WHERE")
        group = self.group()
        keys = tuple(names) if is_distinct else ()
        if self.take("GROUP"):
            self.expect("BY")
            keys = tuple(self.variables())
        if not keys or not set(names) <= set(keys):
            raise self.error("a subquery is DISTINCT, or projects what it groups by")
        return Select(tuple(names), tuple(aggregates), keys, group)

    def aggregate(self) -> Aggregate:
        function = self.next().upper()
        if function not in _AGGREGATES:
            raise self.error(f"an aggregate expected, not {function}")
        self.expect("(")
        is_distinct = self.take("DISTINCT")
        of = self.expression()
        self.expect(")")
        self.expect("AS")
        return Aggregate(function, of, self.variable(), is_distinct)

    def triples(self) -> Iterator[Pattern]:
        """Read one subject with its predicates and objects."""
        subject = self.term()
        while True:
            predicate = self.term()
            yield subject, predicate, self.term()
            while self.take(","):
                yield subject, predicate, self.term()
            if not self.take(";") or self.peek() in (".", "}"):
                return

    # --- expressions ----------------------------------------------------------------------------

    def bracketed(self) -> Expression:
        self.expect("(")
        found = self.expression()
        self.expect(")")
        return found

    def expression(self, level: int = 0) -> Expression:
        """Read what operators of a level, and those that bind more tightly, join."""
        if level == len(_LEVELS):
            return self.primary()
        found = self.expression(level + 1)
        while self.peek() in _LEVELS[level]:
            operator = self.next()
            found = Call(operator, (found, self.expression(level + 1)))
        if "=" in _LEVELS[level] and self.take("IN"):
            self.expect("(")
            found = Call("IN", (found, *self.arguments()))
        return found

    def primary(self) -> Expression:
        if self.take("!"):
            return Call("!", (self.primary(),))
        if self.peek() == "(":
            return self.bracketed()
        kind, word = self.tokens[-1] if self.tokens else ("", "")
        if kind != "word" or word in _CONSTANTS:
            return self.term()
        if word.upper() not in FUNCTIONS:
            raise self.error(f"{word} is no function of rules")
        name = self.next().upper()
        self.expect("(")
        return Call(name, tuple(self.arguments()))

    def arguments(self) -> Iterator[Expression]:
        """Read expressions up to the closing bracket."""
        yield self.expression()
        while self.take(","):
            yield self.expression()
        self.expect(")")

    def variables(self) -> Iterator[str]:
        while self.tokens and self.tokens[-1][0] == "var":
            yield self.variable()

    def variable(self) -> str:
        term = self.term()
        if not isinstance(term, ox.Variable):
            raise self.error(f"a variable expected, not {term}")
        return term.value

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
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        raise self.error(f"a term expected, not {word}")
