"""From the graph of a case to its answer: texts, order, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from functools import cached_property

from kg_builder.derivation.advice import Advices
from kg_builder.derivation.answer import (
    Answer,
    Finding,
    KnowledgeVersion,
    MissingTest,
    OptionAnswer,
)
from kg_builder.derivation.casegraph import CaseGraph, FindingNode
from kg_builder.derivation.rank import RANKED, rank_options
from kg_builder.derivation.regimens import Regimens
from kg_builder.derivation.rules import Rule
from kg_builder.derivation.texts import Texts
from kg_builder.vocabulary import compact

_EFFECTS = {"excludes": 0, "inactivates": 1, "retains": 2, "cautions": 3, "favours": 4}


class Assembly:
    """Turns the graph of one case into its answer."""

    def __init__(
        self,
        graph: CaseGraph,
        rules: Mapping[str, Rule],
        version: KnowledgeVersion,
        case_id: str,
        *,
        asked_genes: Container[str],
    ) -> None:
        self._graph, self._know = graph, graph.knowledge
        self._version, self._case_id = version, case_id
        self._texts = Texts(graph, rules)
        self._asked_genes = asked_genes

    def answer(self) -> Answer:
        """Return the whole answer."""
        board = self._graph.board
        ranking = board.formulary.ranking if board else rank_options(self._graph)
        options = [
            OptionAnswer(
                name=self._know.label(agent),
                iri=agent,
                status=self._graph.statuses[agent][0],
                rank=ranking.ranks.get(agent),
                rank_keys=ranking.keys.get(agent, {}),
                findings=tuple(self._finding(f) for f in self._ordered(agent)),
            )
            for agent in ranking.order
        ]
        is_drug = {agent: compact(agent).startswith("drug:") for agent in ranking.order}
        regimens, patterns = Regimens(self._graph, board, self._finding).write() if board else ((), ())
        actions, warnings = Advices(self._graph, self._texts).write()
        return Answer(
            case=self._case_id,
            knowledge=self._version,
            goal=self._goal(),
            agents=tuple(o for o in options if is_drug[o.iri]),
            regimens=regimens,
            patterns=patterns,
            modalities=tuple(o for o in options if not is_drug[o.iri]),
            actions=actions,
            warnings=warnings,
            missing=self._missing(),
        )

    def _ordered(self, agent: str) -> list[FindingNode]:
        return sorted(self._graph.findings.get(agent, ()), key=lambda f: (_EFFECTS[f.effect], f.reason, f.rule, f.iri))

    def _finding(self, finding: FindingNode) -> Finding:
        return Finding(
            iri=finding.iri,
            code=finding.reason,
            effect=finding.effect,
            degree=finding.degree,
            text=self._texts.finding(finding),
            rule=finding.rule,
            because=tuple(self._graph.walk(finding.iri))[1:],
            sources=tuple(self._graph.sources(finding.iri)),
        )

    def _goal(self) -> str | None:
        goals = [g for node in self._graph.nodes("goalIn") for g in self._graph.values(node, "aimsAt")]
        return self._know.label(min(goals)) if goals else None

    def _missing(self) -> tuple[MissingTest, ...]:
        """Tests that the case lacks and that could turn a rejection, or confirm an option taken on trust."""
        changes: dict[str, set[str]] = defaultdict(set)
        tested = {agent for node in self._graph.nodes("testedIn") for agent in self._graph.values(node, "aboutAgent")}
        read = set(self._graph.nodes("readIn"))
        for agent, (status, _) in self._graph.statuses.items():
            if compact(agent).partition(":")[0] not in RANKED:
                continue
            found = self._graph.findings.get(agent, [])
            stops = [f for f in found if f.effect == "excludes"]
            unknown = [f for f in found if f.rule == "miss-marker-unknown"]
            lost = any(f.effect == "inactivates" and f.degree == "full" for f in found)
            if all(f in unknown for f in stops) and not lost:
                for f in unknown:
                    changes[self._test_name(f)].add(self._know.label(agent))
            only_history = bool(stops) and all(f.rule == "fail-unspared" for f in stops)
            if (status == "active" or only_history) and agent not in tested:
                genes = self._know.describe(agent).get("testedBy", ())
                for gene in (g for g in genes if g not in read and g in self._asked_genes and self._may_have(g)):
                    changes[f"sequencing of {self._know.label(gene)}"].add(self._know.label(agent))
        return tuple(MissingTest(test=t, would_change=tuple(sorted(a))) for t, a in sorted(changes.items()))

    def _may_have(self, gene: str) -> bool:
        """Whether the organism of the case, where it is stated, may have a gene."""
        named = {one.strip() for one in self._know.first(gene, "ofOrganism").split(";")} - {""}
        return not named or not self._organisms or not self._organisms.isdisjoint(named)

    @cached_property
    def _organisms(self) -> frozenset[str]:
        """Names of the organism that the case states, and of what it is a kind of."""
        terms = {term for fact in self._graph.texts for term in self._graph.values(fact, "bearsOn")}
        return frozenset(self._know.label(term) for term in terms if compact(term).startswith("organism:"))

    def _test_name(self, finding: FindingNode) -> str:
        claims = [c for node in finding.because for c in self._graph.claims_of(node)]
        names = [n for c in claims for n in self._know.describe(c).get("testName", [])]
        return names[0] if names else "test for " + self._texts.requirement(finding)
