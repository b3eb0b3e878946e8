"""The rules at work over one store: a case goes in, is derived, and is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import pyoxigraph as ox

from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.formulary import RegimenBook
from kg_builder.derivation.pareto import USUAL, Priorities
from kg_builder.derivation.proposals import open_board, state
from kg_builder.derivation.rules import Rule, run_rules, schedule
from kg_builder.derivation.standing import Here, Standing, There
from kg_builder.derivation.susceptibility import Algorithm
from kg_builder.graph.protocol import CaseStore
from kg_builder.places import find_home
from kg_builder.vocabulary import SV, compact

_CONDITION_TERM = ox.NamedNode(SV + "conditionTerm")
_HAS_CONDITION = ox.NamedNode(SV + "hasCondition")
_IN_GENE = ox.NamedNode(SV + "inGene")
_CONDITION_KIND = ox.NamedNode(SV + "conditionKind")
_IS_NEGATED = ox.NamedNode(SV + "isNegated")
_STATES = SV + "states"
_SCORED_ON = ox.NamedNode(SV + "scoredOn")
#: The last stage that the status and the rank of an option come from.
OPTIONS_RANKED = 68
#: The last stage that concludes on options; then regimens are composed of them, and judged.
OPTIONS_DONE = 79


class Engine:
    """Rules over one store of knowledge, the whole of it or the cut for a disease.

    Not safe for use by several threads at once: what is first asked of the knowledge is read and kept.
    """

    def __init__(self, store: CaseStore, rules: Sequence[Rule]) -> None:
        self.store = store
        self.knowledge = KnowledgeReader(store)
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in rules}
        self._stands = Here(store) if isinstance(store, ox.Store) else There(store)
        self._runs = schedule(rules)
        self._ranked = len(schedule(rules, last=OPTIONS_RANKED))
        self._late = self._runs[len(schedule(rules, last=OPTIONS_DONE)) :]

    @cached_property
    def algorithm(self) -> Algorithm:
        """The current scoring algorithm, or an empty one where the store holds none."""
        return Algorithm(self.store, self.knowledge, find_home("queries", "score"))

    @cached_property
    def asked_genes(self) -> frozenset[str]:
        """Genes (IRIs) whose alterations some claim of this store asks for, or some code is scored on."""
        conditions = {quad.object for quad in self.store.quads_for_pattern(None, _HAS_CONDITION, None)}
        links = (
            link for link in self.store.quads_for_pattern(None, _CONDITION_TERM, None) if link.subject in conditions
        )
        terms = {link.object for link in links}
        asked = {
            gene.object.value  # type: ignore[union-attr]
            for term in terms
            for gene in self.store.quads_for_pattern(term, _IN_GENE, None)  # type: ignore[arg-type]
        }
        scored = self.store.quads_for_pattern(None, _SCORED_ON, None)
        return frozenset(asked | {quad.object.value for quad in scored})  # type: ignore[union-attr]

    @cached_property
    def book(self) -> RegimenBook:
        """What the store says of regimens."""
        return RegimenBook(self.store, self.knowledge)

    @contextmanager
    def derive(self, prepared: Prepared, priorities: Priorities = USUAL) -> Iterator[CaseGraph]:
        """Derive a case; it stands beside the knowledge within the ``with`` block and not after, whatever happens.

        Args:
            prepared: the facts of the case.
            priorities: by which the composed regimens are chosen that are judged and shown.
        """
        with self._work(prepared, priorities) as (case, _):
            yield case

    def derive_options(self, prepared: Prepared) -> CaseGraph:
        """Return a case with what the status and the rank of its options come from, and nothing of regimens."""
        with self._stands.stand(prepared) as standing:
            return self._conclude(prepared, standing, self._runs[: self._ranked], self.present(prepared))

    def describe(self, prepared: Prepared, priorities: Priorities = USUAL) -> list[ox.Triple]:
        """Return the facts of a case and all that is concluded of it."""
        with self._work(prepared, priorities) as (_, standing):
            return list(standing.triples())

    @contextmanager
    def _work(self, prepared: Prepared, priorities: Priorities) -> Iterator[tuple[CaseGraph, Standing]]:
        present = self.present(prepared)
        with self._stands.stand(prepared) as standing:
            case = self._conclude(prepared, standing, self._runs[: len(self._runs) - len(self._late)], present)
            if not self.book.is_empty:
                case.board = open_board(case, self.book, priorities)
                said, lines = state(case.board, case)
                standing.add(lines)
                present |= {name.removeprefix(SV) for _, name, _ in said}
                present |= {f"status:{status}" for status, _ in case.statuses.values()}
                case.add(said + run_rules(standing.conclude, self._late, facts=present, grounds=self._grounds))
            yield case, standing

    def _conclude(
        self, prepared: Prepared, standing: Standing, runs: Sequence[Rule], present: frozenset[str]
    ) -> CaseGraph:
        concluded = run_rules(standing.conclude, runs, facts=present, grounds=self._grounds)
        case = CaseGraph(prepared.iri, prepared.statements + concluded, prepared.texts, self.knowledge)
        case.resistances = prepared.resistances
        return case

    def compose(self, prepared: Prepared, priorities: Priorities = USUAL) -> Prepared:
        """Return a case with the regimens composed for it among its facts: all that its rules conclude from."""
        with self.derive(prepared, priorities) as case:
            lines = state(case.board, case)[1] if case.board else b""
        graph = ox.NamedNode(prepared.iri)
        told = [
            ox.Quad(t.subject, t.predicate, t.object, graph) for t in ox.parse(lines, format=ox.RdfFormat.N_TRIPLES)
        ]
        return replace(prepared, quads=[*prepared.quads, *told])

    def warm(self) -> None:
        """Read now what rules ask of the knowledge, so that no case waits for it; for a server."""
        self._stands.warm(self._runs)

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
