"""Read a resistance-scoring algorithm written in ASI2 XML (Algorithm Specification Interface).

What is read: algorithms in which every drug has one rule ``SCORE FROM ( … )``. Items are ``12A => 60``,
several residues ``12AC``, insertion ``12i``, deletion ``12d``, stop ``12*``, combinations ``12AC AND 34D``
(with or without parentheses), negative scores, and ``MAX ( … )`` groups of any of these. Levels come from
``GLOBALRANGE`` or from a drug's own ``SCORERANGE``. HIVDB is written so from 7.5 on.

What is not read, and refused with element and line of every place: ``EXCLUDE``, ``NOT``, ``OR`` and
``SELECT … FROM``, a second rule that only shows a comment (HIVDB 6.x; ``EXCLUDE`` and ``NOT`` still in 7.0),
rules that set a level without a score (ANRS, Rega), and drugs without a rule (HIVDB-HIV2). Comments
are passed over: they have no part in a score.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date as date_type
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, get_args

from kg_builder.issues import Issue, SourceError
from kg_builder.sources.asi_rule import Group, Rule, RuleError, find_unread_forms
from kg_builder.sources.xml import Element, read_xml

Sir = Literal["S", "I", "R"]


@dataclass(frozen=True, slots=True)
class Level:
    """A level of resistance: its place in the algorithm's order, its name, and S, I or R."""

    order: int
    label: str
    sir: Sir


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Scores from minimum to maximum, both included, mean this level; None is without bound."""

    minimum: Decimal | None
    maximum: Decimal | None
    level: int


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug as the algorithm scores it. ``ranges`` is empty where the global ranges hold."""

    code: str
    full_name: str
    drug_class: str
    gene: str
    groups: tuple[Group, ...]
    ranges: tuple[ScoreRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm as published; drugs and levels in its own order.

    ``genes`` pairs each gene with its drug classes. ``default_level`` is the level of a drug for which
    nothing matches, None where the file does not say (then that of score 0).
    """

    name: str
    version: str
    date: str
    genes: tuple[tuple[str, tuple[str, ...]], ...]
    levels: tuple[Level, ...]
    ranges: tuple[ScoreRange, ...]
    drugs: tuple[Drug, ...]
    default_level: int | None = None
    path: str = field(default="", compare=False)

    @property
    def item_count(self) -> int:
        """Number of scored items over all drugs."""
        return sum(len(group) for drug in self.drugs for group in drug.groups)


def read_algorithm(path: Path) -> Algorithm:
    """Read an ASI2 file.

    Raises:
        SourceError: S001 to S004 as :func:`kg_builder.sources.xml.read_xml`; S010 an element is missing,
            unknown or empty; S011 a rule is of a form that is not read, or is malformed; S012 levels or
            score ranges do not fit. All faults of the file at once, each with its line.
    """
    return _Reader(str(path)).algorithm(read_xml(path, dtds=DTDS))


#: The DTDs that published algorithms name.
DTDS: Final = frozenset({
    "http://hivdb.stanford.edu/DR/xml/ASI2.dtd",
    "http://hivdb.stanford.edu/sierra/ASI2.dtd",
    "http://hivdb6.stanford.edu/asi/xml/ASI.dtd",
    "http://sierra2.stanford.edu/sierra/ASI2.dtd",
    "http://sierra2.stanford.edu/sierra/ASI2.1.dtd",
    "https://cms.hivdb.org/prod/downloads/asi/ASI2.2.dtd",
    "https://cms.hivdb.org/prod/downloads/asi/ASI2.3.dtd",
})  # fmt: skip
_KNOWN: Final = {
    "ALGORITHM": {"ALGNAME", "ALGVERSION", "ALGDATE", "DEFINITIONS", "DRUG", "MUTATION_COMMENTS", "RESULT_COMMENTS"},
    "DEFINITIONS": {
        "GENE_DEFINITION", "LEVEL_DEFINITION", "DRUGCLASS", "GLOBALRANGE", "DEFAULT_LEVEL", "COMMENT_DEFINITIONS",
    },
    "DRUG": {"NAME", "FULLNAME", "RULE"},
    "RULE": {"CONDITION", "ACTIONS"},
    "ACTIONS": {"SCORERANGE"},
    "SCORERANGE": {"USE_GLOBALRANGE"},
}  # fmt: skip

_BOUND = r"(-?INF|-?[0-9]{1,6})"
_RANGE: Final = re.compile(rf"\s*{_BOUND}\s+TO\s+{_BOUND}\s*=>\s*([0-9]{{1,4}})\s*")
_ORDER: Final = re.compile(r"[0-9]{1,4}")


class _Reader:
    """Collects issues while it walks the tree; raises once at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.issues: list[Issue] = []

    def fault(self, line: int, where: str, code: str, message: str, hint: str = "") -> None:
        self.issues.append(Issue(path=self.path, line=line, column=where, code=code, message=message, hint=hint))

    def algorithm(self, root: Element) -> Algorithm:
        if root.tag != "ALGORITHM":
            self.fault(root.line, root.tag, "S010", "is not an <ALGORITHM>", "give an algorithm in ASI2 XML")
            raise SourceError(self.issues)
        self.check_children(root, "ALGORITHM")
        name, version = self.text_of(root, "ALGNAME"), self.text_of(root, "ALGVERSION")
        date = self.text_of(root, "ALGDATE")
        if date and not _is_date(date):
            self.fault(root.line, "ALGDATE", "S010", f"{date!r} is no date", "write YYYY-MM-DD")
        definitions = root.find("DEFINITIONS") or Element("DEFINITIONS", {}, root.line)
        self.check_children(definitions, "DEFINITIONS")
        genes = tuple(
            (self.text_of(gene, "NAME"), self.list_of(gene, "DRUGCLASSLIST"))
            for gene in definitions.find_all("GENE_DEFINITION")
        )
        class_of, gene_of = self.classes(definitions, genes)
        levels = self.levels(definitions)
        ranges = self.global_ranges(definitions, levels)
        default = definitions.find("DEFAULT_LEVEL")
        drugs = tuple(self.drugs(root, class_of, gene_of, levels, bool(ranges)))
        algorithm = Algorithm(
            name, version, date, genes, levels, ranges, drugs, self.default_level(default, ranges), self.path
        )
        if not drugs and not self.issues:
            self.fault(root.line, "ALGORITHM", "S010", "has no DRUG", "give an algorithm that scores drugs")
        if self.issues:
            raise SourceError(sorted(self.issues))
        return algorithm

    # --- definitions ---------------------------------------------------------------------------

    def classes(
        self, definitions: Element, genes: tuple[tuple[str, tuple[str, ...]], ...]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return drug → class and class → gene."""
        gene_of = {drug_class: gene for gene, classes in genes for drug_class in classes}
        class_of: dict[str, str] = {}
        for element in definitions.find_all("DRUGCLASS"):
            drug_class = self.text_of(element, "NAME")
            if drug_class not in gene_of:
                self.fault(element.line, "DRUGCLASS", "S010", f"no gene lists the drug class {drug_class!r}")
            class_of.update(dict.fromkeys(self.list_of(element, "DRUGLIST"), drug_class))
        return class_of, gene_of

    def levels(self, definitions: Element) -> tuple[Level, ...]:
        levels: list[Level] = []
        for element in definitions.find_all("LEVEL_DEFINITION"):
            order, label = self.text_of(element, "ORDER"), self.text_of(element, "ORIGINAL")
            sir = self.text_of(element, "SIR")
            if not _ORDER.fullmatch(order) or sir not in get_args(Sir):
                hint = "ORDER is a whole number, SIR one of S, I, R"
                self.fault(element.line, "LEVEL_DEFINITION", "S012", f"order {order!r}, SIR {sir!r}", hint)
                continue
            if any(known.order == int(order) for known in levels):
                hint = "one order a level"
                self.fault(element.line, "LEVEL_DEFINITION", "S012", f"level {order} is defined twice", hint)
            levels.append(Level(int(order), label, _as_sir(sir)))
        return tuple(levels)

    def global_ranges(self, definitions: Element, levels: tuple[Level, ...]) -> tuple[ScoreRange, ...]:
        element = definitions.find("GLOBALRANGE")
        return self.ranges(element, "GLOBALRANGE", levels) if element else ()

    def ranges(self, element: Element, where: str, levels: tuple[Level, ...]) -> tuple[ScoreRange, ...]:
        """Read ``(-INF TO 9 => 1, 10 TO INF => 2)``: whole scores, no gap, no overlap, every level known."""
        text = element.text.strip()
        parts = text[1:-1].split(",") if text.startswith("(") and text.endswith(")") else [text]
        ranges = []
        for part in parts:
            match = _RANGE.fullmatch(part)
            if not match:
                hint = "write (-INF TO 9 => 1, 10 TO INF => 2)"
                self.fault(element.line, where, "S012", f"cannot read the range {part.strip()!r}", hint)
                return ()
            low, high, level = match.groups()
            if int(level) not in {known.order for known in levels}:
                self.fault(element.line, where, "S012", f"level {level} is not defined", "add a LEVEL_DEFINITION")
            minimum = None if low == "-INF" else Decimal(low)
            maximum = None if high == "INF" else Decimal(high)
            ranges.append(ScoreRange(minimum, maximum, int(level)))
        whole = ranges[0].minimum is None and ranges[-1].maximum is None
        for left, right in pairwise(ranges):
            whole = whole and left.maximum is not None and right.minimum == left.maximum + 1
        if not whole:
            hint = "ranges follow each other from -INF to INF, each one above the last"
            self.fault(element.line, where, "S012", f"score ranges leave a gap or overlap: {text}", hint)
        return tuple(ranges)

    def default_level(self, element: Element | None, ranges: tuple[ScoreRange, ...]) -> int | None:
        """Read DEFAULT_LEVEL; it must be the level of score 0, or our tables could not say it."""
        if element is None or not ranges:
            return None
        text = element.text.strip()
        of_zero = next((r.level for r in ranges if (r.minimum or 0) <= 0 <= (r.maximum or 0)), None)
        if not _ORDER.fullmatch(text) or int(text) != of_zero:
            message = f"the default level is {text!r}, but a score of 0 means level {of_zero}"
            self.fault(element.line, "DEFAULT_LEVEL", "S012", message, "such an algorithm cannot be represented")
            return None
        return int(text)

    # --- drugs ---------------------------------------------------------------------------------

    def drugs(
        self,
        root: Element,
        class_of: dict[str, str],
        gene_of: dict[str, str],
        levels: tuple[Level, ...],
        has_global: bool,
    ) -> Iterator[Drug]:
        seen: Counter[str] = Counter()
        for element in root.find_all("DRUG"):
            self.check_children(element, "DRUG")
            code = self.text_of(element, "NAME")
            full_name = element.find("FULLNAME")
            seen[code] += 1
            where = f"DRUG {code}"
            if seen[code] > 1:
                self.fault(element.line, where, "S010", "the drug stands here a second time", "drugs are unique")
            if code not in class_of:
                self.fault(element.line, where, "S010", "no DRUGCLASS lists the drug", "add it to a DRUGLIST")
            drug_class = class_of.get(code, "")
            groups, ranges = self.rules(element, where, levels, has_global)
            name = " ".join(full_name.text.split()) if full_name else code
            yield Drug(code, name, drug_class, gene_of.get(drug_class, ""), groups, ranges)
        for code in class_of:
            if code not in seen:
                self.fault(root.line, f"DRUG {code}", "S010", "is listed in a DRUGCLASS but has no DRUG element")

    def rules(
        self, drug: Element, where: str, levels: tuple[Level, ...], has_global: bool
    ) -> tuple[tuple[Group, ...], tuple[ScoreRange, ...]]:
        """Read the one scoring rule of a drug: its groups and, if it has its own, its score ranges."""
        rules = list(drug.find_all("RULE"))
        groups: tuple[Group, ...] = ()
        ranges: tuple[ScoreRange, ...] = ()
        has_scores = False
        if not rules:
            hint = "only algorithms that score each drug are read"
            self.fault(drug.line, where, "S011", "has no RULE: the file does not score this drug", hint)
        for number, rule in enumerate(rules, start=1):
            place = f"{where}/RULE {number}" if len(rules) > 1 else f"{where}/RULE"
            self.check_children(rule, "RULE", place)
            condition, actions = rule.find("CONDITION"), rule.find("ACTIONS")
            if condition is None or actions is None:
                self.fault(rule.line, place, "S010", "has no CONDITION or no ACTIONS", "a rule needs both")
                continue
            if has_scores:
                hint = "one rule SCORE FROM a drug"
                self.fault(condition.line, f"{place}/CONDITION", "S011", "a second rule of one drug is not read", hint)
                continue
            has_scores = re.match(r"\s*SCORE\s+FROM\b", condition.text) is not None
            groups = self.condition(condition, f"{place}/CONDITION")
            if has_scores:
                ranges = self.actions(actions, f"{place}/ACTIONS", levels, has_global)
        return groups, ranges

    def actions(
        self, actions: Element, where: str, levels: tuple[Level, ...], has_global: bool
    ) -> tuple[ScoreRange, ...]:
        self.check_children(actions, "ACTIONS", where)
        score_range = actions.find("SCORERANGE")
        if score_range is None:
            if not actions.children:
                self.fault(actions.line, where, "S010", "is empty", "a scoring rule has a SCORERANGE")
            return ()
        self.check_children(score_range, "SCORERANGE", where)
        if score_range.find("USE_GLOBALRANGE") is None:
            return self.ranges(score_range, f"{where}/SCORERANGE", levels)
        if not has_global:
            hint = "add a GLOBALRANGE to DEFINITIONS"
            self.fault(score_range.line, where, "S012", "uses a GLOBALRANGE that is not there or not readable", hint)
        return ()

    def condition(self, element: Element, where: str) -> tuple[Group, ...]:
        """Read the text of a CONDITION; every form that is not read is an issue with its line."""
        faults = list(find_unread_forms(element.text))
        groups: tuple[Group, ...] = ()
        if not faults:
            try:
                groups = tuple(Rule(element.text, element.line_at).groups())
            except RuleError as error:
                faults = [error]
        for fault in faults:
            hint = "items are residues joined by AND, alone or in MAX: 12AC AND 34D => 5"
            self.fault(element.line_at(fault.offset), where, "S011", str(fault), hint)
        return groups

    # --- elements ------------------------------------------------------------------------------

    def check_children(self, element: Element, kind: str, where: str = "") -> None:
        for child in element.children:
            if child.tag not in _KNOWN[kind]:
                message, known = f"element <{child.tag}> is not read here", ", ".join(sorted(_KNOWN[kind]))
                self.fault(child.line, where or element.tag, "S010", message, f"known: {known}")

    def text_of(self, parent: Element, tag: str) -> str:
        child = parent.find(tag)
        text = " ".join(child.text.split()) if child else ""
        if not text:
            self.fault((child or parent).line, f"{parent.tag}/{tag}", "S010", "is missing or empty")
        return text

    def list_of(self, parent: Element, tag: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text_of(parent, tag).split(",") if part.strip())


def _is_date(text: str) -> bool:
    try:
        return text.isascii() and len(text) == 10 and date_type.fromisoformat(text).year >= 1980
    except ValueError:
        return False


def _as_sir(text: str) -> Sir:
    return "S" if text == "S" else "I" if text == "I" else "R"
