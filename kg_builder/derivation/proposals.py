"""Composed regimens of a case: enumerated, measured, and the best of them proposed to the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import md5

from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.derivation.compose import Candidate, Composer, Lack
from kg_builder.derivation.formulary import Formulary, Member, PatternRow, RegimenBook
from kg_builder.derivation.objectives import Scale
from kg_builder.derivation.pareto import Priorities, Vector, find_front
from kg_builder.derivation.rank import rank_options
from kg_builder.derivation.rules import Statement
from kg_builder.vocabulary import BASE, RDFS, SV, XSD

#: Objectives by priority, places of the members: what is equal in every objective stands in the order of its best
#: placed options.
Key = tuple[Vector, tuple[int, ...]]
#: Composed regimens shown in order, beside those of the Pareto front.
MOST_SHOWN = 10
#: Regimens of the Pareto front shown beyond these.
MOST_FRONT = 10
#: What of a case can be part of a regimen that it has not as it is.
USED = ("active", "retained")


@dataclass(frozen=True, slots=True)
class Composed:
    """A combination that satisfies a pattern, with its objectives and its place in the order."""

    members: tuple[Member, ...]
    pattern: str
    vector: Vector
    key: Key


@dataclass(frozen=True, slots=True)
class Nearest:
    """What comes nearest to a pattern that cannot be met, and what each row lacks, in words, by the row's claim."""

    pattern: str
    members: tuple[Member, ...]
    lacks: dict[str, str]


@dataclass(slots=True)
class Board:
    """The regimens of one case between rules and answer.

    Attributes:
        formulary: the options of the case.
        priorities: by which regimens are put in order.
        patterns: those that hold in the case, by name.
        composed: keys of every combination of every pattern, the best first; an option has one place, so that the
            places in a key tell its members.
        front: vectors of those that no other composed one dominates.
        counts: number of combinations by pattern.
        fronts: how many of them are on the front, by the pattern that gives them first.
        proposed: composed regimens that are judged and shown, by IRI; of two patterns that give the same, the first.
        nearest: what comes nearest to patterns that cannot be met, by IRI.
    """

    formulary: Formulary
    priorities: Priorities
    patterns: dict[str, tuple[PatternRow, ...]]
    composed: list[Key] = field(default_factory=list)
    front: set[Vector] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    fronts: Counter[str] = field(default_factory=Counter)
    proposed: dict[str, Composed] = field(default_factory=dict)
    nearest: dict[str, Nearest] = field(default_factory=dict)

    def combinations(self) -> list[tuple[Member, ...]]:
        """Return the members of every combination, the best first."""
        member, order = self.formulary.member, self.formulary.ranking.order
        return [tuple(member(order[place]) for place in places) for _, places in self.composed]


def open_board(graph: CaseGraph, book: RegimenBook, priorities: Priorities) -> Board:
    """Compose the regimens of a case whose options have their statuses; choose which of them the rules judge."""
    formulary = Formulary(graph, book, rank_options(graph))
    held = _find_triggered(graph) if book.patterns else set()
    patterns = {name: rows for name, rows in book.patterns.items() if all(row.claim in held for row in rows)}
    board = Board(formulary, priorities, patterns)
    pools = {row.claim: formulary.pool(row.picks) for rows in patterns.values() for row in rows}
    reached = frozenset[str]().union(*pools.values())
    used = [a for a in formulary.ranking.order if a in reached and formulary.status(a) in USED]
    scale = Scale([formulary.member(agent) for agent in used], formulary)
    clashes = {frozenset((a, o)) for a in used for o, pair in scale.beside[a].items() if pair.effect == "excludes"}
    candidates = [_candidate(agent, formulary) for agent in used]
    seen: set[tuple[int, ...]] = set()
    ranked: list[tuple[Key, Vector, str]] = []
    for name, rows in patterns.items():
        demands = [row.demand(pools[row.claim]) for row in rows]
        composer = Composer(demands, candidates, clashes)
        found = composer.compose()
        board.counts[name] = len(found)
        grade = max(row.evidence for row in rows)
        for names in found:
            # candidates stand in the order of their places, so that the places of equal sets are equal
            places = tuple([formulary.places[agent] for agent in names])
            if places not in seen:
                seen.add(places)
                vector = scale.measure(names, grade=grade)
                ranked.append(((priorities.key(vector), places), vector, name))
        if not found:
            near = _find_nearest(name, composer, pools, formulary)
            board.nearest[_name(graph.iri, name, ())] = near
    ranked.sort()
    board.composed = [key for key, _, _ in ranked]
    board.front = find_front(vector for _, vector, _ in ranked)
    board.fronts = Counter(name for _, vector, name in ranked if vector in board.front)
    beyond = [one for one in ranked[MOST_SHOWN:] if one[1] in board.front]
    for key, vector, name in (*ranked[:MOST_SHOWN], *beyond[:MOST_FRONT]):
        own = tuple(formulary.member(formulary.ranking.order[place]) for place in key[1])
        board.proposed[_name(graph.iri, name, (m.iri for m in own))] = Composed(own, name, vector, key)
    return board


