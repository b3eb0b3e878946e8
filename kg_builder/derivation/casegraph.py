"""Read access to what is known of one case: its graph, and the claims and terms that it points to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import pyoxigraph as ox

from kg_builder.derivation.posterior import Resistance
from kg_builder.derivation.rules import Statement
from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.vocabulary import CASE, DCTERMS, RDF, RDFS, SV, compact

if TYPE_CHECKING:
    from kg_builder.derivation.proposals import Board

_LABEL = RDFS + "label"
_COMMENT = RDFS + "comment"
_SOURCE = DCTERMS + "source"
_TYPE = RDF + "type"
Description = dict[str, list[str]]
_NOTHING: Description = {}


class KnowledgeReader:
    """Descriptions of terms and claims, read from the graphs of the knowledge and remembered."""

    def __init__(self, store: KnowledgeStore) -> None:
        self._store = store
        self._seen: dict[str, Description] = {}

    def describe(self, iri: str) -> Description:
        """Return a node's properties (IRI, or local name in ``sv:``) with their values as text."""
        found = self._seen.get(iri)
        if found is None:
            found = defaultdict(list)
            for quad in self._store.quads_for_pattern(ox.NamedNode(iri), None, None):
                if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value.startswith(CASE):
                    continue  # what a case under way says of the term is none of the knowledge
                values = found[quad.predicate.value.removeprefix(SV)]
                text = quad.object.value if isinstance(quad.object, ox.NamedNode | ox.Literal) else ""
                if text not in values:
                    values.append(text)
            found = {key: sorted(values) for key, values in found.items()}
            self._seen[iri] = found
        return found

    def first(self, iri: str, key: str, default: str = "") -> str:
        """Return one value of a property, the first in order."""
        values = self.describe(iri).get(key)
        return values[0] if values else default

    def label(self, iri: str) -> str:
        """Return a term's label, or its CURIE where it has none."""
        return self.first(iri, _LABEL) or compact(iri)

    def note(self, claim: str) -> str:
        """Return what the curator says of a claim, or its label."""
        return self.first(claim, _COMMENT) or self.label(claim)

    def sources(self, claim: str) -> list[str]:
        """Return the IRIs of a claim's sources."""
        return self.describe(claim).get(_SOURCE, [])

    def types(self, iri: str) -> list[str]:
        """Return the classes of a node, local names where they are ours."""
        return [t.removeprefix(SV) for t in self.describe(iri).get(_TYPE, [])]


@dataclass(frozen=True, slots=True)
class FindingNode:
    """A finding as it stands in the graph; IRIs throughout."""

    iri: str
    rule: str
    agent: str
    reason: str
    effect: str
    degree: str | None
    because: tuple[str, ...]


