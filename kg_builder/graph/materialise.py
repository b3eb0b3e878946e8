"""OWL 2 RL materialisation: rules compiled from the TBox, run to a fixpoint as SPARQL on pyoxigraph.

Each round runs a rule once for every atom of its body that new triples can match, with this atom bound
to the new triples and the others to everything known (semi-naive evaluation; Abiteboul, Hull and Vianu,
*Foundations of Databases*, 1995, chapter 13). The work is done in a store of its own, so that a clash
leaves the caller's store as it was. What the compiler supports, leaves out and refuses:
:mod:`kg_builder.graph.rl_rules`.

The queries use LATERAL (SEP-0006, as in Oxigraph), which fixes the order of joins; they are put together
from checked terms and never hold text from outside.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyoxigraph as ox

from kg_builder.graph.rl_rules import IN_GROUP, Atom, Rule, RuleSet, compile_rules
from kg_builder.graph.rl_schema import Term, rdfs
from kg_builder.issues import Issue, ReasoningError
from kg_builder.vocabulary import compact

_DELTA = ox.NamedNode("urn:x-salvage-kg:delta")
_MAX_CLASHES = 20

Binding = dict[str, Term]
#: Predicate, and object where it is fixed.
Key = tuple[ox.NamedNode, Term | None]


@dataclass(frozen=True, slots=True)
class Materialisation:
    """What a run did.

    Attributes:
        rounds: rounds until nothing new followed, the last and empty one included.
        triples: triples written to the inferred graph.
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
    """The graphs contradict the TBox; ``clashes`` says where, at most 20 of them."""

    def __init__(self, clashes: Sequence[Clash], path: str) -> None:
        self.clashes = tuple(clashes)
        super().__init__([_issue(clash, path) for clash in clashes])


def show_triple(triple: ox.Triple) -> str:
    """Write a triple with CURIEs.

    >>> show_triple(ox.Triple(rdfs("label"), rdfs("label"), ox.Literal("label")))
    'rdfs:label rdfs:label "label"'
    """
    terms = (triple.subject, triple.predicate, triple.object)
    return " ".join(compact(t.value) if isinstance(t, ox.NamedNode) else str(t) for t in terms)


def materialise(
    store: ox.Store,
    *,
    tbox: str,
    asserted: Sequence[str],
    inferred: str,
    progress: Callable[[str], None] | None = None,
) -> Materialisation:
    """Write what follows from the TBox and the asserted graphs to the inferred graph.

    Axioms are read from the TBox and the asserted graphs alike (the build emits class definitions with
    the data). The inferred graph is emptied first; it then holds triples about named individuals and the
    transitive closure of rdfs:subClassOf between named classes, none of them asserted, none of them a
    mere ``a owl:Thing``.

    Args:
        store: holds all graphs; on a fault it is left as it was.
        tbox: IRI of the TBox graph.
        asserted: IRIs of the graphs with data.
        inferred: IRI of the graph to write; must not be among the others.
        progress: told each round in a line of text.
    Returns:
        Rounds, triples and seconds.
    Raises:
        ReasoningError: O102 for every axiom that is not supported.
        InconsistencyError: O101 for every clash, with the triples behind it.
    """
    started = time.perf_counter()
    graphs = list(dict.fromkeys((tbox, *asserted)))
    if inferred in graphs:
        raise ValueError("the inferred graph must not be among the asserted")
    run = _start(store, graphs)
    rounds = run.fixpoint(progress)
    clashes = run.clashes()
    if clashes:
        raise InconsistencyError(clashes, compact(tbox))
    target = ox.NamedNode(inferred)
    store.remove_graph(target)
    new = run.inferred()
    store.bulk_extend(ox.Quad(t.subject, t.predicate, t.object, target) for t in new)
    return Materialisation(rounds, len(new), time.perf_counter() - started, run.rules.beyond)


def find_clashes(triples: Iterable[ox.Triple]) -> list[Clash]:
    """Return the clashes that RL finds in one set of triples, TBox and data together.

    Raises:
        ReasoningError: O102 for every axiom that is not supported.
    """
    store, graph = ox.Store(), ox.NamedNode("urn:x-salvage-kg:all")
    store.extend(ox.Quad(t.subject, t.predicate, t.object, graph) for t in triples)
    run = _start(store, [graph.value])
    run.fixpoint(None)
    return run.clashes()


def _start(store: ox.Store, graphs: Sequence[str]) -> _Run:
    """Compile the rules and take the triples that they speak of, which are about half of a graph."""
    rules = compile_rules(store, graphs)
    atoms = (atom for rule in (*rules.rules, *rules.clashes) for atom in (*rule.body, rule.head) if atom)
    predicates = {rdfs("subClassOf"), *(atom.p for atom in atoms)}
    quads = (
        quad
        for graph in graphs
        for predicate in predicates
        for quad in store.quads_for_pattern(None, predicate, None, ox.NamedNode(graph))
    )
    return _Run(rules, (quad.triple for quad in quads))