def _candidate(agent: str, formulary: Formulary) -> Candidate:
    book = formulary.book
    return Candidate(
        agent,
        formulary.status(agent) == "active",
        book.classes(agent),
        book.mechanisms(agent),
        formulary.member(agent).barrier,
    )


def _find_triggered(graph: CaseGraph) -> set[str]:
    """Return the rows of patterns that hold in the case."""
    triggers = (t for t in graph.nodes("triggeredIn") if graph.value(t, "ofKind") == "RegimenPattern")
    return {graph.value(trigger, "ofClaim") or "" for trigger in triggers}


def _find_nearest(pattern: str, composer: Composer, pools: dict[str, frozenset[str]], formulary: Formulary) -> Nearest:
    fallen = [a for a in formulary.ranking.order if formulary.status(a) != "active"]
    names, lacks, closest = composer.nearest([Candidate(agent, is_active=False) for agent in fallen])
    told = {
        lack.demand.claim: _tell(lack, [a for a in fallen if a in pools[lack.demand.claim]], formulary)
        for lack in lacks
    }
    places = sorted({formulary.places[one] for one in (*names, *closest)})
    return Nearest(pattern, tuple(formulary.member(formulary.ranking.order[place]) for place in places), told)


def _tell(lack: Lack, closest: Sequence[str], formulary: Formulary) -> str:
    """Say what a row lacks and who comes closest."""
    know = formulary.book.knowledge
    picks = " or ".join(sorted(know.label(p) for p in know.describe(lack.demand.claim)["picksFrom"]))
    match lack.kind:
        case "members":
            text = f"needs {lack.need} of {picks}, {lack.have} can be counted on"
        case "classes":
            text = f"needs {lack.need} classes of {picks}, there are {lack.have}"
        case "barrier":
            word = know.first(lack.demand.claim, "needsBarrier")
            text = f"needs one of {picks} with a genetic barrier that is {word}, none can be counted on"
        case "together":
            text = f"what is left of {picks} may not be given together"
    near = ", ".join(f"{know.label(agent)} ({formulary.status(agent)})" for agent in closest[:3])
    return f"{text}; nearest: {near}" if near and lack.kind != "together" else text


def _name(case: str, pattern: str, names: Iterable[str]) -> str:
    key = " ".join((case, pattern, *sorted(names)))
    return f"{BASE}proposal/{md5(key.encode(), usedforsecurity=False).hexdigest()}"


# --- what the rules are told ----------------------------------------------------------------------


def state(board: Board, graph: CaseGraph) -> tuple[list[Statement], bytes]:
    """Return what the rules are told of the composed regimens of a case, as statements and as N-Triples.

    That is: which are to be judged, their components and pattern, and what the nearest to a pattern lacks.
    """
    writer = _Writer(graph.iri)
    for iri, one in board.proposed.items():
        first = min(board.patterns[one.pattern], key=lambda row: (row.at_least == 0, row.claim))
        writer.compose(iri, write_name(one.members), one.members)
        writer.link(iri, "composedBy", first.claim)
    for iri, near in board.nearest.items():
        writer.compose(iri, near.pattern, near.members)
        for claim in near.lacks:
            writer.link(iri, "lacksFor", claim)
    return writer.statements, "\n".join(writer.lines).encode()


def write_name(members: Iterable[Member]) -> str:
    """Return the name of a composed regimen: its components, the best placed first, those kept last."""
    ordered = sorted(members, key=lambda m: (m.status == "retained", m.place))
    return " + ".join(f"{m.label} (kept)" if m.status == "retained" else m.label for m in ordered)


class _Writer:
    def __init__(self, case: str) -> None:
        self.case = case
        self.statements: list[Statement] = []
        self.lines: list[str] = []

    def link(self, subject: str, name: str, value: str) -> None:
        self.statements.append((subject, SV + name, value))
        self.lines.append(f"<{subject}> <{SV}{name}> <{value}> .")

    def literal(self, subject: str, predicate: str, value: str, suffix: str = "") -> None:
        self.statements.append((subject, predicate, value))
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        self.lines.append(f'<{subject}> <{predicate}> "{escaped}"{suffix} .')

    def compose(self, regimen: str, name: str, members: Sequence[Member]) -> None:
        """Tell the components of a regimen that no table names, and have it judged."""
        self.link(regimen, "proposedIn", self.case)
        self.literal(regimen, RDFS + "label", name)
        self.literal(regimen, SV + "componentCount", str(len(members)), f"^^<{XSD}integer>")
        for member in members:
            self.link(regimen, "needsKept" if member.status == "retained" else "needsActive", member.iri)
