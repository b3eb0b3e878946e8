"""OWL 2 RL materialisation: rules compiled from the TBox, run to a fixpoint.

Each round matches a rule once for every atom of its body that new statements can match, with this atom matched
with the new statements and the others with everything known (semi-naive evaluation; Abiteboul, Hull and Vianu,
*Foundations of Databases*, 1995, chapter 13). What the compiler supports, leaves out and refuses:
:mod:`kg_builder.graph.rl_rules`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyoxigraph as ox

from kg_builder.graph.rl_joins import Join, Matcher, Pattern, is_variable, read_pairs, unify
from kg_builder.graph.rl_rules import Atom, Rule, compile_rules
from kg_builder.graph.rl_schema import rdfs
from kg_builder.issues import Issue, ReasoningError
from kg_builder.knowledge.statements import INFERRED, Row, Statements, read_triples, to_triples
from kg_builder.vocabulary import GRAPH_CORE, compact

_MAX_CLASHES = 20
_SUB_CLASS = str(rdfs("subClassOf"))

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Materialisation:
    """What a run did.

    Attributes:
        rounds: rounds until nothing new followed, the last and empty one included.
        triples: statements added.
        seconds: wall time.
        beyond: axioms outside RL, in words; only the DL reasoner sees them.
    """

    rounds: int
    triples: int
    seconds: float
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """A contradiction.

    Attributes:
        axiom: the axiom that is broken, in words.
        triples: what breaks it, as asserted or inferred.
        asserted: the asserted triples from which these follow (one derivation, TBox axioms not included).
        axioms: the axioms used in that derivation, in words.
    """

    axiom: str
    triples: tuple[ox.Triple, ...]
    asserted: tuple[ox.Triple, ...]
    axioms: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.axiom}: {'; '.join(map(show_triple, self.triples))}"


class InconsistencyError(ReasoningError):
    """The data contradict the axioms; ``clashes`` says where, at most 20 of them."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        self.clashes = tuple(clashes)
        super().__init__([_issue(clash) for clash in clashes])


def show_triple(triple: ox.Triple) -> str:
    """Write a triple with CURIEs.

    >>> show_triple(ox.Triple(rdfs("label"), rdfs("label"), ox.Literal("label")))
    'rdfs:label rdfs:label "label"'
    """
    terms = (triple.subject, triple.predicate, triple.object)
    return " ".join(compact(t.value) if isinstance(t, ox.NamedNode) else str(t) for t in terms)


def materialise(statements: Statements, *, progress: Callable[[str], None] | None = None) -> Materialisation:
    """Add what follows from axioms and data: statements of named individuals, and the class hierarchy.

    Axioms are read from all graphs alike (the build emits class definitions with the data). What follows goes into
    graph:inferred; none of it was stated, and none is a mere ``a owl:Thing``.

    Args:
        statements: axioms and data; after a clash they hold inferences too.
        progress: told each round in a line of text.
    Returns:
        Rounds, statements added and seconds.
    Raises:
        ReasoningError: O102 for every axiom that is not supported.
        InconsistencyError: O101 for every clash, with the triples behind it.
    """
    started, before = time.perf_counter(), len(statements)
    run = _Run(statements)
    rounds = run.fixpoint(progress)
    clashes = run.clashes()
    if clashes:
        raise InconsistencyError(clashes)
    return Materialisation(rounds, len(statements) - before, time.perf_counter() - started, run.beyond)


def find_clashes(triples: Iterable[ox.Triple]) -> list[Clash]:
    """Return the clashes that RL finds in one set of triples, TBox and data together.

    Raises:
        ReasoningError: O102 for every axiom that is not supported.
    """
    run = _Run(Statements(read_triples(triples)))
    run.fixpoint(None)
    return run.clashes()


def _issue(clash: Clash) -> Issue:
    because = "; ".join(map(show_triple, clash.asserted))
    message, hint = f"clash with {clash}", f"asserted: {because}"
    return Issue(path=compact(GRAPH_CORE), line=0, column="", code="O101", message=message, hint=hint)


class _EnoughError(Exception):
    """Ends a search."""


