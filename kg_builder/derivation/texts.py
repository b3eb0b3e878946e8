"""Findings in words: a rule's sentence with its gaps filled from the case and the claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from string import Formatter

from kg_builder.derivation.casegraph import CaseGraph, FindingNode, local_name, number_text
from kg_builder.derivation.regimens import tell_component
from kg_builder.derivation.rules import Rule
from kg_builder.vocabulary import BASE

_CONDITION = BASE + "condition/"


@cache
def find_gaps(template: str) -> tuple[str, ...]:
    """Return the names of the gaps of a rule's sentence.

    >>> find_gaps("{facts} ({note})")
    ('facts', 'note')
    """
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


class Texts:
    """Writes sentences about the findings of one case."""

    def __init__(self, graph: CaseGraph, rules: Mapping[str, Rule]) -> None:
        self._graph, self._rules = graph, rules
        self._written: dict[str, str] = {}
        self._gaps: dict[str, Callable[[FindingNode], str]] = {
            "facts": lambda f: (
                self._facts(f.iri, lambda kind: kind != "disease") or self._facts(f.iri, lambda kind: True)
            ),
            "failed": lambda f: self._facts(f.iri, lambda kind: kind == "failed"),
            "markers": lambda f: self._facts(f.iri, lambda kind: kind == "marker"),
            "evidence": lambda f: self._evidence(f),
            "note": self._note,
            "lost": self._lost,
            "likelihood": lambda f: self._label(self._graph.value(f.iri, "hasLikelihood") or ""),
            "score": lambda f: self.score(self._one(f, "hasLevel")),
            "requirement": self.requirement,
            "negative": self._negative,
            "component": lambda f: tell_component(self._graph, f, self.finding),
            "lack": self._lack,
            "condition": lambda f: " and ".join(self._label(n) for n in f.because if n.startswith(_CONDITION)),
            "exposure": self._exposure,
            "target": lambda f: " and ".join(self._label(n) for n in f.because),
        }

    def finding(self, finding: FindingNode) -> str:
        """Return the sentence about a finding."""
        if finding.iri not in self._written:
            self._written[finding.iri] = self._write(finding)
        return self._written[finding.iri]

    def _write(self, finding: FindingNode) -> str:
        template = self._rules[finding.rule].template
        text = template.format(**{name: self._gaps[name](finding) for name in find_gaps(template)}).strip()
        text = text.removesuffix(":").removesuffix(";").strip().lstrip(": ")
        warnings = self.warnings(finding)
        return f"{text} [{', '.join(warnings)}]" if warnings else text

    def warnings(self, finding: FindingNode) -> list[str]:
        """Return the labels of the warnings that the finding's own claim gives."""
        if finding.effect not in ("excludes", "cautions"):
            return []
        claims = {c for node in finding.because for c in self._graph.claims_of(node)}
        terms = {w for claim in claims for w in self._graph.knowledge.describe(claim).get("givesWarning", [])}
        return sorted(self._label(term) for term in terms)

    def score(self, score: str) -> str:
        """Return a score in words: algorithm, level, sum, and the items that made it."""
        graph, know = self._graph, self._graph.knowledge
        code, level = graph.value(score, "ofCode") or "", graph.value(score, "hasLevel") or ""
        algorithm = know.first(code, "ofAlgorithm")
        items = []
        for group in graph.premises(score):
            if value := graph.value(group, "score"):
                items.append(f"{self.item(group)} {number_text(value)}")
        matched = f": {', '.join(items)}" if items else ""
        total = number_text(graph.value(score, "score") or "0")
        name = " ".join(filter(None, (know.label(algorithm), know.first(algorithm, "algorithmVersion"))))
        return f"{name} {know.label(code)} {total}, {know.label(level).lower()}{matched}"

    def item(self, group: str) -> str:
        """Return the facts behind one group of a score, joined by a plus sign."""
        return "+".join(self._graph.texts[f] for f in self._graph.facts(group))

    def fact(self, iri: str) -> str:
        """Return what a fact says."""
        return self._graph.texts.get(iri) or self._label(iri)

    # --- gaps -----------------------------------------------------------------------------------

    def _label(self, iri: str) -> str:
        return self._graph.label(iri)

    def _kind(self, fact: str) -> str:
        return local_name(self._graph.value(fact, "factKind") or "")

    def _facts(self, iri: str, wanted: Callable[[str], bool]) -> str:
        shown = [f for f in self._graph.facts(iri) if wanted(self._kind(f))]
        inputs = {i for f in shown for i in self._graph.values(f, "derivedFrom")}
        return ", ".join(dict.fromkeys(self._graph.texts[f] for f in shown if f not in inputs))

    def _evidence(self, finding: FindingNode) -> str:
        texts = [self.finding(f) for f in self._graph.findings[finding.agent] if f.iri in finding.because]
        return "; ".join(texts)

    def _note(self, finding: FindingNode) -> str:
        claims = [c for node in finding.because for c in self._graph.claims_of(node)]
        claims += [c for hit in finding.because for c in self._graph.claims(hit)] if not claims else []
        return "; ".join(dict.fromkeys(self._graph.knowledge.note(c) for c in claims))

    def _lost(self, finding: FindingNode) -> str:
        agents = [a for n in finding.because for a in self._graph.values(n, "aboutAgent") if a != finding.agent]
        return ", ".join(dict.fromkeys(self._label(a) for a in agents))

    def _one(self, finding: FindingNode, key: str) -> str:
        return next(n for n in finding.because if self._graph.value(n, key))

    def requirement(self, finding: FindingNode) -> str:
        """Return in words what the option needs."""
        claims = [c for node in finding.because for c in self._graph.claims_of(node)]
        conditions = [q for c in claims for q in self._graph.knowledge.describe(c).get("requiresCondition", [])]
        return " and ".join(self._label(c).removeprefix("marker ") for c in conditions)

    def _lack(self, finding: FindingNode) -> str:
        assert self._graph.board is not None
        lacks = self._graph.board.nearest[finding.agent].lacks
        return "; ".join(lacks[claim] for claim in finding.because if claim in lacks)

    def _negative(self, finding: FindingNode) -> str:
        facts = [f for lack in finding.because for f in self._graph.values(lack, "because") if f in self._graph.texts]
        return "the case gives " + ", ".join(self._graph.texts[f] for f in facts)

    def _exposure(self, finding: FindingNode) -> str:
        """Return the quotient, what it was made of, and the one that is wanted."""
        graph, know = self._graph, self._graph.knowledge
        fact = next(n for n in finding.because if graph.value(n, "value"))
        claim = next(c for n in finding.because for c in graph.claims_of(n))
        value, target = Decimal(graph.value(fact, "value") or "0"), know.first(claim, "targetQuotient")
        below, measure = know.first(claim, "inhibitoryConcentration"), know.first(claim, "concentrationMeasure")
        text = graph.texts[fact]
        if self._kind(fact) == "trough":
            text += f", {value / Decimal(below):.3g} times the {measure} of {number_text(below)} mg/L"
        return f"{text}; {number_text(target)} or more of the {measure} is wanted"
