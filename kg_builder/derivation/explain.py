"""The whole derivation of an option's status, as a tree down to sources."""

from __future__ import annotations

from collections.abc import Mapping

from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader, number_text
from kg_builder.derivation.proof import NodeKind, ProofNode
from kg_builder.derivation.rules import Rule
from kg_builder.derivation.texts import Texts
from kg_builder.vocabulary import RDFS, compact

_KINDS: dict[str, NodeKind] = {
    "finding": "finding",
    "claim": "claim",
    "source": "source",
    "trigger": "trigger",
    "meeting": "meeting",
    "score": "score",
    "level": "level",
    "conclusion": "status",
}
_EFFECT_WORDS = {
    "excludes": "excluded",
    "inactivates": "inactive",
    "retains": "worth keeping",
    "cautions": "with care",
    "favours": "in favour",
}


def explain_claim(claim: str, knowledge: KnowledgeReader) -> ProofNode:
    """Return a claim with what it says, its conditions in words and its sources.

    Args:
        claim: IRI of the claim.
    """
    said = knowledge.describe(claim)
    children = [
        ProofNode(iri=c, kind="term", text=f"holds when: {knowledge.label(c)}") for c in said.get("hasCondition", [])
    ]
    children += [
        ProofNode(iri=c, kind="term", text=f"requires: {knowledge.label(c)}") for c in said.get("requiresCondition", [])
    ]
    locator = knowledge.first(claim, "locator")
    for source in knowledge.sources(claim):
        children.append(ProofNode(iri=source, kind="source", text=source_text(source, knowledge, locator)))
    note = knowledge.first(claim, RDFS + "comment")
    text = knowledge.label(claim) + (f" — {note}" if note else "")
    if "hasEvidence" in said:
        text += f" (evidence {knowledge.label(said['hasEvidence'][0])})"
    return ProofNode(iri=claim, kind="claim", text=text, premises=tuple(children))


def source_text(source: str, knowledge: KnowledgeReader, locator: str = "") -> str:
    """Return a source as it is cited: body, title, year, version, place."""
    title, body = knowledge.label(source), knowledge.first(source, "publishedBy")
    year, version = knowledge.first(source, "publicationYear"), knowledge.first(source, "sourceVersion")
    parts = [f"{body}. {title}" if body else title, year, version, locator]
    return ", ".join(p for p in parts if p)


class Explanation:
    """Builds proof trees of one case."""

    def __init__(self, graph: CaseGraph, rules: Mapping[str, Rule]) -> None:
        self._graph, self._rules = graph, rules
        self._know = graph.knowledge
        self._texts = Texts(graph, rules)
        self._shown: set[str] = set()

    def explain(self, agent: str) -> ProofNode:
        """Return the tree of one option's status: every finding about it, down to facts, claims and sources.

        Args:
            agent: IRI of the option.
        """
        status, conclusion = self._graph.statuses[agent]
        decisive = self._graph.premises(conclusion)
        findings = [f.iri for f in self._graph.findings.get(agent, [])]
        order = [*decisive, *(f for f in findings if f not in decisive)]
        self._shown.clear()
        return ProofNode(
            iri=conclusion,
            kind="status",
            text=f"{self._graph.label(agent)}: {status}",
            rule=self._rule(conclusion),
            premises=tuple(self._node(p) for p in order),
        )

    def _node(self, iri: str) -> ProofNode:
        kind = self._kind(iri)
        if iri in self._shown and kind not in ("fact", "source"):
            return ProofNode(iri=iri, kind=kind, text=self._text(iri, kind), repeated=True)
        self._shown.add(iri)
        if kind == "claim":
            return explain_claim(iri, self._know)
        premises = tuple(self._node(p) for p in self._graph.premises(iri))
        return ProofNode(iri=iri, kind=kind, text=self._text(iri, kind), rule=self._rule(iri), premises=premises)

    def _kind(self, iri: str) -> NodeKind:
        if iri in self._graph.texts:
            return "fact"
        return _KINDS.get(self._prefix(iri), "term")

    def _prefix(self, iri: str) -> str:
        short = compact(iri)
        prefix = short.partition(":")[0]
        return iri.rstrip("/").split("/")[-2] if prefix.startswith("http") else prefix

    def _rule(self, iri: str) -> str | None:
        rule = self._graph.value(iri, "ofRule")
        return compact(rule).partition(":")[2] if rule else None

    def _text(self, iri: str, kind: NodeKind) -> str:
        graph, know = self._graph, self._know
        if kind == "fact":
            return graph.texts[iri]
        if kind == "finding":
            node = next(f for found in graph.findings.values() for f in found if f.iri == iri)
            about = f"{graph.label(node.agent)} {_EFFECT_WORDS[node.effect]} ({node.reason})"
            return f"{about}: {self._texts.finding(node)}"
        if kind == "trigger":
            return "claim applies: " + know.label(graph.value(iri, "ofClaim") or "")
        if kind == "meeting":
            return "condition met: " + know.label(graph.value(iri, "ofCondition") or "")
        if kind == "score" and graph.value(iri, "scoreGroup"):
            return f"item {graph.value(iri, 'scoreGroup')}: {number_text(graph.value(iri, 'score') or '0')}"
        if kind == "score":
            return self._texts.score(iri)
        if kind == "status":
            agent = graph.value(iri, "aboutAgent") or ""
            return f"{graph.label(agent)}: {graph.statuses.get(agent, ('', ''))[0]}"
        if claim := graph.value(iri, "ofClaim"):
            return know.label(claim)
        return graph.label(iri)
