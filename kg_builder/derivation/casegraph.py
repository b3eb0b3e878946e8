"""Read access to what is known of one case: its graph, and the claims and terms that it points to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import pyoxigraph as ox

from kg_builder.derivation.posterior import Resistance
from kg_builder.derivation.rules import Statement
from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.vocabulary import BASE, CASE, DCTERMS, RDF, RDFS, SV, compact

if TYPE_CHECKING:
    from kg_builder.derivation.proposals import Board

_LABEL = RDFS + "label"
_COMMENT = RDFS + "comment"
_SOURCE = DCTERMS + "source"
_TYPE = RDF + "type"
#: How IRIs of claims begin.
CLAIM = BASE + "claim/"
Description = dict[str, list[str]]
T = TypeVar("T")
#: Reads something of a term or claim.
Reading = Callable[["KnowledgeReader", str], T]


class KnowledgeReader:
    """Descriptions of terms and claims, read from the graphs of the knowledge and remembered."""

    def __init__(self, store: KnowledgeStore) -> None:
        self._store = store
        self._seen: dict[str, Description] = {}
        self._labels: dict[str, str] = {}
        self._remembered: dict[tuple[Reading[object], str], object] = {}
        self._standing: dict[tuple[str, str, frozenset[str]], tuple[str, ...]] = {}

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
        found = self._labels.get(iri)
        if found is None:
            found = self._labels[iri] = self.first(iri, _LABEL) or compact(iri)
        return found

    def note(self, claim: str) -> str:
        """Return what the curator says of a claim, or its label."""
        return self.first(claim, _COMMENT) or self.label(claim)

    def sources(self, claim: str) -> list[str]:
        """Return the IRIs of a claim's sources."""
        return self.describe(claim).get(_SOURCE, [])

    def remember(self, read: Reading[T], iri: str) -> T:
        """Return what a function reads of a term or claim; it is called once for each."""
        key = (read, iri)
        if key not in self._remembered:
            self._remembered[key] = read(self, iri)
        return cast(T, self._remembered[key])

    def standing(self, agent: str, kind: str, scopes: frozenset[str]) -> tuple[str, ...]:
        """Return the claims of a kind that hold for an option without a trigger in every case within these scopes."""
        key = (agent, kind, scopes)
        if (found := self._standing.get(key)) is None:
            claims = self.describe(agent).get(f"ground{kind}", ())
            found = tuple(c for c in claims if not scopes.isdisjoint(self.describe(c).get("groundIn", ())))
            self._standing[key] = found
        return found

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


class _Tables(dict[str, dict[str, T]]):
    """What is said by each property, by subject; a property is asked for by its IRI or, in ``sv:``, its local name."""

    def __missing__(self, name: str) -> dict[str, T]:
        local = name.removeprefix(SV)
        table = self[name] = self[local] if local != name else {}
        return table


