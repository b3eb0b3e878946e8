"""The derivation of a conclusion as steps that can be checked: each applies one rule to some statements.

A step's premises are statements, the smallest things a rule can read, and none of them can be left out: the rule run
on them alone concludes what the step concludes. They are found by running the rules once more with what each concludes
kept apart, and by looking, from a conclusion backwards, for statements that the patterns of its rule match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any

import pyoxigraph as ox

from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.proof import Proof, Step
from kg_builder.derivation.rules import Rule, schedule
from kg_builder.derivation.ruletext import Pattern, RuleText, Term, read_rule_text
from kg_builder.graph.protocol import CaseStore
from kg_builder.graph.store import Manifest, sha256_of
from kg_builder.issues import QueryError
from kg_builder.vocabulary import DCTERMS, RDFS, SV, XSD

#: What hangs off a case and has a derivation: statuses, findings, goals, advice.
CONCLUDED = tuple(SV + name for name in ("concludedIn", "findingIn", "goalIn", "receivedIn"))
_ABOUT = ox.NamedNode(SV + "aboutAgent")
_LABEL = ox.NamedNode(RDFS + "label")
_SOURCE = ox.NamedNode(DCTERMS + "source")
_NUMBERS = (ox.NamedNode(XSD + "decimal"), ox.NamedNode(XSD + "integer"))
#: A pattern with more matches than this is as good as any other to be matched later.
_MANY = 64
Triples = frozenset[ox.Triple]
Binding = dict[str, ox.NamedNode | ox.Literal]


class _Run:
    """One rule at one of its stages, with what it concluded from everything."""

    def __init__(self, number: int, rule: Rule, concluded: Triples) -> None:
        self.number, self.rule, self.concluded = number, rule, concluded

    @cached_property
    def store(self) -> CaseStore:
        """What it concluded, for looking up."""
        return _store(self.concluded)

    @cached_property
    def patterns(self) -> RuleText:
        """The patterns of its rule."""
        return read_rule_text(self.rule.text)

    def conclude(self, premises: Iterable[ox.Triple]) -> Triples:
        """Return what the rule concludes from these premises alone."""
        return _construct(_store(premises), self.rule)


class Tracer:
    """Finds the steps behind the conclusions of one case. Valid within the ``with`` of :func:`trace`."""

    def __init__(self, store: CaseStore, case: ox.NamedNode, facts: Triples, runs: Sequence[_Run]) -> None:
        self._store, self.case, self.runs = store, case, runs
        self._facts = facts
        #: run that first concluded a statement; none for what is given
        self._first: dict[ox.Triple, _Run] = {}
        for run in runs:
            for triple in run.concluded - self._first.keys() - self._facts:
                if not self._known(*triple):
                    self._first[triple] = run
        self._steps: dict[ox.Triple, tuple[int, Step]] = {}

    def conclusions(self, agent: str | None = None) -> list[str]:
        """Return what was concluded of the case, or of one option in it: IRIs of statuses, findings, goals, advice."""
        found = {
            quad.subject
            for name in CONCLUDED
            for quad in self._store.quads_for_pattern(None, ox.NamedNode(name), self.case)
        }
        if agent is not None:
            found = {n for n in found if any(self._store.quads_for_pattern(n, _ABOUT, ox.NamedNode(agent)))}
        return sorted(node.value for node in found)  # type: ignore[union-attr]

    def prove(self, nodes: Sequence[str], manifest: Manifest) -> Proof:
        """Return the proof of everything that was concluded of these nodes.

        Args:
            nodes: IRIs of findings, conclusions or whatever rules made.
            manifest: of the release whose knowledge this is.
        """
        said = [quad.triple for n in nodes for quad in self._store.quads_for_pattern(ox.NamedNode(n), None, None)]
        goals = [triple for triple in said if triple in self._first]
        steps: dict[Step, int] = {}
        quoted: dict[ox.Triple, str] = {}
        todo, seen = list(goals), set(goals)
        while todo:
            triple = todo.pop()
            if triple not in self._first:
                quoted[triple] = self.case.value if triple in self._facts else manifest.version_iri
                continue
            number, step = self._step(triple)
            steps[step] = number
            todo += [premise for premise in step.used if premise not in seen]
            seen.update(step.used)
        ordered = sorted(steps, key=lambda step: (steps[step], str(step.concluded)))
        rules = {run.rule.name: run.rule for run in self.runs}
        return Proof(
            case=self.case.value,
            release=manifest.version_iri,
            release_sha256=manifest.sha256,
            rules={s.rule: sha256_of(rules[s.rule].text.encode()) for s in ordered},
            conclusions=tuple(sorted(set(goals), key=str)),
            steps=tuple(ordered),
            quoted=dict(sorted(quoted.items(), key=str)),
            cited=tuple(sorted(self._cite(ordered), key=str)),
        )

    def _cite(self, steps: Iterable[Step]) -> set[ox.Triple]:
        """Return the source of each claim in some steps, and the labels of claims, sources and options."""
        triples = {triple for step in steps for triple in (*step.used, *step.concluded)}
        terms = {term for triple in triples for term in triple if isinstance(term, ox.NamedNode)}
        sources = {triple for term in terms for triple in self._known(term, _SOURCE)}
        named = {term for triple in sources for term in (triple.subject, triple.object)}
        named |= {triple.object for triple in triples if triple.predicate == _ABOUT}
        return sources | {triple for term in named for triple in self._known(term, _LABEL)}

    def _known(self, subject: Any, predicate: Any, value: Any = None) -> list[ox.Triple]:
        """Return the statements of the knowledge, none of the case's, with this subject, predicate and object."""
        quads = self._store.quads_for_pattern(subject, predicate, value)
        return [quad.triple for quad in quads if quad.graph_name != self.case]

    # --- one step -----------------------------------------------------------------------------

    def _step(self, triple: ox.Triple) -> tuple[int, Step]:
        """Return the step that first concluded a statement, with the number of its run."""
        if triple not in self._steps:
            run = self._first[triple]
            step = next(self._find_steps(triple, run), None)
            if step is None:
                raise QueryError(f"rule {run.rule.name}: no premises found for {triple}")
            for concluded in step.concluded:
                self._steps.setdefault(concluded, (run.number, step))
        return self._steps[triple]

    def _find_steps(self, triple: ox.Triple, run: _Run) -> Iterator[Step]:
        def before(other: ox.Triple) -> bool:
            first = self._first.get(other)
            return first is None or first.number < run.number

        for goal, binding in _instances(run, triple):
            for support in self._supports(run, goal, binding, before):
                least = _minimise(support, goal, run.conclude)
                concluded = run.conclude(least)
                if concluded <= run.concluded:
                    yield Step(run.rule.name, tuple(sorted(least, key=str)), tuple(sorted(concluded, key=str)))

    def _supports(
        self, run: _Run, goal: Triples, binding: Binding, before: Callable[[ox.Triple], bool]
    ) -> Iterator[Triples]:
        """Yield sets of statements from which alone the rule concludes: one match, or all matches of an aggregate."""
        whole: set[ox.Triple] = set()
        known = {v.value for pattern in run.patterns.matched for v in pattern if isinstance(v, ox.Variable)}
        start = {name: value for name, value in binding.items() if name in known}
        for _, matched in _match(self._store, run.patterns.matched, start, before):
            if goal <= run.conclude(matched):
                yield frozenset(matched)
            whole |= matched
        if goal <= run.conclude(whole):
            yield frozenset(whole)


