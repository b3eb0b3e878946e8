"""The rules of derivation: read from ``queries/derive``, run in stages over knowledge and case as one graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import yaml

from kg_builder.issues import Issue, QueryError
from kg_builder.vocabulary import SV, compact

Grounds = Callable[[Iterable[str]], Iterable[str]]
#: Subject, predicate and value of a triple as text, the value without quotes and datatype.
Statement = tuple[str, str, str]
#: Properties whose values tell which rules can still conclude.
_CODED = frozenset(SV + name for name in ("hasEffect", "hasDegree", "hasReason", "hasStatus"))
#: The stage that makes candidates; its rules conclude (option, candidateIn, case).
CANDIDATES = (12,)
_NAME = re.compile(r"\d\d-([a-z-]+)\.rq")


@dataclass(frozen=True, slots=True)
class Rule:
    """One CONSTRUCT query.

    Attributes:
        name: file name without number, for instance ``resist-score``; its IRI is ``rule:resist-score``.
        summary: what it concludes, in one sentence.
        stages: numbers of the stages at which it runs.
        text: the query.
        template: sentence about a finding of this rule, with named gaps; empty if it makes no finding.
        needs: what there must be, of each set one at least, or it cannot conclude and is not run: properties, fact
            kinds and traits of the case, rules that concluded, effects, degrees, reasons and statuses concluded, and
            what the knowledge has (`Engine.features`).
    """

    name: str
    summary: str
    stages: tuple[int, ...]
    text: str
    template: str = ""
    needs: tuple[frozenset[str], ...] = ()


Conclude = Callable[[Rule], list[Statement]]


def read_rule(path: Path) -> Rule:
    """Read one rule file.

    Raises:
        QueryError: Q101 if the name or the header is not as docs/architecture.md says.
    """
    text = path.read_text(encoding="utf-8")
    match = _NAME.fullmatch(path.name)
    header = yaml.safe_load("\n".join(line[2:] for line in text.splitlines() if line.startswith("#+"))) or {}
    stages = header.get("stages") if isinstance(header, dict) else None
    if not match or not stages or not header.get("summary"):
        raise QueryError(
            [Issue(str(path), 1, "", "Q101", "a rule is NN-name.rq with `#+ summary` and `#+ stages`", "")]
        )
    return Rule(
        match[1],
        str(header["summary"]),
        tuple(stages),
        text,
        str(header.get("text", "")),
        tuple(frozenset(need.split("|")) for need in header.get("needs", ())),
    )


def read_rules(folder: Path) -> tuple[Rule, ...]:
    """Read all rules of a folder, in the order of their file names."""
    rules = tuple(read_rule(path) for path in sorted(folder.glob("*.rq")))
    if not rules:
        raise QueryError(f"no rules in {folder}")
    return rules


def schedule(rules: Iterable[Rule], *, last: int = 99) -> tuple[Rule, ...]:
    """Return the runs in order: a rule once for each of its stages up to ``last``."""
    runs = [(stage, rule) for rule in rules for stage in rule.stages if stage <= last]
    return tuple(rule for _, rule in sorted(runs, key=lambda run: run[0]))


def run_rules(conclude: Conclude, runs: Sequence[Rule], *, facts: Iterable[str], grounds: Grounds) -> list[Statement]:
    """Run rules, in order, that may have something to say.

    Args:
        conclude: runs one rule over knowledge and case, keeps with the case what it concludes, and returns that.
        runs: rules in the order in which they run.
        facts: what the case and the knowledge have that rules may need (``kind:failed``).
        grounds: tells the properties by which the knowledge gives options grounds in every case (``groundBarrier``).
    Returns:
        The conclusions in the order constructed.
    """
    concluded: list[Statement] = []
    present = set(facts)
    for rule in runs:
        if any(present.isdisjoint(need) for need in rule.needs):
            continue
        if statements := conclude(rule):
            concluded += statements
            present.update(told(rule, statements))
            if rule.stages == CANDIDATES:
                present.update(grounds({subject for subject, _, _ in statements}))
    return concluded


def told(rule: Rule, statements: Iterable[Statement]) -> set[str]:
    """Return what rules may need of what a rule concluded: its name, properties, effects, degrees and the like."""
    pairs = {(name, value if name in _CODED else "") for _, name, value in statements}
    found = {name.removeprefix(SV) for name, _ in pairs} | {compact(value) for _, value in pairs if value}
    return found | {f"rule:{rule.name}"}


def split_statement(line: str) -> Statement:
    """Return subject, predicate and value of a line of N-Triples, IRIs and literals as plain text.

    >>> split_statement('<http://a/1> <http://a/size> "2.5"^^<http://www.w3.org/2001/XMLSchema#decimal> .')
    ('http://a/1', 'http://a/size', '2.5')
    """
    subject, predicate, value = line.split(" ", 2)
    if value[0] == "<":
        return subject[1:-1], predicate[1:-1], value[1:-3]
    if "\\" in value:
        (triple,) = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
        return subject[1:-1], predicate[1:-1], triple.object.value
    return subject[1:-1], predicate[1:-1], value[1 : value.rindex('"')]
