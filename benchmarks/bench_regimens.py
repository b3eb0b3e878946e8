"""Composes more than 10,000 regimens of a made-up formulary, measures them and finds their Pareto front.

Then the same on the open cases: what regimens cost of one answer, and how many there are.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from bench_options import read_cases
from common import print_table

from kg_builder import KnowledgeGraph
from kg_builder.derivation.compose import Candidate, Composer, Demand
from kg_builder.derivation.formulary import Formulary, Member, Pair
from kg_builder.derivation.objectives import Scale
from kg_builder.derivation.pareto import USUAL, find_front
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.proposals import open_board

DRUGS, CLASSES, HARMS = 60, 12, 25


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Return the least processor time of some runs, in milliseconds, and what the work gave."""
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return 1000 * best, result


def make_members(chance: random.Random) -> list[Member]:
    """Return drugs that differ in everything a regimen is measured by."""
    return [
        Member(
            iri=f"drug:{i:02}", label=f"drug {i:02}", status="active", place=i, conclusion="", is_counted=True,
            standing=chance.randrange(3), evidence=chance.randrange(1, 5), barrier=chance.randrange(1, 4),
            harms=frozenset(chance.sample([f"harm:{h}" for h in range(HARMS)], 4)), cautions=chance.randrange(2),
            forgives=chance.random() < 0.2, doses=chance.choice([0.5, 1.0, 2.0]), units=chance.randrange(1, 5),
            bases={},
        )
        for i in range(DRUGS)
    ]  # fmt: skip


def bench_made_up() -> list[tuple[str, object]]:
    chance = random.Random(7)  # noqa: S311 made-up numbers, the same each time
    members = make_members(chance)
    candidates = [
        Candidate(m.iri, True, frozenset([f"class:{i % CLASSES}"]), frozenset([f"way:{i}"]), m.barrier)
        for i, m in enumerate(members)
    ]
    everyone = frozenset(m.iri for m in members)
    pairs = {tuple(sorted(chance.sample(sorted(everyone), 2))) for _ in range(80)}
    clashes = {frozenset(pair) for pair in list(pairs)[:20]}
    beside: dict[str, dict[str, Pair]] = {m.iri: {} for m in members}
    for one, other in list(pairs)[20:]:
        beside[one][other] = beside[other][one] = Pair("cautions")
    demands = [Demand("whole", everyone, 3, 4, "class", 3)]
    formulary = cast(Formulary, SimpleNamespace(beside=lambda _: beside, packs=()))
    compose, found = timed(lambda: Composer(demands, candidates, clashes).compose())
    scale = Scale(members, formulary)
    measure, vectors = timed(lambda: [scale.measure(names) for names in found])
    order, _ = timed(lambda: sorted(vectors, key=USUAL.key))
    search, front = timed(lambda: find_front(vectors))
    return [
        (f"{DRUGS} drugs, three of three classes, one with a high barrier", "milliseconds"),
        (f"compose {len(found):,} regimens", f"{compose:.0f}"),
        ("measure ten objectives of each", f"{measure:.0f}"),
        ("put them in order", f"{order:.0f}"),
        (f"find the Pareto front ({len(front):,} vectors)", f"{search:.0f}"),
        ("together", f"{compose + measure + order + search:.0f}"),
    ]


def bench_cases() -> list[tuple[str, object]]:
    graph = KnowledgeGraph.open()
    rows: list[tuple[float, int]] = []
    for case in read_cases():
        graph.options(case)
        engine = graph._engine(case)
        with engine.derive(prepare_case(case, graph._context, path="")) as derived:
            spent, board = timed(lambda derived=derived, engine=engine: open_board(derived, engine.book, USUAL), 5)  # type: ignore[misc]
            rows.append((spent, len(board.composed)))
    times = sorted(spent for spent, _ in rows)
    return [
        ("composition in the open cases, ranking of options included", "milliseconds"),
        ("median", f"{times[len(times) // 2]:.1f}"),
        ("longest", f"{times[-1]:.1f}"),
        ("most regimens composed", f"{max(count for _, count in rows):,}"),
    ]


def main() -> None:
    print_table("Regimens", bench_made_up())
    print_table("Regimens of a case", bench_cases())


if __name__ == "__main__":
    main()
