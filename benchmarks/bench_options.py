"""Times `options` of one case: warm in Python, as a whole command, and the same rules on SPARQL engines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
import rdflib
import rdflib.plugins.sparql
from common import CASES, ROOT, best_of, median_of, print_table

from kg_builder import Case, KnowledgeGraph
from kg_builder.derivation.compiled import compile_rule
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, term_text
from kg_builder.derivation.prepare import prepare_case

EXAMPLE = ROOT / "examples" / "hiv-three-class-failure.json"


def read_cases() -> list[Case]:
    """Return the open clinical cases, or the example where they are not at hand."""
    path = CASES / "cases" / "open.jsonl"
    if not path.exists():
        return [Case.model_validate(json.loads(EXAMPLE.read_text(encoding="utf-8")))]
    extra = ("expect", "why", "source")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Case.model_validate({k: v for k, v in row.items() if k not in extra}) for row in rows]


def time_engines(graph: KnowledgeGraph, case: Case) -> dict[str, float]:
    """Return the seconds that every rule takes over the same graph, once, by engine: one case, all concluded."""
    rdflib.plugins.sparql.SPARQL_LOAD_GRAPHS = False
    engine, context = graph._engine(case), graph._context
    prepared = engine.compose(prepare_case(case, context, path=""))
    triples = engine.describe(prepared)
    knowledge = Knowledge(engine.store)
    stated = CaseTriples((term_text(t.subject), t.predicate.value, term_text(t.object)) for t in triples)
    compiled = [compile_rule(rule.text)(knowledge) for rule in engine.rules.values()]
    store, there = ox.Store(), rdflib.Graph()
    name = ox.NamedNode(prepared.iri)
    store.extend([*engine.store, *(ox.Quad(t.subject, t.predicate, t.object, name) for t in triples)])
    there.parse(
        data=(ox.serialize((q.triple for q in store), format=ox.RdfFormat.N_TRIPLES) or b"").decode(), format="nt"
    )
    texts = [rule.text for rule in engine.rules.values()]
    for conclude in compiled:
        conclude(stated, prepared.iri)
    return {
        "compiled": clock(lambda: [conclude(stated, prepared.iri) for conclude in compiled]),
        "pyoxigraph": clock(lambda: [list(store.query(text, use_default_graph_as_union=True)) for text in texts]),
        "rdflib": clock(lambda: [list(there.query(text)) for text in texts]),
    }


def clock(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_command() -> None:
    program = Path(sys.executable).parent / "salvage-kg"
    subprocess.run([program, "options", EXAMPLE, "--quiet"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def time_all(
    graph: KnowledgeGraph, cases: list[Case], measure: Callable[[Callable[[], object], int], float]
) -> list[float]:
    for case in cases:
        graph.options(case)
    return [1000 * measure(lambda case=case: graph.options(case), 9) for case in cases]  # type: ignore[misc]


def main() -> None:
    cases, graph = read_cases(), KnowledgeGraph.open()
    medians, bests = time_all(graph, cases, median_of), time_all(graph, cases, best_of)
    medians.sort()
    rows = [
        ("`options`", "milliseconds"),
        (f"warm in Python, median over {len(cases)} cases of their medians", f"{medians[len(medians) // 2]:.1f}"),
        ("warm in Python, slowest case's median", f"{medians[-1]:.1f}"),
        ("warm in Python, median of the best of 9", f"{sorted(bests)[len(bests) // 2]:.1f}"),
        (
            f"{len(cases)} cases in turn, a case",
            f"{1000 * median_of(lambda: [*graph.options_many(cases)], 5) / len(cases):.1f}",
        ),
        ("the whole command, best of 5", f"{1000 * best_of(run_command, 5):.0f}"),
    ]
    print_table("One case", rows)
    times = time_engines(graph, cases[0])
    print_table(
        "Every rule once on the same graph",
        [
            ("engine", "s", "times the time"),
            *((name, f"{taken:.4f}", f"{taken / times['compiled']:.1f}") for name, taken in times.items()),
        ],
    )


if __name__ == "__main__":
    main()