def _issue(clash: Clash, path: str) -> Issue:
    because = "; ".join(map(show_triple, clash.asserted))
    return Issue(path=path, line=0, column="", code="O101", message=f"clash with {clash}", hint=f"asserted: {because}")


class _Run:
    """One fixpoint in a scratch store. ``born`` maps every triple to its round, 0 for asserted ones."""

    def __init__(self, rules: RuleSet, triples: Iterable[ox.Triple]) -> None:
        self.rules = rules
        self.scratch = ox.Store()
        self.born: dict[ox.Triple, int] = dict.fromkeys(triples, 0)
        self._counts: Counter[Key] = Counter(_keys(self.born))
        self._counts[IN_GROUP, None] = len(self.born)  # or a join would start with all pairs of a group
        self._add([*self.born, *rules.groups])
        #: predicate, and object where it is fixed -> rules and the atom that such a triple can match
        self._triggers: dict[Key, list[tuple[Rule, int]]] = defaultdict(list)
        for rule in rules.rules:
            for index, atom in enumerate(rule.body):
                self._triggers[_key(atom)].append((rule, index))

    def _add(self, triples: Iterable[ox.Triple], graph: ox.NamedNode | ox.DefaultGraph | None = None) -> None:
        where = graph or ox.DefaultGraph()
        self.scratch.bulk_extend(ox.Quad(t.subject, t.predicate, t.object, where) for t in triples)

    def fixpoint(self, progress: Callable[[str], None] | None) -> int:
        """Run the rules until nothing new follows; return the number of rounds."""
        new = self._first()
        rounds = 1
        while True:
            for triple in new:
                self.born[triple] = rounds
            if progress:
                progress(f"round {rounds}: {len(new)} new triples")
            if not new:
                return rounds
            self.scratch.clear_graph(_DELTA)
            self._add(new)
            self._add(new, _DELTA)
            rounds += 1
            fresh = Counter(_keys(new))
            touched = [pair for key in fresh for pair in self._triggers.get(key, ())]
            new = self._collect(_construct(rule, index, self._counts, fresh) for rule, index in touched)

    def _first(self) -> list[ox.Triple]:
        """Return what the rules conclude from the asserted triples, and the class hierarchy."""
        counts = self._counts
        queries = [_construct(r, None, counts) for r in self.rules.rules if all(counts[_key(a)] for a in r.body)]
        closure = [ox.Triple(a, rdfs("subClassOf"), b) for a, b in _closure(self.rules.hierarchy)]
        return list(dict.fromkeys([*self._collect(queries), *(t for t in closure if t not in self.born)]))

    def _collect(self, queries: Iterable[str]) -> list[ox.Triple]:
        found: dict[ox.Triple, None] = {}
        for query in queries:
            triples = self.scratch.query(query)
            assert isinstance(triples, ox.QueryTriples)
            for triple in triples:
                if triple not in self.born:
                    found[triple] = None
        return list(found)

    def inferred(self) -> list[ox.Triple]:
        """Return the triples that were not asserted."""
        return [t for t, born in self.born.items() if born]

    # --- clashes -----------------------------------------------------------------------------

    def clashes(self) -> list[Clash]:
        """Return the clashes among all triples, each traced back to what was asserted."""
        found: dict[frozenset[ox.Triple], Clash] = {}
        for rule in self.rules.clashes:
            for body in self._solutions(rule.body, rule.unequal, {}):
                triples = tuple(dict.fromkeys(t for t in body if t in self.born))
                if frozenset(triples) not in found:
                    asserted, axioms = self._trace(triples)
                    found[frozenset(triples)] = Clash(rule.axiom, triples, asserted, axioms)
                if len(found) >= _MAX_CLASHES:
                    return list(found.values())
        return list(found.values())

    def _trace(self, triples: Iterable[ox.Triple]) -> tuple[tuple[ox.Triple, ...], tuple[str, ...]]:
        """Return the asserted triples from which some triples follow, and the axioms on the way."""
        asserted: dict[ox.Triple, None] = {}
        axioms: dict[str, None] = {}
        todo, done = list(triples), set(triples)
        while todo:
            triple = todo.pop()
            if self.born[triple] == 0:
                asserted[triple] = None
                continue
            rule, body = self._derive(triple)
            axioms[rule.axiom] = None
            todo += [t for t in body if t not in done]
            done |= set(body)
        order = sorted(asserted, key=str)
        return tuple(order), tuple(axioms)

    def _derive(self, triple: ox.Triple) -> tuple[Rule, tuple[ox.Triple, ...]]:
        """Return a rule and the earlier triples by which it concludes a triple."""
        for rule in self.rules.rules:
            head = rule.head
            binding = _unify(head, triple) if head else None
            if binding is None:
                continue
            for body in self._solutions(rule.body, None, binding):
                if all(self.born[t] < self.born[triple] for t in body):
                    return rule, body
        raise LookupError(f"no derivation of {show_triple(triple)}")

    def _solutions(
        self, body: tuple[Atom, ...], unequal: tuple[ox.Variable, ox.Variable] | None, binding: Binding
    ) -> Iterator[tuple[ox.Triple, ...]]:
        """Yield the triples that match a body, one tuple for each way to match it."""
        atoms = [atom.substitute(binding) for atom in body]
        if not any(atom.variables for atom in atoms):
            if all(atom.triple() in self.born for atom in atoms):
                yield tuple(atom.triple() for atom in atoms)
            return
        test = f" FILTER({unequal[0]} != {unequal[1]})" if unequal else ""
        solutions = self.scratch.query(f"SELECT * WHERE {{ {_join(atoms, None, self._counts)}{test} }}")
        assert isinstance(solutions, ox.QuerySolutions)
        for solution in solutions:
            bound: Binding = {v.value: solution[v] for v in solutions.variables}
            yield tuple(atom.substitute(bound).triple() for atom in atoms)


