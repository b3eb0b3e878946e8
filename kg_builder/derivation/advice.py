"""Actions and warnings of an answer: what the case calls for, and what to watch for with the options that are used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from kg_builder.derivation.answer import Action, WarningAnswer
from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.derivation.texts import Texts
from kg_builder.vocabulary import FINDING, RDFS, compact

LAST = 99
#: Statuses of options that may be given.
OFFERED = ("active", "partial", "retained")


@dataclass(frozen=True, slots=True)
class _Advice:
    """One piece of advice: its term, what it rests on, the option it goes with; IRIs throughout."""

    term: str
    grounds: tuple[str, ...]
    agent: str | None
    is_called_for: bool


class Advices:
    """Collects the advice of one case."""

    def __init__(self, graph: CaseGraph, texts: Texts) -> None:
        self._graph, self._know, self._texts = graph, graph.knowledge, texts

    def write(self) -> tuple[tuple[Action, ...], tuple[WarningAnswer, ...]]:
        """Return actions by priority, and warnings: first those that the case itself calls for; then by name."""
        by_term: dict[str, list[_Advice]] = defaultdict(list)
        for advice in self._collect():
            by_term[advice.term].append(advice)
        actions: list[tuple[int, Action]] = []
        warnings: list[tuple[bool, WarningAnswer]] = []
        for term, given in by_term.items():
            claims = [claim for one in given for ground in one.grounds for claim in self._claims(ground)]
            name, text = self._know.label(term), self._text(given, claims)
            under: dict[str, None] = {}
            for one in given:
                for ground in one.grounds:
                    under.update(self._graph.walk(ground))
            because = tuple(under)
            if compact(term).startswith("action:"):
                places = [int(self._know.first(claim, "priority", str(LAST))) for claim in claims]
                actions.append((min(places, default=LAST), Action(name=name, iri=term, text=text, because=because)))
            else:
                agents = tuple(sorted({self._know.label(one.agent) for one in given if one.agent}))
                warning = WarningAnswer(name=name, iri=term, text=text, agents=agents, because=because)
                warnings.append((not any(one.is_called_for for one in given), warning))
        actions.sort(key=lambda item: (item[0], item[1].name, item[1].iri))
        warnings.sort(key=lambda item: (item[0], item[1].name, item[1].iri))
        return tuple(a for _, a in actions), tuple(w for _, w in warnings)

    def _collect(self) -> Iterator[_Advice]:
        graph = self._graph
        for node in graph.nodes("receivedIn"):
            term, agent = graph.value(node, "advises") or "", graph.value(node, "aboutAgent")
            yield _Advice(term, tuple(graph.premises(node)), agent, True)
        for agent, (status, conclusion) in sorted(graph.statuses.items()):
            for ground in graph.ground_nodes(agent, "ToxicityClaim") if status in OFFERED else ():
                for claim in graph.claims_of(ground):
                    for term in self._know.describe(claim).get("givesWarning", ()):
                        yield _Advice(term, (ground, conclusion), agent, False)

    def _claims(self, ground: str) -> list[str]:
        """Return the claims that give the advice, by something that it rests on; by a finding, those of the finding."""
        nodes = self._graph.premises(ground) if ground.startswith(FINDING) else [ground]
        return [claim for node in nodes for claim in self._graph.claims_of(node)]

    def _text(self, given: list[_Advice], claims: list[str]) -> str:
        notes = dict.fromkeys(self._know.first(claim, RDFS + "comment") for claim in claims)
        facts = [
            self._texts.fact(fact)
            for one in given
            if one.is_called_for
            for ground in one.grounds
            if not self._graph.value(ground, "hasStatus")
            for fact in self._graph.facts(ground)
            if not (self._graph.value(fact, "factKind") or "").endswith("/disease")
        ]
        parts = [", ".join(dict.fromkeys(facts)), "; ".join(filter(None, notes))]
        return ": ".join(filter(None, parts))
