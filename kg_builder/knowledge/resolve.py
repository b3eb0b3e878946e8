"""Typed rows to resolved rows: every name becomes a CURIE, every condition a value; faults are collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from kg_builder.issues import Issue
from kg_builder.knowledge.alterations import Alteration, AlterationReader, Gene
from kg_builder.knowledge.columns import Column, describe_columns
from kg_builder.knowledge.conditions import Condition, ConditionReader, FactCondition, NumberCondition, ParameterInfo
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.names import NameIndex, kind_of
from kg_builder.knowledge.rows import (
    CaseFieldRow,
    ClaimRow,
    DrugCodeRow,
    GeneRow,
    IndicationRow,
    LevelRow,
    ParameterRow,
    Row,
    SourceRow,
    Term,
)
from kg_builder.knowledge.tables import ReadRow, Table

#: The parameter that the column `line` of indications is a condition on; its unit is 1.
NEXT_LINE = "parameter:next-line"
_LINE = re.compile(r"(?P<low>\d+)(?:(?P<open>\+)|-(?P<high>\d+))?")


@dataclass(frozen=True, slots=True)
class ResolvedRow:
    """A row with its names resolved: CURIEs by column, conditions by column (shorthand ones included)."""

    read: ReadRow
    refs: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, tuple[Condition, ...]]

    @property
    def id(self) -> str:
        """CURIE of the term or claim."""
        return self.read.row.id


@dataclass(slots=True)
class Resolution:
    """All rows resolved, with the readers that did it and the alterations that only the grammar knows."""

    index: NameIndex
    alterations: AlterationReader
    conditions: ConditionReader
    rows: list[ResolvedRow] = field(default_factory=list)
    seen: dict[str, Alteration] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def name_of(row: Row) -> tuple[str, str, tuple[str, ...]]:
    """Return (CURIE, label, synonyms) by which a row's term is found."""
    if isinstance(row, Term):
        return row.id, row.label, row.synonyms
    if isinstance(row, SourceRow):
        return row.id, row.title, ()
    if isinstance(row, DrugCodeRow | LevelRow):
        return row.id, row.label, ()
    return row.id, row.id.partition(":")[2], ()


def resolve_tables(tables: Iterable[Table]) -> Resolution:
    """Resolve the names in all rows of all tables.

    Returns:
        The resolved rows and the faults of names, alterations and conditions; a row at fault is left out.
    """
    tables = list(tables)
    index = NameIndex()
    genes: list[Gene] = []
    parameters: dict[str, ParameterInfo] = {}
    for table in tables:
        for read in table.rows:
            row = read.row
            if isinstance(row, ClaimRow | CaseFieldRow):
                continue
            index.add(*name_of(row))
            if isinstance(row, GeneRow):
                genes.append(gene_of(row))
            elif isinstance(row, ParameterRow):
                parameters[row.id] = ParameterInfo(row.unit, row.minimum, row.maximum)
        for curie, label, synonyms in table.declared:
            index.add(curie, label, synonyms)
            if kind_of(curie) == "gene":
                genes.append(Gene(curie, label))
    seen: dict[str, Alteration] = {}

    def remember(alteration: Alteration) -> None:
        if alteration.id not in index:
            seen.setdefault(alteration.id, alteration)

    alterations = AlterationReader(index, genes)
    resolution = Resolution(index, alterations, ConditionReader(index, alterations, parameters, remember), seen=seen)
    resolver = _Resolver(resolution)
    for table in tables:
        for read in table.rows:
            resolver.resolve(read)
    return resolution


def gene_of(row: GeneRow) -> Gene:
    """Return what the grammar of alterations needs of a gene's row."""
    return Gene(row.id, row.label, row.length, row.reference.upper(), row.molecule)


class _Resolver:
    """Resolves one row after the other into a :class:`Resolution`."""

    def __init__(self, into: Resolution) -> None:
        self._into = into
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}

    def resolve(self, read: ReadRow) -> None:
        """Resolve one row; it joins the rows only if it has no fault."""
        row, found = read.row, len(self._into.issues)
        refs: dict[str, tuple[str, ...]] = {}
        conditions: dict[str, tuple[Condition, ...]] = {}
        shorthand: list[Condition] = []
        for column in describe_columns(type(row)).values():
            if column.ref is None and column.conditions is None:
                continue
            value = getattr(row, column.name)
            if column.conditions is not None:
                conditions[column.name] = self._conditions(read, column.name, value)
            elif value and column.ref is not None:
                texts = value if isinstance(value, tuple) else (value,)
                refs[column.name] = self._refs(read, column, texts)
                if column.as_condition and refs[column.name]:
                    shorthand.append(FactCondition(column.as_condition.kind, refs[column.name]))
        if isinstance(row, IndicationRow):
            shorthand.extend(self._line_conditions(read, row.line))
        if "conditions" in conditions:
            merged = {c.canonical: c for c in (*conditions["conditions"], *shorthand)}
            conditions["conditions"] = tuple(merged.values())
        if len(self._into.issues) == found:
            self._into.rows.append(ResolvedRow(read, refs, conditions))

    def _tell(self, read: ReadRow, column: str, fault: Fault) -> None:
        self._into.issues.append(fault.issue(read.path, read.line, column))

    def _conditions(self, read: ReadRow, column: str, text: str) -> tuple[Condition, ...]:
        try:
            return self._into.conditions.read(text)
        except Fault as fault:
            self._tell(read, column, fault)
            return ()

    def _refs(self, read: ReadRow, column: Column, texts: tuple[str, ...]) -> tuple[str, ...]:
        assert column.ref is not None
        own = (kind_of(read.row.id),)
        kinds = column.ref.kinds or own
        found: list[str] = []
        for text in texts:
            try:
                is_own = own[0] in kinds and self._into.index.find(text, own)  # its own kind goes first
                found.extend(self._ref(text, own if is_own else kinds, column))
            except Fault as fault:
                self._tell(read, column.name, fault)
        return tuple(dict.fromkeys(found))

    def _ref(self, text: str, kinds: tuple[str, ...], column: Column) -> tuple[str, ...]:
        if (known := self._known.get((text, kinds))) is not None:
            return (known,)
        if "alteration" not in kinds or self._into.index.find(text, kinds):
            curie = self._into.index.resolve(text, kinds)
            self._known[text, kinds] = curie
            return (curie,)
        found = self._into.alterations.read(text)
        if len(found) > 1 and column.shape != "list" and column.as_condition is None:
            names = ", ".join(a.label for a in found)
            raise Fault("A008", f"'{text}' states several alterations: {names}", "write one row for each")
        for alteration in found:
            self._into.conditions.remember(alteration)
        return tuple(alteration.id for alteration in found)

    def _line_conditions(self, read: ReadRow, text: str) -> list[Condition]:
        match = _LINE.fullmatch(text)
        if not match:
            return []
        if NEXT_LINE not in self._into.index:
            hint = f"declare {NEXT_LINE} in parameters.tsv, unit 1"
            self._tell(read, "line", Fault("K012", f"{NEXT_LINE} is not declared", hint))
            return []
        low, high = Decimal(match["low"]), match["high"]
        if match["open"]:
            return [NumberCondition(NEXT_LINE, ">=", low, "1")]
        if high is None:
            return [NumberCondition(NEXT_LINE, "=", low, "1")]
        if Decimal(high) < low:
            self._tell(read, "line", Fault("K013", f"'{text}' ends before it begins", "write the lower line first"))
        return [NumberCondition(NEXT_LINE, ">=", low, "1"), NumberCondition(NEXT_LINE, "<=", Decimal(high), "1")]
