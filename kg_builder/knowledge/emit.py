"""Resolved rows to statements (docs/architecture.md); what a column becomes stands in the row models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kg_builder.knowledge.alterations import Alteration
from kg_builder.knowledge.columns import describe_columns
from kg_builder.knowledge.conditions import Condition, FactCondition, NumberCondition, condition_id, describe
from kg_builder.knowledge.declared import AlterationTerms
from kg_builder.knowledge.definitions import define_alteration, define_row
from kg_builder.knowledge.names import NameIndex, kind_of
from kg_builder.knowledge.owl import differ, drug_class_axioms
from kg_builder.knowledge.patterns import write_residues
from kg_builder.knowledge.resolve import Resolution, ResolvedRow
from kg_builder.knowledge.rows import (
    AlterationRow,
    CaseFieldRow,
    ClaimRow,
    DrugClassRow,
    IndicationRow,
    RegimenRow,
    ResistanceRow,
    SelectionRow,
)
from kg_builder.knowledge.statements import Row
from kg_builder.knowledge.terms import TRUE, TYPE, literal, node, sv
from kg_builder.vocabulary import KINDS

#: Kinds whose individuals are not told apart: there are many, and no axiom could make two of them one.
_UNDIFFERING: Final = {"claim", "condition", "field", "source", "level"}

#: Words that join a role of a claim to its label, by predicate; in this order.
_JOINED: Final[dict[str, str]] = {
    "scoresCode": "",
    "fromAgent": "",
    "concernsAgent": "",
    "concernsSubstance": "",
    "precipitant": "with",
    "preferredOver": "over",
    "selectsAlteration": "selects",
    "aimsAt": "",
    "advises": "",
    "picksFrom": "from",
    "givesWarning": "→",
    "forDisease": "for",
    "inRegion": "in",
}


@dataclass(slots=True)
class Emission:
    """The statements of the tables, and which row each comes from.

    ``spans`` holds (index of the first statement, file, line), in order; line 0 is for what no row says alone.
    """

    rows: list[Row] = field(default_factory=list)
    spans: list[tuple[int, str, int]] = field(default_factory=list)

    def row_map(self) -> dict[Row, tuple[str, int]]:
        """Return for each statement the file and line that first makes it."""
        found: dict[Row, tuple[str, int]] = {}
        ends = [start for start, _, _ in self.spans[1:]] + [len(self.rows)]
        for (start, path, line), end in zip(self.spans, ends, strict=True):
            for row in self.rows[start:end]:
                found.setdefault(row, (path, line))
        return found


def emit(resolution: Resolution) -> Emission:
    """Return the statements of all rows, always in the same order for the same rows."""
    return _Emitter(resolution).run()


class _Emitter:
    def __init__(self, resolution: Resolution) -> None:
        self._rows = resolution.rows
        self._index: NameIndex = resolution.index
        self._terms = AlterationTerms.of(resolution)
        self._conditions: set[Condition] = set()
        self._said: dict[Condition, str] = {}
        self._out = Emission()

    def run(self) -> Emission:
        for row in self._rows:
            self._add(row.read.path, row.read.line, self._row(row))
        for alteration in self._terms.undeclared:
            self._add("", 0, self._alteration(alteration))
        members: dict[str, list[str]] = {}
        for curie in (*(r.id for r in self._rows), *(a.id for a in self._terms.undeclared)):
            members.setdefault(kind_of(curie), []).append(curie)
        for kind in sorted(set(members) - _UNDIFFERING):
            self._add("", 0, differ(kind, sorted(members[kind])))
        return self._out

    def _add(self, path: str, line: int, rows: Iterator[Row]) -> None:
        self._out.spans.append((len(self._out.rows), path, line))
        self._out.rows.extend(rows)

    def label(self, curie: str) -> str:
        """Return the label of a declared term or of an alteration read by its grammar."""
        return self._terms.labels.get(curie) or self._index.label(curie)

    def _row(self, row: ResolvedRow) -> Iterator[Row]:
        model = row.read.row
        subject = node(row.id)
        is_claim = isinstance(model, ClaimRow)
        yield subject, TYPE, sv(model.claim_class if isinstance(model, ClaimRow) else KINDS[kind_of(row.id)])
        if isinstance(model, ClaimRow):
            yield subject, sv("claimKind"), literal(model.claim_class)
            yield subject, sv("givesGround"), sv(f"ground{model.claim_class}")
        for name, column in describe_columns(type(model)).items():
            if column.emit is None:
                continue
            predicate = sv(column.emit.predicate)
            for value in self._values(row, name, column.emit.prefix):
                yield subject, predicate, value
        for name, conditions in row.conditions.items():
            link = describe_columns(type(model))[name].conditions
            assert link is not None
            yield subject, sv(link.count), literal(len(conditions))
            for condition in conditions:
                yield subject, sv(link.predicate), node(condition_id(condition))
                yield from self._condition(condition)
        if is_claim:
            yield subject, sv("rdfs:label"), literal(self._claim_label(row))
            yield from _direct_edges(row)
        elif definition := define_row(row, self.label):
            yield subject, sv("obo:IAO_0000115"), literal(definition)
            if isinstance(model, CaseFieldRow):
                yield subject, sv("rdfs:label"), literal(model.path)
        elif isinstance(model, AlterationRow):
            yield from self._declared_alteration(row.id)
        elif isinstance(model, DrugClassRow):
            yield from drug_class_axioms(model, row.refs)
        if isinstance(model, RegimenRow):
            yield from _needs(row)

    def _values(self, row: ResolvedRow, name: str, prefix: str) -> Iterator[str]:
        if name in row.refs:
            yield from map(node, row.refs[name])
            return
        value = getattr(row.read.row, name)
        if value is None or value is False or value in ("", ()):
            return
        for one in value if isinstance(value, tuple) else (value,):
            yield node(f"{prefix}:{one}") if prefix else literal(one)

    def _claim_label(self, row: ResolvedRow) -> str:
        """Return a claim in words: its class, its roles, its conditions."""
        model = row.read.row
        assert isinstance(model, ClaimRow)
        words: dict[str, str] = {}
        for name, column in describe_columns(type(model)).items():
            if column.emit and column.emit.predicate in _JOINED and name in row.refs:
                join = _JOINED[column.emit.predicate]
                labels = ", ".join(self.label(curie) for curie in row.refs[name])
                words[column.emit.predicate] = f"{join} {labels}".strip()
        if "fromAgent" in words and "concernsAgent" in words:
            words["concernsAgent"] = f"to {words['concernsAgent']}"
        said = " ".join(words[p] for p in _JOINED if p in words)
        when = "; ".join(self._words(c) for c in row.conditions.get("conditions", ()))
        return f"{_in_words(model.claim_class)}: {said or '—'}" + (f" if {when}" if when else "")

    def _words(self, condition: Condition) -> str:
        if (said := self._said.get(condition)) is None:
            said = self._said[condition] = describe(condition, self.label, self._index)
        return said

    def _condition(self, condition: Condition) -> Iterator[Row]:
        if condition in self._conditions:
            return
        self._conditions.add(condition)
        subject = node(condition_id(condition))
        if isinstance(condition, FactCondition):
            yield subject, TYPE, sv("Condition")
            yield subject, sv("conditionKind"), node(f"kind:{condition.kind}")
            for term in sorted(condition.terms):
                yield subject, sv("conditionTerm"), node(term)
            if condition.is_negated:
                yield subject, sv("isNegated"), TRUE
        else:
            yield from _number(subject, condition)
        yield subject, sv("conditionPhase"), literal(condition.phase)
        yield subject, sv("rdfs:label"), literal(self._words(condition))

    # --- alterations ------------------------------------------------------------------------------

    def _declared_alteration(self, curie: str) -> Iterator[Row]:
        """Yield what a declared alteration's pattern and name imply, beside its columns."""
        subject = node(curie)
        if pattern := self._terms.pattern(curie):
            yield subject, sv("patternKind"), literal(pattern.kind)
            if pattern.position is not None:
                yield subject, sv("atPosition"), literal(pattern.position)
            if pattern.residues:
                yield subject, sv("residues"), literal(write_residues(pattern.residues))
        for broader in self._terms.broader(curie):
            yield subject, sv("broader"), node(broader)
        for negated in self._terms.negated(curie):
            yield subject, sv("negates"), node(negated)

    def _alteration(self, alteration: Alteration) -> Iterator[Row]:
        """Yield an alteration that only its grammar knows."""
        subject = node(alteration.id)
        yield subject, TYPE, sv("Alteration")
        yield subject, sv("rdfs:label"), literal(alteration.label)
        yield subject, sv("obo:IAO_0000115"), literal(define_alteration(alteration, self._index.label))
        yield subject, sv("inGene"), node(alteration.gene)
        if alteration.position is not None:
            yield subject, sv("atPosition"), literal(alteration.position)
        yield from self._declared_alteration(alteration.id)


