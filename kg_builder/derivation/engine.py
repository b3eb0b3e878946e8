"""The rules at work over one store: a case goes in, is derived, and is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

import pyoxigraph as ox

from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.rules import Rule, run_rules, schedule
from kg_builder.derivation.susceptibility import Algorithm
from kg_builder.places import find_home
from kg_builder.vocabulary import SV, compact

_CONDITION_TERM = ox.NamedNode(SV + "conditionTerm")
_IN_GENE = ox.NamedNode(SV + "inGene")
_CONDITION_KIND = ox.NamedNode(SV + "conditionKind")
_IS_NEGATED = ox.NamedNode(SV + "isNegated")
_STATES = SV + "states"
_SCORED_ON = ox.NamedNode(SV + "scoredOn")


class Engine:
    """Rules over one store of knowledge, the whole of it or the cut for a disease.

    Not safe for use by several threads at once: a case stands in the store while it is derived.
    """

    def __init__(self, store: ox.Store, rules: Sequence[Rule]) -> None:
        self.store = store
        self.knowledge = KnowledgeReader(store)
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in rules}
        self._runs = schedule(rules)

    @cached_property
    def algorithm(self) -> Algorithm:
        """The current scoring algorithm, or an empty one where the store holds none."""
        return Algorithm(self.store, self.knowledge, find_home("queries", "score"))

    @cached_property
    def asked_genes(self) -> frozenset[str]:
        """Genes (IRIs) whose alterations some claim of this store asks for, or some code is scored on."""
        asked = set()
        for link in self.store.quads_for_pattern(None, _CONDITION_TERM, None):
            for gene in self.store.quads_for_pattern(link.object, _IN_GENE, None):  # type: ignore[arg-type]
                asked.add(gene.object.value)  # type: ignore[union-attr]
        scored = self.store.quads_for_pattern(None, _SCORED_ON, None)
        return frozenset(asked | {quad.object.value for quad in scored})  # type: ignore[union-attr]

    @contextmanager
    def derive(self, prepared: Prepared) -> Iterator[CaseGraph]:
        """Derive a case; its graph stands in the store within the ``with`` block and not after, whatever happens."""
        graph = ox.NamedNode(prepared.iri)
        try:
            self.store.extend(prepared.quads)
            concluded = run_rules(
                self.store, self._runs, graph, facts=self.present(prepared), grounds=self._grounds
            )
            yield CaseGraph(prepared.iri, prepared.statements + concluded, prepared.texts, self.knowledge)
        finally:
            self.store.remove_graph(graph)

    @cached_property
    def features(self) -> frozenset[str]:
        """What the knowledge has that rules may need.

        Properties that some rule needs, and kinds that a condition asks for (``asked:usable``) or forbids
        (``barred:usable``).
        """
        needed = {name for rule in self._runs for need in rule.needs for name in need if name.isalpha()}
        found = {name for name in needed if any(self.store.quads_for_pattern(None, ox.NamedNode(SV + name), None))}
        kinds = self.store.quads_for_pattern(None, _CONDITION_KIND, None)
        for condition, kind in {(quad.subject, quad.object) for quad in kinds}:
            is_barred = any(self.store.quads_for_pattern(condition, _IS_NEGATED, None))
            found.add(f"{'barred' if is_barred else 'asked'}:{compact(kind.value).partition(':')[2]}")  # type: ignore[union-attr]
        return frozenset(name for name in found if not name.startswith("ground"))

    def present(self, prepared: Prepared) -> frozenset[str]:
        """Return what rules may need and a case and the knowledge have before any rule has run."""
        return self.features | prepared.kinds | self.traits(prepared)

    def traits(self, prepared: Prepared) -> frozenset[str]:
        """Return the traits (``trait:intolerance``) of what the facts of a case state, and of what that falls under."""
        found: set[str] = set()
        for _, name, term in prepared.statements:
            if name == _STATES:
                for kind in self.knowledge.describe(term).get("isKindOf", ()):
                    found.update(map(compact, self.knowledge.describe(kind).get("hasTrait", ())))
        return frozenset(found)

    def _grounds(self, options: Iterable[str]) -> set[str]:
        """Return the properties by which the knowledge alone gives these options grounds."""
        return {key for option in options for key in self.knowledge.describe(option) if key.startswith("ground")}
