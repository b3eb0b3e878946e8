"""What can change in a case: each single change with what it touches, and the case as it then is.

Which facts can change, and which way, is data (``modifiables.tsv``); how far a number moves follows from the limits
that claims set: to just past each of them. Nothing here names a disease, a drug or a mutation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import unquote

import pyoxigraph as ox
from pydantic import BaseModel, ConfigDict, Field

from kg_builder.derivation.case import Case, pointer
from kg_builder.derivation.casegraph import CaseGraph, number_text
from kg_builder.derivation.claims import ClaimIndex
from kg_builder.derivation.context import Context
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.prepare import prepare_case
from kg_builder.graph.protocol import CaseStore
from kg_builder.vocabulary import SV, compact, expand

RESULTS = {"susceptible": "S", "intermediate": "I", "resistant": "R"}
#: Findings of which a case has one.
SINGLE = ("histology", "biopsy")
_LISTS = {"marker": "alterations", "gene": "sequenced", "imaging": "imaging"}
_STATES = SV + "states"
_KIND_OF = SV + "factKind"


class Change(BaseModel):
    """One change of a fact of the case."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    action: Literal["remove", "add", "set"]
    pointer: str = Field(description="JSON pointer into the case as given; `-` at its end: a new entry of a list")
    value: str | float | bool | None = Field(default=None, description="what is added or set")
    text: str


@dataclass(frozen=True)
class Move:
    """A change and what it touches.

    Attributes:
        change: as the answer shows it.
        slot: of moves with the same slot only one can be made.
        kind: kind of the fact that comes, goes or changes (``comedication``).
        terms: IRIs of what it bears on: before and after the change.
        fact: IRI of the fact that goes or changes; empty where one comes.
        comes: CURIE of the term that is stated then; empty for numbers and for facts that go.
        parameter: IRI, for a number; ``before`` and ``after`` are its values.
        reach: how many of the values told for a number are nearer to what it is.
    """

    change: Change
    slot: str
    kind: str
    terms: frozenset[str] = frozenset()
    fact: str = ""
    comes: str = ""
    parameter: str = ""
    before: Decimal | None = None
    after: Decimal | None = None
    reach: int = 0

    def order(self) -> tuple[str, str, str]:
        """Return what moves are sorted by: their words, a number by how far it goes."""
        return (self.change.text.casefold(), self.change.pointer, str(self.change.value))

    def includes(self, other: Move) -> bool:
        """Tell whether another move is this one, or the same number going less far."""
        return self == other or (bool(self.parameter) and self.slot == other.slot and other.reach < self.reach)


@dataclass(frozen=True)
class Modifiable:
    """A row of ``modifiables.tsv``; IRIs but for kind, way and words."""

    kind: str
    terms: tuple[str, ...]
    way: str
    is_obtainable: bool
    step: Decimal
    words: str


#: Comparators by which claims ask for more, or for less.
_HOPED = {"raise": {">", ">=", "="}, "lower": {"<", "<=", "="}}


