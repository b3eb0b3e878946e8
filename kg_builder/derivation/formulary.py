"""What regimens are made of: patterns and pairs from the knowledge, and what each option brings in one case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal, cast

import pyoxigraph as ox

from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader, local_name
from kg_builder.derivation.compose import Demand
from kg_builder.derivation.posterior import Resistance
from kg_builder.derivation.rank import STANDINGS, SUPPORTIVE, Ranking
from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.vocabulary import CASE, SV, compact

BARRIERS: Final = {"high": 3, "intermediate": 2, "low": 1}
INTERACTION: Final = "drug-drug-interaction"


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A row of `regimen_patterns.tsv`; IRIs throughout."""

    claim: str
    pattern: str
    picks: frozenset[str]
    at_least: int
    at_most: int
    distinct: str
    barrier: int
    classes: int
    adds: str
    evidence: int

    def demand(self, pool: frozenset[str]) -> Demand:
        """Return the row as composition sees it, its pool the options that it may pick."""
        distinct = cast(Literal["", "class", "mechanism"], self.distinct)
        adds = cast(Literal["", "retained", "active", "any"], self.adds)
        return Demand(self.claim, pool, self.at_least, self.at_most, distinct, self.barrier, self.classes, adds)


@dataclass(frozen=True, slots=True)
class Pair:
    """What two options do to each other: the effect of the narrowest claims about them, and these claims."""

    effect: Literal["", "cautions", "excludes"] = ""
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A row of `regimens.tsv`; IRIs throughout.

    Attributes:
        active: components that must be active.
        kept: components that may be kept although inactive.
    """

    iri: str
    active: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """All components."""
        return (*self.active, *self.kept)


class RegimenBook:
    """What the knowledge says of regimens, whatever the case; read once and remembered."""

    def __init__(self, store: KnowledgeStore, knowledge: KnowledgeReader) -> None:
        self._store, self.knowledge = store, knowledge
        self._beside: dict[frozenset[str], dict[str, dict[str, Pair]]] = defaultdict(dict)
        self._reach: dict[str, frozenset[str]] = {}
        self._classes: dict[str, frozenset[str]] = {}

    @cached_property
    def patterns(self) -> dict[str, tuple[PatternRow, ...]]:
        """Rows by the name of their pattern, by name."""
        found: dict[str, list[PatternRow]] = defaultdict(list)
        for claim in sorted(self._subjects("picksFrom")):
            row = self._read_row(claim)
            found[row.pattern].append(row)
        return {name: tuple(rows) for name, rows in sorted(found.items())}

    @cached_property
    def named(self) -> dict[str, Named]:
        """Named regimens by IRI."""
        describe = self.knowledge.describe
        return {
            regimen: Named(
                regimen, tuple(describe(regimen).get("needsActive", ())), tuple(describe(regimen).get("needsKept", ()))
            )
            for regimen in sorted(self._subjects("componentCount"))
        }

    @cached_property
    def is_empty(self) -> bool:
        """Whether no regimen is named and none can be composed."""
        return not self.patterns and not self.named

    @cached_property
    def packed(self) -> tuple[str, ...]:
        """Drugs that come with others in one tablet or pack."""
        about = {a for claim in self._subjects("takenWith") for a in self.knowledge.describe(claim)["concernsAgent"]}
        return tuple(sorted(about))

    @cached_property
    def _class_of_mechanism(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for quad in self._quads("definedByMechanism"):
            found[quad.object.value].add(quad.subject.value)  # type: ignore[union-attr]
        return found

    def _quads(self, name: str) -> list[ox.Quad]:
        """Return the statements of the knowledge with a property, none of those of a case under way."""
        found = self._store.quads_for_pattern(None, ox.NamedNode(SV + name), None)
        return [q for q in found if not str(q.graph_name).startswith(f"<{CASE}")]

    def _subjects(self, name: str) -> set[str]:
        return {quad.subject.value for quad in self._quads(name)}  # type: ignore[union-attr]

    def _read_row(self, claim: str) -> PatternRow:
        know = self.knowledge
        grades = know.describe(claim).get("hasEvidence", ())
        return PatternRow(
            claim=claim,
            pattern=know.first(claim, "patternName"),
            picks=frozenset(know.describe(claim)["picksFrom"]),
            at_least=int(know.first(claim, "atLeast")),
            at_most=int(know.first(claim, "atMost")),
            distinct=know.first(claim, "distinctBy"),
            barrier=BARRIERS.get(know.first(claim, "needsBarrier"), 0),
            classes=int(know.first(claim, "needsClasses", "0")),
            adds=know.first(claim, "mayAdd"),
            evidence=max((int(know.first(grade, "order", "0")) for grade in grades), default=0),
        )

    def mechanisms(self, agent: str) -> frozenset[str]:
        """Return how an option acts."""
        return frozenset(self.knowledge.describe(agent).get("hasMechanism", ()))

    def classes(self, agent: str) -> frozenset[str]:
        """Return the classes that an option's mechanisms define; of a mechanism that defines none, itself."""
        if (found := self._classes.get(agent)) is None:
            own = self.mechanisms(agent)
            named = {name for mechanism in own for name in self._class_of_mechanism.get(mechanism, {mechanism})}
            found = self._classes[agent] = frozenset(named or {agent})
        return found

    def reach(self, agent: str) -> frozenset[str]:
        """Return all that an option is a kind of, and all that anything in it is."""
        if (found := self._reach.get(agent)) is None:
            describe = self.knowledge.describe
            parts = (agent, *describe(agent).get("contains", ()))
            found = self._reach[agent] = frozenset(k for part in parts for k in describe(part).get("isKindOf", ()))
        return found

    def beside(self, agents: Iterable[str], scopes: frozenset[str]) -> dict[str, dict[str, Pair]]:
        """Return for each option the others that do something to it in every case within scopes; all pairs so far.

        Claims with conditions are left out. Pairs are judged when first met.
        """
        found = self._beside[scopes]
        for agent in agents:
            if agent not in found:
                own = found.setdefault(agent, {})
                for other in found:
                    if other != agent and (pair := self._judge_anywhere(agent, other, scopes)).effect:
                        own[other] = found[other][agent] = pair
        return found

    def _judge_anywhere(self, one: str, other: str, scopes: frozenset[str]) -> Pair:
        describe = self.knowledge.describe
        claims = (c for agent in (one, other) for c in describe(agent).get("groundInteraction", ()))
        return self.judge(one, other, (c for c in claims if not scopes.isdisjoint(describe(c).get("groundIn", ()))))

    def judge(self, one: str, other: str, claims: Iterable[str]) -> Pair:
        """Return what these interaction claims make of two options: of each direction the narrowest count."""
        describe = self.knowledge.describe
        hits: dict[tuple[str, str], list[str]] = {(one, other): [], (other, one): []}
        for claim in dict.fromkeys(claims):
            said = describe(claim)
            about = said.get("appliesTo", ())
            for (agent, beside), found in hits.items():
                if agent in about and not self.reach(beside).isdisjoint(said.get("precipitant", ())):
                    found.append(claim)
        effects: dict[str, str] = {}
        for found in hits.values():
            wider = {w for claim in found for w in describe(claim).get("narrowerThan", ())}
            effects |= {c: compact(describe(c)["hasEffect"][0]).partition(":")[2] for c in found if c not in wider}
        for effect in ("excludes", "cautions"):
            if decisive := tuple(sorted(claim for claim, said_effect in effects.items() if said_effect == effect)):
                return Pair(effect, decisive)
        return Pair()