class _Run:
    """One fixpoint. The place of a statement says in which round it was found (:meth:`Statements.add`)."""

    def __init__(self, statements: Statements) -> None:
        compiled = compile_rules(statements)
        self.beyond = compiled.beyond
        self._statements = statements
        self._matcher = Matcher(statements, read_triples(compiled.groups))
        self._hierarchy = [(str(a), str(b)) for a, b in compiled.hierarchy]
        self._rules = [(rule, _patterns(rule.body), Pattern(rule.head)) for rule in compiled.rules if rule.head]
        self._clash_rules = compiled.clashes
        #: What rules conclude that is not there yet: predicate → pairs.
        self._found: dict[str, dict[Pair, None]] = defaultdict(dict)
        #: predicate, and object where it is fixed → (number of a rule, number of an atom that such a statement matches)
        self._triggers: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for number, (_, body, _) in enumerate(self._rules):
            for index, pattern in enumerate(body):
                self._triggers[pattern.p, "" if is_variable(pattern.o) else pattern.o].append((number, index))

    # --- rounds ----------------------------------------------------------------------------------

    def fixpoint(self, progress: Callable[[str], None] | None) -> int:
        """Run the rules until nothing new follows; return the number of rounds."""
        self._match_all()
        rounds = 1
        while True:
            new = {predicate: list(pairs) for predicate, pairs in self._found.items() if pairs}
            self._found.clear()
            if progress:
                progress(f"round {rounds}: {sum(map(len, new.values()))} new triples")
            if not new:
                return rounds
            for predicate, pairs in new.items():
                for subject, value in pairs:
                    self._statements.add(subject, predicate, value, INFERRED + rounds - 1)
            rounds += 1
            self._match_new(new)

    def _match_all(self) -> None:
        """Find what the rules conclude from what is stated, and the class hierarchy."""
        for _, body, head in self._rules:
            if all(self._matcher.size(pattern) for pattern in body):
                join = Join(body)
                join.match(self._matcher, (), self._conclude(join, head))()
        stated = self._statements.about(_SUB_CLASS)
        self._found[_SUB_CLASS] |= {(a, b): None for a, b in _closure(self._hierarchy) if b not in stated.get(a, ())}

    def _match_new(self, new: Mapping[str, Sequence[Pair]]) -> None:
        """Find what the rules conclude with at least one new statement."""
        for predicate, pairs in new.items():
            by_object: dict[str, list[Pair]] = defaultdict(list)
            for pair in pairs:
                by_object[pair[1]].append(pair)
            for number, index in self._triggers.get((predicate, ""), ()):
                self._match_rule(number, index, pairs)
            for value, own in by_object.items():
                for number, index in self._triggers.get((predicate, value), ()):
                    self._match_rule(number, index, own)

    def _match_rule(self, number: int, index: int, pairs: Sequence[Pair]) -> None:
        _, body, head = self._rules[number]
        join, first = Join(body), body[index]
        then = join.match(self._matcher, first.variables(), self._conclude(join, head), without=first)
        read_pairs(join, first, pairs, then)

    def _conclude(self, join: Join, head: Pattern) -> Callable[[], None]:
        """Return a function that notes what the head says, unless it is known."""
        values, s, o = join.values, join.place(head.s), join.place(head.o)
        known, found = self._statements.about(head.p), self._found[head.p]

        def note() -> None:
            objects = known.get(values[s])
            if objects is None or values[o] not in objects:
                found[values[s], values[o]] = None

        return note

    # --- clashes -----------------------------------------------------------------------------

    def clashes(self) -> list[Clash]:
        """Return the clashes among all statements, each traced back to what was asserted."""
        found: dict[frozenset[Row], tuple[str, tuple[Row, ...]]] = {}
        for rule in self._clash_rules:

            def note(rows: Sequence[Row], axiom: str = rule.axiom) -> None:
                own = tuple(dict.fromkeys(row for row in rows if row in self._statements))
                found.setdefault(frozenset(own), (axiom, own))
                if len(found) >= _MAX_CLASHES:
                    raise _EnoughError

            self._search(rule, {}, note)
            if len(found) >= _MAX_CLASHES:
                break
        return [self._explain(axiom, rows) for axiom, rows in found.values()]

    def _explain(self, axiom: str, rows: tuple[Row, ...]) -> Clash:
        """Trace the statements of a clash back to asserted ones, and to the axioms on the way."""
        asserted: dict[Row, None] = {}
        axioms: dict[str, None] = {}
        todo, done = list(rows), set(rows)
        while todo:
            row = todo.pop()
            if self._place(row) < INFERRED:
                asserted[row] = None
                continue
            used, body = self._derive(row)
            axioms[used] = None
            todo += [other for other in body if other not in done]
            done |= set(body)
        return Clash(axiom, tuple(to_triples(rows)), tuple(to_triples(sorted(asserted))), tuple(axioms))

    def _derive(self, row: Row) -> tuple[str, tuple[Row, ...]]:
        """Return the axiom and the earlier statements by which a statement was concluded."""
        born, found = self._place(row), []

        def note(rows: Sequence[Row]) -> None:
            if all(self._place(other) < born for other in rows):
                found.append(tuple(rows))
                raise _EnoughError

        for rule, _, head in self._rules:
            binding = unify(head, row)
            if binding is not None:
                self._search(rule, binding, note)
                if found:
                    return rule.axiom, found[0]
        raise LookupError(f"no derivation of {row}")

    def _place(self, row: Row) -> int:
        place = self._statements.place(row)
        assert place is not None
        return place

    def _search(self, rule: Rule, binding: Mapping[str, str], note: Callable[[Sequence[Row]], None]) -> None:
        """Tell the statements that match a body, once for each way to match it, until there is enough."""
        join = Join(_patterns(rule.body))
        for term, value in binding.items():
            if is_variable(term):
                join.values[join.place(term)] = value
        places = [(join.place(p.s), p.p, join.place(p.o)) for p in join.body]
        unequal = [join.place(str(variable)) for variable in rule.unequal or ()]
        values = join.values

        def tell() -> None:
            if not unequal or values[unequal[0]] != values[unequal[1]]:
                note([(values[s], predicate, values[o]) for s, predicate, o in places])

        try:
            join.match(self._matcher, [term for term in binding if is_variable(term)], tell)()
        except _EnoughError:
            return


def _patterns(body: Iterable[Atom]) -> tuple[Pattern, ...]:
    return tuple(map(Pattern, body))


def _closure(edges: Iterable[Pair]) -> Iterator[Pair]:
    """Yield the transitive, irreflexive closure of a relation."""
    up: dict[str, list[str]] = defaultdict(list)
    for below, above in sorted(edges):
        up[below].append(above)
    for start in list(up):
        seen: set[str] = set()
        todo = list(up[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += up.get(node, [])
                if node != start:
                    yield start, node