@dataclass
class Changer:
    """Makes changed cases of one case.

    Attributes:
        case: as given.
        context: names and parameters.
        graph: the case as derived.
        index: claims relevant to its disease.
    """

    case: Case
    context: Context
    graph: CaseGraph
    index: ClaimIndex
    _raw: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._raw = self.case.model_dump(exclude_unset=True)

    def prepare(self, moves: Iterable[Move], *, name: str) -> Prepared:
        """Return the changed case as a graph, under an id of its own.

        Raises:
            CaseError: if the changes contradict what the case says, or each other.
        """
        chosen = sorted(moves, key=Move.order)
        raw = _copy(self._raw)
        raw["id"] = name
        for move in chosen:
            if move.change.action != "remove":
                _put(raw, move.change.pointer, move.change.value)
        prepared = prepare_case(Case.model_validate(raw), self.context, path=self.case.id)
        base, own = self.graph.iri, prepared.iri
        gone = {own + move.fact[len(base) :] for move in chosen if move.change.action == "remove"}
        return _without(prepared, gone) if gone else prepared

    # --- every single change ------------------------------------------------------------------

    def moves(self, rows: Iterable[Modifiable]) -> list[Move]:
        """Return every single change that the rows allow, in the order of their texts."""
        found: dict[tuple[str, str], Move] = {}
        for row in rows:
            for move in self._moves(row):
                found.setdefault((move.slot, move.change.model_dump_json()), move)
        return sorted(found.values(), key=Move.order)

    def _moves(self, row: Modifiable) -> Iterator[Move]:
        if row.kind == "measurement":
            for parameter in row.terms:
                yield from self._numbers(row, parameter)
        elif row.way == "remove":
            for fact in self._facts(row):
                terms = frozenset(self.graph.values(fact, "bearsOn"))
                text = row.words.format(self._names(fact))
                yield Move(Change(action="remove", pointer=self.pointer(fact), text=text), fact, row.kind, terms, fact)
        elif row.way == "replace":
            for fact in self._facts(row):
                yield from self._replacements(row, fact)
        elif row.kind in RESULTS:
            yield from self._results(row)
        elif row.kind == "gene":
            yield from (self._addition(row, gene) for gene in self.unread_genes())
        elif row.kind in SINGLE and getattr(self.case.findings, row.kind) is not None:
            return
        else:
            yield from (self._addition(row, term) for term in self.addable(row.kind))

    def _facts(self, row: Modifiable) -> Iterator[str]:
        wanted = set(row.terms)
        for fact in self.graph.texts:
            is_meant = not wanted or wanted.intersection(self.graph.values(fact, "bearsOn"))
            if is_meant and self._kind(fact) == row.kind and not self.graph.value(fact, "derivedFrom"):
                yield fact

    def _kind(self, fact: str) -> str:
        return compact(self.graph.value(fact, "factKind") or "").partition(":")[2]

    def _names(self, fact: str) -> str:
        return ", ".join(self.graph.knowledge.label(term) for term in self.graph.values(fact, "states"))

    def pointer(self, fact: str) -> str:
        """Return the JSON pointer that names a fact of the case as given."""
        return unquote(fact[len(self.graph.iri) + 1 :])

    def _replacements(self, row: Modifiable, fact: str) -> Iterator[Move]:
        stated, where = set(self.graph.values(fact, "states")), self.pointer(fact)
        for term in row.terms:
            if term in stated or (value := self._value_at(where, term)) is None:
                continue
            terms = frozenset(self.graph.values(fact, "bearsOn")) | self.index.kinds(term)
            text = row.words.format(self.graph.knowledge.label(term))
            change = Change(action="set", pointer=where, value=value, text=text)
            yield Move(change, fact, row.kind, terms, fact, compact(term))

    def _value_at(self, where: str, term: str) -> str | bool | None:
        """Return what must stand at a pointer so that the case states a term; None if nothing does."""
        label, curie = self.graph.knowledge.label(term), compact(term)
        declared = self.context.fields.get(where[1:].replace("/", "."))
        if declared:
            return {declared.if_true: True, declared.if_false: False}.get(curie)
        if where == pointer("patient", "child_pugh"):
            found = (c for c in "ABC" if curie in self.context.names.find(f"Child-Pugh {c}", ("state",)))
            return next(found, None)
        return label

    def _results(self, row: Modifiable) -> Iterator[Move]:
        known = {d for f in self.graph.texts if self._kind(f) in RESULTS for d in self.graph.values(f, "states")}
        asked = self.index.asked_terms(row.kind)
        supportive = expand("trait:supportive")
        for drug in sorted({*self.graph.statuses, *asked} - known):
            wanted = row.kind == "susceptible" or self.index.kinds(drug) & asked
            if supportive in self.graph.knowledge.describe(drug).get("hasTrait", ()):
                continue
            if compact(drug).startswith("drug:") and wanted:
                label = self.graph.knowledge.label(drug)
                change = Change(
                    action="add",
                    pointer=pointer("findings", "susceptibility", label),
                    value=RESULTS[row.kind],
                    text=row.words.format(label),
                )
                followers = self.index.followers(drug) if row.kind == "resistant" else frozenset()
                terms = self.index.kinds(drug) | followers
                yield Move(change, f"result:{drug}", row.kind, terms, comes=compact(drug))

    def unread_genes(self) -> list[str]:
        """Return the genes (IRIs) whose reading would be a test of an option, and that were not read."""
        read = set(self.graph.nodes("readIn"))
        describe = self.graph.knowledge.describe
        return sorted({g for option in self.graph.statuses for g in describe(option).get("testedBy", ())} - read)

    def addable(self, kind: str) -> list[str]:
        """Return the terms of a kind (IRIs) that a claim asks for and that the case leaves open."""
        said = {t for f in self.graph.texts if self._kind(f) == kind for t in self.graph.values(f, "bearsOn")}
        read = set(self.graph.nodes("readIn"))
        describe = self.graph.knowledge.describe
        return sorted(t for t in self.index.asked_terms(kind) - said if read.isdisjoint(describe(t).get("inGene", ())))

    def _addition(self, row: Modifiable, term: str) -> Move:
        label = self.graph.knowledge.label(term)
        where, value = self._place(row.kind, label, compact(term))
        change = Change(action="add", pointer=where, value=value, text=row.words.format(label))
        # of one examination there is one result: "MRI: this" and "MRI: that" are never both found
        what = f"{row.kind}:{examination(label) if row.kind == 'imaging' else term}"
        slot = row.kind if where.rpartition("/")[2] == row.kind and row.kind in SINGLE else what
        return Move(change, slot, row.kind, self.index.kinds(term), comes=compact(term))

    def marker(self, term: str, text: str) -> Move:
        """Return the move that states a marker, whether or not a claim asks for it."""
        where, value = self._place("marker", self.graph.knowledge.label(term), compact(term))
        change = Change(action="add", pointer=where, value=value, text=text)
        return Move(change, f"marker:{term}", "marker", self.index.kinds(term), comes=compact(term))

    def _place(self, kind: str, label: str, curie: str) -> tuple[str, str | bool]:
        for declared in self.context.fields.values():
            for stated, value in ((declared.if_true, True), (declared.if_false, False)):
                if stated == curie:
                    return pointer(*declared.path.split(".")), value
        if kind in _LISTS:
            return pointer("findings", _LISTS[kind], "-"), label
        return pointer("findings", kind), label

    # --- numbers --------------------------------------------------------------------------------

    def _numbers(self, row: Modifiable, parameter: str) -> Iterator[Move]:
        facts = [f for f in self.graph.texts if parameter in self.graph.values(f, "onParameter")]
        if any(self.graph.value(f, "derivedFrom") for f in facts) or (not facts and not row.is_obtainable):
            return
        before = Decimal(self.graph.value(facts[0], "value") or "") if facts else None
        known = self.context.parameters[compact(parameter)]
        if facts:
            where = self.pointer(facts[0])
        else:
            paths = [f.path for f in self.context.fields.values() if f.parameter == known.id]
            where = pointer(*paths[0].split(".")) if paths else pointer("patient", "measurements", known.label)
        unit = "" if known.unit == "1" else f" {known.unit}"
        for reach, after in enumerate(self._values(row, parameter, before)):
            if (known.minimum is None or after >= known.minimum) and (known.maximum is None or after <= known.maximum):
                text = row.words.format(f"{known.label} {number_text(str(after))}{unit}")
                change = Change(action="set" if facts else "add", pointer=where, value=float(after), text=text)
                yield Move(
                    change, f"number:{parameter}", row.kind, fact=facts[0] if facts else "", parameter=parameter,
                    before=before, after=after, reach=reach,
                )  # fmt: skip

    def _values(self, row: Modifiable, parameter: str, before: Decimal | None) -> list[Decimal]:
        """Return the values just past the limits that claims set, one for each set of conditions that it meets.

        Of what was not measured only results are hoped for that a claim asks for in the direction of the row; what a
        bad one would change is told with the tests.
        """
        conditions = self.index.number_conditions(parameter)
        points = {limit + offset for _, limit in conditions for offset in (-row.step, Decimal(0), row.step)}
        if before is not None:
            points = {p for p in points if (p > before if row.way == "raise" else p < before)}
        met = {self._met(conditions, before)}
        values = []
        for point in sorted(points, reverse=row.way == "lower"):
            now = self._met(conditions, point)
            is_hoped = before is not None or any(c in _HOPED[row.way] for c, _ in now)
            if is_hoped and now not in met:
                met.add(now)
                values.append(point)
        return values

    @staticmethod
    def _met(conditions: Iterable[tuple[str, Decimal]], value: Decimal | None) -> frozenset[tuple[str, Decimal]]:
        return frozenset(c for c in conditions if value is not None and is_met(value, *c))


