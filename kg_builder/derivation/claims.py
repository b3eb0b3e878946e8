"""The claims that can matter in the cases of a disease, and which conditions they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import pyoxigraph as ox

from kg_builder.derivation.casegraph import KnowledgeReader
from kg_builder.graph.protocol import CaseStore
from kg_builder.vocabulary import SV, compact

_RELEVANT = ox.NamedNode(SV + "relevantTo")
#: Claims about what makes an option fail, and claims that say nothing of whether or before which it is used.
_TAKING = frozenset({"Resistance", "ScoreRule", "CrossResistance", "SameTarget", "IntrinsicResistance"})
_ASIDE = frozenset(
    {"Selection", "Advice", "GoalClaim", "ToxicityClaim", "Prevalence", "RegimenPattern", "Dosing", "FitnessCost"}
)


@dataclass(frozen=True)
class ClaimInfo:
    """What a claim rests on and whom it is about; IRIs throughout but for the kind and the effect.

    ``over`` is what a preference goes before, ``sources`` what failed where failure of one predicts that of another.
    """

    iri: str
    kind: str
    conditions: tuple[str, ...]
    required: tuple[str, ...]
    agents: frozenset[str]
    over: frozenset[str]
    precipitants: frozenset[str]
    sources: frozenset[str]
    effect: str
    takes_away: bool


@dataclass(frozen=True)
class ConditionInfo:
    """A condition; ``terms`` for a fact, the rest for a number."""

    iri: str
    kind: str
    terms: frozenset[str]
    is_negated: bool
    parameter: str
    comparator: str
    limit: Decimal


class ClaimIndex:
    """Claims of one store that are relevant to one disease."""

    def __init__(self, store: CaseStore, knowledge: KnowledgeReader, disease: str) -> None:
        self._know = knowledge
        found = store.quads_for_pattern(None, _RELEVANT, ox.NamedNode(disease))
        self.claims = {iri: self._read(iri) for iri in sorted(q.subject.value for q in found)}  # type: ignore[union-attr]

    def _read(self, iri: str) -> ClaimInfo:
        said = self._know.describe(iri)
        kind = said.get("claimKind", [""])[0]
        effect = compact(said.get("hasEffect", [""])[0]).partition(":")[2]
        return ClaimInfo(
            iri,
            kind,
            tuple(said.get("hasCondition", ())),
            tuple(said.get("requiresCondition", ())),
            frozenset(said.get("appliesTo", ())),
            frozenset(said.get("appliesOver", ())),
            frozenset(said.get("precipitant", ())),
            frozenset(said.get("fromAgent", ())),
            effect,
            kind in _TAKING or effect in ("excludes", "cautions"),
        )

    @cached_property
    def by_agent(self) -> dict[str, list[ClaimInfo]]:
        """Claims by each option that they apply to."""
        return self._group(lambda claim: claim.agents)

    @cached_property
    def by_other(self) -> dict[str, list[ClaimInfo]]:
        """Preferences by each option that another is preferred to."""
        return self._group(lambda claim: claim.over)

    @cached_property
    def by_condition(self) -> dict[str, list[ClaimInfo]]:
        """Claims by each condition that they have or require."""
        return self._group(lambda claim: (*claim.conditions, *claim.required))

    @cached_property
    def by_precipitant(self) -> dict[str, list[ClaimInfo]]:
        """Interactions by what meets the option."""
        return self._group(lambda claim: claim.precipitants)

    @cached_property
    def narrower(self) -> dict[str, list[ClaimInfo]]:
        """Claims by each claim that they are narrower than."""
        return self._group(lambda claim: self._know.describe(claim.iri).get("narrowerThan", ()))

    @cached_property
    def lowering(self) -> dict[str, list[ClaimInfo]]:
        """Items of an algorithm that lower the score of a code, by the code."""
        return self._group(
            lambda claim: [
                code for code in self._know.describe(claim.iri).get("scoresCode", ()) if self._score(claim.iri) < 0
            ]
        )

    def _group(self, keys: Callable[[ClaimInfo], Iterable[str]]) -> dict[str, list[ClaimInfo]]:
        found: dict[str, list[ClaimInfo]] = defaultdict(list)
        for claim in self.claims.values():
            for key in keys(claim):
                found[key].append(claim)
        return dict(found)

    @cached_property
    def conditions(self) -> dict[str, ConditionInfo]:
        """Every condition that one of the claims has or requires."""
        found = {}
        for claim in self.claims.values():
            for iri in (*claim.conditions, *claim.required):
                if iri not in found:
                    said = self._know.describe(iri)
                    found[iri] = ConditionInfo(
                        iri,
                        compact(said.get("conditionKind", [""])[0]).partition(":")[2],
                        frozenset(said.get("conditionTerm", ())),
                        said.get("isNegated") == ["true"],
                        said.get("onParameter", [""])[0],
                        said.get("comparator", [""])[0],
                        Decimal(said.get("limit", ["0"])[0]),
                    )
        return found

    def number_conditions(self, parameter: str) -> list[tuple[str, Decimal]]:
        """Return comparator and limit of each condition on a parameter, apart from those of mere advice."""
        asking = {iri for claim in self.claims.values() if claim.kind not in _ASIDE for iri in claim.conditions}
        found = (c for iri, c in self.conditions.items() if c.parameter == parameter and iri in asking)
        return sorted({(c.comparator, c.limit) for c in found})

    def asked_terms(self, kind: str) -> set[str]:
        """Return the terms of a kind of fact that speak for an option: asked for where it is used, or lifting a limit.

        A claim that takes away is lifted by what it says must not be (`not marker X`), any other met by what it asks.
        """
        found: set[str] = set()
        for claim in self.claims.values():
            if claim.kind in _ASIDE:
                continue
            for iri in (*claim.conditions, *claim.required):
                condition = self.conditions[iri]
                if condition.kind == kind and condition.is_negated == claim.takes_away and claim.kind not in _TAKING:
                    found |= condition.terms
        return found - self.defeating_terms

    def followers(self, drug: str) -> frozenset[str]:
        """Return what options that a drug's loss is claimed to defeat are a kind of."""
        kinds = self.kinds(drug)
        claims = [c for c in self.claims.values() if c.kind == "CrossResistance" and c.sources & kinds]
        return frozenset(kind for claim in claims for agent in claim.agents for kind in self.kinds(agent))

    @cached_property
    def defeating_terms(self) -> set[str]:
        """Return the markers that some claim says make an option fail, or that raise a score."""
        found: set[str] = set()
        for claim in self.claims.values():
            if claim.kind == "Resistance" or (claim.kind == "ScoreRule" and self._score(claim.iri) > 0):
                found |= self._markers(claim)
        return found

    def _markers(self, claim: ClaimInfo) -> set[str]:
        met = (self.conditions[iri] for iri in claim.conditions)
        return {t for c in met if c.kind == "marker" and not c.is_negated for t in c.terms}

    def _score(self, claim: str) -> Decimal:
        return Decimal(self._know.first(claim, "score", "0"))

    def describe(self, term: str) -> Mapping[str, list[str]]:
        """Return what the knowledge says of a term."""
        return self._know.describe(term)

    def kinds(self, term: str) -> frozenset[str]:
        """Return a term and all that it is a kind of."""
        return frozenset({term, *self._know.describe(term).get("isKindOf", ())})
