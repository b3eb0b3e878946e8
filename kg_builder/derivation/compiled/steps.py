"""The order in which a rule's group is worked through."""

from __future__ import annotations

from typing import Final

import pyoxigraph as ox

from kg_builder.derivation.compiled.expressions import Known
from kg_builder.derivation.ruletext import Bind, Filter, Group, Minus, Pattern, Select, Term, Values, variables_of
from kg_builder.issues import QueryError

Element = Pattern | Filter | Bind | Values | Minus | Select
#: Cost of what cannot have its turn yet.
_NEVER: Final = 100


class Steps:
    """The elements of a group in the order in which they are worked through."""

    def __init__(self, group: Group) -> None:
        self._left = list(group.elements)
        #: variables that each MINUS shares with what stands before it
        self._shared: dict[int, tuple[str, ...]] = {}
        before: set[str] = set()
        for element in group.elements:
            if isinstance(element, Minus):
                inside = set[str]().union(*map(gives, element.group.elements))
                self._shared[id(element)] = tuple(sorted(inside & before))
            elif isinstance(element, Bind) and (late := set(variables_of(element.value)) - before):
                raise QueryError(f"rule: BIND uses ?{min(late)} before it has a value")
            elif isinstance(element, tuple) and len(gives(element)) < sum(isinstance(t, ox.Variable) for t in element):
                raise QueryError(f"rule: a variable stands twice in {show(element)}")
            before |= gives(element)

    def shared(self, step: Minus) -> tuple[str, ...]:
        """Return the variables that a MINUS shares with what it is taken from."""
        return self._shared[id(step)]

    def next(self, known: Known) -> Element | None:
        """Return the next step: what has its turn at once, else the pattern with most known, the first of equals."""
        if not self._left:
            return None
        best = min(self._left, key=lambda element: self._cost(element, known))
        if self._cost(best, known) >= _NEVER:
            raise QueryError("rule: what a FILTER, BIND or MINUS uses has no value in its group")
        self._left.remove(best)
        return best

    def _cost(self, element: Element, known: Known) -> int:
        if isinstance(element, Filter):
            return 0 if all(name in known for name in variables_of(element.condition)) else _NEVER
        if isinstance(element, Bind):
            return 8 if all(name in known for name in variables_of(element.value)) else _NEVER
        if isinstance(element, Minus):
            return 2 if all(name in known for name in self._shared[id(element)]) else _NEVER
        if isinstance(element, Values):
            return 1 if any(name in known for name in element.names) or len(element.names) == 1 else 7
        if isinstance(element, Select):
            return 4
        subject, predicate, value = element
        made = {one.name for one in self._left if isinstance(one, Bind)}
        if not has(known, predicate) or not made.isdisjoint(gives(element)):
            return _NEVER
        if has(known, subject):
            return 1 if has(known, value) else 5
        if has(known, value):
            return 6 if isinstance(value, ox.Variable) else 7
        return 9


def variables(group: Group) -> set[str]:
    """Return the variables that a group mentions; those of MINUS within it are its own."""
    found: set[str] = set()
    for element in group.elements:
        found |= gives(element)
        if isinstance(element, Filter):
            found.update(variables_of(element.condition))
        elif isinstance(element, Bind):
            found.update(variables_of(element.value))
    return found


def gives(element: Element) -> set[str]:
    """Return the variables that an element gives values to."""
    if isinstance(element, tuple):
        return {term.value for term in element if isinstance(term, ox.Variable)}
    if isinstance(element, Bind):
        return {element.name}
    if isinstance(element, Values):
        return set(element.names)
    if isinstance(element, Select):
        return {*element.names, *(one.name for one in element.aggregates)}
    return set()


def has(known: Known, term: Term) -> bool:
    """Whether a term is a constant, or a variable that has a value."""
    return not isinstance(term, ox.Variable) or term.value in known


def show(pattern: Pattern) -> str:
    """Return a pattern for a message."""
    return " ".join(map(str, pattern))