def is_met(value: Decimal, comparator: str, limit: Decimal) -> bool:
    """Tell whether a number meets a condition.

    >>> is_met(Decimal(30), "<", Decimal(30)), is_met(Decimal(30), ">=", Decimal(30))
    (False, True)
    """
    return {
        "<": value < limit, "<=": value <= limit, "=": value == limit, ">=": value >= limit, ">": value > limit,
    }[comparator]  # fmt: skip


def read_modifiables(store: CaseStore, graph: CaseGraph) -> list[Modifiable]:
    """Return the rows that hold in the case's disease, in the order of their ids."""
    know = graph.knowledge
    diseases = {d for f in graph.nodes("factIn") for d in graph.values(f, "bearsOn") if "/disease/" in d}
    rows = []
    found = store.quads_for_pattern(None, ox.NamedNode(SV + "modifiesKind"), None)
    for iri in sorted({quad.subject.value for quad in found}):  # type: ignore[union-attr]
        said = know.describe(iri)
        if "modifiableIn" not in said or diseases.intersection(said["modifiableIn"]):
            rows.append(
                Modifiable(
                    kind=compact(said["modifiesKind"][0]).partition(":")[2],
                    terms=tuple(said.get("modifiesTerm", ())),
                    way=said["mayChangeBy"][0],
                    is_obtainable=said.get("mayBeObtained") == ["true"],
                    step=Decimal(said.get("smallestStep", ["1"])[0]),
                    words=said["changeInWords"][0],
                )
            )
    return rows