@dataclass(frozen=True, slots=True)
class Member:
    """What an option brings into a regimen in one case. Numbers: 0 is the best standing, 1 the best grade.

    ``bases`` holds, by objective, the claims, findings and conclusions that the numbers rest on.
    """

    iri: str
    label: str
    status: str
    place: int
    conclusion: str
    is_counted: bool
    standing: float
    evidence: float
    barrier: int
    harms: frozenset[str]
    cautions: int
    forgives: bool
    doses: float
    units: float
    missed: float
    bases: dict[str, tuple[str, ...]] = field(compare=False)


UNKNOWN: Final = float("inf")


def read_indication(know: KnowledgeReader, claim: str) -> tuple[float, float, str]:
    """Return how well established a use is and its best grade, lower is better, with the claim that says so."""
    said = know.describe(claim)
    grade = min((float(know.first(e, "order", "9")) for e in said.get("hasEvidence", ())), default=UNKNOWN)
    return STANDINGS[local_name(said["indicationStatus"][0])], grade, claim


def _read_barrier(know: KnowledgeReader, claim: str) -> tuple[int, str]:
    return BARRIERS[know.first(claim, "barrierHeight")], claim


def _read_dosing(know: KnowledgeReader, claim: str) -> tuple[float, float, str]:
    """Return doses and units a day, with the claim that says so."""
    return float(know.first(claim, "dosesPerDay")), float(know.first(claim, "unitsPerDay")), claim