@contextmanager
def trace(store: CaseStore, rules: Iterable[Rule], prepared: Prepared) -> Iterator[Tracer]:
    """Derive a case, keeping apart what each rule concludes; the store is as before when the block ends.

    Args:
        store: knowledge, the whole of it or the cut for the disease of the case.
        rules: all rules.
    """
    runs: list[_Run] = []
    graph = ox.NamedNode(prepared.iri)
    try:
        store.extend(prepared.quads)
        facts = frozenset(quad.triple for quad in store.quads_for_pattern(None, None, None, graph))
        for number, rule in enumerate(schedule(rules)):
            concluded = _construct(store, rule)
            store.extend([ox.Quad(t.subject, t.predicate, t.object, graph) for t in concluded])
            runs.append(_Run(number, rule, concluded))
        yield Tracer(store, graph, facts, runs)
    finally:
        store.remove_graph(graph)


def _store(triples: Iterable[ox.Triple]) -> ox.Store:
    store = ox.Store()
    store.extend([ox.Quad(t.subject, t.predicate, t.object) for t in triples])
    return store


def _construct(store: CaseStore, rule: Rule) -> Triples:
    """Return what a rule concludes; through a store, which has its own way of writing a number."""
    solutions = store.query(rule.text, use_default_graph_as_union=True)
    assert isinstance(solutions, ox.QueryTriples)
    return frozenset(quad.triple for quad in _store(solutions))


