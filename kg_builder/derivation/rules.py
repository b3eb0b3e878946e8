"""The rules of derivation: read from ``queries/derive``, run in stages over knowledge and case as one graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import yaml

from kg_builder.issues import Issue, QueryError
from kg_builder.vocabulary import SV

Grounds = Callable[[Iterable[str]], Iterable[str]]
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
        needs: properties, fact kinds and rules without which in the case it cannot conclude; it is not run then.
    """

    name: str
    summary: str
    stages: tuple[int, ...]
    text: str
    template: str = ""
    needs: frozenset[str] = frozenset()


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
        frozenset(header.get("needs", ())),
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


def run_rules(
    store: ox.Store, runs: Sequence[Rule], graph: ox.NamedNode, *, facts: Iterable[str], grounds: Grounds
) -> list[ox.Triple]:
    """Run rules over the union of all graphs of the store; conclusions go into ``graph``.

    Args:
        store: knowledge and the case's facts.
        runs: rules in the order in which they run.
        graph: where the facts of the case are and its conclusions go.
        facts: fact kinds (``kind:failed``) that the case has.
        grounds: tells the properties by which the knowledge gives options grounds in every case (``groundBarrier``).
    Returns:
        The conclusions in the order constructed, repetitions included.
    """
    concluded: list[ox.Triple] = []
    present = set(facts)
    for rule in runs:
        if not rule.needs <= present:
            continue
        solutions = store.query(rule.text, use_default_graph_as_union=True)
        assert isinstance(solutions, ox.QueryTriples)
        if found := list(solutions):
            store.extend([ox.Quad(triple.subject, triple.predicate, triple.object, graph) for triple in found])
            concluded += found
            present.add(f"rule:{rule.name}")
            present.update({triple.predicate.value.removeprefix(SV) for triple in found})
            if rule.stages == CANDIDATES:
                present.update(grounds({triple.subject.value for triple in found}))
    return concluded