class Formulary:
    """The options of one case, as members of regimens."""

    def __init__(self, graph: CaseGraph, book: RegimenBook, ranking: Ranking) -> None:
        self.graph, self.book, self.ranking = graph, book, ranking
        self.places = {agent: place for place, agent in enumerate(ranking.order)}
        self._members: dict[str, Member] = {}

    def status(self, agent: str) -> str:
        """Return the status word of a candidate."""
        return self.graph.statuses[agent][0]

    def pool(self, picks: frozenset[str]) -> frozenset[str]:
        """Return the candidates that are one of these terms or a kind of one."""
        describe = self.book.knowledge.describe
        return frozenset(a for a in self.places if not picks.isdisjoint(describe(a).get("isKindOf", ())))

    def serve(self, component: str) -> str | None:
        """Return the option that serves for a component: the drug or modality itself, or the best placed of a class."""
        if component in self.places:
            return component
        return min(self.pool(frozenset((component,))), key=self.places.__getitem__, default=None)

    def beside(self, agents: Sequence[str]) -> dict[str, dict[str, Pair]]:
        """Return for each of these options the others that do something to it in this case."""
        whole = self.book.beside(agents, self.graph.shared_scopes)
        wanted = set(agents)
        found = {a: {o: pair for o, pair in whole[a].items() if o in wanted} for a in agents}
        for agent in agents:
            if self.graph.values(agent, "groundInteraction"):
                for other in wanted - {agent}:
                    grounds = (c for one in (agent, other) for c in self.graph.grounds(one, "Interaction"))
                    if (pair := self.book.judge(agent, other, grounds)).effect:
                        found[agent][other] = found[other][agent] = pair
                    elif other in found[agent]:
                        del found[agent][other], found[other][agent]
        return found

    def resistance(self, agent: str) -> tuple[str, Resistance] | None:
        """Return local resistance to a drug or to a class of it, where it is given, with the fact that states it."""
        known = self.graph.resistances
        kinds = (agent, *self.book.knowledge.describe(agent).get("isKindOf", ())) if known else ()
        return next((known[term] for term in kinds if term in known), None)

    def member(self, agent: str) -> Member:
        """Return what an option brings; remembered."""
        if agent not in self._members:
            self._members[agent] = self._read(agent)
        return self._members[agent]

    def _read(self, agent: str) -> Member:
        graph, know = self.graph, self.book.knowledge
        status, conclusion = graph.statuses[agent]
        found = graph.findings.get(agent, ())
        used = [know.remember(read_indication, claim) for claim in graph.grounds(agent, "Indication")]
        best = min(used, default=(UNKNOWN, UNKNOWN, ""))
        heights = [know.remember(_read_barrier, claim) for claim in graph.grounds(agent, "Barrier")]
        highest = max(heights, default=(0, ""))
        harms: dict[str, str] = {}
        for claim in graph.grounds(agent, "ToxicityClaim"):
            for harm in know.describe(claim).get("givesWarning", ()):
                harms.setdefault(harm, claim)
        cautions = tuple(f.iri for f in found if f.effect == "cautions" and f.reason == INTERACTION)
        forgiving = tuple(f.iri for f in found if f.effect == "favours" and f.reason == "forgiveness")
        doses, units, dosing = self._dosing(agent)
        traits = know.describe(agent).get("hasTrait", ())
        local = self.resistance(agent)
        return Member(
            iri=agent,
            label=know.label(agent),
            status=status,
            place=self.places[agent],
            conclusion=conclusion,
            is_counted=status == "active" and SUPPORTIVE not in traits,
            standing=best[0],
            evidence=best[1],
            barrier=highest[0],
            harms=frozenset(harms),
            cautions=len(cautions),
            forgives=bool(forgiving),
            doses=doses,
            units=units,
            missed=local[1].mean if local else UNKNOWN,
            bases={
                "standing": (best[2],) if used else (),
                "evidence": (best[2],) if used else (),
                "barrier": (highest[1],) if heights else (),
                "interactions": cautions,
                "forgiveness": forgiving,
                "doses": dosing,
                "units": dosing,
                **{harm: (claim,) for harm, claim in harms.items()},
            },
        )

    def _dosing(self, agent: str) -> tuple[float, float, tuple[str, ...]]:
        """Return doses and units a day by itself; of several rows those with a condition that is met, the most."""
        know = self.book.knowledge
        rows = [know.remember(_read_dosing, c) for c in self._dosings(agent) if "takenWith" not in know.describe(c)]
        doses, units, claim = max(rows, default=(UNKNOWN, UNKNOWN, ""))
        return doses, units, (claim,) if claim else ()

    def _dosings(self, agent: str) -> list[str]:
        triggered = [c for t in self.graph.values(agent, "groundDosing") for c in self.graph.claims_of(t)]
        return triggered or self.graph.grounds(agent, "Dosing")

    @cached_property
    def packs(self) -> tuple[tuple[frozenset[str], float, float, tuple[str, ...]], ...]:
        """Drugs that come in one tablet or pack, with its doses and units a day and the claim that says so."""
        know = self.book.knowledge
        found = []
        for agent in self.book.packed:
            if agent in self.places:
                for claim in self._dosings(agent):
                    if others := know.describe(claim).get("takenWith"):
                        doses, units, _ = know.remember(_read_dosing, claim)
                        found.append((frozenset((agent, *others)), doses, units, (claim,)))
        return tuple(found)


def decimal_text(value: float) -> str:
    """Return a number for people, without trailing noughts.

    >>> decimal_text(2.0), decimal_text(0.0333)
    ('2', '0.0333')
    """
    return f"{Decimal(str(round(value, 4))).normalize():f}"
