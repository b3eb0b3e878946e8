"""The code of a rule: nested loops over indexes, as a hand would write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pyoxigraph as ox

from kg_builder.derivation.compiled.expressions import (
    TERM,
    Code,
    write_aggregate,
    write_condition,
    write_term,
    write_value,
)
from kg_builder.derivation.compiled.steps import Steps, has, variables
from kg_builder.derivation.compiled.triples import term_text
from kg_builder.derivation.ruletext import Bind, Filter, Group, Minus, Pattern, RuleText, Select, Term, Values
from kg_builder.issues import QueryError

#: The variable that is the case in every rule.
CASE_NAME: Final = "case"
#: What variables are called in the code, and what they hold.
Names = dict[str, Code]


class Writer:
    """Writes the code of one rule."""

    def __init__(self, rule: RuleText) -> None:
        self._rule = rule
        self._setup: list[str] = []
        self._opening: list[str] = []
        self._body: list[str] = []
        self._indexes: dict[tuple[str, str], tuple[str, str]] = {}
        self._count = 0

    def write(self) -> str:
        """Return the code of ``bind(knowledge) -> conclude(case triples, case)``."""
        known = {CASE_NAME: ("v_case", TERM)}
        self._group(self._rule.where, known, 2, self._emit)
        lines = ["def bind(knowledge):", *self._setup, "    def conclude(triples, v_case):", "        out = []"]
        return "\n".join([*lines, *self._opening, *self._body, "        return out", "    return conclude", ""])

    def _line(self, depth: int, text: str) -> None:
        self._body.append("    " * depth + text)

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    # --- groups ---------------------------------------------------------------------------------

    def _group(self, group: Group, known: Names, depth: int, inner: Callable[[Names, int], None]) -> None:
        """Write loops over the solutions of a group; ``inner`` writes what is done with each."""
        steps = Steps(group)
        while (step := steps.next(known)) is not None:
            if isinstance(step, tuple):
                depth = self._pattern(step, known, depth)
            elif isinstance(step, Filter):
                self._line(depth, f"if {write_condition(step.condition, known)}:")
                depth += 1
            elif isinstance(step, Bind):
                code, kind = write_value(step.value, known)
                known[step.name] = (self._fresh("v"), kind)
                self._line(depth, f"{known[step.name][0]} = {code}")
            elif isinstance(step, Values):
                depth = self._values(step, known, depth)
            elif isinstance(step, Select):
                depth = self._select(step, known, depth)
            else:
                depth = self._minus(step, steps.shared(step), known, depth)
        inner(known, depth)

    def _pattern(self, pattern: Pattern, known: Names, depth: int) -> int:
        subject, predicate, value = pattern
        if has(known, subject) and has(known, value):
            forth, beside = self._index("by_subject", predicate, known)
            s, o = write_term(subject, known), write_term(value, known)
            self._line(depth, f"if {o} in {forth}({s}, NONE) or {o} in {beside}({s}, NONE):")
        elif has(known, subject) or has(known, value):
            given, wanted = (subject, value) if has(known, subject) else (value, subject)
            forth, beside = self._index("by_subject" if given is subject else "by_value", predicate, known)
            key, name = write_term(given, known), self._new(wanted, known)
            self._line(depth, f"for {name} in {forth}({key}, NONE) + {beside}({key}, NONE):")
        else:
            name = write_term(predicate, known)
            layers = (f"*{layer}.by_subject({name}).items()" for layer in ("knowledge", "triples"))
            subjects, rows, values = self._new(subject, known), self._fresh("rows"), self._new(value, known)
            self._line(depth, f"for {subjects}, {rows} in ({', '.join(layers)}):")
            self._line(depth + 1, f"for {values} in {rows}:")
            return depth + 2
        return depth + 1

    def _index(self, which: str, predicate: Term, known: Names) -> tuple[str, str]:
        """Return the code of the functions that look a property up in the knowledge and in the case."""
        name = write_term(predicate, known)
        if isinstance(predicate, ox.Variable):
            return f"knowledge.{which}({name}).get", f"triples.{which}({name}).get"
        key = (which, name)
        if key not in self._indexes:
            place = len(self._indexes)
            self._indexes[key] = (f"known{place}", f"stated{place}")
            self._setup.append(f"    known{place} = knowledge.{which}({name}).get")
            self._opening.append(f"        stated{place} = triples.{which}({name}).get")
        return self._indexes[key]

    def _values(self, step: Values, known: Names, depth: int) -> int:
        kept = [known[name][0] if name in known else None for name in step.names]
        targets = [self._fresh("v") for _ in step.names]
        rows = tuple(tuple(None if t is None else term_text(t) for t in row) for row in step.rows)  # type: ignore[arg-type]
        self._line(depth, f"for {', '.join(targets)}, in {rows!r}:")
        for place, (name, target) in enumerate(zip(step.names, targets, strict=True)):
            may_lack = any(row[place] is None for row in rows)
            if kept[place]:
                unless = f"{target} is None or " if may_lack else ""
                depth += 1
                self._line(depth, f"if {unless}{target} == {kept[place]}:")
            elif may_lack and (name in self._used_beside(step)):
                raise QueryError(f"rule: ?{name} may be UNDEF and is used in WHERE")
            else:
                known[name] = (target, TERM)
        return depth + 1

    def _used_beside(self, step: Values) -> set[str]:
        """Return the variables of WHERE that something other than this VALUES mentions; all where it is nested."""
        others = tuple(element for element in self._rule.where.elements if element is not step)
        return variables(Group(others)) if len(others) < len(self._rule.where.elements) else set(step.names)

    def _select(self, step: Select, known: Names, depth: int) -> int:
        """Write a subquery as a function that gives its rows, and the loop over them."""
        name, groups = self._fresh("subquery"), self._fresh("groups")
        inside = {CASE_NAME: known[CASE_NAME]}
        self._line(depth, f"def {name}():")
        self._line(depth + 1, f"{groups} = {{}}")
        kinds: list[str] = []

        def gather(found: Names, at: int) -> None:
            keys = ", ".join(write_term(ox.Variable(key), found) for key in step.keys)
            values = [write_value(one.of, found) for one in step.aggregates]
            kinds.extend(kind for _, kind in values)
            row = self._fresh("row")
            self._line(at, f"{row} = {groups}.setdefault(({keys},), {[[] for _ in values]})")
            for place, (code, _) in enumerate(values):
                self._line(at, f"{row}[{place}].append({code})")

        self._group(step.group, inside, depth + 1, gather)
        self._line(depth + 1, f"return {groups}.items()")
        keys = [self._fresh("v") for _ in step.keys]
        row = self._fresh("row")
        self._line(depth, f"for ({', '.join(keys)},), {row} in {name}():")
        depth += 1
        for key, target in zip(step.keys, keys, strict=True):
            if key in known:
                self._line(depth, f"if {target} == {known[key][0]}:")
                depth += 1
            elif key in step.names:
                known[key] = (target, TERM)
        for place, one in enumerate(step.aggregates):
            code, kind = write_aggregate(one, f"{row}[{place}]", kinds[place])
            known[one.name] = (self._fresh("v"), kind)
            self._line(depth, f"{known[one.name][0]} = {code}")
        return depth

    def _minus(self, step: Minus, shared: Sequence[str], known: Names, depth: int) -> int:
        """Write what must not be as a function of the variables shared with what it is taken from."""
        if not shared:
            return depth
        name = self._fresh("minus")
        inside = {one: known[one] for one in {*shared, CASE_NAME}}
        self._line(depth, f"def {name}():")
        self._group(step.group, inside, depth + 1, lambda _, at: self._line(at, "return True"))
        self._line(depth + 1, "return False")
        self._line(depth, f"if not {name}():")
        return depth + 1

    def _emit(self, known: Names, depth: int) -> None:
        lacking: dict[str, list[str]] = {}
        for pattern in self._rule.template:
            if all(has(known, term) for term in pattern):
                code = ", ".join(write_term(term, known) for term in pattern)
                maybe = [name for term in pattern if (name := self._may_lack(term, known))]
                lacking.setdefault(" and ".join(f"{name} is not None" for name in maybe), []).append(f"({code})")
        for condition, triples in lacking.items():
            if condition:
                self._line(depth, f"if {condition}:")
            self._line(depth + bool(condition), f"out += ({', '.join(triples)},)")

    # --- terms and expressions ------------------------------------------------------------------

    def _may_lack(self, term: Term, known: Names) -> str:
        for element in self._rule.where.elements:
            if isinstance(element, Values) and isinstance(term, ox.Variable) and term.value in element.names:
                place = element.names.index(term.value)
                if any(row[place] is None for row in element.rows):
                    return known[term.value][0]
        return ""

    def _new(self, term: Term, known: Names) -> str:
        assert isinstance(term, ox.Variable)
        known[term.value] = (self._fresh("v"), TERM)
        return known[term.value][0]