def _key(atom: Atom) -> Key:
    return atom.p, None if isinstance(atom.o, ox.Variable) else atom.o


def _keys(triples: Iterable[ox.Triple]) -> Iterator[Key]:
    for triple in triples:
        yield triple.predicate, None
        yield triple.predicate, triple.object


def _construct(rule: Rule, new: int | None, counts: Counter[Key], fresh: Counter[Key] | None = None) -> str:
    return f"CONSTRUCT {{ {rule.head} }} WHERE {{ {_join(rule.body, new, counts, fresh)} }}"


def _join(body: Sequence[Atom], new: int | None, counts: Counter[Key], fresh: Counter[Key] | None = None) -> str:
    """Return the pattern of a body; the atom numbered ``new`` is matched with the new triples.

    The other atoms follow in the order in which most of them is bound, rare ones first. New triples come first,
    but for some chains of two: what follows must not be looked up once for each member of a large hierarchy at the
    hierarchy's top, whose list is as long (for one of 8,000 terms, 109 s of reasoning instead of 2 s).
    """
    rest = list(body)
    parts: list[str] = []
    bound: frozenset[str] = frozenset()
    if new is not None:
        first = rest.pop(new)
        if fresh and len(rest) == 1 and _starts_chain(rest[0], first, counts, fresh):
            return f"{{ {rest[0]} }} LATERAL {{ GRAPH {_DELTA} {{ {first} }} }}"
        parts.append(f"GRAPH {_DELTA} {{ {first} }}")
        bound = first.variables
    while rest:
        atom = min(rest, key=lambda a: (len(a.variables - bound), counts[_key(a)]))
        rest.remove(atom)
        parts.append(f"LATERAL {{ {atom} }}" if parts else f"{{ {atom} }}")
        bound |= atom.variables
    return " ".join(parts)


def _starts_chain(other: Atom, new: Atom, counts: Counter[Key], fresh: Counter[Key]) -> bool:
    """Return whether a body of two atoms is better matched from the other one than from the new triples.

    A transitive property starts at the upper link, so that the term between is looked up as object, where its
    list holds what is sought and not also what the inverse property says of it; other chains start where there
    are fewer (asserted) triples.
    """
    if other.p == new.p:
        return isinstance(other.s, ox.Variable) and other.s == new.o
    return 0 < counts[_key(other)] < 2 * fresh[_key(new)]


def _unify(head: Atom, triple: ox.Triple) -> Binding | None:
    """Return what the variables of a head must be so that it is this triple."""
    if head.p != triple.predicate:
        return None
    binding: Binding = {}
    for pattern, term in ((head.s, triple.subject), (head.o, triple.object)):
        if isinstance(pattern, ox.Variable):
            if binding.setdefault(pattern.value, term) != term:
                return None
        elif pattern != term:
            return None
    return binding


def _closure(edges: set[tuple[ox.NamedNode, ox.NamedNode]]) -> Iterator[tuple[ox.NamedNode, ox.NamedNode]]:
    """Yield the transitive, irreflexive closure of a relation."""
    up: dict[ox.NamedNode, list[ox.NamedNode]] = defaultdict(list)
    for below, above in sorted(edges, key=str):
        up[below].append(above)
    for start in list(up):
        seen: set[ox.NamedNode] = set()
        todo = list(up[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += up.get(node, [])
                if node != start:
                    yield start, node