class CaseGraph:
    """The facts and conclusions of one case, by property and subject."""

    def __init__(
        self, iri: str, statements: Iterable[Statement], texts: dict[str, str], knowledge: KnowledgeReader
    ) -> None:
        self.iri, self.texts, self.knowledge = iri, texts, knowledge
        # the first value in order, and all where there are several: almost every node has one value of a property
        self._one: _Tables[str] = _Tables()
        self._several: _Tables[set[str]] = _Tables()
        self._read: dict[str, FindingNode] = {}
        self._walks: dict[str, dict[str, None]] = {}
        self.board: Board | None = None
        self.resistances: dict[str, tuple[str, Resistance]] = {}
        self.add(statements)

    def add(self, statements: Iterable[Statement]) -> None:
        """Add facts or conclusions about nodes of which nothing was asked so far, or which are new."""
        for name in ("findings", "statuses", "scopes", "shared_scopes"):
            self.__dict__.pop(name, None)
        self._members: dict[str, list[str]] = {}
        for subject, predicate, value in statements:
            table = self._one[predicate]
            known = table.setdefault(subject, value)
            if known != value:
                self._several[predicate].setdefault(subject, {known}).add(value)
                table[subject] = min(known, value)

    def values(self, iri: str, key: str) -> list[str]:
        """Return the values of a property of a node of this case, in order."""
        one = self._one[key].get(iri)
        if one is None:
            return []
        several = self._several[key].get(iri)
        return sorted(several) if several else [one]

    def value(self, iri: str, key: str) -> str | None:
        """Return one value of a property, the first in order, or None."""
        return self._one[key].get(iri)

    def label(self, iri: str) -> str:
        """Return the label of a node of this case, or of a term."""
        return self.value(iri, _LABEL) or self.knowledge.label(iri)

    def __contains__(self, iri: str) -> bool:
        return any(iri in table for table in self._one.values())

    def nodes(self, key: str) -> list[str]:
        """Return the nodes that hang off the case by a property, in order, for instance ``findingIn``."""
        found = self._members.get(key)
        if found is None:
            several = self._several[key]
            found = [n for n, one in self._one[key].items() if self.iri in several.get(n, (one,))]
            self._members[key] = found = sorted(found)
        return found

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Within which claims hold that need no trigger: the case, its disease and wider ones, any case."""
        return frozenset(self.values(self.iri, "within"))

    @cached_property
    def shared_scopes(self) -> frozenset[str]:
        """The scopes that are those of other cases of the disease too."""
        return self.scopes - {self.iri}

    @cached_property
    def findings(self) -> dict[str, list[FindingNode]]:
        """Findings by agent, each list in the order of their IRIs."""
        names = ("ofRule", "aboutAgent", "hasReason", "hasEffect", "hasDegree")
        rules, agents, reasons, effects, degrees = (self._one[name] for name in names)
        found: dict[str, list[FindingNode]] = defaultdict(list)
        for iri in self.nodes("findingIn"):
            node = self._read.get(iri)
            if node is None:
                node = self._read[iri] = FindingNode(
                    iri,
                    local_name(rules.get(iri, "")),
                    agents.get(iri, ""),
                    local_name(reasons.get(iri, "")),
                    local_name(effects.get(iri, "")),
                    local_name(degrees[iri]) if iri in degrees else None,
                    tuple(self.values(iri, "because")),
                )
            found[node.agent].append(node)
        return found

    @cached_property
    def statuses(self) -> dict[str, tuple[str, str]]:
        """Status word and conclusion IRI by agent."""
        agents, words = self._one["aboutAgent"], self._one["hasStatus"]
        return {agents.get(iri, ""): (local_name(words.get(iri, "")), iri) for iri in self.nodes("concludedIn")}

    def premises(self, iri: str) -> list[str]:
        """Return what a conclusion of this case rests on; empty for claims, facts as given and terms."""
        return self.values(iri, "because" if iri in self._one["because"] else "derivedFrom")

    def walk(self, iri: str) -> Mapping[str, None]:
        """Return every node under a conclusion, itself first, each once, premises in order."""
        found = self._walks.get(iri)
        if found is None:
            found = self._walks[iri] = {iri: None}
            for premise in self.premises(iri):
                found.update(self.walk(premise))
        return found

    def claims_of(self, node: str) -> list[str]:
        """Return the claim that a ground, trigger, hit or lack is about; an unconditional claim is its own ground."""
        return [node] if node.startswith(CLAIM) else self.values(node, "ofClaim")

    def ground_nodes(self, agent: str, kind: str) -> list[str]:
        """Return what makes claims of a kind (``Indication``) hold for an option: triggers, and claims themselves."""
        return [*self.values(agent, f"ground{kind}"), *self.knowledge.standing(agent, kind, self.shared_scopes)]

    def grounds(self, agent: str, kind: str) -> list[str]:
        """Return the claims of a kind (``Indication``) that hold for an option in this case."""
        triggered = [claim for node in self.values(agent, f"ground{kind}") for claim in self.claims_of(node)]
        return [*triggered, *self.knowledge.standing(agent, kind, self.shared_scopes)]

    def claims(self, iri: str) -> list[str]:
        """Return the claims under a conclusion."""
        return [n for n in self.walk(iri) if n.startswith(CLAIM)]

    def facts(self, iri: str) -> list[str]:
        """Return the facts under a conclusion, in the order in which the case gives them."""
        under = self.walk(iri)
        return [fact for fact in self.texts if fact in under]

    def sources(self, iri: str) -> list[str]:
        """Return the sources of the claims under a conclusion, sorted."""
        return sorted({s for claim in self.claims(iri) for s in self.knowledge.sources(claim)})


def local_name(iri: str) -> str:
    """Return what stands after the last slash.

    >>> local_name("https://w3id.org/salvage-kg/reason/prior-failure")
    'prior-failure'
    """
    return iri.rpartition("/")[2]


def number_text(value: str) -> str:
    """Return a decimal without trailing noughts.

    >>> number_text("60.0"), number_text("-10")
    ('60', '-10')
    """
    number = Decimal(value)
    return f"{number.to_integral_value():f}" if number == number.to_integral_value() else f"{number.normalize():f}"