def _minimise(support: Triples, goal: Triples, conclude: Callable[[Iterable[ox.Triple]], Triples]) -> Triples:
    """Leave out each statement without which the goal is still concluded."""
    least = support
    for triple in sorted(support, key=str):
        if goal <= conclude(least - {triple}):
            least -= {triple}
    return least


# --- matching -------------------------------------------------------------------------------------


def _instances(run: _Run, triple: ox.Triple) -> Iterator[tuple[Triples, Binding]]:
    """Yield what a run concluded together with a statement: the instances of the rule's template that hold it."""
    for place, pattern in enumerate(run.patterns.template):
        if (binding := _unify(pattern, triple, {})) is None:
            continue
        rest = run.patterns.template[:place] + run.patterns.template[place + 1 :]
        for found, matched in _match(run.store, rest, binding, lambda _: True, partly=True):
            yield frozenset(matched | {triple}), found


def _match(
    store: CaseStore,
    patterns: Sequence[Pattern],
    binding: Binding,
    allowed: Callable[[ox.Triple], bool],
    *,
    partly: bool = False,
) -> Iterator[tuple[Binding, set[ox.Triple]]]:
    """Yield each way in which patterns match statements of a store, next always the one with the fewest matches.

    Args:
        allowed: whether a statement may be used.
        partly: pass over a pattern that nothing matches.
    """
    if not patterns:
        yield binding, set()
        return
    sizes = [sum(1 for _ in islice(_look_up(store, pattern, binding), _MANY)) for pattern in patterns]
    best = sizes.index(min(sizes))
    rest = [*patterns[:best], *patterns[best + 1 :]]
    if not sizes[best] and partly:
        yield from _match(store, rest, binding, allowed, partly=True)
    for triple in sorted(_look_up(store, patterns[best], binding), key=str):
        inner = _unify(patterns[best], triple, binding)
        if inner is not None and allowed(triple):
            for found, matched in _match(store, rest, inner, allowed, partly=partly):
                yield found, matched | {triple}


def _look_up(store: CaseStore, pattern: Pattern, binding: Mapping[str, Term]) -> Iterator[ox.Triple]:
    subject, predicate, value = (binding.get(t.value) if isinstance(t, ox.Variable) else t for t in pattern)
    if isinstance(subject, ox.Literal) or isinstance(predicate, ox.Literal):
        return iter(())
    return (quad.triple for quad in store.quads_for_pattern(subject, predicate, value))  # type: ignore[arg-type]


def _unify(pattern: Pattern, triple: ox.Triple, binding: Binding) -> Binding | None:
    """Return the binding that makes a pattern this statement, or None."""
    found = dict(binding)
    for term, value in zip(pattern, triple, strict=True):
        if isinstance(term, ox.Variable):
            if found.setdefault(term.value, value) != value:
                return None
        elif term != value and not _is_same_number(term, value):
            return None
    return found


def _is_same_number(term: Term, value: object) -> bool:
    """Whether a number of a rule's text is the store's, which has its own way of writing it: 0.0 and 0."""
    if not (isinstance(term, ox.Literal) and isinstance(value, ox.Literal) and term.datatype == value.datatype):
        return False
    return term.datatype in _NUMBERS and Decimal(term.value) == Decimal(value.value)