def _number(subject: str, condition: NumberCondition) -> Iterator[Row]:
    yield subject, TYPE, sv("NumericCondition")
    yield subject, sv("conditionKind"), node("kind:measurement")
    yield subject, sv("onParameter"), node(condition.parameter)
    yield subject, sv("comparator"), literal(condition.comparator)
    yield subject, sv("limit"), literal(condition.limit)


def _direct_edges(row: ResolvedRow) -> Iterator[Row]:
    """Yield the edges that a claim states whatever the case, or without any condition but one marker."""
    model, conditions = row.read.row, row.conditions["conditions"]
    if isinstance(model, ResistanceRow) and model.degree == "full" and len(conditions) == 1:
        marker = conditions[0]
        if isinstance(marker, FactCondition) and marker.kind == "marker" and not marker.is_negated:
            for term in marker.terms:
                yield node(term), sv("confersResistanceTo"), node(row.refs["agent"][0])
    if isinstance(model, IndicationRow) and kind_of(row.refs["agent"][0]) == "regimen":
        yield node(row.refs["agent"][0]), sv("indicatedFor"), node(row.refs["disease"][0])
    if isinstance(model, SelectionRow) and not conditions:
        yield node(row.refs["agent"][0]), sv("selectsFor"), node(row.refs["alteration"][0])


def _needs(row: ResolvedRow) -> Iterator[Row]:
    """Yield what a named regimen needs to stand: how many components, and which active or at least kept."""
    components, kept = row.refs["components"], set(row.refs.get("retained", ()))
    yield node(row.id), sv("componentCount"), literal(len(set(components)))
    for component in components:
        yield node(row.id), sv("needsKept" if component in kept else "needsActive"), node(component)
        if kind_of(component) == "class":
            yield node(row.id), sv("choosesFrom"), node(component)


def _in_words(claim_class: str) -> str:
    """Return a class name as words.

    >>> _in_words("CrossResistance")
    'Cross resistance'
    """
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in claim_class).strip()
    return words.capitalize().removesuffix(" claim")
