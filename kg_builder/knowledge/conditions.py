"""The condition language of claims (docs/conditions.md): text to conditions and back to words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import md5
from typing import Final

from rapidfuzz import process

from kg_builder.knowledge.alterations import Alteration, AlterationReader
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.names import NameIndex, kind_of
from kg_builder.knowledge.rows import AGENT, OPTION

#: KIND of a fact condition -> the kinds of term it may name, in groups tried one after the other.
FACT_KINDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "marker": (("alteration",),),
    "disease": (("disease",),),
    "mode": (("mode",),),
    "failed": ((*AGENT, "modality", "regimen"),),
    "organism": (("organism",),),
    "site": (("site",),),
    "comorbidity": (("comorbidity",), ("disease",)),
    "comedication": (AGENT,),
    "allergy": (("allergy",),),
    "state": (("state",),),
    "sex": (("sex",),),
    "histology": (("histology",),),
    "imaging": (("imaging",),),
    "biopsy": (("biopsy",),),
    "resistant": (AGENT,),
    "susceptible": (AGENT,),
    "usable": ((*OPTION, "role", "mechanism"),),
}
_PHASES: Final = {"resistant": 2, "susceptible": 2, "usable": 3}
_SIGNS: Final = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "==": "="}
_NUMERIC = re.compile(
    r"(?P<name>.*?\S)\s*(?P<sign><=|>=|=<|=>|==|<|>|=|≤|≥)\s*(?P<limit>[+-]?\d+(?:[.,]\d+)?(?![\w.]))?\s*(?P<unit>.*)"
)
_SEPARATOR = re.compile(r"\s+or\s+")


@dataclass(frozen=True)
class FactCondition:
    """Holds when the case states one of the terms (or something that falls under it) as a fact of this kind."""

    kind: str
    terms: tuple[str, ...]
    is_negated: bool = False

    @property
    def phase(self) -> int:
        """1 for facts of the case, 2 for resistance, 3 for options (docs/architecture.md)."""
        return _PHASES.get(self.kind, 1)

    @cached_property
    def canonical(self) -> str:
        """The condition in one way of writing: equal conditions have equal canonical texts."""
        return f"{'not ' if self.is_negated else ''}{self.kind} {' or '.join(sorted(self.terms))}"


@dataclass(frozen=True)
class NumberCondition:
    """Holds when the parameter's value, in its unit, compares so with the limit."""

    parameter: str
    comparator: str
    limit: Decimal
    unit: str

    @property
    def phase(self) -> int:
        """1: numbers are facts of the case."""
        return 1

    @cached_property
    def canonical(self) -> str:
        """The condition in one way of writing."""
        return f"{self.parameter} {self.comparator} {write_decimal(self.limit)}"


Condition = FactCondition | NumberCondition


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """What conditions need to know of a parameter; bounds in its unit."""

    unit: str
    minimum: Decimal | None = None
    maximum: Decimal | None = None


def write_decimal(number: Decimal) -> str:
    """Write a number without exponent and without zeros that say nothing.

    >>> write_decimal(Decimal("30.0")), write_decimal(Decimal("1E+2"))
    ('30', '100')
    """
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def condition_id(condition: Condition) -> str:
    """Return the CURIE of a condition: equal conditions share it."""
    return "condition:" + md5(condition.canonical.encode(), usedforsecurity=False).hexdigest()