def examination(label: str) -> str:
    """Return what was examined by the name of a finding.

    >>> examination("MRI: nothing seen"), examination("shadow")
    ('MRI', 'shadow')
    """
    return label.partition(":")[0]


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _put(raw: dict[str, Any], where: str, value: object) -> None:
    """Set a value at a JSON pointer, making what is on the way; ``-`` appends to a list."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")[1:]]
    spot: Any = raw
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if following is None:
            if isinstance(spot, list):
                if part == "-":
                    spot.append(value)
                else:
                    spot[int(part)] = value
            else:
                spot[part] = value
        elif isinstance(spot, list):
            spot = spot[int(part)]
        else:
            spot = spot.setdefault(part, [] if following == "-" else {})


def _without(prepared: Prepared, gone: set[str]) -> Prepared:
    quads = [q for q in prepared.quads if q.subject.value not in gone]  # type: ignore[union-attr]
    kinds = {compact(q.object.value) for q in quads if q.predicate.value == _KIND_OF}  # type: ignore[union-attr]
    texts: Mapping[str, str] = prepared.texts
    return replace(
        prepared, quads=quads, kinds=frozenset(kinds), texts={f: t for f, t in texts.items() if f not in gone}
    )


def group_by_fact(moves: Iterable[Move]) -> dict[str, set[Move]]:
    """Return the moves that take a fact away or change it, by the fact's IRI."""
    found: dict[str, set[Move]] = defaultdict(set)
    for move in moves:
        if move.fact:
            found[move.fact].add(move)
    return found


def term_iri(move: Move) -> str:
    """Return the IRI of the term that a move brings; empty where it brings none."""
    return expand(move.comes) if move.comes else ""
