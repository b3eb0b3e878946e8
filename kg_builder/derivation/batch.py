"""Many cases derived together: they stand in one store at once and the rules run once for all of them.

Everything a rule concludes hangs off ``?case``, so what is concluded of one case does not touch another. A conclusion
that rests on no fact of a case (a finding of an unconditional claim) is one node for every case that reaches it; it is
handed to each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyoxigraph as ox

from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.rules import Rule, Statement, run_rules, schedule
from kg_builder.graph.protocol import CaseStore
from kg_builder.vocabulary import BASE, CASE, KINDS

#: Where the conclusions about all cases of a batch go.
SCRATCH = ox.NamedNode(CASE + "~batch")
#: Where IRIs of terms and claims begin, and of cases.
_EVERYONES = (CASE, *(f"{BASE}{kind}/" for kind in KINDS))
#: Cases derived together: some rules meet the grounds that all of them have, so that more would cost more a case.
BATCH_SIZE = 8
#: The last stage that the status and the rank of an option come from.
LAST_STAGE = 68


def derive_batch(engine: Engine, cases: Sequence[Prepared], *, last: int = LAST_STAGE) -> Iterator[CaseGraph]:
    """Derive cases in batches and yield the graph of each, in order.

    Args:
        engine: over the knowledge that all the cases need.
        cases: no two with the same IRI.
        last: last stage to run; the graphs say nothing that comes from a later one.
    """
    runs = schedule(engine.rules.values(), last=last)
    for start in range(0, len(cases), BATCH_SIZE):
        part = cases[start : start + BATCH_SIZE]
        shares = split_conclusions(_conclude(engine, runs, part), part)
        for prepared in part:
            statements = prepared.statements + shares[prepared.iri]
            yield CaseGraph(prepared.iri, statements, prepared.texts, engine.knowledge)


def _conclude(engine: Engine, runs: Sequence[Rule], cases: Sequence[Prepared]) -> list[Statement]:
    def find_grounds(options: Iterable[str]) -> set[str]:
        return {key for option in options for key in engine.knowledge.describe(option) if key.startswith("ground")}

    engine.derived += len(cases)
    present = frozenset[str]().union(*map(engine.present, cases))
    with _standing(engine.store, cases):
        return run_rules(engine.store, runs, SCRATCH, facts=present, grounds=find_grounds)


@contextmanager
def _standing(store: CaseStore, cases: Sequence[Prepared]) -> Iterator[None]:
    """Let the facts of cases stand in the store, and nothing of them afterwards, whatever happens."""
    try:
        for prepared in cases:
            store.extend(prepared.quads)
        yield
    finally:
        store.remove_graph(SCRATCH)
        for prepared in cases:
            store.remove_graph(ox.NamedNode(prepared.iri))


def split_conclusions(concluded: Iterable[Statement], cases: Sequence[Prepared]) -> dict[str, list[Statement]]:
    """Tell which conclusions are whose: those about the nodes of a case, and of nodes shared each case's own part.

    A node belongs to the cases that it hangs off (``findingIn``, ``triggeredIn`` …), and a fact to its own case. A
    statement belongs to the cases of both its ends; terms and claims are everyone's.

    Returns:
        The statements of each case, by its IRI, in the order concluded.
    """
    statements = list(dict.fromkeys(concluded))
    names = frozenset(prepared.iri for prepared in cases)
    owners: dict[str, set[str]] = {}
    for prepared in cases:
        owners[prepared.iri] = {prepared.iri}
        for quad in prepared.quads:
            if quad.subject.value.startswith(CASE):  # type: ignore[union-attr]
                owners[quad.subject.value] = {prepared.iri}  # type: ignore[union-attr]
    for subject, _, value in statements:
        if value in names and not subject.startswith(_EVERYONES):
            owners.setdefault(subject, set()).add(value)
    shares: dict[str, list[Statement]] = {name: [] for name in names}
    for statement in statements:
        subject, _, value = statement
        owned = {value} if value in names else owners.get(subject, names) & owners.get(value, names)
        for name in owned:
            shares[name].append(statement)
    return shares