class ConditionReader:
    """Reads conditions with the names, alterations and parameters that are declared.

    Args:
        index: names of all terms.
        alterations: reads markers.
        parameters: unit and plausible range by CURIE.
        on_alteration: is handed every alteration a marker names.
    """

    def __init__(
        self,
        index: NameIndex,
        alterations: AlterationReader,
        parameters: Mapping[str, ParameterInfo],
        on_alteration: Callable[[Alteration], None] | None = None,
    ) -> None:
        self._index = index
        self._alterations = alterations
        self._parameters = parameters
        self.remember = on_alteration or (lambda alteration: None)
        self._read: dict[str, tuple[Condition, ...]] = {}

    def read(self, text: str) -> tuple[Condition, ...]:
        """Return the conditions of a cell in the order written; none for an empty cell.

        Raises:
            Fault: L001 to L010, or what names and alterations raise; ``at`` points into the text.
        """
        if (known := self._read.get(text)) is not None:
            return known
        found: list[Condition] = []
        at = 0
        for part in text.split(";") if text.strip() else ():
            start = at + len(part) - len(part.lstrip())
            at += len(part) + 1
            if not part.strip():
                raise Fault("L001", "an empty condition", "delete the ; that is too many", min(start, len(text) - 1))
            try:
                condition = self._read_one(part.strip())
            except Fault as fault:
                raise fault.shifted(start) from None
            if any(condition.canonical == other.canonical for other in found):
                raise Fault("L002", f"'{part.strip()}' stands twice", "keep one", start)
            found.append(condition)
        self._read[text] = tuple(found)
        return self._read[text]

    def _read_one(self, text: str) -> Condition:
        number = _NUMERIC.fullmatch(text)
        if number and self._index.find(number["name"], ("parameter",)):
            return self._read_number(text, number)
        first, _, rest = text.partition(" ")
        is_negated = first == "not"
        at = 0
        if is_negated:
            at = text.index(rest.lstrip(), 3) if rest.strip() else len(text)
            first, _, rest = rest.lstrip().partition(" ")
        if not first:
            raise Fault("L004", "'not' says not what", "write a condition after it", 0)
        if first not in FACT_KINDS:
            raise self._no_condition(text, first, number, at)
        if not rest.strip():
            raise Fault("L004", f"'{first}' names nothing", f"write {first} and a name after it", at)
        at += len(first) + 1 + len(rest) - len(rest.lstrip())
        return FactCondition(first, self._read_names(first, rest.strip(), at), is_negated)

    def _no_condition(self, text: str, first: str, number: re.Match[str] | None, at: int) -> Fault:
        if number:
            if text.startswith("not "):
                return Fault("L005", "'not' does not go with a number", "write the opposite comparison", 0)
            near = self._index.nearest(number["name"], ("parameter",))
            hint = f"nearest: {', '.join(near)}" if near else "declare it in parameters.tsv"
            return Fault("L006", f"unknown parameter '{number['name']}'", hint, 0)
        near = [hit[0] for hit in process.extract(first.casefold(), list(FACT_KINDS), limit=2, score_cutoff=60)]
        hint = (
            f"nearest: {', '.join(near)}"
            if near
            else f"it starts with one of {', '.join(FACT_KINDS)}, or is a number: eGFR < 30 …"
        )
        return Fault("L003", f"'{first}' is no kind of condition", hint, at)

    def _read_names(self, kind: str, text: str, at: int) -> tuple[str, ...]:
        """Read ` or ` between names; a name may itself hold ` or `, so the longest that is known is taken."""
        pieces = list(_SEPARATOR.finditer(text))
        starts = [0, *(m.end() for m in pieces)]
        ends = [*(m.start() for m in pieces), len(text)]
        kinds = tuple(k for group in FACT_KINDS[kind] for k in group)
        terms: list[str] = []
        first = 0
        while first < len(starts):
            last = len(ends) - 1
            while last > first and not self._index.find(text[starts[first] : ends[last]], kinds):
                last -= 1
            name = text[starts[first] : ends[last]]
            try:
                terms.extend(self.resolve(kind, name))
            except Fault as fault:
                word = name.partition(" ")[0]
                if first and word in FACT_KINDS:
                    hint = f"the kind stands once: {kind} A or B; two conditions are parted by ;"
                    raise Fault("L010", f"'{word}' stands again after 'or'", hint, at + starts[first]) from None
                raise fault.shifted(at + starts[first]) from None
            first = last + 1
        return tuple(dict.fromkeys(terms))

    def resolve(self, kind: str, text: str) -> tuple[str, ...]:
        """Return the terms that a name of this kind of fact means; several for a mixture of alterations.

        Raises:
            Fault: T007, T008, T022, A001 to A007.
        """
        if kind == "marker":
            found = self._alterations.read(text)
            for alteration in found:
                self.remember(alteration)
            return tuple(alteration.id for alteration in found)
        groups = FACT_KINDS[kind]
        for kinds in groups:
            if self._index.find(text, kinds):
                return (self._index.resolve(text, kinds),)
        return (self._index.resolve(text, tuple(k for kinds in groups for k in kinds)),)

    def _read_number(self, text: str, match: re.Match[str]) -> NumberCondition:
        curie = self._index.resolve(match["name"], ("parameter",))
        info = self._parameters[curie]
        sign = _SIGNS.get(match["sign"], match["sign"])
        if match["limit"] is None or "," in match["limit"]:
            raise Fault(
                "L007", f"no number after '{match['sign']}'", "write it with a decimal point", match.end("sign")
            )
        limit, unit = Decimal(match["limit"]), match["unit"]
        if unit != info.unit and (unit or info.unit != "1"):
            said = f"the unit '{unit}'" if unit else "no unit"
            hint = f"convert the number and write {info.unit}"
            at = match.start("unit") if unit else len(text)
            raise Fault("L008", f"{said}, but {self._index.label(curie)} is in {info.unit}", hint, at)
        if (info.minimum is not None and limit < info.minimum) or (info.maximum is not None and limit > info.maximum):
            low, high = (write_decimal(b) if b is not None else "any" for b in (info.minimum, info.maximum))
            message = f"{match['limit']} is outside the plausible range of {self._index.label(curie)}"
            raise Fault(
                "L009", message, f"it goes from {low} to {high} {info.unit}; is the unit right?", match.start("limit")
            )
        return NumberCondition(curie, sign, limit, info.unit)


def describe(condition: Condition, label: Callable[[str], str], index: NameIndex | None = None) -> str:
    """Return the condition in words that :class:`ConditionReader` reads back to the same condition.

    Args:
        label: gives a term's label.
        index: with it, a term whose label is not its alone is written as CURIE.
    """
    if isinstance(condition, NumberCondition):
        unit = "" if condition.unit == "1" else f" {condition.unit}"
        return f"{label(condition.parameter)} {condition.comparator} {write_decimal(condition.limit)}{unit}"
    names = [_name(term, condition.kind, label, index) for term in sorted(condition.terms)]
    return f"{'not ' if condition.is_negated else ''}{condition.kind} {' or '.join(names)}"


def _name(term: str, kind: str, label: Callable[[str], str], index: NameIndex | None) -> str:
    name = label(term)
    if index is None:
        return name
    group = next((kinds for kinds in FACT_KINDS[kind] if kind_of(term) in kinds), ())
    found = index.find(name, group)
    # an alteration that only the grammar knows is not in the index: its label is read back all the same
    is_clear = ";" not in name and (found == (term,) or (not found and term not in index))
    return name if is_clear else term
