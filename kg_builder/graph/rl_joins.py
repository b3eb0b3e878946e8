"""Matching the bodies of rules with statements: nested lookups, put together once for each body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from kg_builder.graph.rl_rules import IN_GROUP, Atom
from kg_builder.knowledge.statements import Objects, Row, Statements, Subjects

_NOTHING: Final[dict[str, int]] = {}
_GROUP: Final = str(IN_GROUP)

Then = Callable[[], None]


class Pattern:
    """An atom as text; a variable begins with a question mark."""

    __slots__ = ("o", "p", "s")

    def __init__(self, atom: Atom) -> None:
        self.s, self.p, self.o = str(atom.s), str(atom.p), str(atom.o)

    def variables(self) -> set[str]:
        """Return the variables in it."""
        return {term for term in (self.s, self.o) if is_variable(term)}


def is_variable(term: str) -> bool:
    """Whether a term of a pattern is a variable."""
    return term.startswith("?")


class Matcher:
    """Statements, and beside them which term belongs to which pairwise different or disjoint group."""

    def __init__(self, statements: Statements, groups: Iterable[Row]) -> None:
        self.statements = statements
        self._groups = Statements(groups)

    def size(self, pattern: Pattern) -> int:
        """Return how many statements match a pattern's predicate, and its object where that is fixed.

        Groups count as larger than anything, or a join would start with all pairs of a group.
        """
        if pattern.p == _GROUP:
            return len(self.statements) + 1
        if is_variable(pattern.o):
            return self.statements.size(pattern.p)
        return len(self.statements.subjects(pattern.p, pattern.o))

    def about(self, predicate: str) -> Objects:
        """Return subject → objects."""
        return (self._groups if predicate == _GROUP else self.statements).about(predicate)

    def of_object(self, predicate: str) -> Subjects:
        """Return object → subjects."""
        return (self._groups if predicate == _GROUP else self.statements).of_object(predicate)


class Join:
    """A body ready to be matched.

    ``values`` holds a value for each term of the body: a constant always its own, a variable what it is matched
    with; ``place`` says where.
    """

    def __init__(self, body: Iterable[Pattern]) -> None:
        self.body = tuple(body)
        terms = dict.fromkeys(term for pattern in self.body for term in (pattern.s, pattern.o))
        self.values = list(terms)
        self._places = {term: place for place, term in enumerate(terms)}

    def place(self, term: str) -> int:
        """Return the place of a term among the values; a constant that the body does not hold gets one."""
        if term not in self._places:
            if is_variable(term):
                raise ValueError(f"{term} is not in the body")
            self._places[term] = len(self.values)
            self.values.append(term)
        return self._places[term]

    def match(self, matcher: Matcher, bound: Iterable[str], then: Then, without: Pattern | None = None) -> Then:
        """Return a function that calls ``then`` once for each way to match the body.

        Atoms are matched in the order in which most of them is bound, rare ones first.

        Args:
            bound: variables that have their values when the function is called.
            without: an atom of the body that is matched already.
        """
        order: list[tuple[Pattern, frozenset[str]]] = []
        known = frozenset(bound)
        rest = [pattern for pattern in self.body if pattern is not without]
        while rest:
            best = min(rest, key=lambda pattern: (len(pattern.variables() - known), matcher.size(pattern)))
            rest.remove(best)
            order.append((best, known))
            known |= best.variables()
        for pattern, before in reversed(order):
            then = self._step(matcher, pattern, before, then)
        return then

    def _step(self, matcher: Matcher, pattern: Pattern, bound: frozenset[str], then: Then) -> Then:
        values, s, o = self.values, self.place(pattern.s), self.place(pattern.o)
        s_bound = not is_variable(pattern.s) or pattern.s in bound
        o_bound = not is_variable(pattern.o) or pattern.o in bound
        if o_bound and not s_bound:
            subjects = matcher.of_object(pattern.p)

            def find_subjects() -> None:
                found = subjects.get(values[o], ())
                for values[s] in found:
                    then()

            return find_subjects
        about = matcher.about(pattern.p)

        def check() -> None:
            if values[o] in about.get(values[s], _NOTHING):
                then()

        def find_objects() -> None:
            found = about.get(values[s], _NOTHING)
            for values[o] in found:
                then()

        def find_both() -> None:
            for values[s], found in about.items():
                for values[o] in found:
                    then()

        def find_loops() -> None:
            for values[s], found in about.items():
                if values[s] in found:
                    then()

        if s_bound:
            return check if o_bound else find_objects
        return find_loops if s == o else find_both


def read_pairs(join: Join, pattern: Pattern, pairs: Sequence[tuple[str, str]], then: Then) -> None:
    """Call ``then`` for each (subject, object) that matches an atom of the body, its values set."""
    values, s, o = join.values, join.place(pattern.s), join.place(pattern.o)
    if s == o:
        for values[s] in (one for one, two in pairs if one == two):
            then()
    elif is_variable(pattern.s) and is_variable(pattern.o):
        for values[s], values[o] in pairs:
            then()
    else:
        fixed_s, fixed_o = (None if is_variable(term) else term for term in (pattern.s, pattern.o))
        for one, two in pairs:
            if fixed_s in (None, one) and fixed_o in (None, two):
                values[s], values[o] = one, two
                then()


def unify(pattern: Pattern, row: Row) -> Mapping[str, str] | None:
    """Return what the variables of a pattern must be so that it is this statement.

    >>> from pyoxigraph import NamedNode, Variable
    >>> x, p = Variable("x"), NamedNode("http://x/p")
    >>> unify(Pattern(Atom(x, p, x)), ("<a>", "<http://x/p>", "<a>"))
    {'?x': '<a>'}
    """
    if pattern.p != row[1]:
        return None
    binding: dict[str, str] = {}
    for term, value in ((pattern.s, row[0]), (pattern.o, row[2])):
        if binding.setdefault(term, value) != value or (not is_variable(term) and term != value):
            return None
    return binding