class CaseGraph:
    """The facts and conclusions of one case, by subject and property."""

    def __init__(
        self, iri: str, statements: Iterable[Statement], texts: dict[str, str], knowledge: KnowledgeReader
    ) -> None:
        self.iri, self.texts, self.knowledge = iri, texts, knowledge
        self._nodes: dict[str, dict[str, list[str]]] = {}
        self._members: dict[str, list[str]] = {}
        self._walks: dict[str, tuple[str, ...]] = {}
        self.board: Board | None = None
        self.resistances: dict[str, tuple[str, Resistance]] = {}
        self.add(statements)

    def add(self, statements: Iterable[Statement]) -> None:
        """Add facts or conclusions about nodes of which nothing was asked so far, or which are new."""
        for name in ("findings", "statuses", "scopes"):
            self.__dict__.pop(name, None)
        for subject, predicate, value in dict.fromkeys(statements):
            key = predicate.removeprefix(SV)
            self._nodes.setdefault(subject, {}).setdefault(key, []).append(value)
            if value == self.iri:
                self._members.setdefault(key, []).append(subject)

    def values(self, iri: str, key: str) -> list[str]:
        """Return the values of a property of a node of this case, in order."""
        found = self._nodes.get(iri, _NOTHING).get(key, [])
        return sorted(found) if len(found) > 1 else found

    def value(self, iri: str, key: str) -> str | None:
        """Return one value of a property, or None."""
        values = self._nodes.get(iri, _NOTHING).get(key)
        return (min(values) if len(values) > 1 else values[0]) if values else None

    def label(self, iri: str) -> str:
        """Return the label of a node of this case, or of a term."""
        return self.value(iri, _LABEL) or self.knowledge.label(iri)

    def __contains__(self, iri: str) -> bool:
        return iri in self._nodes

    def nodes(self, key: str) -> list[str]:
        """Return the nodes that hang off the case by a property, in order, for instance ``findingIn``."""
        return sorted(self._members.get(key, ()))

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Within which claims hold that need no trigger: the case, its disease and wider ones, any case."""
        return frozenset(self.values(self.iri, "within"))

    @cached_property
    def findings(self) -> dict[str, list[FindingNode]]:
        """Findings by agent, each list in the order of their IRIs."""
        found: dict[str, list[FindingNode]] = defaultdict(list)
        for iri in self.nodes("findingIn"):
            node = FindingNode(
                iri,
                compact(self.value(iri, "ofRule") or "").partition(":")[2],
                self.value(iri, "aboutAgent") or "",
                compact(self.value(iri, "hasReason") or "").partition(":")[2],
                compact(self.value(iri, "hasEffect") or "").partition(":")[2],
                (compact(d).partition(":")[2] if (d := self.value(iri, "hasDegree")) else None),
                tuple(self.values(iri, "because")),
            )
            found[node.agent].append(node)
        return found

    @cached_property
    def statuses(self) -> dict[str, tuple[str, str]]:
        """Status word and conclusion IRI by agent."""
        return {
            self.value(iri, "aboutAgent") or "": (compact(self.value(iri, "hasStatus") or "").partition(":")[2], iri)
            for iri in self.nodes("concludedIn")
        }

    def premises(self, iri: str) -> list[str]:
        """Return what a conclusion of this case rests on; empty for claims, facts as given and terms."""
        return self.values(iri, "because") or self.values(iri, "derivedFrom")

    def walk(self, iri: str) -> tuple[str, ...]:
        """Return every node under a conclusion, itself first, each once, premises in order."""
        found = self._walks.get(iri)
        if found is None:
            below = [node for premise in self.premises(iri) for node in self.walk(premise)]
            found = self._walks[iri] = tuple(dict.fromkeys([iri, *below]))
        return found

    def claims_of(self, node: str) -> list[str]:
        """Return the claim that a ground, trigger, hit or lack is about; an unconditional claim is its own ground."""
        return [node] if compact(node).startswith("claim:") else self.values(node, "ofClaim")

    def ground_nodes(self, agent: str, kind: str) -> list[str]:
        """Return what makes claims of a kind (``Indication``) hold for an option: triggers, and claims themselves."""
        said = self.knowledge.describe(agent).get(f"ground{kind}", ())
        return self.values(agent, f"ground{kind}") + [claim for claim in said if self.holds_everywhere(claim)]

    def holds_everywhere(self, claim: str) -> bool:
        """Whether a claim holds here without a trigger: in any case, or in any of the disease."""
        return not self.scopes.isdisjoint(self.knowledge.describe(claim).get("groundIn", ()))

    def grounds(self, agent: str, kind: str) -> list[str]:
        """Return the claims of a kind (``Indication``) that hold for an option in this case."""
        return [claim for node in self.ground_nodes(agent, kind) for claim in self.claims_of(node)]

    def claims(self, iri: str) -> list[str]:
        """Return the claims under a conclusion."""
        return [n for n in self.walk(iri) if compact(n).startswith("claim:")]

    def facts(self, iri: str) -> list[str]:
        """Return the facts under a conclusion, in the order in which the case gives them."""
        under = set(self.walk(iri))
        return [fact for fact in self.texts if fact in under]

    def sources(self, iri: str) -> list[str]:
        """Return the sources of the claims under a conclusion, sorted."""
        return sorted({s for claim in self.claims(iri) for s in self.knowledge.sources(claim)})


def number_text(value: str) -> str:
    """Return a decimal without trailing noughts.

    >>> number_text("60.0"), number_text("-10")
    ('60', '-10')
    """
    number = Decimal(value)
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number.normalize():f}"
