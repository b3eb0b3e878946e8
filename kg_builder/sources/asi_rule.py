"""Read the text of an ASI2 scoring rule: ``SCORE FROM ( 12A => 5, MAX ( 34C => 15, 34D => 30 ), … )``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Residues:
    """One condition: at this position of the drug's gene the case has at least one of these residues.

    ``residues`` holds one-letter codes in order, then ``d`` deletion, ``i`` insertion, ``*`` stop
    (``AC``, ``di``); ``reference`` the reference residue where the rule writes it, else nothing.
    """

    position: int
    residues: str
    reference: str = ""

    def __str__(self) -> str:
        return f"{self.position}{self.residues}"


@dataclass(frozen=True, slots=True)
class Item:
    """Conditions that must all hold, and the score (whole, may be negative) that they then give."""

    conditions: tuple[Residues, ...]
    score: Decimal
    line: int = field(default=0, compare=False)
    """line of the file, counted from the rule's own first line where it was read as text"""

    def __str__(self) -> str:
        return " AND ".join(map(str, self.conditions))


#: Items of which the highest matched score counts; an item outside MAX is a group of its own.
Group = tuple[Item, ...]


class RuleError(Exception):
    """A place in the text of a rule, by offset, that is malformed or of a form that is not read."""

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        super().__init__(message)


_TOKEN: Final = re.compile(
    r"(?P<space>\s+)|(?P<arrow>=>)|(?P<mark>[(),])"
    r"|(?P<negation>(?:EXCLUDE\s+)?[0-9]+\s*\(\s*NOT\s+[A-Za-z]+\s*\)|EXCLUDE\s+[A-Z]?[0-9]+[A-Za-z*]*)"
    r"|(?P<residues>[A-Z]?[0-9]{1,5}[A-Zdi*]+)|(?P<number>-?[0-9]{1,6}(?:\.[0-9]{1,6})?)"
    r"|(?P<word>[A-Za-z_]+)|(?P<other>.)"
)
_RESIDUES: Final = re.compile(r"([A-Z]?)([0-9]+)([A-Zdi*]+)")
_LETTERS: Final = frozenset("ACDEFGHIKLMNPQRSTVWYdi*")
_WORDS: Final = frozenset({"SCORE", "FROM", "MAX", "AND"})


def find_unread_forms(text: str) -> Iterator[RuleError]:
    """Yield each part of a rule whose form is not read (``EXCLUDE 12A``, ``12(NOT A)``, ``OR`` …).

    >>> [str(fault) for fault in find_unread_forms("SCORE FROM (12A AND EXCLUDE 12(NOT A) => -10)")]
    ['rule form EXCLUDE 12(NOT A) is not read']
    >>> [str(fault) for fault in find_unread_forms("SELECT ATLEAST 2 FROM (12A, 34C)")]
    ['rule form without SCORE FROM is not read: SELECT ATLEAST 2 FROM (12A, 34C)']
    """
    start = len(text) - len(text.lstrip())
    if not re.match(r"SCORE\s+FROM\b", text[start:]):
        form = " ".join(text.split())
        yield RuleError(start, f"rule form without SCORE FROM is not read: {form[:60]}{'…' if len(form) > 60 else ''}")
        return
    for match in _TOKEN.finditer(text):
        kind, form = match.lastgroup, " ".join(match.group().split())
        if kind == "negation" or (kind == "word" and form not in _WORDS):
            yield RuleError(match.start(), f"rule form {form} is not read")


class Rule:
    """Recursive descent over one rule; parentheses around a combination are optional and not nested.

    Args:
        text: from ``SCORE FROM (`` to the closing parenthesis.
        line_at: gives the line of the file for an offset of the text.
    >>> [str(item) for group in Rule("SCORE FROM (12A => 5, MAX (12A AND 34DC => 10))").groups() for item in group]
    ['12A', '12A AND 34CD']
    """

    def __init__(self, text: str, line_at: Callable[[int], int] = lambda _: 0) -> None:
        self.line_at = line_at
        self.end = len(text)
        self.tokens = [match for match in _TOKEN.finditer(text) if match.lastgroup != "space"]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at].group() if self.at < len(self.tokens) else ""

    def offset(self) -> int:
        return self.tokens[self.at].start() if self.at < len(self.tokens) else max(self.end - 1, 0)

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise RuleError(self.offset(), f"expected {expected!r}, found {self.peek() or 'the end'!r}")
        self.at += 1

    def take_kind(self, kind: str, name: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at].lastgroup != kind:
            raise RuleError(self.offset(), f"expected {name}, found {self.peek() or 'the end'!r}")
        self.at += 1
        return self.tokens[self.at - 1].group()

    def groups(self) -> Iterator[Group]:
        """Yield the groups in order.

        Raises:
            RuleError: at the first place that is malformed, a score that is not whole, or a letter that
                is no residue.
        """
        self.take("SCORE")
        self.take("FROM")
        self.take("(")
        while True:
            if self.peek() == "MAX":
                self.at += 1
                self.take("(")
                items = [self.item()]
                while self.peek() == ",":
                    self.at += 1
                    items.append(self.item())
                self.take(")")
                yield tuple(items)
            else:
                yield (self.item(),)
            if self.peek() != ",":
                break
            self.at += 1
        self.take(")")
        if self.at < len(self.tokens):
            raise RuleError(self.offset(), f"text after the end of the rule: {self.peek()!r}")

    def item(self) -> Item:
        line = self.line_at(self.offset())
        is_bracketed = self.peek() == "("
        self.at += is_bracketed
        conditions = [self.residues()]
        while self.peek() == "AND":
            self.at += 1
            conditions.append(self.residues())
        if is_bracketed:
            self.take(")")
        self.take("=>")
        offset = self.offset()
        score = Decimal(self.take_kind("number", "a score"))
        if score != score.to_integral_value():
            raise RuleError(offset, f"score {score} is not a whole number, as the score ranges are")
        return Item(tuple(conditions), score.quantize(Decimal(1)), line)

    def residues(self) -> Residues:
        offset = self.offset()
        match = _RESIDUES.fullmatch(self.take_kind("residues", "a position with residues"))
        assert match  # the token has this form
        reference, position, letters = match.groups()
        unknown = set(letters) - _LETTERS
        if unknown or len(set(letters)) < len(letters):
            fault = f"{''.join(sorted(unknown))} is no residue" if unknown else "a residue stands twice"
            raise RuleError(offset, f"{match.group()}: {fault}")
        return Residues(int(position), "".join(sorted(letters, key=_residue_order)), reference)


def _residue_order(letter: str) -> tuple[int, str]:
    return (0 if letter.isupper() else 1 if letter.isalpha() else 2, letter)


def _around(text: str, offset: int) -> str:
    return " ".join(text[max(offset - 8, 0) : offset + 24].split())
