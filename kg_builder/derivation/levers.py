"""Which single changes could make a finding go away: all that its proof leans on, and all that its rules yield to.

A finding goes away only if a fact under it goes or changes, if a number or an absence that met a condition no longer
does, or if a rule in its proof yields to what was not there before (a narrower claim, a test, a rechallenge, an
indication). The first two are read off the proof, the last from the rules' own MINUS. Too much may be named here, never
too little: what is named is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import product

from kg_builder.derivation.casegraph import CaseGraph, FindingNode
from kg_builder.derivation.changes import RESULTS, Move, group_by_fact, is_met, term_iri
from kg_builder.derivation.claims import ClaimIndex, ClaimInfo, ConditionInfo
from kg_builder.derivation.rules import Rule
from kg_builder.vocabulary import compact

_PROPERTY = re.compile(r"\bsv:(\w+)")
#: What a rule may yield to, by the property in its MINUS, and what of that kind can change.
_TESTS = frozenset({"testedIn", "sparedIn"})
_RECHALLENGES = frozenset({"groundRechallenge", "sparedIn"})
#: Properties in a MINUS that need no lever of their own: met through the narrower claims and conditions of the proof,
#: or about what no change can bring (what failed, what supportive drugs are) or what would only make matters worse.
PLAIN = frozenset(
    {
        "metIn", "ofCondition", "factIn", "factKind", "bearsOn", "states", "exposes", "conditionTerm",
        "conditionKind", "isNegated", "candidateIn", "ofClaim", "groundIn", "within", "narrowerThan",
        "groundSensitivity", "groundResistance", "groundIntrinsicResistance", "groundUseConstraint",
        "groundMarkerRequirement", "hitIn", "aboutAgent", "hasPrecipitant", "hasTrait", "findingIn", "hasEffect",
        "hasDegree", "hasReason", "ofRule", "lostIn", "hasLikelihood", "groundCrossResistance", "indicationKnownIn",
        "isNegative", "provesIn", "isKindOf", "concludedIn", "hasStatus", "partOf", "isLast", "readIn", "lacksGeneIn",
        "scoreIn", "ofCode", "forCode", "sharesTargetIn", "concernsSubstance",
    }
)  # fmt: skip
YIELDS = frozenset({"testedIn", "sparedIn", "groundRechallenge", "scoredIn", "indicatedIn"})


def read_yielding(text: str) -> frozenset[str]:
    """Return the properties in the MINUS groups of a rule.

    >>> sorted(read_yielding("?a sv:b ?c MINUS { ?a sv:d ?e FILTER(?e = 1) } MINUS { ?a sv:f ?g }"))
    ['d', 'f']
    """
    found: set[str] = set()
    for start in (m.end() for m in re.finditer(r"\bMINUS\s*\{", text)):
        depth, end = 1, start
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.update(_PROPERTY.findall(text[start:end]))
    return frozenset(found)


class Levers:
    """The moves of one case, by what they could undo."""

    def __init__(self, moves: Iterable[Move], index: ClaimIndex, rules: Mapping[str, Rule]) -> None:
        self.moves = tuple(moves)
        self.index = index
        self._yields = {name: read_yielding(rule.text) & YIELDS for name, rule in rules.items()}
        self._by_fact = group_by_fact(self.moves)
        self._touching: dict[str, frozenset[Move]] = {}

    def of(self, finding: FindingNode, graph: CaseGraph) -> frozenset[Move]:
        """Return the moves without one of which the finding stays.

        Args:
            finding: of the case as given or of a changed one.
            graph: the graph that it is from.
        """
        found: set[Move] = set()
        for node in graph.walk(finding.iri):
            found |= self._by_fact.get(self._as_given(node), set())
            for condition in [node] if compact(node).startswith("condition:") else graph.values(node, "ofCondition"):
                found |= self.touching(condition)
            for iri in graph.claims_of(node):
                found |= self._of_claim(iri)
            for code in graph.values(node, "ofCode"):
                found |= self._meeting(self.index.lowering.get(code, ()))
            if rule := graph.value(node, "ofRule"):
                agent = graph.value(node, "aboutAgent") or finding.agent
                found |= self._yielded(compact(rule).partition(":")[2], agent, graph)
        return frozenset(found)

    def about(self, option: str, graph: CaseGraph) -> frozenset[Move]:
        """Return the moves that could change how an option stands: touch a claim about it, or what it is cautioned for.

        Args:
            option: IRI.
            graph: of the case as given.
        """
        found = self._meeting(self.index.by_agent.get(option, ()))
        found |= self._meeting(self.index.by_other.get(option, ()))
        for finding in graph.findings.get(option, ()):
            found |= self.of(finding, graph)
        return frozenset(found)

    def helping(self, option: str, graph: CaseGraph) -> frozenset[Move]:
        """Return the moves that could let an active option stand better: what lifts a caution, or speaks for it."""
        found = self._meeting(c for c in self.index.by_agent.get(option, ()) if not c.takes_away)
        found |= self._meeting(self.index.by_other.get(option, ()))
        for finding in graph.findings.get(option, ()):
            if finding.effect == "cautions":
                found |= self.of(finding, graph)
        return frozenset(found)

    def barring(self, option: str) -> frozenset[Move]:
        """Return the moves that touch a claim by which an option that is active could be lost, or are a test of it."""
        claims = [
            claim
            for claim in self.index.by_agent.get(option, ())
            if claim.effect == "excludes" or claim.kind in ("Indication", "MarkerRequirement") or _defeats(claim)
        ]
        return frozenset(self._meeting(claims) | self._tests(option, {}))

    def requiring(self, move: Move) -> list[ClaimInfo]:
        """Return the marker requirements that a move meets."""
        return [
            claim
            for claim in self.index.claims.values()
            if any(move in self.touching(condition) for condition in claim.required)
        ]

    def touching(self, condition: str) -> frozenset[Move]:
        """Return the moves that could make a condition (IRI) be met, or no longer."""
        if condition not in self._touching:
            info = self.index.conditions.get(condition)
            self._touching[condition] = frozenset(m for m in self.moves if info and _touches(m, info))
        return self._touching[condition]

    def joined(self, graph: CaseGraph) -> list[frozenset[Move]]:
        """Return the sets of moves that meet what is still unmet of a claim with several unmet conditions."""
        met = {c for meeting in graph.nodes("metIn") for c in graph.values(meeting, "ofCondition")}
        found: set[frozenset[Move]] = set()
        for claim in self.index.claims.values():
            unmet = [condition for condition in claim.conditions if condition not in met]
            if len(unmet) > 1 and all(map(self.touching, unmet)):
                for chosen in product(*(sorted(self.touching(c), key=Move.order) for c in unmet)):
                    if len({move.slot for move in chosen}) == len(set(chosen)) > 1:
                        found.add(frozenset(chosen))
        return sorted(found, key=lambda moves: sorted(map(Move.order, moves)))

    def _as_given(self, node: str) -> str:
        """Return the IRI that a fact of a changed case has in the case as given."""
        mark = node.find("#")
        return self._base + node[mark:] if mark >= 0 else node

    @cached_property
    def _base(self) -> str:
        return next((fact.partition("#")[0] for fact in self._by_fact), "")

    def _of_claim(self, iri: str) -> set[Move]:
        own = self.index.claims.get(iri)
        found: set[Move] = set()
        for condition in own.required if own else ():
            found |= self.touching(condition)
        return found | self._meeting(self.index.narrower.get(iri, ()))

    def _meeting(self, claims: Iterable[ClaimInfo]) -> set[Move]:
        found: set[Move] = set()
        for claim in claims:
            for condition in (*claim.conditions, *claim.required):
                found |= self.touching(condition)
            if claim.precipitants:
                found |= {m for m in self.moves if m.kind == "comedication" and m.terms & claim.precipitants}
        return found

    def _yielded(self, rule: str, agent: str, graph: CaseGraph) -> set[Move]:
        yields = self._yields.get(rule, frozenset())
        found: set[Move] = set()
        if yields & _TESTS:
            found |= self._tests(agent, graph.knowledge.describe(agent))
        if yields & _RECHALLENGES:
            found |= self._meeting(self._claims(agent, "Rechallenge"))
        if "indicatedIn" in yields:
            found |= self._meeting(self._claims(agent, "Indication"))
        if "scoredIn" in yields:
            codes = graph.knowledge.describe(agent).get("hasCode", ())
            genes = {g for code in codes for g in graph.knowledge.describe(code).get("scoredOn", ())}
            found |= self._readings(genes, graph)
        return found

    def _claims(self, agent: str, kind: str) -> list[ClaimInfo]:
        return [claim for claim in self.index.by_agent.get(agent, ()) if claim.kind == kind]

    def _tests(self, agent: str, said: Mapping[str, list[str]]) -> set[Move]:
        results = {m for m in self.moves if m.kind in RESULTS and term_iri(m) == agent}
        genes = set(said.get("testedBy", ()))
        return results | {m for m in self.moves if m.kind in ("gene", "marker") and self._gene_of(m) & genes}

    def _readings(self, genes: set[str], graph: CaseGraph) -> set[Move]:
        return {m for m in self.moves if m.kind in ("gene", "marker") and self._gene_of(m) & genes}

    def _gene_of(self, move: Move) -> set[str]:
        term = term_iri(move)
        return {term} if move.kind == "gene" else set(self.index.describe(term).get("inGene", ()))


def _defeats(claim: ClaimInfo) -> bool:
    return claim.takes_away and not claim.effect


def _touches(move: Move, condition: ConditionInfo) -> bool:
    if condition.parameter:
        if move.parameter != condition.parameter or move.after is None:
            return False
        was = move.before is not None and is_met(move.before, condition.comparator, condition.limit)
        return was != is_met(move.after, condition.comparator, condition.limit)
    # a result R ends what a result S proves, of the same drug or of one that shares the loss
    is_of_kind = move.kind == condition.kind or (move.kind, condition.kind) == ("resistant", "susceptible")
    return is_of_kind and not move.terms.isdisjoint(condition.terms)
