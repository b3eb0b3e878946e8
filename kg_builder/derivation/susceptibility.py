"""Scores and levels of the current algorithm, for many cases at once.

The graph engine matches the items and adds the scores (``queries/score``); here scores become levels by the
algorithm's own ranges and items become words. The rules of derivation reach the same scores one case at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox

from kg_builder.derivation.answer import AlgorithmName, DrugScore, MatchedItem, Susceptibility
from kg_builder.derivation.casegraph import KnowledgeReader
from kg_builder.derivation.facts import Prepared
from kg_builder.graph.protocol import CaseStore
from kg_builder.issues import StoreError
from kg_builder.vocabulary import BASE, SV

_OF_ALGORITHM = ox.NamedNode(SV + "ofAlgorithm")
_BEARS = ox.NamedNode(SV + "bears")
_HAS_CODE = ox.NamedNode(SV + "hasCode")
_BATCH = ox.NamedNode(BASE + "graph/scored-cases")
Scores = dict[tuple[str, str], Decimal]
Items = dict[tuple[str, str], list[tuple[str, Decimal, str]]]


@dataclass(frozen=True, slots=True)
class _Level:
    order: int
    label: str
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class _Code:
    iri: str
    label: str
    gene: str
    names: str
    levels: tuple[_Level, ...]

    def level(self, score: Decimal) -> _Level:
        """Return the level whose range holds the score."""
        for level in self.levels:
            if level.low <= score <= level.high:
                return level
        raise StoreError(f"no level of {self.label} holds the score {score}")


def write_genotype(case: Prepared, graph: ox.NamedNode) -> list[ox.Quad]:
    """Return what scoring needs of a case: `case sv:bears alteration` for all that its markers state or fall under."""
    node = ox.NamedNode(case.iri)
    terms = {term for reached in case.reached.values() for term in reached}
    return [ox.Quad(node, _BEARS, ox.NamedNode(term), graph) for term in terms]


class Algorithm:
    """The current scoring algorithm of a knowledge graph: its codes, in its own order, and what scores mean.

    Where none is current (many diseases have none) there are no codes, and a report lists no drug.
    """

    def __init__(self, store: CaseStore, knowledge: KnowledgeReader, queries: Path) -> None:
        self._store, self._know = store, knowledge
        self._scores = (queries / "score-cases.rq").read_text(encoding="utf-8")
        self._items = (queries / "list-items.rq").read_text(encoding="utf-8")
        is_current = ox.Literal("true", datatype=ox.NamedNode("http://www.w3.org/2001/XMLSchema#boolean"))
        marked = store.quads_for_pattern(None, ox.NamedNode(SV + "isCurrent"), is_current)
        found = sorted(quad.subject.value for quad in marked if isinstance(quad.subject, ox.NamedNode))
        self.iri = found[0] if found else ""
        self.codes = self._read_codes() if found else []

    def _read_codes(self) -> list[_Code]:
        know = self._know
        parts = [q.subject.value for q in self._store.quads_for_pattern(None, _OF_ALGORITHM, ox.NamedNode(self.iri))]  # type: ignore[union-attr]
        levels = [p for p in parts if "ResistanceLevel" in know.types(p)]
        general = [lv for lv in levels if "forCode" not in know.describe(lv)]
        codes = []
        for code in sorted((p for p in parts if p not in levels), key=lambda c: int(know.first(c, "order", "0"))):
            agents = self._store.quads_for_pattern(None, _HAS_CODE, ox.NamedNode(code))
            names = " / ".join(sorted(know.label(q.subject.value) for q in agents))  # type: ignore[union-attr]
            own = [lv for lv in levels if code in know.describe(lv).get("forCode", [])]
            ranges = tuple(self._read_level(lv) for lv in own or general)
            codes.append(_Code(code, know.label(code), know.first(code, "scoredOn"), names or know.label(code), ranges))
        return codes

    def _read_level(self, level: str) -> _Level:
        know = self._know
        low, high = Decimal(know.first(level, "minimumScore")), Decimal(know.first(level, "maximumScore"))
        return _Level(int(know.first(level, "order")), know.label(level), low, high)

    def score(self, batch: Sequence[tuple[str, Prepared]]) -> Iterator[Susceptibility]:
        """Score cases together.

        Args:
            batch: (case id, prepared case).
        """
        try:
            for _, case in batch:
                self._store.extend(write_genotype(case, _BATCH))
            scores: Scores = {(row[0], row[1]): Decimal(row[2]) for row in self._rows(self._scores)}
            items: Items = defaultdict(list)
            for case_iri, code, group, item, claim in self._rows(self._items):
                items[case_iri, code].append((group, Decimal(item), claim))
        finally:
            self._store.remove_graph(_BATCH)
        name = AlgorithmName(name="none", version="")
        if self.iri:
            version = self._know.first(self.iri, "algorithmVersion")
            name = AlgorithmName(name=self._know.label(self.iri), version=version)
        for case_id, case in batch:
            drugs = tuple(self._report(code, case, scores, items) for code in self.codes)
            yield Susceptibility(case=case_id, algorithm=name, drugs=drugs)

    def _rows(self, query: str) -> Iterator[list[str]]:
        solutions = self._store.query(query, use_default_graph_as_union=True)
        assert isinstance(solutions, ox.QuerySolutions)
        return ([value.value for value in row] for row in solutions)

    def _report(self, code: _Code, case: Prepared, scores: Scores, items: Items) -> DrugScore:
        score = scores.get((case.iri, code.iri), Decimal(0))
        level = code.level(score)
        best: dict[str, tuple[Decimal, str]] = {}
        for group, item, claim in sorted(items.get((case.iri, code.iri), ()), key=lambda i: i[2]):
            if group not in best or item > best[group][0]:
                best[group] = (item, claim)
        matched = (MatchedItem(item=self._item(c, case), score=float(s), iri=c) for s, c in best.values())
        whole = {g for g in case.altered if self._know.first(g, "reportedWhole") == "true"}
        return DrugScore(
            name=code.names,
            iri=code.iri,
            code=code.label,
            score=float(score),
            level=level.order,
            interpretation=level.label,
            matched=tuple(sorted(matched, key=lambda m: (-m.score, m.item))),
            gene_read=code.gene in case.sequenced or code.gene in whole,
        )

    def _item(self, claim: str, case: Prepared) -> str:
        """Return the facts that meet an item's conditions, joined by a plus sign."""
        facts = []
        for condition in self._know.describe(claim).get("hasCondition", ()):
            terms = set(self._know.describe(condition).get("conditionTerm", ()))
            facts += [fact for fact, reached in case.reached.items() if reached & terms]
        return "+".join(case.texts[fact] for fact in case.reached if fact in facts)
